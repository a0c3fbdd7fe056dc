-- What the geocoder said about an address; nulls: nothing. Writes: geocodes. Row count: 1.
insert into calimport.geocodes (address, latitude, longitude, geocoded_at)
values (%(address)s, %(latitude)s, %(longitude)s, %(clock)s)
on conflict (address) do update
    set
        latitude = excluded.latitude,
        longitude = excluded.longitude,
        geocoded_at = excluded.geocoded_at
