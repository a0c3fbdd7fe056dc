-- Open another attempt of those calendars whose last one is finished: a failed or cleared task is run again.
-- Reads: calendars. Reads and writes: runs. Returns the new rows.
with last_attempt as (
    select distinct on (runs.calendar_id) runs.*
    from calimport.runs as runs
    where
        runs.dag_id = %(dag_id)s
        and runs.dag_run_id = %(dag_run_id)s
        and runs.calendar_id = any(%(calendar_ids)s)
    order by runs.calendar_id asc, runs.attempt desc
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
