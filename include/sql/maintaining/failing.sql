-- Calendars whose source does not answer, and what was last fetched of them is not too old to go by.
-- Reads: calendars.
select
    calendars.id,
    calendars.name
from calimport.calendars as calendars
where
    calendars.enabled
    and calendars.state in ('error', 'bad_source')
    and calendars.feed_id is not null
    and calendars.fetched_at >= %(fetched_since)s
order by calendars.id
