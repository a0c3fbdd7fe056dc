-- Remember what a digest has told. Writes: calendars.
update calimport.calendars as calendars
set told_state = told.state
from unnest(%(calendar_ids)s::bigint[], %(states)s::text[]) as told (calendar_id, state)
where calendars.id = told.calendar_id
