-- Stage what a calendar has of other events than those that were read anew, as it is: the rows that belong to the window, and
-- the notices about them, which stay true, but for those that diff finds itself, and how the feed was found.
-- Reads: events, notices. Writes: staged_events, staged_notices. Its row count is that of the rows.
with staged as (
    insert into calimport.staged_notices (run_id, code, subject, message, occurrences, keeps_uid)
    select
        %(run_id)s,
        notices.code,
        notices.subject,
        notices.message,
        notices.occurrences,
        false
    from calimport.notices as notices
    where
        notices.calendar_id = %(calendar_id)s
        and notices.subject <> all(%(uids)s)
        and notices.code not in ('deletions_held', 'uid_churn', 'better_feed')
    on conflict (run_id, code, subject) do update
        set occurrences = excluded.occurrences, message = excluded.message
)

insert into calimport.staged_events (
    run_id,
    uid,
    recurrence_id,
    start_at,
    end_at,
    all_day,
    start_date,
    end_date,
    timezone,
    timezone_source,
    status,
    summary,
    description,
    location,
    url,
    online_url,
    online_type,
    categories,
    organizer,
    creator,
    attendees,
    visibility,
    transparency,
    color,
    reminders,
    reminder_methods,
    sequence,
    created_at,
    updated_at,
    is_recurring,
    source_event_id,
    source_series_id,
    activity_type,
    place_id,
    address,
    content_hash
)
select
    %(run_id)s,
    events.uid,
    events.recurrence_id,
    events.start_at,
    events.end_at,
    events.all_day,
    events.start_date,
    events.end_date,
    events.timezone,
    events.timezone_source,
    events.status,
    events.summary,
    events.description,
    events.location,
    events.url,
    events.online_url,
    events.online_type,
    events.categories,
    events.organizer,
    events.creator,
    events.attendees,
    events.visibility,
    events.transparency,
    events.color,
    events.reminders,
    events.reminder_methods,
    events.sequence,
    events.created_at,
    events.updated_at,
    events.is_recurring,
    events.source_event_id,
    events.source_series_id,
    events.activity_type,
    events.place_id,
    events.address,
    events.content_hash
from calimport.events as events
where
    events.calendar_id = %(calendar_id)s
    and events.uid <> all(%(uids)s)
    and events.start_at < %(window_end)s
    and (
        events.end_at > %(window_start)s
        or (events.end_at = events.start_at and events.start_at >= %(window_start)s)
    )
