-- Of these calendars those whose last attempt in a DAG run is not finished, in the order given. Reads: runs.
with last_attempts as (
    select distinct on (runs.calendar_id)
        runs.calendar_id,
        runs.outcome
    from calimport.runs as runs
    where
        runs.dag_id = %(dag_id)s
        and runs.dag_run_id = %(dag_run_id)s
        and runs.calendar_id = any(%(calendar_ids)s)
    order by runs.calendar_id asc, runs.attempt desc
)

select last_attempts.calendar_id
from last_attempts
where last_attempts.outcome is null
order by array_position(%(calendar_ids)s::bigint[], last_attempts.calendar_id)
