-- Renew the lease of one calendar for a step of its run, or, in the first step, take it. Returns no row when another live
-- run holds it, or has held it since: what this run fetched and planned says nothing of what was done meanwhile.
-- Reads and writes: calendars.
update calimport.calendars as calendars
set
    lease_owner = %(owner)s,
    lease_until = %(lease_until)s,
    state = 'in_worker'
where
    calendars.id = %(calendar_id)s
    and (
        calendars.lease_owner = %(owner)s
        or (
            %(may_take)s
            and (
                calendars.lease_owner is null
                or calendars.lease_until <= %(clock)s
                -- Given by a clock that was wrong.
                or calendars.lease_until > %(lease_until)s::timestamptz + interval '1 hour'
            )
        )
    )
returning calendars.id
