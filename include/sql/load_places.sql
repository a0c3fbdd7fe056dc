-- Every known place: calendars' own, and the venues that a location may be matched with. Reads: places.
select
    places.id,
    places.name,
    places.address,
    places.postcode,
    places.country,
    places.match_venues
from calimport.places as places
order by places.id
