-- The stored feeds of a calendar, the one that its events stand for first, then the newest.
-- Reads: feeds, calendars.
select
    feeds.id,
    feeds.kind,
    feeds.fetched_at,
    feeds.id = calendars.feed_id as is_current
from calimport.feeds as feeds
inner join calimport.calendars as calendars on feeds.calendar_id = calendars.id
where feeds.calendar_id = %(calendar_id)s
order by feeds.id = calendars.feed_id desc nulls last, feeds.fetched_at desc, feeds.id desc
limit %(most)s
