-- The plan of a release: the deletions that a run holds, no longer held.
-- Reads: changes of the run that holds them. Writes: changes.
insert into calimport.changes (run_id, calendar_id, event_id, action, uid, recurrence_id, before)
select
    %(run_id)s,
    held.calendar_id,
    held.event_id,
    held.action,
    held.uid,
    held.recurrence_id,
    held.before
from calimport.changes as held
where held.run_id = %(held_run_id)s and held.held
