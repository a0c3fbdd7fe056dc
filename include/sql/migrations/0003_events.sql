-- What the whole is for: one row per dated occurrence.

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
    categories text[] not null,
    organizer jsonb,
    creator jsonb,
    attendees jsonb not null,
    visibility text not null check (visibility in ('default', 'public', 'private', 'confidential')),
    transparency text not null check (transparency in ('opaque', 'transparent')),
    color text,
    reminders timestamptz[] not null,
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
    check (
        case
            when all_day then start_date is not null and end_date is not null and end_date > start_date
            else start_date is null and end_date is null
        end
    ),
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
