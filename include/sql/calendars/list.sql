-- Calendars with the names behind their ids and the number of their events, by name.
-- Reads calendars, users, partners, places, events. One row a calendar: the one asked for, or all where both parameters
-- are null.
with wanted as (
    select calendars.*
    from calimport.calendars
    where
        (%(id)s::bigint is null or calendars.id = %(id)s::bigint)
        and (%(name)s::text is null or calendars.name = %(name)s::text)
)

select
    wanted.id,
    wanted.name,
    wanted.kind,
    wanted.connection_id,
    wanted.source,
    wanted.timezone,
    users.name as user_name,
    partners.name as organiser,
    places.name as place,
    wanted.contact_email,
    wanted.activity_type,
    wanted.strategy,
    wanted.days_back,
    wanted.days_ahead,
    wanted.import_interval,
    wanted.freshness_target,
    wanted.enabled,
    wanted.private_events,
    wanted.attendees_policy,
    wanted.organizer_policy,
    wanted.description_policy,
    wanted.default_reminders,
    wanted.hold_deletes_over,
    wanted.hold_deletes_ratio,
    wanted.hold_deletes_most,
    wanted.state,
    wanted.error_class,
    wanted.error_message,
    wanted.consecutive_failures,
    wanted.next_import_at,
    wanted.kind_used,
    wanted.feed_title,
    wanted.feed_timezone,
    wanted.configured_at,
    wanted.fetched_at,
    wanted.imported_at,
    wanted.changed_at,
    (
        select count(*)
        from calimport.events
        where events.calendar_id = wanted.id
    ) as events
from wanted
left join calimport.users on wanted.user_id = users.id
left join calimport.partners on wanted.organiser_id = partners.id
left join calimport.places on wanted.place_id = places.id
order by wanted.name asc;
