-- End the run of what a person did with one calendar, and give the calendar free. What the calendar knows of its feed
-- stays: nothing was fetched.
-- Reads and writes: runs, calendars.
with run as (
    update calimport.runs as runs
    set
        step = 'finished',
        outcome = 'imported',
        finished_at = %(clock)s
    where runs.id = %(run_id)s
    returning runs.calendar_id, runs.inserted + runs.updated + runs.deleted as changes
)

update calimport.calendars as calendars
set
    lease_owner = null,
    lease_until = null,
    state = case when calendars.state in ('in_queue', 'in_worker') then 'idle' else calendars.state end,
    changed_at = case when run.changes > 0 then %(clock)s else calendars.changed_at end
from run
where calendars.id = run.calendar_id
