-- The schema calimport: configuration, what was fetched, what is staged, what is planned, what is.
-- Applied once by `calimport migrate`, which records it in calimport.schema_migrations.

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
comment on column calimport.calendars.feed_id is 'The feed that the last import used.';
comment on column calimport.calendars.fetched_at is 'When the fetch was made that the events stand for; an older one is refused.';
comment on column calimport.calendars.imported_at is 'When a plan was last applied.';
comment on column calimport.calendars.changed_at is 'When a row of its events last changed.';
comment on column calimport.calendars.imported_fingerprint is 'Hash of content, window, configuration and code of the last import; equal means nothing to do.';
comment on column calimport.calendars.held_confirmations is 'Complete fetches in a row that agreed with deletions held.';

create table calimport.feed_contents (
    content_hash bytea primary key check (length(content_hash) = 32),
    body bytea not null,
    size_bytes bigint not null check (size_bytes >= 0),
    created_at timestamptz not null default current_timestamp
);
-- zlib has compressed the body already.
alter table calimport.feed_contents alter column body set storage external;
comment on table calimport.feed_contents is 'Bytes of feeds, stored once each.';
comment on column calimport.feed_contents.content_hash is 'SHA-256 of the bytes as stored before compression.';
comment on column calimport.feed_contents.body is 'The bytes, compressed with zlib.';
comment on column calimport.feed_contents.size_bytes is 'Number of bytes before compression.';
comment on column calimport.feed_contents.created_at is 'When these bytes were first seen.';

create table calimport.feeds (
    id bigint generated always as identity primary key,
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    content_hash bytea not null references calimport.feed_contents (content_hash),
    meaning_hash bytea not null check (length(meaning_hash) = 32),
    kind text not null,
    timezone text,
    validators jsonb not null default '{}',
    window_start timestamptz,
    window_end timestamptz,
    fetched_at timestamptz not null
);
create index feeds_calendar_id on calimport.feeds (calendar_id, fetched_at desc);
create index feeds_content_hash on calimport.feeds (content_hash);
comment on table calimport.feeds is 'What one fetch of one calendar brought, where it differed from the fetch before.';
comment on column calimport.feeds.id is 'Row id.';
comment on column calimport.feeds.calendar_id is 'The calendar fetched.';
comment on column calimport.feeds.content_hash is 'Its bytes, in feed_contents.';
comment on column calimport.feeds.meaning_hash is 'SHA-256 of the bytes without what producers rewrite at every request (DTSTAMP).';
comment on column calimport.feeds.kind is 'Kind of source that fetched it.';
comment on column calimport.feeds.timezone is 'IANA zone that the feed gives for itself.';
comment on column calimport.feeds.validators is 'ETag, Last-Modified or tokens to ask with next time.';
comment on column calimport.feeds.window_start is 'Start of what was asked for; null: the source gives all it has.';
comment on column calimport.feeds.window_end is 'End of what was asked for (exclusive); null: the source gives all it has.';
comment on column calimport.feeds.fetched_at is 'When it was fetched.';

