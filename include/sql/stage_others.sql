-- Stage what calendars have of other events than those that were read anew, as it is: the rows that belong to the run's window,
-- and the notices about them, which stay true, but for those that diff finds itself, and how the feed was found. Returns the
-- rows of each run that has any.
-- Reads: events, notices. Writes: staged_events, staged_notices. One element of each array is one run, or one event.
with asked as (
    select *
    from unnest(
        %(run_id)s::bigint[],
        %(calendar_id)s::bigint[],
        %(window_start)s::timestamptz[],
        %(window_end)s::timestamptz[]
    ) as asked (run_id, calendar_id, window_start, window_end)
),

read_anew as (
    select *
    from unnest(%(read_anew_run_id)s::bigint[], %(read_anew_uid)s::text[]) as read_anew (run_id, uid)
),

noticed as (
    insert into calimport.staged_notices (run_id, code, subject, message, occurrences, keeps_uid)
    select
        asked.run_id,
        notices.code,
        notices.subject,
        notices.message,
        notices.occurrences,
        false
    from asked
    -- Offset: calendar by calendar, as the index has them, whatever else is in a table that is being filled.
    cross join
        lateral (
            select notices.*
            from calimport.notices as notices
            where
                notices.calendar_id = asked.calendar_id
                and notices.code not in ('deletions_held', 'uid_churn', 'better_feed')
            offset 0 -- noqa: AM09
        ) as notices
    where
        not exists (
            select from read_anew
            where read_anew.run_id = asked.run_id and read_anew.uid = notices.subject
        )
    on conflict (run_id, code, subject) do update
        set occurrences = excluded.occurrences, message = excluded.message
),

staged as (
    insert into calimport.staged_events as staged_events (
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
        asked.run_id,
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
    from asked
    cross join
        lateral (
            select events.*
            from calimport.events as events
            where
                events.calendar_id = asked.calendar_id
                and events.start_at < asked.window_end
                and (
                    events.end_at > asked.window_start
                    or (events.end_at = events.start_at and events.start_at >= asked.window_start)
                )
            offset 0 -- noqa: AM09
        ) as events
    where
        not exists (
            select from read_anew
            where read_anew.run_id = asked.run_id and read_anew.uid = events.uid
        )
    returning staged_events.run_id
)

select
    staged.run_id,
    count(*) as rows
from staged
group by staged.run_id
