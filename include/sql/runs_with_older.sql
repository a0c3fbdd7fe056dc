-- The runs whose window has rows that ended before what their feed publishes: only its UIDs tell whether these are gone.
-- Reads: events. One element of each array is one run.
with asked as (
    select *
    from unnest(
        %(run_id)s::bigint[],
        %(calendar_id)s::bigint[],
        %(window_start)s::timestamptz[],
        %(window_end)s::timestamptz[],
        %(published_from)s::timestamptz[]
    ) as asked (run_id, calendar_id, window_start, window_end, published_from)
)

select asked.run_id
from asked
cross join lateral (
    select events.id
    from calimport.events as events
    where
        events.calendar_id = asked.calendar_id
        and events.start_at < asked.window_end
        and events.end_at >= asked.window_start
        and events.end_at < asked.published_from
    limit 1 -- noqa: AM09
) as older
