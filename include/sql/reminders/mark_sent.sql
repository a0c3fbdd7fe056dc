-- Mark a reminder as sent, if its sender still holds it. Writes: reminders. Row count: 1, or 0 where it lost its claim.
update calimport.reminders as reminders
set
    sent_at = %(clock)s,
    claimed_by = null,
    claimed_until = null
where reminders.id = %(id)s and reminders.claimed_by = %(owner)s and reminders.sent_at is null
