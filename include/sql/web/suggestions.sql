-- Names that a form can offer: places, users and partners, the first of each. One row of three arrays.
select
    array(
        select places.name from calimport.places as places
        order by places.name limit 500
    ) as place,
    array(
        select users.name from calimport.users as users
        order by users.name limit 500
    ) as user,
    array(
        select partners.name from calimport.partners as partners
        order by partners.name limit 500
    ) as organiser
