-- Lock some calendars for what a person does with their rows, and say which a run holds just now. A run that comes later
-- waits for the end of this transaction, and then finds a lease that is not its own.
-- Reads and locks: calendars.
select
    calendars.id,
    calendars.name,
    calendars.lease_owner is not null and calendars.lease_until > %(clock)s as is_held,
    calendars.state,
    calendars.held_run_id
from calimport.calendars as calendars
where calendars.id = any(%(calendar_ids)s)
order by calendars.id
for update
