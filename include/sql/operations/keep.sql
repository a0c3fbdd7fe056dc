-- The rows that this run changed are to stay as they are, whatever the calendar's present feed says of them.
-- Reads: changes, calendars. Writes: kept_rows.
insert into calimport.kept_rows as kept_rows (calendar_id, uid, recurrence_id, run_id, feed_id, configuration)
select distinct
    changes.calendar_id,
    side.record ->> 'uid',
    side.record ->> 'recurrence_id',
    changes.run_id,
    calendars.feed_id,
    calimport.row_configuration(calendars)
from calimport.changes as changes
inner join calimport.calendars as calendars on changes.calendar_id = calendars.id
cross join lateral (values (changes.before), (changes.after)) as side (record)
where changes.run_id = %(run_id)s and side.record is not null and not changes.held
on conflict (calendar_id, uid, recurrence_id) do update
    set
        run_id = excluded.run_id,
        feed_id = excluded.feed_id,
        configuration = excluded.configuration
