-- Three roles, and the schema given to the first: `calimport migrate --roles`, once for each database, by a superuser.
-- A role has no password, and so cannot sign in over the network, until an operator gives it one. Repeatable.
do $$
declare
    wanted text;
    found record;
begin
    foreach wanted in array array['calimport_owner', 'calimport_importer', 'calimport_reader'] loop
        if not exists (select 1 from pg_catalog.pg_roles where rolname = wanted) then
            execute format('create role %I login', wanted);
        end if;
        execute format('grant connect on database %I to %I', current_database(), wanted);
    end loop;
    execute format('grant create on database %I to calimport_owner', current_database());

    alter schema calimport owner to calimport_owner;
    for found in
        select
            case when relkind = 'v' then 'view' else 'table' end as kind,
            oid::regclass::text as name
        from pg_catalog.pg_class
        where relnamespace = 'calimport'::regnamespace and relkind in ('r', 'p', 'v')
        union all
        select
            'function',
            oid::regprocedure::text
        from pg_catalog.pg_proc
        where pronamespace = 'calimport'::regnamespace
    loop
        execute format('alter %s %s owner to calimport_owner', found.kind, found.name);
    end loop;
end
$$;
