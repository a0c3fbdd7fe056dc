-- What is configured: users, partners, places, calendars. The calendar's second half is what the importer knows of it.

create table calimport.users (
    id bigint generated always as identity primary key,
    name text not null unique check (name <> ''),
    email text,
    created_at timestamptz not null default current_timestamp
);
comment on table calimport.users is 'People whose calendars are imported.';
comment on column calimport.users.id is 'Row id.';
comment on column calimport.users.name is 'Unique name, used in configuration files.';
comment on column calimport.users.email is 'Where this person can be reached.';
comment on column calimport.users.created_at is 'When the row was made.';

create table calimport.partners (
    id bigint generated always as identity primary key,
    name text not null unique check (name <> ''),
    contact_name text,
    contact_email text,
    created_at timestamptz not null default current_timestamp
);
comment on table calimport.partners is 'Organisations that organise events or run places.';
comment on column calimport.partners.id is 'Row id.';
comment on column calimport.partners.name is 'Unique name, used in configuration files.';
comment on column calimport.partners.contact_name is 'The person to talk to.';
comment on column calimport.partners.contact_email is 'Where that person can be reached.';
comment on column calimport.partners.created_at is 'When the row was made.';

create table calimport.places (
    id bigint generated always as identity primary key,
    partner_id bigint references calimport.partners (id) on delete set null,
    name text not null unique check (name <> ''),
    address text,
    postcode text,
    country text check (country ~ '^[A-Z]{2}$'),
    contact_email text,
    match_venues boolean not null default true,
    created_at timestamptz not null default current_timestamp
);
create index places_partner_id on calimport.places (partner_id);
comment on table calimport.places is 'Known venues: where events of a calendar take place.';
comment on column calimport.places.id is 'Row id.';
comment on column calimport.places.partner_id is 'The organisation that runs the place, if known.';
comment on column calimport.places.name is 'Unique name, used in configuration files.';
comment on column calimport.places.address is 'Postal address, its parts separated by commas, without postcode and country.';
comment on column calimport.places.postcode is 'Postcode in the usual spelling of the country.';
comment on column calimport.places.country is 'ISO 3166-1 alpha-2 code.';
comment on column calimport.places.contact_email is 'Where the people of the place can be reached.';
comment on column calimport.places.match_venues is 'Whether an event''s location may be matched with this place.';
comment on column calimport.places.created_at is 'When the row was made.';

