-- The last attempts of the runs of one name, or the run of one id, with what is needed to show their plans and to see
-- whether they still fit. Reads: runs, calendars, feeds.
select distinct on (runs.calendar_id)
    runs.id,
    runs.calendar_id,
    calendars.name as calendar,
    runs.dag_run_id,
    runs.operation,
    runs.outcome,
    runs.force,
    runs.fetched_at,
    runs.finished_at,
    runs.window_start,
    runs.window_end,
    runs.inserted,
    runs.updated,
    runs.deleted,
    runs.held,
    runs.held_reason,
    runs.error_message,
    runs.feed_id is not null as has_feed,
    runs.configured_at = calendars.configured_at as is_of_this_configuration,
    calendars.fetched_at is null
    or calendars.fetched_at <= runs.fetched_at
    or feeds.meaning_hash = present.meaning_hash as is_of_newest_feed
from calimport.runs as runs
inner join calimport.calendars as calendars on runs.calendar_id = calendars.id
left join calimport.feeds as feeds on runs.feed_id = feeds.id
left join calimport.feeds as present on calendars.feed_id = present.id
where
    (runs.dag_run_id = %(run)s or runs.id = %(run_id)s::bigint)
    and (%(calendar_id)s::bigint is null or runs.calendar_id = %(calendar_id)s)
order by runs.calendar_id asc, runs.attempt desc, runs.id desc
