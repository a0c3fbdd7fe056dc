-- The rows of a calendar that somebody asks about, with what else there is to say of each: which run brought it, whether
-- its deletion is held, and of which row of another calendar it is a duplicate.
-- Reads: events, calendars, runs, changes, event_clusters.
select
    events.id as event_id,
    events.uid,
    events.recurrence_id,
    events.summary,
    events.start_at,
    events.end_at,
    events.all_day,
    events.start_date,
    events.status,
    runs.dag_run_id,
    runs.finished_at,
    held_run.finished_at as held_at,
    held_run.held_reason,
    canonical.event_id as canonical_id,
    canonical_calendars.name as canonical_calendar
from calimport.events as events
inner join calimport.calendars as calendars on events.calendar_id = calendars.id
left join calimport.runs as runs on events.first_run_id = runs.id
left join calimport.changes as held_changes
    on
        calendars.held_run_id = held_changes.run_id
        and events.id = held_changes.event_id
        and held_changes.held
left join calimport.runs as held_run on held_changes.run_id = held_run.id
left join calimport.event_clusters as membership on events.id = membership.event_id and not membership.is_canonical
left join calimport.event_clusters as canonical
    on membership.cluster_id = canonical.cluster_id and canonical.is_canonical
left join calimport.calendars as canonical_calendars on canonical.calendar_id = canonical_calendars.id
where
    events.calendar_id = %(calendar_id)s
    and (%(uid)s::text is null or events.uid = %(uid)s)
    and (%(title)s::text is null or strpos(lower(events.summary), lower(%(title)s)) > 0)
    and (
        %(day_start)s::timestamptz is null
        or (events.start_at < %(day_end)s and greatest(events.end_at, events.start_at + interval '1 microsecond') > %(day_start)s)
    )
order by events.start_at, events.id
