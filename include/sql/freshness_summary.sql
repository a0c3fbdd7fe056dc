-- Numbers of all calendars that are not paused, for metrics. Reads: freshness. One row.
select
    count(*) as enabled,
    count(*) filter (where freshness.state in ('error', 'bad_source')) as broken,
    count(*) filter (where freshness.is_late) as late,
    coalesce(extract(epoch from max(freshness.age))::bigint, 0) as oldest_seconds,
    coalesce(extract(epoch from max(freshness.lag))::bigint, 0) as lag_seconds
from calimport.freshness
