-- What was fetched, and what became of each calendar in each DAG run.

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
    source text,
    connection_id text,
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
comment on column calimport.feeds.source is 'The calendar''s source when it was fetched: validators mean nothing to another.';
comment on column calimport.feeds.connection_id is 'The calendar''s connection when it was fetched.';
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
    configured_at timestamptz not null,
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
    published_from timestamptz,
    feed_retention interval,
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
comment on column calimport.runs.configured_at is 'Which configuration of the calendar the run began with: another one by its end is imported anew.';
comment on column calimport.runs.step is 'The last step done: queued, extracted, normalized, diffed, finished.';
comment on column calimport.runs.outcome is 'imported, unchanged, planned (dry run) or failed; null while running.';
comment on column calimport.runs.feed_id is 'The feed used.';
comment on column calimport.runs.fetched_at is 'When the fetch was made.';
comment on column calimport.runs.window_start is 'Start of the window owned.';
comment on column calimport.runs.window_end is 'End of the window owned (exclusive).';
comment on column calimport.runs.timezone is 'Zone of the calendar in this run: floating times and dates lie in it.';
comment on column calimport.runs.timezone_source is 'calendar (configured, or the feed''s own) or default.';
comment on column calimport.runs.fingerprint is 'Hash of content, window, configuration and code.';
comment on column calimport.runs.published_from is 'Since when the source publishes its past; null: all of it. Of what ended before, absence proves nothing.';
comment on column calimport.runs.feed_retention is 'How long before the run the oldest past single event of the feed ended; null: it has none.';
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
