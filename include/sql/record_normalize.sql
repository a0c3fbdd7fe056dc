-- Record what was staged on the runs, on their calendars what the feeds say of themselves, and on the feeds what was seen
-- where they were compared with those before. Row count: the runs that have not ended, of calendars that they hold.
-- Writes: runs, calendars, feeds. One element of each array is one run.
with normalized as (
    select *
    from unnest(
        %(run_id)s::bigint[],
        %(rows_staged)s::integer[],
        %(quarantined)s::integer[],
        %(published_from)s::timestamptz[],
        %(published_until)s::timestamptz[],
        %(feed_retention)s::interval[],
        %(events_apart)s::boolean[],
        %(stamps_stay)s::boolean[],
        %(feed_title)s::text[],
        %(feed_color)s::text[],
        %(seconds)s::double precision[]
    ) as normalized (
        run_id, rows_staged, quarantined, published_from, published_until, feed_retention, events_apart, stamps_stay,
        feed_title, feed_color, seconds
    )
),

recorded as (
    update calimport.runs as runs
    set
        step = 'normalized',
        rows_staged = normalized.rows_staged,
        quarantined = normalized.quarantined,
        published_from = normalized.published_from,
        published_until = normalized.published_until,
        feed_retention = normalized.feed_retention,
        events_apart = normalized.events_apart,
        seconds = runs.seconds || jsonb_build_object('normalize', normalized.seconds)
    from normalized
    where runs.id = normalized.run_id and runs.outcome is null
    returning runs.id, runs.calendar_id, runs.feed_id
),

seen as (
    update calimport.feeds as feeds
    set stamps_stay = normalized.stamps_stay
    from recorded
    inner join normalized on recorded.id = normalized.run_id
    where
        feeds.id = recorded.feed_id
        and normalized.stamps_stay is not null
        and feeds.stamps_stay is distinct from normalized.stamps_stay
)

update calimport.calendars as calendars
set
    feed_title = normalized.feed_title,
    feed_color = normalized.feed_color
from recorded
inner join normalized on recorded.id = normalized.run_id
where calendars.id = recorded.calendar_id and calendars.lease_owner = %(owner)s
