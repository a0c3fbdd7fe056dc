-- Feeds that were superseded too long ago. Kept whatever their age: what a calendar's events stand for now, what they stood
-- for when the time that is kept begins, and all that a kept delta builds on.
-- Reads: calendars. Reads and writes: feeds. Row count: feeds deleted, at most as many as asked.
with recursive living as (
    select kept.id
    from (
        select calendars.feed_id as id
        from calimport.calendars as calendars
        where calendars.feed_id is not null
        union
        select feeds.id
        from calimport.feeds as feeds
        where feeds.fetched_at >= %(before)s
        union
        (
            select distinct on (feeds.calendar_id) feeds.id
            from calimport.feeds as feeds
            where feeds.fetched_at < %(before)s
            order by feeds.calendar_id asc, feeds.fetched_at desc, feeds.id desc
        )
    ) as kept
    union
    select feeds.base_feed_id
    from living
    inner join calimport.feeds as feeds on living.id = feeds.id
    where feeds.base_feed_id is not null
),

old as (
    select feeds.id
    from calimport.feeds as feeds
    left join living on feeds.id = living.id
    where feeds.fetched_at < %(before)s and living.id is null
    -- A delta before its base, with which it would go uncounted.
    order by feeds.id desc
    limit %(most)s
)

delete from calimport.feeds
where id in (select old.id from old)