-- Configuration first, then what the importer knows. The second part is rewritten at every run, so the table leaves
-- room in its pages and no index covers those columns: such updates then touch no index (HOT).
create table calimport.calendars (
    id bigint generated always as identity primary key,
    name text not null unique check (name <> '' and name !~ '[[:cntrl:]]'),
    source text check (source <> ''),
    kind text not null default 'auto',
    connection_id text check (connection_id <> ''),
    timezone text,
    user_id bigint references calimport.users (id) on delete cascade,
    organiser_id bigint references calimport.partners (id) on delete set null,
    place_id bigint references calimport.places (id) on delete restrict,
    contact_email text,
    activity_type text not null default 'personal',
    strategy text not null default 'event_override'
    check (strategy in ('place', 'event', 'event_override', 'room_number', 'no_location', 'online_only')),
    days_back integer not null default 7 check (days_back between 0 and 3660),
    days_ahead integer not null default 7 check (days_ahead between 0 and 3660),
    import_interval interval not null default '5 minutes' check (import_interval >= '1 minute'),
    enabled boolean not null default true,
    created_at timestamptz not null default current_timestamp,
    configured_at timestamptz not null default current_timestamp,

    state text not null default 'idle'
    check (state in ('idle', 'in_queue', 'in_worker', 'error', 'bad_source')),
    error_class text,
    error_message text,
    consecutive_failures integer not null default 0 check (consecutive_failures >= 0),
    next_import_at timestamptz,
    lease_owner text,
    lease_until timestamptz,
    kind_used text,
    feed_title text,
    feed_timezone text,
    feed_color text,
    feed_retention interval,
    feed_id bigint,
    fetched_at timestamptz,
    imported_at timestamptz,
    changed_at timestamptz,
    imported_fingerprint bytea,
    held_confirmations integer not null default 0 check (held_confirmations >= 0),

    constraint calendars_have_a_source check (source is not null or connection_id is not null),
    constraint calendars_place_for_strategy
    check (strategy not in ('place', 'room_number') or place_id is not null),
    constraint calendars_lease_whole check ((lease_owner is null) = (lease_until is null)),
    constraint calendars_error_whole
    check ((state in ('error', 'bad_source')) <= (error_class is not null and error_message is not null))
) with (fillfactor = 70);
create unique index calendars_source on calimport.calendars (source, connection_id, user_id, activity_type)
nulls not distinct;
create index calendars_user_id on calimport.calendars (user_id);
create index calendars_place_id on calimport.calendars (place_id);
create index calendars_organiser_id on calimport.calendars (organiser_id);
comment on table calimport.calendars is 'Configured things to import, and what the importer knows of each.';
comment on column calimport.calendars.id is 'Row id.';
comment on column calimport.calendars.name is 'Unique name; the key of configuration files and the label in Airflow.';
comment on column calimport.calendars.source is 'Public URL or provider id; null where the connection holds a private URL.';
comment on column calimport.calendars.kind is 'Kind of source (ics, google), or auto to detect it.';
comment on column calimport.calendars.connection_id is 'Airflow connection that holds the secret, never the secret itself.';
comment on column calimport.calendars.timezone is 'IANA zone set by hand; null: what the feed says, else UTC.';
comment on column calimport.calendars.user_id is 'Whose calendar it is.';
comment on column calimport.calendars.organiser_id is 'The organisation whose events these are.';
comment on column calimport.calendars.place_id is 'Where its events take place, as the strategy says.';
comment on column calimport.calendars.contact_email is 'Who is told about problems; else the organiser, else the place.';
comment on column calimport.calendars.activity_type is 'What the events are to the user: personal, exercise, medication, health-measurement, or another.';
comment on column calimport.calendars.strategy is 'How the place of an event is found: place, event, event_override, room_number, no_location, online_only.';
comment on column calimport.calendars.days_back is 'Window: whole days before today.';
comment on column calimport.calendars.days_ahead is 'Window: whole days after today.';
comment on column calimport.calendars.import_interval is 'How long after one import the next is due.';
comment on column calimport.calendars.enabled is 'False while paused.';
comment on column calimport.calendars.created_at is 'When the calendar was added.';
comment on column calimport.calendars.configured_at is 'When its configuration last changed.';
comment on column calimport.calendars.state is 'idle, in_queue, in_worker, error (passing or ours) or bad_source (its owner must mend it).';
comment on column calimport.calendars.error_class is 'Class of the last error; null after a success.';
comment on column calimport.calendars.error_message is 'The sentence for the calendar''s owner; null after a success.';
comment on column calimport.calendars.consecutive_failures is 'Failures since the last success; sets the back-off.';
comment on column calimport.calendars.next_import_at is 'Not due before this instant; null: due at once.';
comment on column calimport.calendars.lease_owner is 'The run that holds the calendar; null: nobody.';
comment on column calimport.calendars.lease_until is 'When another run may take the calendar over.';
comment on column calimport.calendars.kind_used is 'Kind of source that the last import used.';
comment on column calimport.calendars.feed_title is 'What the feed calls itself.';
comment on column calimport.calendars.feed_timezone is 'IANA zone that the feed gives for itself.';
comment on column calimport.calendars.feed_color is 'Colour that the feed gives for itself.';
comment on column calimport.calendars.feed_retention is 'How much of its past the feed held at the last import: how long ago its oldest past single event had ended.';
comment on column calimport.calendars.feed_id is 'The feed that the last import used.';
comment on column calimport.calendars.fetched_at is 'When the fetch was made that the events stand for; an older one is refused.';
comment on column calimport.calendars.imported_at is 'When a plan was last applied.';
comment on column calimport.calendars.changed_at is 'When a row of its events last changed.';
comment on column calimport.calendars.imported_fingerprint is 'Hash of content, window, configuration and code of the last import; equal means nothing to do.';
comment on column calimport.calendars.held_confirmations is 'Complete fetches in a row that agreed with deletions held.';
