-- The changes of one run, by when they are. Reads: changes.
select
    changes.event_id,
    changes.action,
    changes.held,
    changes.uid,
    changes.recurrence_id,
    changes.changed_columns,
    changes.before,
    changes.after,
    side.record ->> 'summary' as summary,
    (side.record ->> 'start_at')::timestamptz as start_at,
    (side.record ->> 'all_day')::boolean as all_day,
    (side.record ->> 'start_date')::date as start_date
from calimport.changes as changes
cross join lateral (values (coalesce(changes.after, changes.before))) as side (record)
where changes.run_id = %(run_id)s
order by start_at, changes.uid, changes.recurrence_id, changes.id
limit %(most)s
