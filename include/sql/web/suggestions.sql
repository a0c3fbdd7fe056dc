-- Names that a form can offer: places, users and partners, the first of each.
select
    (
        select coalesce(
            jsonb_agg(found.name), '[]') from (
            select places.name from calimport.places
            order by places.name limit 500
        ) as found
    ) as place,
    (
        select coalesce(
            jsonb_agg(found.name), '[]') from (
            select users.name from calimport.users
            order by users.name limit 500
        ) as found
    ) as user,
    (
        select coalesce(
            jsonb_agg(found.name), '[]') from (
            select partners.name from calimport.partners
            order by partners.name limit 500
        ) as found
    )
        as organiser
