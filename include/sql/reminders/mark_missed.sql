-- Mark reminders that nobody sent in time: an hour late, "in ten minutes" is no longer true. Writes: reminders.
-- Row count: reminders marked.
update calimport.reminders as reminders
set
    missed_at = %(clock)s,
    claimed_by = null,
    claimed_until = null
where
    reminders.sent_at is null
    and reminders.missed_at is null
    and reminders.remind_at < %(oldest)s
    and coalesce(reminders.claimed_until <= %(clock)s, true)
