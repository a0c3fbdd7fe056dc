-- Claim the reminder that has been due for longest, for one sender. No row: none is due.
-- A row that another sender has locked just now is that one's; a claim that ran out is of a sender that died.
-- The event is asked again: a reminder that it no longer wants was kept only for a sender that held it.
-- Reads: reminders, events, pending_reminders. Writes: reminders.
with due as (
    select reminders.id
    from calimport.reminders as reminders
    inner join calimport.events as events on reminders.event_id = events.id
    where
        reminders.sent_at is null
        and reminders.missed_at is null
        and reminders.remind_at between %(oldest)s and %(clock)s
        and coalesce(reminders.claimed_until <= %(clock)s, true)
        and reminders.id <> all(%(failed)s::bigint[])
        and reminders.remind_at = any(events.reminders)
        and events.status <> 'cancelled'
    order by reminders.remind_at, reminders.id
    limit 1
    for update of reminders skip locked
),

claimed as (
    update calimport.reminders as reminders
    set
        claimed_by = %(owner)s,
        claimed_until = %(claimed_until)s
    from due
    where reminders.id = due.id
    returning reminders.id
)

select pending_reminders.*
from calimport.pending_reminders as pending_reminders
inner join claimed on pending_reminders.id = claimed.id
