-- End the run of what a person did, or only planned, with one calendar, and give the calendar free. What the calendar
-- knows of its feed stays: nothing was fetched.
-- Reads and writes: runs, calendars.
with run as (
    update calimport.runs as runs
    set
        step = 'finished',
        outcome = %(outcome)s,
        finished_at = %(clock)s
    where runs.id = %(run_id)s
    returning
        runs.calendar_id,
        runs.outcome = 'imported' and runs.inserted + runs.updated + runs.deleted > 0 as has_changes
)

update calimport.calendars as calendars
set
    lease_owner = null,
    lease_until = null,
    state = %(state)s,
    changed_at = case when run.has_changes then %(clock)s else calendars.changed_at end
from run
where calendars.id = run.calendar_id
