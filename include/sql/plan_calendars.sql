-- Take the lease of each calendar that is due and open a run for it.
-- Reads and writes: calendars, runs. Returns one row per calendar that this DAG run is to import.
-- Due: enabled and its time has come, or the run asks for all (forced, or with a window of its own); or named by the
-- run; or part of this DAG run already (its plan is run again).
-- One whose rows are written by hand (kind `manual`) never is.
-- A calendar that a live run holds is left alone: its lease in this table is the truth, not the scheduler's limits.
with due as (
    select calendars.id
    from calimport.calendars as calendars
    where
        case
            when %(calendar_ids)s::bigint[] is not null then calendars.id = any(%(calendar_ids)s::bigint[])
            else
                (calendars.enabled and (%(all_enabled)s or coalesce(calendars.next_import_at <= %(clock)s, true)))
                or exists (
                    select 1
                    from calimport.runs as runs
                    where
                        runs.dag_id = %(dag_id)s
                        and runs.dag_run_id = %(dag_run_id)s
                        and runs.calendar_id = calendars.id
                )
        end
        and calendars.kind <> 'manual'
        and (
            calendars.lease_owner is null
            or calendars.lease_owner = %(owner)s
            or calendars.lease_until <= %(clock)s
        )
    order by calendars.id
    for update skip locked
),

-- What this DAG run has begun goes on as it is. What it has finished is only named: extract takes the lease and opens
-- another attempt if its task runs again; perhaps no task but this one was cleared.
begun as (
    select
        runs.calendar_id,
        bool_and(runs.outcome is not null) as is_finished
    from calimport.runs as runs
    where runs.dag_id = %(dag_id)s and runs.dag_run_id = %(dag_run_id)s
    group by runs.calendar_id
),

leased as (
    update calimport.calendars as calendars
    set
        lease_owner = %(owner)s,
        lease_until = %(lease_until)s,
        state = 'in_queue'
    from due
    where
        calendars.id = due.id
        and calendars.id not in (
            select begun.calendar_id from begun
            where begun.is_finished
        )
    returning calendars.id, calendars.configured_at
),

opened as (
    insert into calimport.runs (
        calendar_id, dag_id, dag_run_id, as_of, requested_start, requested_end, force, dry_run, configured_at, created_at
    )
    select
        leased.id,
        %(dag_id)s,
        %(dag_run_id)s,
        %(as_of)s,
        %(window_start)s,
        %(window_end)s,
        %(force)s,
        %(dry_run)s,
        leased.configured_at,
        %(clock)s
    from leased
    where leased.id not in (select begun.calendar_id from begun)
)

select
    calendars.id,
    calendars.name
from calimport.calendars as calendars
inner join due on calendars.id = due.id
order by calendars.id
