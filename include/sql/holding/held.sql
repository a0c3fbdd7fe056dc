-- The deletions that are held now, one row each, and the run that holds them.
-- Reads: calendars, runs, changes, events.
select
    changes.event_id,
    changes.uid,
    changes.recurrence_id,
    changes.before ->> 'summary' as summary,
    (changes.before ->> 'start_at')::timestamptz as start_at,
    (changes.before ->> 'end_at')::timestamptz as end_at,
    (changes.before ->> 'all_day')::boolean as all_day,
    (changes.before ->> 'start_date')::date as start_date,
    (changes.before ->> 'end_date')::date as end_date,
    runs.id as run_id,
    runs.dag_run_id,
    runs.finished_at as held_at,
    runs.held_of,
    runs.held_reason,
    runs.held_confirmations,
    runs.held_until_told,
    events.id is not null as is_as_it_was
from calimport.calendars as calendars
inner join calimport.runs as runs on calendars.held_run_id = runs.id
inner join calimport.changes as changes on runs.id = changes.run_id and changes.held
left join calimport.events as events
    on changes.event_id = events.id and events.content_hash = (changes.before ->> 'content_hash')::bytea
where calendars.id = %(calendar_id)s
order by start_at, changes.uid, changes.recurrence_id
