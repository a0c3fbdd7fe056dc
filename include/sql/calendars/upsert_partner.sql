-- A partner as a configuration file declares it. Row count: 1.
insert into calimport.partners (name, contact_name, contact_email)
values (%(name)s, %(contact_name)s, %(contact_email)s)
on conflict (name) do update
    set
        contact_name = excluded.contact_name,
        contact_email = excluded.contact_email;