create table calimport.runs (
    id bigint generated always as identity primary key,
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    dag_id text not null,
    dag_run_id text not null,
    attempt integer not null default 1 check (attempt > 0),
    as_of timestamptz not null,
    requested_start text,
    requested_end text,
    force boolean not null default false,
    dry_run boolean not null default false,
    step text not null default 'queued'
    check (step in ('queued', 'extracted', 'normalized', 'diffed', 'finished')),
    outcome text check (outcome in ('imported', 'unchanged', 'planned', 'failed')),
    feed_id bigint references calimport.feeds (id) on delete set null,
    fetched_at timestamptz,
    window_start timestamptz,
    window_end timestamptz,
    timezone text,
    timezone_source text check (timezone_source in ('calendar', 'default')),
    fingerprint bytea,
    retains_past boolean,
    rows_staged integer check (rows_staged >= 0),
    quarantined integer check (quarantined >= 0),
    inserted integer check (inserted >= 0),
    updated integer check (updated >= 0),
    deleted integer check (deleted >= 0),
    held integer check (held >= 0),
    requests integer not null default 0 check (requests >= 0),
    bytes_received bigint not null default 0 check (bytes_received >= 0),
    seconds jsonb not null default '{}',
    error_class text,
    error_message text,
    created_at timestamptz not null,
    finished_at timestamptz,
    constraint runs_once_per_calendar unique (dag_id, dag_run_id, calendar_id, attempt),
    constraint runs_window_whole check ((window_start is null) = (window_end is null)),
    constraint runs_window_forward check (window_end > window_start),
    constraint runs_finished_whole check ((step = 'finished') = (outcome is not null)),
    constraint runs_failed_whole check ((outcome = 'failed') <= (error_class is not null))
);
create index runs_calendar_id on calimport.runs (calendar_id, created_at desc);
create index runs_feed_id on calimport.runs (feed_id);
comment on table calimport.runs is 'One calendar in one DAG run: outcome, counts, timings, error.';
comment on column calimport.runs.id is 'Row id; what travels through XCom.';
comment on column calimport.runs.calendar_id is 'The calendar.';
comment on column calimport.runs.dag_id is 'The DAG.';
comment on column calimport.runs.dag_run_id is 'Airflow''s run id.';
comment on column calimport.runs.attempt is 'A finished run is never run again: clearing its task makes another attempt.';
comment on column calimport.runs.as_of is 'The run''s time: logical date, or run_after where a manual run has none.';
comment on column calimport.runs.requested_start is 'Window start asked for by hand, a date or an instant; null: by the calendar.';
comment on column calimport.runs.requested_end is 'Window end asked for by hand, a date or an instant; null: by the calendar.';
comment on column calimport.runs.force is 'Fetch and expand even if nothing changed, and apply deletions that would be held.';
comment on column calimport.runs.dry_run is 'Make the plan but do not apply it.';
comment on column calimport.runs.step is 'The last step done: queued, extracted, normalized, diffed, finished.';
comment on column calimport.runs.outcome is 'imported, unchanged, planned (dry run) or failed; null while running.';
comment on column calimport.runs.feed_id is 'The feed used.';
comment on column calimport.runs.fetched_at is 'When the fetch was made.';
comment on column calimport.runs.window_start is 'Start of the window owned.';
comment on column calimport.runs.window_end is 'End of the window owned (exclusive).';
comment on column calimport.runs.timezone is 'Zone of the calendar in this run: floating times and dates lie in it.';
comment on column calimport.runs.timezone_source is 'calendar (configured, or the feed''s own) or default.';
comment on column calimport.runs.fingerprint is 'Hash of content, window, configuration and code.';
comment on column calimport.runs.retains_past is 'Whether the feed still gives what is past; if not, absence of a past event proves nothing.';
comment on column calimport.runs.rows_staged is 'Occurrences found in the window.';
comment on column calimport.runs.quarantined is 'Events that could not be understood; they are not taken as gone.';
comment on column calimport.runs.inserted is 'Rows inserted (planned, for a dry run).';
comment on column calimport.runs.updated is 'Rows updated (planned, for a dry run).';
comment on column calimport.runs.deleted is 'Rows deleted (planned, for a dry run).';
comment on column calimport.runs.held is 'Deletions held back as implausible.';
comment on column calimport.runs.requests is 'HTTP requests made.';
comment on column calimport.runs.bytes_received is 'Bytes received over the network.';
comment on column calimport.runs.seconds is 'Wall-clock seconds by step.';
comment on column calimport.runs.error_class is 'Class of the error, if it failed.';
comment on column calimport.runs.error_message is 'The sentence for the calendar''s owner, if it failed.';
comment on column calimport.runs.created_at is 'When it was planned.';
comment on column calimport.runs.finished_at is 'When it ended.';

