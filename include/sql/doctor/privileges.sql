-- Tables of the schema on which this role may not do all that an import does. Reads: the catalog.
select format('%%I', pg_class.relname) as table_name
from pg_class
where
    pg_class.relnamespace = 'calimport'::regnamespace
    and pg_class.relkind in ('r', 'p')
    and not (
        has_table_privilege(pg_class.oid, 'select') and has_table_privilege(pg_class.oid, 'insert')
        and has_table_privilege(pg_class.oid, 'update') and has_table_privilege(pg_class.oid, 'delete')
    )
order by pg_class.relname
