-- Notices as their owners read them.

create view calimport.owner_notices as
select
    notices.id,
    notices.calendar_id,
    calendars.name as calendar,
    users.name as user_name,
    coalesce(calendars.contact_email, partners.contact_email, places.contact_email) as contact_email,
    notices.code,
    notices.subject,
    notices.message,
    notices.occurrences,
    notices.first_seen_at,
    -- A fetch that found nothing changed found this too, and writes no row to say so.
    greatest(notices.last_seen_at, calendars.fetched_at) as last_seen_at
from calimport.notices as notices
inner join calimport.calendars as calendars on notices.calendar_id = calendars.id
left join calimport.users as users on calendars.user_id = users.id
left join calimport.partners as partners on calendars.organiser_id = partners.id
left join calimport.places as places on calendars.place_id = places.id;
comment on view calimport.owner_notices is 'What owners can mend in their feeds, with whom to tell; while it is true.';
comment on column calimport.owner_notices.id is 'Id of the row of notices.';
comment on column calimport.owner_notices.calendar_id is 'The calendar.';
comment on column calimport.owner_notices.calendar is 'The calendar''s name.';
comment on column calimport.owner_notices.user_name is 'Whose calendar it is.';
comment on column calimport.owner_notices.contact_email is 'Who is told: the calendar''s contact, else the organiser''s, else the place''s.';
comment on column calimport.owner_notices.code is 'What kind of notice it is.';
comment on column calimport.owner_notices.subject is 'The UID or the location it is about, or the empty string for the whole calendar.';
comment on column calimport.owner_notices.message is 'The sentence for the calendar''s owner.';
comment on column calimport.owner_notices.occurrences is 'How often it was found in the last feed.';
comment on column calimport.owner_notices.first_seen_at is 'Since when it is true.';
comment on column calimport.owner_notices.last_seen_at is 'The last fetch that found it, or found nothing changed.';
comment on column calimport.notices.last_seen_at is 'When it was last found by an import; see owner_notices for fetches that found nothing changed.';
