-- Runs of this DAG run that nobody works on any more failed: their tasks were killed. Their calendars go free.
-- Reads and writes: runs, calendars. Touches no event.
with runs_left as (
    update calimport.runs as runs
    set
        step = 'finished',
        outcome = 'failed',
        error_class = 'ImportInterrupted',
        error_message = 'The import was interrupted. The next run will do it.',
        finished_at = %(clock)s
    where runs.dag_id = %(dag_id)s and runs.dag_run_id = %(dag_run_id)s and runs.outcome is null
    returning runs.calendar_id
)

update calimport.calendars as calendars
set
    state = 'error',
    error_class = 'ImportInterrupted',
    error_message = 'The import was interrupted. The next run will do it.',
    lease_owner = null,
    lease_until = null
from runs_left
where calendars.id = runs_left.calendar_id and calendars.lease_owner = %(owner)s
