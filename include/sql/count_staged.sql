-- How many rows are staged for each of some runs; none: no row. Reads: staged_events.
select
    staged_events.run_id,
    count(*) as rows
from calimport.staged_events as staged_events
where staged_events.run_id = any(%(run_ids)s::bigint[])
group by staged_events.run_id
