-- Stored feeds and, where one is a delta, all that it builds on: the complete feed first, each delta after its base.
-- Reads: feeds, feed_contents.
with recursive chain as (
    select
        feeds.*,
        feeds.id as wanted_id,
        0 as distance
    from calimport.feeds as feeds
    where feeds.id = any(%(feed_ids)s)
    union all
    select
        base.*,
        chain.wanted_id,
        chain.distance + 1
    from calimport.feeds as base
    inner join chain on base.id = chain.base_feed_id
)

select
    chain.wanted_id,
    chain.kind,
    chain.validators,
    feed_contents.body
from chain
inner join calimport.feed_contents as feed_contents on chain.content_hash = feed_contents.content_hash
order by chain.wanted_id asc, chain.distance desc
