-- Where addresses lie, as a geocoder said, so that each is asked about once; and notices that are about a location.

create table calimport.geocodes (
    address text primary key check (address <> '' and length(address) <= 500),
    latitude double precision check (latitude between -90 and 90),
    longitude double precision check (longitude between -180 and 180),
    geocoded_at timestamptz not null,
    constraint geocodes_whole check ((latitude is null) = (longitude is null))
);
comment on table calimport.geocodes is 'Where addresses lie, as the configured geocoder said; empty while there is none.';
comment on column calimport.geocodes.address is 'The address asked about, as in events.address.';
comment on column calimport.geocodes.latitude is 'Degrees north, WGS 84; null: the geocoder knows no such address.';
comment on column calimport.geocodes.longitude is 'Degrees east, WGS 84; null: the geocoder knows no such address.';
comment on column calimport.geocodes.geocoded_at is 'When the geocoder was asked.';

comment on column calimport.notices.subject is 'The UID or the location it is about, or the empty string for the whole calendar.';
comment on column calimport.staged_notices.subject is 'The UID or the location it is about, or the empty string for the whole calendar.';
