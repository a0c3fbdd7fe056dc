-- What stands between normalize and apply.

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
    categories text[] not null,
    organizer jsonb,
    creator jsonb,
    attendees jsonb not null,
    visibility text not null,
    transparency text not null,
    color text,
    reminders timestamptz[] not null,
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
comment on table calimport.staged_uids is 'All UIDs of a feed that may not publish its past, between normalize and apply.';
comment on column calimport.staged_uids.run_id is 'The run they belong to.';
comment on column calimport.staged_uids.uid is 'RFC 5545 UID.';
