-- Of many reminders that are due at one instant, the first is found without the others being read: a minute's claims would
-- grow with their square.
drop index calimport.reminders_waiting;
create index reminders_waiting on calimport.reminders (remind_at, id) where sent_at is null and missed_at is null;
