-- How fresh one calendar is, and how many deletions are held. Reads calendars, freshness, runs. One row.
select
    coalesce(runs.held, 0) as held,
    freshness.fresh_at,
    extract(epoch from freshness.target)::bigint as target,
    freshness.is_late
from calimport.calendars as calendars
left join calimport.freshness as freshness on calendars.id = freshness.calendar_id
left join calimport.runs as runs on calendars.held_run_id = runs.id
where calendars.id = %(id)s
