-- Lock calendars and their runs before the plans are applied. Returns one row a run, but for those whose lease is another's
-- by now, or that are being fetched anew by another process.
-- Reads and locks: runs, calendars.
select
    runs.id,
    runs.inserted,
    runs.updated,
    runs.deleted
from calimport.runs as runs
inner join calimport.calendars as calendars on runs.calendar_id = calendars.id
where
    runs.id = any(%(run_ids)s::bigint[])
    and runs.outcome is null
    and runs.step = 'diffed'
    and calendars.lease_owner = %(owner)s
order by calendars.id
for update
