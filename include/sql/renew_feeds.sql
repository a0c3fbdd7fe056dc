-- Keep stored feeds that were asked for again and mean the same; ask with the new validators next time.
-- Writes: feeds. One element of each array is one feed.
with renewed as (
    select *
    from unnest(%(feed_id)s::bigint[], %(validators)s::jsonb[], %(complete_at)s::timestamptz[])
        as renewed (feed_id, validators, complete_at)
)

update calimport.feeds as feeds
set
    validators = renewed.validators,
    complete_at = renewed.complete_at
from renewed
where
    feeds.id = renewed.feed_id
    and (feeds.validators <> renewed.validators or feeds.complete_at <> renewed.complete_at)
