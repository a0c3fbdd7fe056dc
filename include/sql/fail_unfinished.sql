-- Runs of this DAG run that nobody works on any more failed: their tasks were killed. Their calendars go free.
-- A further attempt that no task took up is taken back, and the one before it stands: `plan` was cleared, and of the
-- mapped instances only others.
-- Reads and writes: runs, calendars. Touches no event.
with not_taken_up as (
    delete from calimport.runs as runs
    using calimport.calendars as calendars
    where
        runs.dag_id = %(dag_id)s
        and runs.dag_run_id = %(dag_run_id)s
        and runs.outcome is null
        and runs.step = 'queued'
        and runs.attempt > 1
        and runs.calendar_id = calendars.id
        and calendars.state not in ('in_queue', 'in_worker')
    returning runs.id, runs.calendar_id
),

runs_left as (
    update calimport.runs as runs
    set
        step = 'finished',
        outcome = 'failed',
        error_class = 'ImportInterrupted',
        error_message = 'The import was interrupted. The next run will do it.',
        finished_at = %(clock)s
    where
        runs.dag_id = %(dag_id)s
        and runs.dag_run_id = %(dag_run_id)s
        and runs.outcome is null
        and runs.id not in (select not_taken_up.id from not_taken_up)
    returning runs.calendar_id
),

interrupted as (
    update calimport.calendars as calendars
    set
        state = 'error',
        error_class = 'ImportInterrupted',
        error_message = 'The import was interrupted. The next run will do it.',
        lease_owner = null,
        lease_until = null
    from runs_left
    where calendars.id = runs_left.calendar_id and calendars.lease_owner = %(owner)s
)

update calimport.calendars as calendars
set
    lease_owner = null,
    lease_until = null
from not_taken_up
where calendars.id = not_taken_up.calendar_id and calendars.lease_owner = %(owner)s
