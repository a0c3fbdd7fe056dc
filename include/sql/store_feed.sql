-- Store a feed; its bytes once, however many feeds have them. Returns the feed's id.
-- Writes: feed_contents, feeds.
with content as (
    insert into calimport.feed_contents (content_hash, body, size_bytes)
    values (%(content_hash)s, %(body)s, %(size_bytes)s)
    on conflict (content_hash) do nothing
)

insert into calimport.feeds (
    calendar_id, base_feed_id, content_hash, meaning_hash, source, connection_id, kind, timezone, validators,
    window_start, window_end, fetched_at, complete_at
)
values (
    %(calendar_id)s, %(base_feed_id)s, %(content_hash)s, %(meaning_hash)s, %(source)s, %(connection_id)s, %(kind)s,
    %(timezone)s, %(validators)s, %(window_start)s, %(window_end)s, %(fetched_at)s, %(complete_at)s
)
returning id
