-- Lock some calendars, so that no run takes one of them before they are gone; say which a run holds just now.
-- Reads and locks: calendars.
select
    calendars.name,
    calendars.connection_id,
    calendars.lease_until > clock_timestamp() as is_held
from calimport.calendars as calendars
where calendars.id = any(%(calendar_ids)s)
order by calendars.id
for update
