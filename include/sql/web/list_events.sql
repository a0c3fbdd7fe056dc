-- Occurrences of one calendar that overlap a window, by start; their times as clocks in one zone show them.
-- Reads events, places.
select
    events.id,
    events.uid,
    events.recurrence_id,
    events.all_day,
    events.start_date,
    events.end_date,
    to_char(events.start_at at time zone %(zone)s, 'YYYY-MM-DD"T"HH24:MI:SS') as start_clock,
    to_char(events.end_at at time zone %(zone)s, 'YYYY-MM-DD"T"HH24:MI:SS') as end_clock,
    events.timezone,
    events.status,
    events.summary,
    events.description,
    events.location,
    events.url,
    events.online_url,
    events.categories,
    events.organizer,
    events.visibility,
    events.color,
    events.is_recurring,
    events.address,
    places.name as place
from calimport.events as events
left join calimport.places as places on events.place_id = places.id
where
    events.calendar_id = %(id)s
    and events.start_at < %(until)s
    and events.end_at >= %(since)s
order by events.start_at, events.id
limit %(most)s
