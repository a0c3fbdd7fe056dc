-- Open another attempt where the last one is finished: a failed or cleared task is run again.
-- Reads: calendars. Reads and writes: runs. Returns the new row, or none where the last attempt is still open.
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
    calendar_id, dag_id, dag_run_id, attempt, as_of, requested_start, requested_end, force, dry_run, configured_at, created_at
)
select
    last_attempt.calendar_id,
    last_attempt.dag_id,
    last_attempt.dag_run_id,
    last_attempt.attempt + 1,
    last_attempt.as_of,
    last_attempt.requested_start,
    last_attempt.requested_end,
    last_attempt.force,
    last_attempt.dry_run,
    calendars.configured_at,
    %(clock)s
from last_attempt
inner join calimport.calendars as calendars on last_attempt.calendar_id = calendars.id
where last_attempt.outcome is not null
returning id
