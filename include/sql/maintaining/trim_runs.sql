-- Runs that are too old, with their plans and so their part of the history: first those that found nothing new, then the
-- others. Kept whatever their age: the last run of each calendar, the one whose deletions are held, and an attempt whose
-- later attempt is kept, since both are undone together.
-- Reads: runs, calendars. Writes: runs, and by cascade changes. Row count: runs deleted, at most as many as asked.
with idle as (
    select
        runs.*,
        coalesce(runs.inserted + runs.updated + runs.deleted + runs.held, 0) = 0
        and runs.outcome in ('unchanged', 'imported', 'planned') as is_idle
    from calimport.runs as runs
    where runs.finished_at < %(idle_before)s
),

old as (
    select idle.id
    from idle
    inner join calimport.calendars as calendars on idle.calendar_id = calendars.id
    where
        (idle.is_idle or idle.finished_at < %(before)s)
        and calendars.held_run_id is distinct from idle.id
        and exists (
            select 1
            from calimport.runs as later
            where later.calendar_id = idle.calendar_id and later.id > idle.id
        )
        and not exists (
            select 1
            from calimport.runs as later
            where
                later.dag_id = idle.dag_id
                and later.dag_run_id = idle.dag_run_id
                and later.calendar_id = idle.calendar_id
                and later.attempt > idle.attempt
                and coalesce(later.finished_at >= %(before)s, true)
        )
    order by idle.id
    limit %(most)s
)

delete from calimport.runs
where id in (select old.id from old)
