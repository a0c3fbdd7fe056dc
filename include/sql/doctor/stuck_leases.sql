-- Calendars whose lease ran out some time ago, and that nobody has taken since: no run plans. Reads: calendars.
select
    calendars.name,
    calendars.lease_owner,
    calendars.lease_until
from calimport.calendars as calendars
where calendars.enabled and calendars.lease_until < %(since)s
order by calendars.lease_until, calendars.name
