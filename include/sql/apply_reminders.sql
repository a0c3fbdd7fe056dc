-- Bring the reminders of the rows that some runs inserted or updated in step with them; those of deleted rows went with them.
-- One that was sent or missed stays, and is not sent again for the same instant. One that a sender holds stays for it to
-- finish. A cancelled event reminds of nothing.
-- Reads: changes, events. Writes: reminders.
with touched as (
    select
        events.id,
        events.status,
        events.reminders,
        events.reminder_methods
    from calimport.changes as changes
    -- One by one, by primary key: of changes that were not analyzed yet all seem to be these, and all events would be read.
    cross join
        lateral (
            select events.* from calimport.events as events
            where events.id = changes.event_id
            limit 1 -- noqa: AM09
        ) as events
    where changes.run_id = any(%(run_ids)s::bigint[]) and changes.action <> 'delete'
),

wanted as (
    select distinct
        touched.id as event_id,
        reminder.remind_at,
        method.name as method
    from touched
    cross join lateral unnest(touched.reminders, touched.reminder_methods) as reminder (remind_at, methods)
    cross join lateral unnest(string_to_array(coalesce(reminder.methods, 'popup'), ',')) as method (name)
    where touched.status <> 'cancelled' and reminder.remind_at is not null
),

no_longer_wanted as (
    delete from calimport.reminders as reminders
    where
        reminders.event_id in (select touched.id from touched)
        and reminders.sent_at is null
        and reminders.missed_at is null
        and coalesce(reminders.claimed_until <= %(clock)s, true)
        and not exists (
            select 1
            from wanted
            where
                wanted.event_id = reminders.event_id
                and wanted.remind_at = reminders.remind_at
                and wanted.method = reminders.method
        )
)

insert into calimport.reminders (event_id, remind_at, method)
select
    wanted.event_id,
    wanted.remind_at,
    wanted.method
from wanted
order by wanted.remind_at, wanted.event_id, wanted.method
on conflict (event_id, remind_at, method) do nothing
