-- The rows whose deletion a run holds are to stay, whatever the calendar's present feed says of them.
-- Reads: changes, calendars. Writes: kept_rows. Row count: rows kept.
insert into calimport.kept_rows as kept_rows (calendar_id, uid, recurrence_id, run_id, feed_id, configuration)
select
    changes.calendar_id,
    changes.uid,
    changes.recurrence_id,
    changes.run_id,
    calendars.feed_id,
    calimport.row_configuration(calendars)
from calimport.changes as changes
inner join calimport.calendars as calendars on changes.calendar_id = calendars.id
where changes.run_id = %(held_run_id)s and changes.held
on conflict (calendar_id, uid, recurrence_id) do update
    set
        run_id = excluded.run_id,
        feed_id = excluded.feed_id,
        configuration = excluded.configuration
