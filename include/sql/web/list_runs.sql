-- Runs of one calendar, the latest first. Reads runs. At most so many rows.
select
    runs.id,
    runs.dag_id,
    runs.dag_run_id,
    runs.attempt,
    runs.operation,
    runs.actor,
    runs.as_of,
    runs.requested_start,
    runs.requested_end,
    runs.force,
    runs.dry_run,
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
    runs.held_reason,
    runs.requests,
    runs.bytes_received,
    runs.seconds,
    runs.error_class,
    runs.error_message,
    runs.created_at,
    runs.finished_at
from calimport.runs as runs
where
    runs.calendar_id = %(id)s
    and coalesce(runs.created_at < %(before)s::timestamptz, true)
    and (%(unchanged)s or runs.outcome is distinct from 'unchanged')
order by runs.created_at desc
limit %(most)s
