-- The bytes of a stored feed. Reads: feeds, feed_contents.
select
    feeds.kind,
    feed_contents.body
from calimport.feeds as feeds
inner join calimport.feed_contents as feed_contents on feeds.content_hash = feed_contents.content_hash
where feeds.id = %(feed_id)s
