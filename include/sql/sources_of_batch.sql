-- The addresses that the calendars of a batch are fetched from.
-- Reads: calendars.
select distinct calendars.source
from calimport.calendars as calendars
where calendars.id = any(%(calendar_ids)s) and calendars.source like '%%://%%'
