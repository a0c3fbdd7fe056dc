-- A user as a configuration file declares it. Row count: 1.
insert into calimport.users (name, email, airflow_users)
values (%(name)s, %(email)s, %(airflow_users)s)
on conflict (name) do update
    set email = excluded.email, airflow_users = excluded.airflow_users;
