-- The feed that the last import of one calendar used, and when it was fetched. No row: none is stored.
select
    feeds.id,
    feeds.kind,
    feeds.fetched_at
from calimport.calendars as calendars
inner join calimport.feeds as feeds on calendars.feed_id = feeds.id
where calendars.id = %(id)s
