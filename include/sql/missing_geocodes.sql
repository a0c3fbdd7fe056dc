-- Of these addresses, those that the geocoder has not been asked about; or long ago, and did not know. Reads: geocodes.
select asked.address
from unnest(%(addresses)s::text[]) as asked (address)
left join calimport.geocodes as geocodes on asked.address = geocodes.address
where
    geocodes.address is null
    or (geocodes.latitude is null and geocodes.geocoded_at < %(ask_again_before)s)
order by asked.address
