-- The whole configuration of one calendar, which makes it due at once. Expects its user, organiser and place to exist.
-- The lease belongs to the run that holds it and stays. Row count: 1, or 0 where the calendar is gone.
update calimport.calendars
set
    name = %(name)s,
    kind = %(kind)s,
    connection_id = %(connection)s,
    source = %(source)s,
    timezone = %(timezone)s,
    user_id = (
        select users.id
        from calimport.users
        where users.name = %(user)s
    ),
    organiser_id = (
        select partners.id
        from calimport.partners
        where partners.name = %(organiser)s
    ),
    place_id = (
        select places.id
        from calimport.places
        where places.name = %(place)s
    ),
    contact_email = %(contact_email)s,
    activity_type = %(activity_type)s,
    strategy = %(strategy)s,
    days_back = %(days_back)s,
    days_ahead = %(days_ahead)s,
    import_interval = %(interval)s,
    freshness_target = %(freshness_target)s,
    enabled = %(enabled)s,
    private_events = %(private_events)s,
    attendees_policy = %(attendees_policy)s,
    organizer_policy = %(organizer_policy)s,
    description_policy = %(description_policy)s,
    default_reminders = %(default_reminders)s,
    hold_deletes_over = %(hold_deletes_over)s,
    hold_deletes_ratio = %(hold_deletes_ratio)s,
    hold_deletes_most = %(hold_deletes_most)s,
    configured_at = current_timestamp,
    next_import_at = null,
    consecutive_failures = case when %(resumed)s then 0 else consecutive_failures end
where id = %(id)s;