alter table calimport.calendars add constraint calendars_feed_id foreign key (feed_id)
references calimport.feeds (id) on delete set null;
create index calendars_feed_id on calimport.calendars (feed_id);

create table calimport.events (
    id bigint generated always as identity primary key,
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    uid text not null check (uid <> ''),
    recurrence_id text check (recurrence_id ~ '^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$'),
    start_at timestamptz not null,
    end_at timestamptz not null,
    all_day boolean not null,
    start_date date,
    end_date date,
    timezone text,
    timezone_source text check (timezone_source in ('event', 'vtimezone', 'calendar', 'default')),
    status text not null check (status in ('confirmed', 'tentative', 'cancelled')),
    summary text,
    description text,
    location text,
    url text,
    online_url text,
    online_type text check (online_type in ('direct', 'indirect')),
    categories text [] not null,
    organizer jsonb,
    creator jsonb,
    attendees jsonb not null,
    visibility text not null check (visibility in ('default', 'public', 'private', 'confidential')),
    transparency text not null check (transparency in ('opaque', 'transparent')),
    color text,
    reminders timestamptz [] not null,
    sequence integer,
    created_at timestamptz,
    updated_at timestamptz,
    is_recurring boolean not null,
    source_event_id text,
    source_series_id text,
    activity_type text,
    place_id bigint references calimport.places (id) on delete set null,
    address text,
    content_hash bytea not null check (length(content_hash) = 16),
    -- No foreign keys: old runs may be pruned without touching a row here.
    first_run_id bigint not null,
    last_run_id bigint not null,
    constraint events_identity unique nulls not distinct (calendar_id, uid, recurrence_id),
    constraint events_forward check (end_at >= start_at),
    constraint events_all_day_dates
    check (case when all_day then end_date > start_date else start_date is null and end_date is null end),
    constraint events_online_whole check ((online_url is null) = (online_type is null))
) with (fillfactor = 90);
create index events_window on calimport.events (calendar_id, start_at, end_at);
create index events_start_at on calimport.events (start_at);
create index events_place_id on calimport.events (place_id) where place_id is not null;
comment on table calimport.events is 'One row per dated occurrence.';
comment on column calimport.events.id is 'Row id; it stays while the occurrence lives, however it moves.';
comment on column calimport.events.calendar_id is 'The calendar that the occurrence comes from.';
comment on column calimport.events.uid is 'RFC 5545 UID (Google: iCalUID).';
comment on column calimport.events.recurrence_id is 'Original start of an instance of a series: UTC instant, or date; null for a single event.';
comment on column calimport.events.start_at is 'Start instant; of an all-day row, midnight in the calendar''s zone.';
comment on column calimport.events.end_at is 'End instant (exclusive); of an all-day row, midnight in the calendar''s zone.';
comment on column calimport.events.all_day is 'Whether it has dates and no times.';
comment on column calimport.events.start_date is 'First day of an all-day row.';
comment on column calimport.events.end_date is 'Day after the last day of an all-day row (exclusive).';
comment on column calimport.events.timezone is 'IANA zone of the event (of an all-day row, the calendar''s); null where it has no IANA name.';
comment on column calimport.events.timezone_source is 'What decided the zone: event, vtimezone, calendar or default.';
comment on column calimport.events.status is 'confirmed (also when the feed says nothing), tentative or cancelled.';
comment on column calimport.events.summary is 'Title as plain text; null when untitled.';
comment on column calimport.events.description is 'Description as Markdown.';
comment on column calimport.events.location is 'Location as the feed gives it.';
comment on column calimport.events.url is 'The event''s own page.';
comment on column calimport.events.online_url is 'Where to join online.';
comment on column calimport.events.online_type is 'direct (a meeting link) or indirect (a page that leads to one).';
comment on column calimport.events.categories is 'Categories, in the feed''s order.';
comment on column calimport.events.organizer is 'Organizer: name, email.';
comment on column calimport.events.creator is 'Creator: name, email.';
comment on column calimport.events.attendees is 'Attendees: array of name, email, status.';
comment on column calimport.events.visibility is 'default, public, private or confidential.';
comment on column calimport.events.transparency is 'opaque (takes time) or transparent (leaves the person free).';
comment on column calimport.events.color is 'The event''s own colour, else the calendar''s: #rrggbb or a CSS name.';
comment on column calimport.events.reminders is 'Instants at which to remind, ascending.';
comment on column calimport.events.sequence is 'RFC 5545 SEQUENCE.';
comment on column calimport.events.created_at is 'When the event was created, as the feed says.';
comment on column calimport.events.updated_at is 'When the event was last changed, as the feed said when its content last changed.';
comment on column calimport.events.is_recurring is 'Whether it is an instance of a series.';
comment on column calimport.events.source_event_id is 'The provider''s own id of the instance (Google event id).';
comment on column calimport.events.source_series_id is 'The provider''s own id of the series (Google recurring event id).';
comment on column calimport.events.activity_type is 'Activity type of the calendar.';
comment on column calimport.events.place_id is 'Place found by the calendar''s strategy.';
comment on column calimport.events.address is 'Address found by the calendar''s strategy.';
comment on column calimport.events.content_hash is 'BLAKE2b-128 of the row''s meaning; equal means unchanged.';
comment on column calimport.events.first_run_id is 'The run that inserted the row.';
comment on column calimport.events.last_run_id is 'The run that last changed the row.';

