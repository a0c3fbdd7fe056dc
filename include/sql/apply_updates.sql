-- Write the new values of the rows that the plans of some runs update, as long as they are what they were when these were made.
-- Reads: changes. Writes: events; row ids stay. Its row count must be that of the plans.
update calimport.events as events
set
    uid = planned.uid,
    recurrence_id = planned.recurrence_id,
    start_at = planned.start_at,
    end_at = planned.end_at,
    all_day = planned.all_day,
    start_date = planned.start_date,
    end_date = planned.end_date,
    timezone = planned.timezone,
    timezone_source = planned.timezone_source,
    status = planned.status,
    summary = planned.summary,
    description = planned.description,
    location = planned.location,
    url = planned.url,
    online_url = planned.online_url,
    online_type = planned.online_type,
    categories = planned.categories,
    organizer = planned.organizer,
    creator = planned.creator,
    attendees = planned.attendees,
    visibility = planned.visibility,
    transparency = planned.transparency,
    color = planned.color,
    reminders = planned.reminders,
    reminder_methods = coalesce(planned.reminder_methods, '{}'),
    sequence = planned.sequence,
    created_at = planned.created_at,
    updated_at = planned.updated_at,
    is_recurring = planned.is_recurring,
    source_event_id = planned.source_event_id,
    source_series_id = planned.source_series_id,
    activity_type = planned.activity_type,
    place_id = planned.place_id,
    address = planned.address,
    content_hash = planned.content_hash,
    last_run_id = changes.run_id
from calimport.changes as changes
cross join lateral jsonb_populate_record(null::calimport.events, changes.after) as planned
where
    changes.run_id = any(%(run_ids)s::bigint[])
    and changes.action = 'update'
    and events.id = changes.event_id
    and events.content_hash = (changes.before ->> 'content_hash')::bytea
