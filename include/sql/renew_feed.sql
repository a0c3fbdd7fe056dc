-- Keep a stored feed that was asked for again and means the same; ask with the new validators next time.
-- Writes: feeds.
update calimport.feeds as feeds
set
    validators = %(validators)s,
    complete_at = %(complete_at)s
where
    feeds.id = %(feed_id)s
    and (feeds.validators <> %(validators)s or feeds.complete_at <> %(complete_at)s)
