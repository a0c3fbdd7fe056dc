-- A new calendar. Expects its user, organiser and place to exist. One row: its id.
insert into calimport.calendars (
    name,
    kind,
    connection_id,
    source,
    timezone,
    user_id,
    organiser_id,
    place_id,
    contact_email,
    activity_type,
    strategy,
    days_back,
    days_ahead,
    import_interval,
    freshness_target,
    enabled,
    private_events,
    attendees_policy,
    organizer_policy,
    description_policy,
    default_reminders,
    hold_deletes_over,
    hold_deletes_ratio,
    hold_deletes_most
)
values (
    %(name)s,
    %(kind)s,
    %(connection)s,
    %(source)s,
    %(timezone)s,
    (
        select users.id
        from calimport.users
        where users.name = %(user)s
    ),
    (
        select partners.id
        from calimport.partners
        where partners.name = %(organiser)s
    ),
    (
        select places.id
        from calimport.places
        where places.name = %(place)s
    ),
    %(contact_email)s,
    %(activity_type)s,
    %(strategy)s,
    %(days_back)s,
    %(days_ahead)s,
    %(interval)s,
    %(freshness_target)s,
    %(enabled)s,
    %(private_events)s,
    %(attendees_policy)s,
    %(organizer_policy)s,
    %(description_policy)s,
    %(default_reminders)s,
    %(hold_deletes_over)s,
    %(hold_deletes_ratio)s,
    %(hold_deletes_most)s
)
returning id;
