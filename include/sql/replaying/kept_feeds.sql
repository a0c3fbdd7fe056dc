-- The stored feeds of a calendar, the newest first: for whoever asked for a time that none is kept of.
-- Reads: feeds. One row.
select
    count(*) as feeds,
    min(feeds.fetched_at) as first_at
from calimport.feeds as feeds
where feeds.calendar_id = %(calendar_id)s
