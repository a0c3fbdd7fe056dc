-- The feed that a calendar's events stood for at some time, as far as its runs are kept, else what was last fetched by
-- then. Reads: runs, feeds. At most one row.
select
    feeds.id,
    feeds.fetched_at,
    feeds.kind,
    feeds.timezone,
    feeds.window_start,
    feeds.window_end
from calimport.feeds as feeds
left join lateral (
    select runs.id
    from calimport.runs as runs
    where
        runs.calendar_id = feeds.calendar_id
        and runs.feed_id = feeds.id
        and runs.operation in ('import', 'plan')
        and runs.outcome in ('imported', 'unchanged')
        and runs.finished_at <= %(at)s
    order by runs.id desc
    limit 1
) as used on true
where feeds.calendar_id = %(calendar_id)s and feeds.fetched_at <= %(at)s
order by used.id desc nulls last, feeds.fetched_at desc, feeds.id desc
limit 1
