-- A user as a configuration file declares it. Row count: 1.
insert into calimport.users (name, email)
values (%(name)s, %(email)s)
on conflict (name) do update
    set email = excluded.email;
