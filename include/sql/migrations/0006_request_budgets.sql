-- How often hosts and credentials may be asked, by all workers together.

-- Unlogged: a reservation need not wait for the disk, and after a crash everybody may have a burst.
create unlogged table calimport.request_budgets (
    key text primary key,
    next_at timestamptz not null
) with (fillfactor = 50);
comment on table calimport.request_budgets is 'When hosts and credentials may be asked again: one row a key, shared by all workers.';
comment on column calimport.request_budgets.key is '`host` and its name, or `credential` and the SHA-256 of what names it.';
comment on column calimport.request_budgets.next_at is 'When the next request is due if requests come evenly; a burst may go before it.';
