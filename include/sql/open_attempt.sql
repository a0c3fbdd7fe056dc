-- Open another attempt where the last one is finished: a failed or cleared task is run again.
-- Reads and writes: runs. Returns the new row, or none where the last attempt is still open.
with last_attempt as (
    select runs.*
    from calimport.runs as runs
    where
        runs.dag_id = %(dag_id)s
        and runs.dag_run_id = %(dag_run_id)s
        and runs.calendar_id = %(calendar_id)s
    order by runs.attempt desc
    limit 1
)

insert into calimport.runs (
    calendar_id, dag_id, dag_run_id, attempt, as_of, requested_start, requested_end, force, dry_run, created_at
)
select
    calendar_id,
    dag_id,
    dag_run_id,
    attempt + 1,
    as_of,
    requested_start,
    requested_end,
    force,
    dry_run,
    %(clock)s
from last_attempt
where outcome is not null
returning id
