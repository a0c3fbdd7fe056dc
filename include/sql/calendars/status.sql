-- How all calendars are, in one row. Reads: calendars, freshness, runs, notices.
select
    count(*) filter (where not calendars.enabled) as paused,
    count(*) filter (where calendars.enabled and calendars.state = 'idle') as idle,
    count(*) filter (where calendars.enabled and calendars.state in ('in_queue', 'in_worker')) as importing,
    count(*) filter (where calendars.enabled and calendars.state = 'error') as error,
    count(*) filter (where calendars.enabled and calendars.state = 'bad_source') as bad_source,
    (
        select count(*) from calimport.freshness
        where freshness.is_late
    ) as late,
    (
        select count(distinct notices.calendar_id) from calimport.notices
        where notices.code = 'deletions_held'
    ) as held,
    (select max(runs.finished_at) from calimport.runs) as last_run_at,
    count(*) filter (
        where calendars.enabled and coalesce(calendars.next_import_at <= current_timestamp, true)
    ) as due_now,
    min(calendars.next_import_at) filter (where calendars.enabled and calendars.next_import_at > current_timestamp)
        as next_due_at
from calimport.calendars as calendars
where calendars.kind <> 'manual'
