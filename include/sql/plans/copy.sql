-- Make a stored plan the plan of another run, that applies it. What the calendar has of the same feed, or a later fetch of
-- it, stays. Without a fingerprint: the next import compares again, and finds the notices that a dry run does not keep.
-- Reads: runs, calendars, feeds, changes. Writes: runs, changes.
with copied as (
    insert into calimport.changes (
        run_id, calendar_id, event_id, action, held, uid, recurrence_id, changed_columns, before, after
    )
    select
        %(run_id)s,
        planned.calendar_id,
        planned.event_id,
        planned.action,
        planned.held,
        planned.uid,
        planned.recurrence_id,
        planned.changed_columns,
        planned.before,
        planned.after
    from calimport.changes as planned
    where planned.run_id = %(of_run_id)s
)

update calimport.runs as runs
set
    requested_start = planned.requested_start,
    requested_end = planned.requested_end,
    force = planned.force,
    feed_id = case when present.meaning_hash = feeds.meaning_hash then present.id else planned.feed_id end,
    fetched_at = greatest(planned.fetched_at, calendars.fetched_at),
    published_from = planned.published_from,
    published_until = planned.published_until,
    feed_retention = planned.feed_retention,
    events_apart = planned.events_apart,
    rows_staged = planned.rows_staged,
    quarantined = planned.quarantined,
    held_of = planned.held_of,
    held_reason = planned.held_reason,
    held_confirmations = planned.held_confirmations,
    held_until_told = planned.held_until_told,
    uid_sample = planned.uid_sample
from calimport.runs as planned
inner join calimport.calendars as calendars on planned.calendar_id = calendars.id
inner join calimport.feeds as feeds on planned.feed_id = feeds.id
left join calimport.feeds as present on calendars.feed_id = present.id
where runs.id = %(run_id)s and planned.id = %(of_run_id)s
