-- Take one slot of each key, and say how many seconds lie between now and the even place of the slot after it.
-- Reads and writes: request_budgets. One row a key. Keys are taken in one order, so that two workers never deadlock.
-- `excluded.next_at - statement_timestamp()` is the key's spacing: what a slot costs.
insert into calimport.request_budgets as budgets (key, next_at)
select
    wanted.key,
    statement_timestamp() + make_interval(secs => wanted.seconds)
from unnest(%(keys)s::text[], %(seconds)s::double precision[]) as wanted (key, seconds)
order by wanted.key
on conflict (key) do update
    set next_at = greatest(budgets.next_at, clock_timestamp()) + (excluded.next_at - statement_timestamp())
returning
    budgets.key,
    extract(epoch from budgets.next_at - clock_timestamp())::double precision as seconds
