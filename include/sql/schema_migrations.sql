-- The ledger of migrations. Repeatable; run by `calimport migrate` before anything else.
create schema if not exists calimport;

create table if not exists calimport.schema_migrations (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default current_timestamp
);

comment on schema calimport is 'Calendars kept in step by calimport.';
comment on table calimport.schema_migrations is 'Which migrations this database has.';
comment on column calimport.schema_migrations.name is 'Name of the file without its ending.';
comment on column calimport.schema_migrations.checksum is 'SHA-256 of the file as it was applied.';
comment on column calimport.schema_migrations.applied_at is 'When it was applied.';
