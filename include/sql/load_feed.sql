-- The stored feed and, where it is a delta, all that it builds on: the complete feed first, each delta after its base.
-- Reads: feeds, feed_contents.
with recursive chain as (
    select
        feeds.*,
        0 as distance
    from calimport.feeds as feeds
    where feeds.id = %(feed_id)s
    union all
    select
        base.*,
        chain.distance + 1
    from calimport.feeds as base
    inner join chain on base.id = chain.base_feed_id
)

select
    chain.kind,
    chain.validators,
    feed_contents.body
from chain
inner join calimport.feed_contents as feed_contents on chain.content_hash = feed_contents.content_hash
order by chain.distance desc
