-- What each role may do. After every migration, by calimport_owner; repeatable. The owner may all by owning it.

-- Whatever was granted before this file said otherwise.
revoke all on all tables in schema calimport from calimport_importer, calimport_reader, public;
revoke all on schema calimport from calimport_importer, calimport_reader, public;
grant usage on schema calimport to calimport_importer, calimport_reader;

-- The importer: Airflow's components and the command line. It reads and writes rows, and changes no table.
grant select, insert, update, delete on all tables in schema calimport to calimport_importer;
revoke insert, update, delete on calimport.schema_migrations from calimport_importer;
revoke update, delete on calimport.audit_log from calimport_importer;
grant execute on all functions in schema calimport to calimport_importer;
-- `diff` draws the ids of new rows before `apply` writes them.
revoke all on all sequences in schema calimport from calimport_importer, calimport_reader, public;
grant usage on all sequences in schema calimport to calimport_importer;
alter default privileges for role calimport_owner in schema calimport
grant usage on sequences to calimport_importer;
alter default privileges for role calimport_owner in schema calimport
grant select, insert, update, delete on tables to calimport_importer;

-- The reader: reports and dashboards. It reads what was imported and how that went. Withheld are addresses of feeds and
-- the feeds themselves, tokens, budgets, staging and the audit log. A new table is withheld until it is named here.
grant select on
calimport.canonical_events,
calimport.changes,
calimport.cluster_overrides,
calimport.event_cluster_members,
calimport.event_clusters,
calimport.event_matches,
calimport.events,
calimport.freshness,
calimport.geocodes,
calimport.history,
calimport.notices,
calimport.owner_notices,
calimport.partners,
calimport.pending_reminders,
calimport.places,
calimport.reminders,
calimport.runs,
calimport.schema_migrations,
calimport.users
to calimport_reader;
do $$
begin
    execute (
        select
            format(
                'grant select (%s) on calimport.calendars to calimport_reader',
                string_agg(quote_ident(attname), ', ' order by attnum)
            )
        from pg_catalog.pg_attribute
        where
            attrelid = 'calimport.calendars'::regclass
            and attnum > 0
            and not attisdropped
            and attname not in ('source', 'imported_fingerprint')
    );
end
$$;
