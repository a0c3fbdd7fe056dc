-- Take the lease of each calendar that is due and open a run for it.
-- Reads and writes: calendars, runs. Returns one row per calendar taken.
-- Due: enabled and its time has come, or the run asks for all (forced, or with a window of its own); or named by the
-- run; or part of this DAG run already (its plan is run again).
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
        and (
            calendars.lease_owner is null
            or calendars.lease_owner = %(owner)s
            or calendars.lease_until <= %(clock)s
        )
    order by calendars.id
    for update skip locked
),

leased as (
    update calimport.calendars as calendars
    set
        lease_owner = %(owner)s,
        lease_until = %(lease_until)s,
        -- What this DAG run has finished keeps its state until a task takes it up again; perhaps none was cleared.
        state = case
            when exists (
                select 1
                from calimport.runs as runs
                where
                    runs.dag_id = %(dag_id)s
                    and runs.dag_run_id = %(dag_run_id)s
                    and runs.calendar_id = calendars.id
            ) then calendars.state
            else 'in_queue'
        end
    from due
    where calendars.id = due.id
    returning calendars.id, calendars.name, calendars.configured_at
),

-- An unfinished run of this DAG run goes on; a finished one stays as it is, and a new attempt is opened.
last_attempts as (
    select
        runs.calendar_id,
        max(runs.attempt) as attempt,
        bool_or(runs.outcome is null) as is_open
    from calimport.runs as runs
    where runs.dag_id = %(dag_id)s and runs.dag_run_id = %(dag_run_id)s
    group by runs.calendar_id
),

opened as (
    insert into calimport.runs (
        calendar_id, dag_id, dag_run_id, attempt, as_of, requested_start, requested_end, force, dry_run, configured_at,
        created_at
    )
    select
        leased.id,
        %(dag_id)s,
        %(dag_run_id)s,
        coalesce(last_attempts.attempt, 0) + 1,
        %(as_of)s,
        %(window_start)s,
        %(window_end)s,
        %(force)s,
        %(dry_run)s,
        leased.configured_at,
        %(clock)s
    from leased
    left join last_attempts on leased.id = last_attempts.calendar_id
    where last_attempts.is_open is distinct from true
)

select
    leased.id,
    leased.name
from leased
order by leased.id