-- Unlogged: a crash empties it, and diff refuses to work on fewer rows than were staged.
create unlogged table calimport.staged_events (
    run_id bigint not null,
    uid text not null,
    recurrence_id text,
    start_at timestamptz not null,
    end_at timestamptz not null,
    all_day boolean not null,
    start_date date,
    end_date date,
    timezone text,
    timezone_source text,
    status text not null,
    summary text,
    description text,
    location text,
    url text,
    online_url text,
    online_type text,
    categories text [] not null,
    organizer jsonb,
    creator jsonb,
    attendees jsonb not null,
    visibility text not null,
    transparency text not null,
    color text,
    reminders timestamptz [] not null,
    sequence integer,
    created_at timestamptz,
    updated_at timestamptz,
    is_recurring boolean not null,
    source_event_id text,
    source_series_id text,
    activity_type text,
    place_id bigint,
    address text,
    content_hash bytea not null,
    constraint staged_events_identity unique nulls not distinct (run_id, uid, recurrence_id)
);
comment on table calimport.staged_events is 'Occurrences of a run between normalize and apply. The columns mean what they mean in events.';
comment on column calimport.staged_events.run_id is 'The run they belong to.';
do $$
declare
    shared record;
begin
    for shared in
        select
            events_column.attname,
            col_description(events_column.attrelid, events_column.attnum) as meaning
        from pg_attribute as staged_column
        inner join pg_attribute as events_column
            on events_column.attrelid = 'calimport.events'::regclass and events_column.attname = staged_column.attname
        where staged_column.attrelid = 'calimport.staged_events'::regclass and staged_column.attnum > 0
    loop
        execute format('comment on column calimport.staged_events.%I is %L', shared.attname, shared.meaning);
    end loop;
end
$$;

create unlogged table calimport.staged_notices (
    run_id bigint not null,
    code text not null,
    subject text not null,
    message text not null,
    occurrences integer not null,
    keeps_uid boolean not null,
    primary key (run_id, code, subject)
);
comment on table calimport.staged_notices is 'Notices of a run between normalize and apply, quarantined events among them.';
comment on column calimport.staged_notices.run_id is 'The run they belong to.';
comment on column calimport.staged_notices.code is 'What kind of notice it is.';
comment on column calimport.staged_notices.subject is 'The UID it is about, or the empty string for the whole calendar.';
comment on column calimport.staged_notices.message is 'The sentence for the calendar''s owner.';
comment on column calimport.staged_notices.occurrences is 'How often it was found in this feed.';
comment on column calimport.staged_notices.keeps_uid is 'Whether the event could not be understood, so that its rows are not taken as gone.';

