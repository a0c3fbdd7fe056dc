-- What the latest run of one calendar did. At most one row.
select
    runs.dag_run_id,
    runs.as_of,
    runs.step,
    runs.outcome,
    runs.window_start,
    runs.window_end,
    runs.rows_staged,
    runs.quarantined,
    runs.inserted,
    runs.updated,
    runs.deleted,
    runs.held,
    runs.error_message,
    runs.finished_at
from calimport.runs
where runs.calendar_id = %(id)s
order by runs.created_at desc, runs.id desc
limit 1;
