-- How much there is of some calendars. One row.
-- Reads: calendars, events, reminders, changes, runs, feeds, feed_contents, notices, staged_*, cluster_overrides.
with wanted as (
    select given.id from unnest(%(calendar_ids)s::bigint[]) as given (id)
),

their_runs as (
    select runs.id from calimport.runs as runs
    where runs.calendar_id in (select wanted.id from wanted)
),

their_contents as (
    select
        feeds.content_hash,
        exists(
            select 1
            from calimport.feeds as others
            where
                others.content_hash = feeds.content_hash
                and others.calendar_id not in (select wanted.id from wanted)
        ) as is_shared
    from calimport.feeds as feeds
    where feeds.calendar_id in (select wanted.id from wanted)
    group by feeds.content_hash
)

select
    (select count(*) from wanted) as calendars,
    (
        select count(*) from calimport.events
        where calendar_id in (select wanted.id from wanted)
    ) as events,
    (
        select count(*)
        from calimport.reminders
        inner join calimport.events on reminders.event_id = events.id
        where events.calendar_id in (select wanted.id from wanted)
    ) as reminders,
    (
        select count(*) from calimport.changes
        where calendar_id in (select wanted.id from wanted)
    ) as changes,
    (select count(*) from their_runs) as runs,
    (
        select count(*) from calimport.feeds
        where calendar_id in (select wanted.id from wanted)
    ) as feeds,
    (
        select count(*) from their_contents
        where not is_shared
    ) as feed_contents,
    (
        select count(*) from their_contents
        where is_shared
    ) as shared_contents,
    (
        select count(*) from calimport.notices
        where calendar_id in (select wanted.id from wanted)
    ) as notices,
    (
        (
            select count(*) from calimport.staged_events
            where run_id in (select their_runs.id from their_runs)
        )
        + (
            select count(*) from calimport.staged_notices
            where run_id in (select their_runs.id from their_runs)
        )
        + (
            select count(*) from calimport.staged_uids
            where run_id in (select their_runs.id from their_runs)
        )
    ) as staged,
    (
        select count(*)
        from calimport.cluster_overrides
        where
            calendar_id in (select wanted.id from wanted)
            or other_calendar_id in (select wanted.id from wanted)
    ) as overrides
