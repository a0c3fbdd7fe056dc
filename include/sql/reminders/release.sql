-- Give back a reminder that could not be sent; the next minute tries it again. Writes: reminders. Row count: 1.
update calimport.reminders as reminders
set
    claimed_by = null,
    claimed_until = null
where reminders.id = %(id)s and reminders.claimed_by = %(owner)s
