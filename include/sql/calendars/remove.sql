-- One calendar with all that hangs on it: events, history, runs, notices and feeds go by cascade, staged rows here.
-- Row count: 1, or 0 where the calendar is gone.
with its_runs as (
    select runs.id
    from calimport.runs as runs
    where runs.calendar_id = %(id)s
),

no_staged_events as (
    delete from calimport.staged_events
    where run_id in (select its_runs.id from its_runs)
),

no_staged_notices as (
    delete from calimport.staged_notices
    where run_id in (select its_runs.id from its_runs)
),

no_staged_uids as (
    delete from calimport.staged_uids
    where run_id in (select its_runs.id from its_runs)
)

delete from calimport.calendars
where id = %(id)s;
