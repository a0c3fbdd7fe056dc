-- The last attempt of each calendar in a DAG run. Reads: runs, calendars.
select distinct on (calendars.name)
    calendars.name,
    runs.id as run_id,
    runs.outcome,
    runs.error_class,
    runs.error_message,
    runs.rows_staged,
    runs.quarantined,
    runs.inserted,
    runs.updated,
    runs.deleted,
    runs.held,
    runs.requests,
    runs.bytes_received,
    runs.seconds,
    runs.requested_start is not null or runs.requested_end is not null as requested,
    case when runs.published_from > runs.window_start then least(runs.published_from, runs.window_end) end
        as past_unknown_before
from calimport.runs as runs
inner join calimport.calendars as calendars on runs.calendar_id = calendars.id
where runs.dag_id = %(dag_id)s and runs.dag_run_id = %(dag_run_id)s
order by calendars.name asc, runs.attempt desc
