-- Bytes of feeds that no calendar has any more. Row count: contents deleted.
delete from calimport.feed_contents
where
    content_hash = any(%(contents)s)
    and not exists (
        select 1
        from calimport.feeds
        where feeds.content_hash = feed_contents.content_hash
    );
