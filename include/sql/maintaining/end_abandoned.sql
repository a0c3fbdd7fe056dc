-- Runs that nobody will end: their DAG run died with its report, and their lease ran out long ago.
-- Reads: calendars. Writes: runs. Row count: runs ended.
update calimport.runs as runs
set
    step = 'finished',
    outcome = 'failed',
    error_class = 'ImportInterrupted',
    error_message = 'The import was interrupted. The next run will do it.',
    finished_at = %(clock)s
from calimport.calendars as calendars
where
    runs.calendar_id = calendars.id
    and runs.outcome is null
    and runs.created_at < %(clock)s - interval '1 day'
    and (
        calendars.lease_owner is null
        or calendars.lease_until < %(clock)s
        or calendars.lease_owner <> concat(runs.dag_id, '/', runs.dag_run_id)
    )
