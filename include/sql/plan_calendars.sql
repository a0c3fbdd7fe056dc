-- Take the lease of each calendar that is due and open a run for it.
-- Reads and writes: calendars, runs. Returns one row per calendar that this DAG run is to import.
-- Due: enabled and its time has come, or the run asks for all (forced, or with a window of its own); or named by the
-- run; or part of this DAG run already (its plan is run again).
-- What a worker whose clock was ahead has written, a lease or a next import farther away than either can be, counts for
-- nothing.
-- One whose rows are written by hand (kind `manual`) never is.
-- A calendar that a live run holds is left alone: its lease in this table is the truth, not the scheduler's limits. A run
-- that waits takes no lease here, and leaves none out: extract takes those of a batch once all of them are free.
with due as (
    select calendars.id
    from calimport.calendars as calendars
    where
        case
            when %(calendar_ids)s::bigint[] is not null then calendars.id = any(%(calendar_ids)s::bigint[])
            else
                (
                    calendars.enabled
                    and (
                        %(all_enabled)s
                        or coalesce(calendars.next_import_at <= %(clock)s, true)
                        or (
                            calendars.consecutive_failures = 0
                            and calendars.next_import_at > %(clock)s + calendars.import_interval + interval '2 hours'
                        )
                    )
                )
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
),

free as (
    select calendars.id
    from calimport.calendars as calendars
    where
        not %(waits)s
        and calendars.id in (select due.id from due)
        and (
            calendars.lease_owner is null
            or calendars.lease_owner = %(owner)s
            or calendars.lease_until <= %(clock)s
            or calendars.lease_until > %(lease_until)s::timestamptz + interval '1 hour'
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
    from free
    where
        calendars.id = free.id
        and calendars.id not in (
            select begun.calendar_id from begun
            where begun.is_finished
        )
    returning calendars.id, calendars.configured_at
),

planned as (
    select * from leased
    union all
    select
        calendars.id,
        calendars.configured_at
    from calimport.calendars as calendars
    where %(waits)s and calendars.id in (select due.id from due)
),

opened as (
    insert into calimport.runs (
        calendar_id, dag_id, dag_run_id, as_of, requested_start, requested_end, force, dry_run, configured_at, created_at
    )
    select
        planned.id,
        %(dag_id)s,
        %(dag_run_id)s,
        %(as_of)s,
        %(window_start)s,
        %(window_end)s,
        %(force)s,
        %(dry_run)s,
        planned.configured_at,
        %(clock)s
    from planned
    where planned.id not in (select begun.calendar_id from begun)
)

select
    calendars.id,
    calendars.name
from calimport.calendars as calendars
where calendars.id in (select free.id from free) or (%(waits)s and calendars.id in (select due.id from due))
order by calendars.id
