-- Renew the leases of calendars for a step of their runs, or, in the first step, take them. Returns the calendars but for
-- those that another live run holds, or has held since: what this run fetched and planned says nothing of what was done
-- meanwhile.
-- Reads and writes: calendars, in one order, so that two runs never deadlock.
with free as (
    select calendars.id
    from calimport.calendars as calendars
    where
        calendars.id = any(%(calendar_ids)s)
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
    order by calendars.id
    for update
)

update calimport.calendars as calendars
set
    lease_owner = %(owner)s,
    lease_until = %(lease_until)s,
    state = 'in_worker'
from free
where calendars.id = free.id
returning calendars.id
