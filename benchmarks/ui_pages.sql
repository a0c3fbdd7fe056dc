-- What benchmarks/ui_pages.py measures on: 10,000 calendars with 400,000 events, 200,000 runs, 200,000 changes.
insert into calimport.users (name) select 'user ' || n from generate_series(1, 2000) as n;
insert into calimport.calendars
    (name, source, kind_used, user_id, state, error_class, error_message, enabled, fetched_at, imported_at, changed_at, next_import_at)
select
    'Calendar ' || md5(n::text), 'https://host-' || n % 500 || '.example/' || n || '.ics',
    (array['ics', 'google', 'caldav', 'eventbrite'])[1 + n % 4], 1 + n % 2000,
    case n % 20 when 0 then 'error' when 1 then 'bad_source' else 'idle' end,
    case when n % 20 < 2 then 'FeedTimeout' end, case when n % 20 < 2 then 'Too slow. We shall try again.' end,
    n % 50 > 0, now() - n % 700 * interval '1 second', now() - n % 7000 * interval '1 second',
    now() - n % 90000 * interval '1 second', now() + n % 300 * interval '1 second'
from generate_series(1, 10000) as n;
insert into calimport.events
    (calendar_id, uid, start_at, end_at, all_day, timezone, status, summary, description, categories, attendees, visibility,
    transparency, reminders, is_recurring, content_hash, first_run_id, last_run_id)
select
    c.id, 'uid-' || n, now() + (n - 20) * interval '17 hours', now() + (n - 20) * interval '17 hours' + interval '1 hour', false,
    'Europe/London', 'confirmed', 'Event ' || n, repeat('text ', 40), '{}', '[]', 'default', 'opaque', '{}', true, '\x00112233445566778899aabbccddeeff', 1, 1
from calimport.calendars as c cross join generate_series(1, 40) as n;
insert into calimport.runs
    (calendar_id, dag_id, dag_run_id, as_of, configured_at, step, outcome, inserted, updated, deleted, held, created_at, finished_at)
select
    c.id, 'calendar_import', 'run ' || n, now() - n * interval '5 minutes', now(), 'finished',
    case when n % 4 = 1 then 'imported' else 'unchanged' end, 1, 0, 0, 0, now() - n * interval '5 minutes', now() - n * interval '5 minutes'
from calimport.calendars as c cross join generate_series(1, 20) as n;
insert into calimport.changes (run_id, calendar_id, event_id, action, uid, after)
select r.id, r.calendar_id, n, 'insert', 'uid-' || n, jsonb_build_object('summary', 'Event ' || n, 'start_at', now())
from calimport.runs as r cross join generate_series(1, 4) as n where r.outcome = 'imported';
insert into calimport.notices (calendar_id, code, message, occurrences, first_seen_at, last_seen_at)
select c.id, 'x', 'Mend it.', 1, now(), now() from calimport.calendars as c where c.id % 3 = 0;
