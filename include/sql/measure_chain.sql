-- How many deltas a stored feed consists of, and how many bytes they and the complete feed under them have.
-- Reads: feeds, feed_contents. Returns one row.
with recursive chain as (
    select
        feeds.base_feed_id,
        feeds.content_hash
    from calimport.feeds as feeds
    where feeds.id = %(feed_id)s
    union all
    select
        base.base_feed_id,
        base.content_hash
    from calimport.feeds as base
    inner join chain on base.id = chain.base_feed_id
)

select
    count(chain.base_feed_id) as deltas,
    coalesce(sum(feed_contents.size_bytes) filter (where chain.base_feed_id is not null), 0)::bigint as delta_bytes,
    coalesce(sum(feed_contents.size_bytes) filter (where chain.base_feed_id is null), 0)::bigint as complete_bytes
from chain
inner join calimport.feed_contents as feed_contents on chain.content_hash = feed_contents.content_hash
