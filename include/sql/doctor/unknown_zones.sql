-- Zones of calendars that PostgreSQL does not know. Reads: calendars, pg_timezone_names.
select distinct calendars.timezone
from calimport.calendars as calendars
where
    calendars.timezone is not null
    and calendars.timezone not in (select pg_timezone_names.name from pg_timezone_names)
order by calendars.timezone
