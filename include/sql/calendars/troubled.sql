-- Calendars that are broken or late, the longest first. Reads: freshness, calendars.
select
    freshness.calendar,
    freshness.state,
    freshness.is_late,
    freshness.fresh_at,
    calendars.error_class,
    calendars.error_message,
    freshness.contact_email
from calimport.freshness as freshness
inner join calimport.calendars as calendars on freshness.calendar_id = calendars.id
where freshness.is_late or freshness.state in ('error', 'bad_source')
order by freshness.age desc, freshness.calendar asc
limit %(most)s
