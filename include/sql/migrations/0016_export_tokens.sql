-- Secret addresses of exports.

create table calimport.export_tokens (
    id bigint generated always as identity primary key,
    calendar_id bigint references calimport.calendars (id) on delete cascade,
    user_id bigint references calimport.users (id) on delete cascade,
    place_id bigint references calimport.places (id) on delete cascade,
    format text not null check (format in ('ics', 'json', 'csv')),
    secret_hash bytea not null check (length(secret_hash) = 32),
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint export_tokens_of_one_thing check (num_nonnulls(calendar_id, user_id, place_id) = 1)
);
create index export_tokens_calendar_id on calimport.export_tokens (calendar_id);
create index export_tokens_user_id on calimport.export_tokens (user_id);
create index export_tokens_place_id on calimport.export_tokens (place_id);
comment on table calimport.export_tokens is 'Who knows a token''s secret may read one export in one format, without signing in.';
comment on column calimport.export_tokens.id is 'Row id; the public part of the token.';
comment on column calimport.export_tokens.calendar_id is 'It grants the export of this calendar.';
comment on column calimport.export_tokens.user_id is 'It grants the export of this user''s calendars.';
comment on column calimport.export_tokens.place_id is 'It grants the export of what takes place here.';
comment on column calimport.export_tokens.format is 'The format that it grants: ics, json or csv.';
comment on column calimport.export_tokens.secret_hash is 'SHA-256 of the secret, 32 random bytes; the secret itself is kept nowhere.';
comment on column calimport.export_tokens.created_at is 'When it was created.';
comment on column calimport.export_tokens.revoked_at is 'Since when it grants nothing; null: it is good.';
