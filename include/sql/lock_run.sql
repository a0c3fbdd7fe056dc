-- Lock the calendar and the run before the plan is applied. Returns no row when the lease is another's by now, or the same
-- run is being fetched anew by another process.
-- Reads and locks: runs, calendars.
select
    runs.inserted,
    runs.updated,
    runs.deleted
from calimport.runs as runs
inner join calimport.calendars as calendars on runs.calendar_id = calendars.id
where
    runs.id = %(run_id)s
    and runs.outcome is null
    and runs.step = 'diffed'
    and calendars.lease_owner = %(owner)s
for update
