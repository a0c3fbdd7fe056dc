-- The reminders of one event are those that it has now; one that was sent or missed stays, so that it is not sent again.
-- Reads: reminders. Writes: reminders. Expects: the event's row.
with gone as (
    delete from calimport.reminders as reminders
    where
        reminders.event_id = %(event_id)s
        and reminders.sent_at is null
        and reminders.missed_at is null
        and reminders.remind_at <> all(%(instants)s::timestamptz[])
)

insert into calimport.reminders (event_id, remind_at, method)
select
    %(event_id)s,
    wanted.remind_at,
    'popup'
from (select distinct unnest(%(instants)s::timestamptz[]) as remind_at) as wanted
on conflict (event_id, remind_at, method) do nothing
