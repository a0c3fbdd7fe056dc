-- Reminders: how each of an event's instants reminds, a calendar's own defaults, and a row for each that is to be sent.

alter table calimport.events add column reminder_methods text[] not null default '{}';
alter table calimport.staged_events add column reminder_methods text[] not null default '{}';
comment on column calimport.events.reminder_methods is 'How each of `reminders` reminds: popup, email or audio, in its order; several at one instant are joined by commas.';
comment on column calimport.staged_events.reminder_methods is 'How each of `reminders` reminds: popup, email or audio, in its order; several at one instant are joined by commas.';

alter table calimport.calendars add column default_reminders text check (default_reminders <> '');
comment on column calimport.calendars.default_reminders is 'Reminders of events that say nothing of any, as `10m popup, 1d email`; null: none.';

create table calimport.reminders (
    id bigint generated always as identity primary key,
    event_id bigint not null references calimport.events (id) on delete cascade,
    remind_at timestamptz not null,
    method text not null check (method in ('popup', 'email', 'audio')),
    claimed_by text,
    claimed_until timestamptz,
    sent_at timestamptz,
    missed_at timestamptz,
    constraint reminders_once unique (event_id, remind_at, method),
    constraint reminders_claim_whole check ((claimed_by is null) = (claimed_until is null)),
    constraint reminders_sent_or_missed check (sent_at is null or missed_at is null)
) with (fillfactor = 80);
create index reminders_waiting on calimport.reminders (remind_at) where sent_at is null and missed_at is null;
comment on table calimport.reminders is 'Reminders of events, in step with them; one that was sent or missed stays, so that it is not sent again.';
comment on column calimport.reminders.id is 'Row id.';
comment on column calimport.reminders.event_id is 'The occurrence to remind of.';
comment on column calimport.reminders.remind_at is 'When to remind.';
comment on column calimport.reminders.method is 'popup, email or audio.';
comment on column calimport.reminders.claimed_by is 'The sender that holds it just now; null: nobody.';
comment on column calimport.reminders.claimed_until is 'When another sender may take it over: the first one has died.';
comment on column calimport.reminders.sent_at is 'When the notifier had taken it; null: not yet.';
comment on column calimport.reminders.missed_at is 'When it was found too old to be sent; null: it was not.';

-- What is known of events that are there already. What lies behind is not sent after an upgrade.
insert into calimport.reminders (event_id, remind_at, method)
select distinct
    events.id,
    reminder.remind_at,
    'popup'
from calimport.events
cross join lateral unnest(events.reminders) as reminder (remind_at)
where events.status <> 'cancelled' and reminder.remind_at > current_timestamp;

create view calimport.pending_reminders as
select
    reminders.id,
    reminders.remind_at,
    reminders.method,
    reminders.event_id,
    events.summary,
    events.start_at,
    events.end_at,
    events.all_day,
    events.timezone,
    events.location,
    events.online_url,
    calendars.id as calendar_id,
    calendars.name as calendar,
    users.name as user_name,
    users.email as user_email
from calimport.reminders as reminders
inner join calimport.events as events on reminders.event_id = events.id
inner join calimport.calendars as calendars on events.calendar_id = calendars.id
left join calimport.users as users on calendars.user_id = users.id
where reminders.sent_at is null and reminders.missed_at is null;
comment on view calimport.pending_reminders is 'Reminders that wait for their time, with what a message needs.';
comment on column calimport.pending_reminders.id is 'Id of the row of reminders.';
comment on column calimport.pending_reminders.remind_at is 'When to remind.';
comment on column calimport.pending_reminders.method is 'popup, email or audio.';
comment on column calimport.pending_reminders.event_id is 'The occurrence to remind of.';
comment on column calimport.pending_reminders.summary is 'Its title.';
comment on column calimport.pending_reminders.start_at is 'Its start.';
comment on column calimport.pending_reminders.end_at is 'Its end (exclusive).';
comment on column calimport.pending_reminders.all_day is 'Whether it has dates and no times.';
comment on column calimport.pending_reminders.timezone is 'IANA zone of the event.';
comment on column calimport.pending_reminders.location is 'Its location.';
comment on column calimport.pending_reminders.online_url is 'Where to join online.';
comment on column calimport.pending_reminders.calendar_id is 'The calendar.';
comment on column calimport.pending_reminders.calendar is 'The calendar''s name.';
comment on column calimport.pending_reminders.user_name is 'Whose calendar it is.';
comment on column calimport.pending_reminders.user_email is 'Where that person can be reached.';
