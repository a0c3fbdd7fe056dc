-- Calendars whose state is another than the one that was last told; those that a run holds have none yet, and paused ones
-- trouble nobody. One that was configured anew is well again once it has been fetched since. Reads: calendars, users, partners, places.
select
    calendars.id as calendar_id,
    calendars.name as calendar,
    calendars.told_state,
    calendars.state,
    calendars.error_class,
    calendars.error_message,
    calendars.consecutive_failures,
    calendars.fresh_at,
    calendars.next_import_at,
    users.name as user_name,
    coalesce(calendars.contact_email, partners.contact_email, places.contact_email) as contact_email
from calimport.calendars as calendars
left join calimport.users as users on calendars.user_id = users.id
left join calimport.partners as partners on calendars.organiser_id = partners.id
left join calimport.places as places on calendars.place_id = places.id
where
    calendars.enabled
    and calendars.state in ('idle', 'error', 'bad_source')
    and calendars.state <> calendars.told_state
    and (calendars.state <> 'idle' or calendars.fetched_at >= calendars.configured_at)
order by calendars.name
