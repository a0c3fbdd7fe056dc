-- Bytes that no feed has any more. Those of today are left: a run may be about to store a feed of them.
-- Reads: feeds. Writes: feed_contents. Row count: contents deleted, at most as many as asked.
delete from calimport.feed_contents
where content_hash in (
    select feed_contents.content_hash
    from calimport.feed_contents as feed_contents
    where
        feed_contents.created_at < %(clock)s - interval '1 day'
        and not exists (
            select 1
            from calimport.feeds as feeds
            where feeds.content_hash = feed_contents.content_hash
        )
    order by feed_contents.content_hash
    limit %(most)s
)
