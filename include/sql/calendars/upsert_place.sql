-- A place as a configuration file declares it. Expects its partner to exist. Row count: 1.
insert into calimport.places (name, partner_id, address, postcode, country, contact_email, match_venues)
values (
    %(name)s,
    (
        select partners.id
        from calimport.partners
        where partners.name = %(partner)s
    ),
    %(address)s,
    %(postcode)s,
    %(country)s,
    %(contact_email)s,
    %(match_venues)s
)
on conflict (name) do update
    set
        partner_id = excluded.partner_id,
        address = excluded.address,
        postcode = excluded.postcode,
        country = excluded.country,
        contact_email = excluded.contact_email,
        match_venues = excluded.match_venues;