create unlogged table calimport.staged_uids (
    run_id bigint not null,
    uid text not null,
    primary key (run_id, uid)
);
comment on table calimport.staged_uids is 'All UIDs of a feed that does not retain its past, between normalize and apply.';
comment on column calimport.staged_uids.run_id is 'The run they belong to.';
comment on column calimport.staged_uids.uid is 'RFC 5545 UID.';

create table calimport.changes (
    id bigint generated always as identity primary key,
    run_id bigint not null references calimport.runs (id) on delete cascade,
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    event_id bigint not null,
    action text not null check (action in ('insert', 'update', 'delete')),
    held boolean not null default false,
    uid text not null,
    recurrence_id text,
    changed_columns text [],
    before jsonb,
    after jsonb,
    constraint changes_once_per_event unique (run_id, event_id),
    constraint changes_before_whole check ((action = 'insert') = (before is null)),
    constraint changes_after_whole check ((action = 'delete') = (after is null)),
    constraint changes_held_deletes check (not held or action = 'delete')
);
create index changes_calendar_id on calimport.changes (calendar_id, id desc);
create index changes_event_id on calimport.changes (event_id);
comment on table calimport.changes is 'The plan of each run and, once the run is applied, the history: see the view history.';
comment on column calimport.changes.id is 'Row id.';
comment on column calimport.changes.run_id is 'The run that planned it.';
comment on column calimport.changes.calendar_id is 'The calendar.';
comment on column calimport.changes.event_id is 'The row of events; for an insert, the id that the row gets.';
comment on column calimport.changes.action is 'insert, update or delete.';
comment on column calimport.changes.held is 'Whether this deletion was held back as implausible.';
comment on column calimport.changes.uid is 'UID of the occurrence.';
comment on column calimport.changes.recurrence_id is 'Recurrence id of the occurrence after the change (before it, for a delete).';
comment on column calimport.changes.changed_columns is 'Columns that differ; null unless an update.';
comment on column calimport.changes.before is 'The row before; null for an insert.';
comment on column calimport.changes.after is 'The row after; null for a delete.';

create table calimport.notices (
    id bigint generated always as identity primary key,
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    code text not null,
    subject text not null default '',
    message text not null,
    occurrences integer not null check (occurrences > 0),
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    constraint notices_once unique (calendar_id, code, subject)
);
comment on table calimport.notices is 'What a calendar''s owner can mend in their feed, kept while it is true.';
comment on column calimport.notices.id is 'Row id.';
comment on column calimport.notices.calendar_id is 'The calendar.';
comment on column calimport.notices.code is 'What kind of notice it is.';
comment on column calimport.notices.subject is 'The UID it is about, or the empty string for the whole calendar.';
comment on column calimport.notices.message is 'The sentence for the calendar''s owner.';
comment on column calimport.notices.occurrences is 'How often it was found in the last feed.';
comment on column calimport.notices.first_seen_at is 'Since when it is true.';
comment on column calimport.notices.last_seen_at is 'When it was last found anew.';

create view calimport.history as
select
    changes.id,
    changes.calendar_id,
    changes.event_id,
    changes.action,
    changes.uid,
    changes.recurrence_id,
    changes.changed_columns,
    changes.before,
    changes.after,
    changes.run_id,
    runs.dag_run_id,
    runs.finished_at as changed_at
from calimport.changes as changes
inner join calimport.runs as runs on changes.run_id = runs.id
where runs.outcome = 'imported' and not changes.held;
comment on view calimport.history is 'Changes that were applied: who knows what a row was, and which run changed it.';
