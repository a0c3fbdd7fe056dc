-- What was deleted of a calendar that somebody asks about, and is not there again; the latest first.
-- Reads: history, runs, events.
select
    history.uid,
    history.recurrence_id,
    history.before ->> 'summary' as summary,
    (history.before ->> 'start_at')::timestamptz as start_at,
    (history.before ->> 'all_day')::boolean as all_day,
    (history.before ->> 'start_date')::date as start_date,
    history.changed_at,
    history.dag_run_id,
    runs.operation,
    runs.actor
from calimport.history as history
inner join calimport.runs as runs on history.run_id = runs.id
where
    history.calendar_id = %(calendar_id)s
    and history.action = 'delete'
    and (%(uid)s::text is null or history.uid = %(uid)s)
    and (%(title)s::text is null or strpos(lower(history.before ->> 'summary'), lower(%(title)s)) > 0)
    and (
        %(day_start)s::timestamptz is null
        or (
            (history.before ->> 'start_at')::timestamptz < %(day_end)s
            and greatest(
                (history.before ->> 'end_at')::timestamptz,
                (history.before ->> 'start_at')::timestamptz + interval '1 microsecond'
            ) > %(day_start)s
        )
    )
    and not exists (
        select 1
        from calimport.events as events
        where
            events.calendar_id = history.calendar_id
            and events.uid = history.uid
            and events.recurrence_id is not distinct from history.recurrence_id
    )
order by history.id desc
