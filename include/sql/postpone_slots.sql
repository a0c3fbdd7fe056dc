-- Let no slot of these keys come before so many seconds from now.
-- Reads and writes: request_budgets. One row a key.
insert into calimport.request_budgets as budgets (key, next_at)
select
    wanted.key,
    clock_timestamp() + make_interval(secs => wanted.seconds)
from unnest(%(keys)s::text[], %(seconds)s::double precision[]) as wanted (key, seconds)
order by wanted.key
on conflict (key) do update
    set next_at = greatest(budgets.next_at, excluded.next_at)
