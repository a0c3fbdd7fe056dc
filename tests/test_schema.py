"""States that make no sense are refused by the database itself, whoever writes them."""

from __future__ import annotations

import psycopg
import pytest

CALENDAR = "insert into calimport.calendars (name, source) values ('club', 'https://example.org/a.ics')"
RUN = (
    "insert into calimport.runs (calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at)"
    " select id, 'd', 'r', now(), now(), now() from calimport.calendars"
)
CONTENT = (
    "insert into calimport.feed_contents (content_hash, body, size_bytes)"
    " values (decode(repeat('00', 32), 'hex'), '', 0)"
)
FEED = (
    "insert into calimport.feeds (calendar_id, content_hash, meaning_hash, kind, fetched_at, complete_at)"
    " select id, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), 'ics', now(), now()"
    " from calimport.calendars"
)
EVENT = (
    "insert into calimport.events (calendar_id, uid, recurrence_id, start_at, end_at, all_day, start_date, end_date,"
    " status, categories, attendees, visibility, transparency, reminders, is_recurring, content_hash, first_run_id,"
    " last_run_id) select id, 'x', null, '2026-11-20Z', '2026-11-21Z', true, '2026-11-20', '2026-11-21', 'confirmed',"
    " '{}', '[]', 'default', 'opaque', '{}', false, decode(repeat('00', 16), 'hex'), 1, 1 from calimport.calendars"
)


@pytest.fixture
def filled(connection):
    for statement in (CALENDAR, RUN, EVENT, CONTENT, FEED):
        connection.execute(statement)
    return connection


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("update calimport.events set end_at = start_at - interval '1 second'", "events_forward"),
        ("update calimport.events set end_date = start_date", "events_all_day_dates"),
        ("update calimport.events set start_date = null", "events_all_day_dates"),
        ("update calimport.events set all_day = false", "events_all_day_dates"),
        ("update calimport.events set online_url = 'https://example.org'", "events_online_whole"),
        ("update calimport.events set status = 'perhaps'", "events_status_check"),
        ("update calimport.events set recurrence_id = 'monday'", "events_recurrence_id_check"),
        ("update calimport.events set content_hash = ''", "events_content_hash_check"),
        (EVENT, "events_identity"),
        (CALENDAR, "calendars_name_key"),
        (CALENDAR.replace("club", "other"), "calendars_source"),
        ("update calimport.calendars set source = null", "calendars_have_a_source"),
        ("update calimport.calendars set strategy = 'place'", "calendars_place_for_strategy"),
        ("update calimport.calendars set lease_owner = 'someone'", "calendars_lease_whole"),
        ("update calimport.calendars set state = 'error'", "calendars_error_whole"),
        ("update calimport.calendars set state = 'asleep'", "calendars_state_check"),
        ("update calimport.calendars set import_interval = '1 second'", "calendars_import_interval_check"),
        ("update calimport.feeds set base_feed_id = id", "feeds_base_is_another"),
        ("update calimport.feeds set base_feed_id = id + 1", "feeds_base_feed_id_fkey"),
        ("update calimport.runs set fresh_for = interval '-1 second'", "runs_fresh_for_check"),
        ("update calimport.runs set operation = 'undo'", "runs_by_hand_name_who"),
        ("update calimport.runs set operation = 'magic', actor = 'os:anna'", "runs_operation_check"),
        ("update calimport.calendars set hold_deletes_ratio = 1.5", "calendars_hold_deletes_ratio_check"),
        ("update calimport.calendars set held_run_id = 4711", "calendars_held_run_id_fkey"),
        (
            "insert into calimport.kept_rows (calendar_id, uid, recurrence_id, configuration)"
            " select id, 'x', null, '' from calimport.calendars, generate_series(1, 2)",
            "kept_rows_once",
        ),
        (RUN, "runs_once_per_calendar"),
        ("update calimport.runs set step = 'finished'", "runs_finished_whole"),
        ("update calimport.runs set step = 'finished', outcome = 'failed'", "runs_failed_whole"),
        ("update calimport.runs set window_start = now()", "runs_window_whole"),
        ("update calimport.runs set window_start = now(), window_end = now()", "runs_window_forward"),
        ("update calimport.calendars set kind = 'manual'", "calendars_manual_for_good"),
        ("insert into calimport.calendars (name, kind, source) values ('m', 'manual', 'x')", "calendars_have_a_source"),
        (
            "insert into calimport.export_tokens (format, secret_hash, created_at)"
            " values ('ics', decode(repeat('00', 32), 'hex'), now())",
            "export_tokens_of_one_thing",
        ),
        (
            "insert into calimport.changes (run_id, calendar_id, event_id, action, uid, after)"
            " select id, calendar_id, 1, 'update', 'x', '{}' from calimport.runs",
            "changes_before_whole",
        ),
        (
            "insert into calimport.changes (run_id, calendar_id, event_id, action, uid, before)"
            " select id, calendar_id, 1, 'update', 'x', '{}' from calimport.runs",
            "changes_after_whole",
        ),
        (
            "insert into calimport.changes (run_id, calendar_id, event_id, action, uid, after, held)"
            " select id, calendar_id, 1, 'insert', 'x', '{}', true from calimport.runs",
            "changes_held_deletes",
        ),
    ],
)
def test_a_state_that_makes_no_sense_is_refused(filled, statement, constraint):
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        filled.execute(statement)
    assert refused.value.diag.constraint_name == constraint
