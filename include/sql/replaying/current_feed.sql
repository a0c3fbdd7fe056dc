-- The feed that a calendar's events stand for now; none where another source is configured since.
-- Reads: calendars, feeds. At most one row.
select
    feeds.id,
    feeds.fetched_at,
    feeds.kind,
    feeds.timezone,
    feeds.window_start,
    feeds.window_end
from calimport.calendars as calendars
inner join calimport.feeds as feeds
    on
        calendars.feed_id = feeds.id
        and calendars.source is not distinct from feeds.source
        and calendars.connection_id is not distinct from feeds.connection_id
where calendars.id = %(calendar_id)s
