-- Record what was staged on the run, on the calendar what the feed says of itself, and on the feed what was seen where it
-- was compared with the one before. Row count 0: the run has ended, or another one holds the calendar.
-- Writes: runs, calendars, feeds.
with run as (
    update calimport.runs as runs
    set
        step = 'normalized',
        rows_staged = %(rows_staged)s,
        quarantined = %(quarantined)s,
        published_from = %(published_from)s,
        published_until = %(published_until)s,
        feed_retention = %(feed_retention)s,
        events_apart = %(events_apart)s,
        seconds = runs.seconds || jsonb_build_object('normalize', %(seconds)s::double precision)
    where runs.id = %(run_id)s and runs.outcome is null
    returning runs.id, runs.feed_id
),

feed as (
    update calimport.feeds as feeds
    set stamps_stay = %(stamps_stay)s::boolean
    from run
    where
        feeds.id = run.feed_id
        and %(stamps_stay)s::boolean is not null
        and feeds.stamps_stay is distinct from %(stamps_stay)s::boolean
)

update calimport.calendars as calendars
set
    feed_title = %(feed_title)s,
    feed_color = %(feed_color)s
from run
where calendars.id = %(calendar_id)s and calendars.lease_owner = %(owner)s
