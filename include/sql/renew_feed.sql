-- Keep a stored feed that was fetched again and means the same; ask with the new validators next time.
-- Writes: feeds.
update calimport.feeds as feeds
set validators = %(validators)s
where feeds.id = %(feed_id)s and feeds.validators <> %(validators)s
