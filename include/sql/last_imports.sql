-- The last import of calendars whose rows are what this feed said: none of one if anybody has changed, undone or kept any since,
-- or if some events could not be understood. Reads: runs, kept_rows. One element of each array is one calendar.
select
    runs.calendar_id,
    -- The time that the retention was measured from.
    greatest(runs.as_of, runs.fetched_at) as as_of,
    runs.feed_retention,
    runs.events_apart
from unnest(%(calendar_id)s::bigint[], %(feed_id)s::bigint[]) as asked (calendar_id, feed_id)
inner join calimport.runs as runs
    on runs.id = (
        select last_run.id
        from calimport.runs as last_run
        where last_run.calendar_id = asked.calendar_id and last_run.outcome = 'imported' and not last_run.dry_run
        order by last_run.id desc
        limit 1
    )
where
    runs.operation = 'import'
    and runs.feed_id = asked.feed_id
    and runs.quarantined = 0
    and not exists (
        select 1 from calimport.kept_rows as kept_rows
        where kept_rows.calendar_id = asked.calendar_id
    )
