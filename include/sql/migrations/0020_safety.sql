-- The deletion guard per calendar, runs by hand, rows that a person says are to stay, and UIDs that change at every fetch.

alter table calimport.calendars
add column hold_deletes_over integer check (hold_deletes_over >= 0),
add column hold_deletes_ratio double precision check (hold_deletes_ratio between 0 and 1),
add column hold_deletes_most integer check (hold_deletes_most >= 0),
add column held_run_id bigint references calimport.runs (id) on delete set null,
add column uid_sample text[];
-- Partial, since few calendars hold anything: it serves the foreign key.
create index calendars_held_run_id on calimport.calendars (held_run_id) where held_run_id is not null;
comment on column calimport.calendars.held_confirmations is 'Complete fetches in a row that agreed: the same rows are gone, and their deletion is held.';
comment on column calimport.calendars.hold_deletes_over is 'Deletions of one run are never held up to this many; null: the setting.';
comment on column calimport.calendars.hold_deletes_ratio is 'Beyond that, more than this share of the window''s rows is held; null: the setting.';
comment on column calimport.calendars.hold_deletes_most is 'More than this many are held whatever their share; null: the setting.';
comment on column calimport.calendars.held_run_id is 'The run whose deletions are held now; null: none are.';
comment on column calimport.calendars.uid_sample is 'Some UIDs of the last feed, where it gave known events other UIDs: whether the next one does so again. Null: it did not.';

alter table calimport.runs
add column operation text not null default 'import'
check (operation in ('import', 'release', 'undo', 'plan', 'replay', 'renormalize')),
add column actor text,
add column of_run_id bigint references calimport.runs (id) on delete set null,
add column keeps_rows boolean not null default false,
add column held_of integer check (held_of >= 0),
add column held_reason text,
add column held_confirmations integer not null default 0 check (held_confirmations >= 0),
add column held_until_told boolean not null default false,
add column uid_sample text[],
add constraint runs_by_hand_name_who check ((operation = 'import') = (actor is null));
create index runs_of_run_id on calimport.runs (of_run_id) where of_run_id is not null;
comment on column calimport.runs.operation is 'import, or what a person did: release (held deletions), undo, plan (applied a stored one), replay, renormalize.';
comment on column calimport.runs.actor is 'Who did it; null for imports, which Airflow knows.';
comment on column calimport.runs.of_run_id is 'The run that was released, undone or applied.';
comment on column calimport.runs.keeps_rows is 'Whether the rows that it changed stay as they are until the feed changes: see kept_rows.';
comment on column calimport.runs.held_of is 'Rows of the window when deletions were held; null: none were.';
comment on column calimport.runs.held_reason is 'Why deletions were held, as a sentence.';
comment on column calimport.runs.held_confirmations is 'Complete fetches in a row, this one included, that agreed on what is held.';
comment on column calimport.runs.held_until_told is 'Whether held deletions wait for a person, and not for further fetches.';
comment on column calimport.runs.uid_sample is 'Some UIDs of its feed, where it gave known events other UIDs.';

create table calimport.kept_rows (
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    uid text not null,
    recurrence_id text,
    run_id bigint references calimport.runs (id) on delete set null,
    feed_id bigint references calimport.feeds (id) on delete set null,
    configured_at timestamptz not null,
    constraint kept_rows_once unique nulls not distinct (calendar_id, uid, recurrence_id)
);
create index kept_rows_run_id on calimport.kept_rows (run_id);
create index kept_rows_feed_id on calimport.kept_rows (feed_id);
comment on table calimport.kept_rows is 'Occurrences that a person said are to stay as they are, whatever the feed says that they said it of.';
comment on column calimport.kept_rows.calendar_id is 'The calendar.';
comment on column calimport.kept_rows.uid is 'UID of the occurrence.';
comment on column calimport.kept_rows.recurrence_id is 'Recurrence id of the occurrence.';
comment on column calimport.kept_rows.run_id is 'The undo that said so, or the run whose held deletions were discarded.';
comment on column calimport.kept_rows.feed_id is 'The feed that they said it of: another one is imported, but its deletions of these rows are held until a person decides.';
comment on column calimport.kept_rows.configured_at is 'The configuration that they said it of; another one ends it.';
