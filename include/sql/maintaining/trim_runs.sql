-- Runs that are too old, with their plans and so their part of the history: first those that found nothing new, then the
-- others. Kept whatever their age: the last run of each calendar, the one whose deletions are held, and an attempt whose
-- later attempt is kept, since both are undone together.
-- Each call goes on where the one before ended, in the order of ids and so of age, so that all of them read the table once.
-- Reads: runs, calendars. Writes: runs, and by cascade changes. Returns one row: how many runs were deleted, with their
-- changes at most as many rows as asked unless one run alone has more; and where to go on, null once all are too young.
with looked_at as materialized (
    select
        runs.id,
        runs.calendar_id,
        runs.dag_id,
        runs.dag_run_id,
        runs.attempt,
        runs.created_at,
        runs.finished_at,
        coalesce(runs.inserted + runs.updated + runs.deleted + runs.held, 0) as changes,
        runs.outcome in ('unchanged', 'imported', 'planned') as is_well
    from calimport.runs as runs
    where runs.id > %(after)s
    order by runs.id
    limit 4 * %(most)s
),

idle as (
    select
        looked_at.*,
        looked_at.changes = 0 and looked_at.is_well as is_idle
    from looked_at
    where looked_at.finished_at < %(idle_before)s
),

old as (
    select
        idle.id,
        1 + idle.changes as rows
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
    -- No more can go, and one more tells that there are others.
    order by idle.id
    limit %(most)s + 1
),

counted as (
    select
        old.id,
        sum(old.rows) over (order by old.id) - old.rows as rows_before
    from old
),

trimmed as (
    delete from calimport.runs
    where
        id in (
            select counted.id from counted
            where counted.rows_before < %(most)s
        )
    returning id
)

select
    (select count(*) from trimmed) as deleted,
    case
        when (select max(counted.rows_before) from counted) >= %(most)s then (select max(trimmed.id) from trimmed)
        -- Clocks of workers differ, but not by so many runs.
        when (select min(looked_at.created_at) from looked_at) < %(idle_before)s then (select max(looked_at.id) from looked_at)
    end as after
