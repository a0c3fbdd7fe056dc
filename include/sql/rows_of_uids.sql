-- The rows of some events of a calendar that belong to a window. Reads: events.
select
    events.uid,
    events.recurrence_id,
    events.content_hash
from calimport.events as events
where
    events.calendar_id = %(calendar_id)s
    and events.uid = any(%(uids)s)
    and events.start_at < %(window_end)s
    and (
        events.end_at > %(window_start)s
        or (events.end_at = events.start_at and events.start_at >= %(window_start)s)
    )
