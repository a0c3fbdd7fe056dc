-- Take or renew the lease of one calendar for a step of its run. Returns no row when another live run holds it.
-- Reads and writes: calendars.
update calimport.calendars as calendars
set
    lease_owner = %(owner)s,
    lease_until = %(lease_until)s,
    state = 'in_worker'
where
    calendars.id = %(calendar_id)s
    and (
        calendars.lease_owner is null
        or calendars.lease_owner = %(owner)s
        or calendars.lease_until <= %(clock)s
        -- Given by a clock that was wrong.
        or calendars.lease_until > %(lease_until)s::timestamptz + interval '1 hour'
    )
returning calendars.id
