-- End the run of what a person did, or only planned, with one calendar, and give the calendar free. What the calendar
-- knows of its feed stays: nothing was fetched. But where an undo is undone, the next import compares all rows: they are the
-- feed's again, which may be another one by now.
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
        runs.operation = 'undo' and not runs.keeps_rows as is_the_feeds_again,
        runs.outcome = 'imported' and runs.inserted + runs.updated + runs.deleted > 0 as has_changes
)

update calimport.calendars as calendars
set
    lease_owner = null,
    lease_until = null,
    state = %(state)s,
    imported_fingerprint = case when not run.is_the_feeds_again then calendars.imported_fingerprint end,
    changed_at = case when run.has_changes then %(clock)s else calendars.changed_at end
from run
where calendars.id = run.calendar_id
