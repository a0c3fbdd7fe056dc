-- The last import of a calendar, if its rows are what its feed said: no row if anybody has changed, undone or kept any since, or
-- if some events could not be understood. Reads: runs, kept_rows.
select
    -- The time that the retention was measured from.
    greatest(runs.as_of, runs.fetched_at) as as_of,
    runs.feed_retention,
    runs.events_apart
from calimport.runs as runs
where
    runs.id = (
        select last_run.id
        from calimport.runs as last_run
        where last_run.calendar_id = %(calendar_id)s and last_run.outcome = 'imported' and not last_run.dry_run
        order by last_run.id desc
        limit 1
    )
    and runs.operation = 'import'
    and runs.feed_id = %(feed_id)s
    and runs.quarantined = 0
    and not exists (
        select 1 from calimport.kept_rows as kept_rows
        where kept_rows.calendar_id = %(calendar_id)s
    )
