"""Calendars as configuration: keys, defaults and checks; the table; the command line."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from calimport import calendars, database
from calimport.calendars import CalendarConfig
from calimport.cli import main
from calimport.errors import ConfigurationError

FEED = "https://example.org/events.ics"
GOOGLE_PRIVATE = "https://calendar.google.com/calendar/ical/a%40b.org/private-0123456789abcdef/basic.ics"
OUTLOOK_PRIVATE = "https://outlook.office365.com/owa/calendar/1f0e@example.org/9d7a/calendar.ics"


def run(*arguments, answer=None):
    """The command as a person runs it: exit code and all that it prints."""
    result = CliRunner().invoke(main, ["calendars", *arguments], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def add(connection, name="Library", source=FEED, **given):
    calendar_id = calendars.add(connection, calendars.configure({"name": name, "source": source, **given}))
    connection.commit()
    return calendar_id


# Keys and their checks.


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ({"source": f"  {FEED} "}, "source", FEED),
        ({"source": "webcal://example.org/a.ics"}, "source", "webcal://example.org/a.ics"),
        ({"source": None, "connection": "library_feed"}, "source", None),
        ({"source": "anna@group.calendar.google.com", "connection": "google"}, "kind", "auto"),
        ({"source": "primary", "connection": "google", "kind": "google"}, "kind", "google"),
        ({"timezone": "Europe/London"}, "timezone", "Europe/London"),
        ({"days_back": "14"}, "days_back", 14),
        ({"interval": "5m"}, "interval", timedelta(minutes=5)),
        ({"interval": "1h30m"}, "interval", timedelta(minutes=90)),
        ({"interval": "1D"}, "interval", timedelta(days=1)),
        ({"interval": "90"}, "interval", timedelta(minutes=90)),
        ({"interval": 90}, "interval", timedelta(minutes=90)),
        ({"enabled": "false"}, "enabled", False),
        ({"strategy": "room_number", "place": "Hall"}, "strategy", "room_number"),
    ],
)
def test_a_value_is_read_as_it_is_written(given, key, value):
    assert getattr(calendars.configure({"name": "Library", "source": FEED, **given}), key) == value


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": None}, "name: must not be empty."),
        ({"name": " "}, "name: must not be empty."),
        ({"name": "a\nb"}, "name: must not hold line breaks or other control characters."),
        ({"name": "x" * 201}, "name: must have 200 characters at most."),
        ({"colour": "red"}, "colour: is not a key here."),
        ({"kind": "icl"}, "Did you mean ics?"),
        ({"kind": "google"}, "connection: is required for kind google: the id of the Airflow connection with its key."),
        ({"kind": "google", "connection": "g", "source": None}, "source: is required for kind google"),
        ({"connection": "https://x.org/?token=1"}, "connection: must be the id of an Airflow connection"),
        ({"source": None}, "source: is required, unless `connection` names an Airflow connection"),
        ({"source": ""}, "source: must not be empty."),
        ({"source": "https://x.org/a b"}, "source: must not hold spaces."),
        ({"source": "https://x.org/a\x00b"}, "source: must not hold line breaks or other control characters."),
        ({"source": "https:///a.ics"}, "source: is an address without a host."),
        ({"source": "https://x.org:99999/"}, "source: is not a well-formed address."),
        ({"source": "https://[x/"}, "source: is not a well-formed address."),
        ({"source": "file:///etc/passwd"}, "source: is an address without a host."),
        ({"source": "ftp://x.org/a.ics"}, "source: is not the address of a calendar feed, which starts with https://"),
        ({"source": "events.ics", "kind": "ics"}, "source: is not the address of a calendar feed"),
        ({"source": "a@group.calendar.google.com"}, "source: looks like a Google calendar's id: `connection` must"),
        ({"source": "https://x.org/" + "é" * 1000}, "source: must have 2000 bytes at most."),
        ({"source": "https://anna:hunter2@x.org/"}, "source: holds a user name or a password. Secrets belong in"),
        ({"timezone": "Europe/Londn"}, "timezone: 'Europe/Londn' is not an IANA time zone, such as Europe/London."),
        ({"timezone": "europe/london"}, "Did you mean Europe/London"),
        ({"timezone": "../../etc/passwd"}, "is not an IANA time zone"),
        ({"contact_email": "anna"}, "contact_email: 'anna' is not an e-mail address."),
        ({"activity_type": "Yoga Class"}, "activity_type: 'Yoga Class' must be lower-case letters and digits"),
        ({"strategy": "plce"}, "strategy: 'plce' is none of place, event, event_override, room_number, no_location"),
        ({"strategy": "place"}, "strategy: 'place' needs a `place`."),
        ({"strategy": "room_number"}, "strategy: 'room_number' needs a `place`."),
        ({"days_back": -1}, "days_back: must be at least 0, not -1."),
        ({"days_ahead": 3661}, "days_ahead: must be at most 3660, not 3661."),
        ({"days_ahead": "soon"}, "days_ahead: must be a whole number, not 'soon'."),
        ({"days_ahead": 1.5}, "days_ahead: must be a whole number, not 1.5."),
        ({"interval": "soon"}, "interval: 'soon' is not an interval: write 5m, 1h, 1d, or a number of minutes."),
        ({"interval": "59s"}, "interval: must be between 1m and 366d, not 59s."),
        ({"interval": 10**12}, "interval: must be between 1m and 366d"),
        ({"enabled": "perhaps"}, "enabled: must be true or false, not 'perhaps'."),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(given, sentence):
    with pytest.raises(ConfigurationError) as refused:
        calendars.configure({"name": "Library", "source": FEED, **given})
    assert sentence in str(refused.value)


def test_a_refused_source_is_never_repeated():
    with pytest.raises(ConfigurationError) as refused:
        calendars.configure({"name": "Library", "source": "https://anna:hunter2@x.org/token123"})
    assert "hunter2" not in str(refused.value)
    assert "token123" not in str(refused.value)


def test_every_wrong_key_is_named():
    with pytest.raises(ConfigurationError) as refused:
        calendars.configure({"name": "Library", "source": FEED, "days_back": "x", "strategy": "y", "timezone": "z"})
    assert [key in str(refused.value) for key in ("days_back:", "strategy:", "timezone:")] == [True] * 3


def test_defaults_are_those_of_the_table(connection):
    connection.execute("insert into calimport.calendars (name, source) values ('Library', %s)", [FEED])
    assert calendars.get(connection, "Library").config == CalendarConfig(name="Library", source=FEED)


@pytest.mark.parametrize(
    ("source", "private"),
    [
        (FEED, False),
        ("https://calendar.google.com/calendar/ical/a%40b.org/public/basic.ics", False),
        ("https://example.org/key/events.ics?page=2", False),
        (GOOGLE_PRIVATE, True),
        (OUTLOOK_PRIVATE, True),
        ("https://example.org/events.ics?token=abc", True),
        ("https://example.org/events.ics?a=1&api_key=abc", True),
        ("https://example.org/events.ics?SIG=abc", True),
        ("https://example.org/events.ics?secret=", True),
    ],
)
def test_addresses_that_are_secrets_are_known(source, private):
    shown = calendars.shown("source", source)
    assert shown == (f"{'/'.join(source.split('/')[:3])}/…" if private else source)


# The table.


def test_what_is_added_comes_back(connection):
    config = calendars.configure(
        {
            "name": "Library",
            "source": FEED,
            "kind": "ics",
            "connection": "library_feed",
            "timezone": "Europe/London",
            "user": "Anna",
            "organiser": "City",
            "contact_email": "a@example.org",
            "activity_type": "exercise",
            "strategy": "event",
            "days_back": 1,
            "days_ahead": 30,
            "interval": "1h",
            "enabled": False,
        }
    )
    calendar_id = calendars.add(connection, config)
    assert calendars.get(connection, calendar_id).config == config
    assert calendars.get(connection, str(calendar_id)).config == config
    assert calendars.get(connection, "Library").config == config


def test_a_name_of_digits_wins_over_an_id(connection):
    first = add(connection, "First")
    add(connection, str(first), source="https://example.org/second.ics")
    assert calendars.get(connection, str(first)).config.name == str(first)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "Library", "source": "https://example.org/b.ics"}, "There is a calendar named 'Library' already."),
        (
            {"name": "Other", "source": FEED},
            "'Library' has the same source, connection, user and activity type already.",
        ),
        (
            {"name": "Other", "source": "https://example.org/b.ics", "place": "Town hal"},
            "There is no place named 'Town hal'. Did you mean Town hall? Declare it under `places:` in a file for "
            "`calimport calendars apply`.",
        ),
    ],
)
def test_what_is_taken_or_missing_is_said(connection, given, sentence):
    connection.execute("insert into calimport.places (name) values ('Town hall')")
    add(connection)
    with pytest.raises(ConfigurationError) as refused:
        calendars.add(connection, calendars.configure(given))
    assert str(refused.value) == sentence
    assert len(calendars.list_all(connection)) == 1


def test_one_source_may_serve_two_activity_types_and_two_users(connection):
    add(connection, "a")
    add(connection, "b", activity_type="exercise")
    add(connection, "c", user="Anna")
    assert [one.config.name for one in calendars.list_all(connection)] == ["a", "b", "c"]


def test_two_who_add_the_same_calendar_at_once_end_with_one(connection_uri):
    said = []

    def attempt():
        try:
            with database.connect() as connection:
                calendars.add(connection, calendars.configure({"name": "Library", "source": FEED, "user": "Anna"}))
            said.append("added")
        except ConfigurationError as error:
            said.append(str(error))

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["There is a calendar named 'Library' already."] * 3 + ["added"]


def test_an_unknown_name_suggests_the_nearest(connection):
    add(connection)
    with pytest.raises(ConfigurationError) as refused:
        calendars.get(connection, "libary")
    assert str(refused.value) == "There is no calendar named 'libary'. Did you mean Library?"


def spoil(connection, calendar_id, state="bad_source"):
    """As if a run had failed on it, after one that was good, while another holds it."""
    content = b"\x01" * 32
    connection.execute("insert into calimport.feed_contents values (%s, 'x', 1)", [content])
    connection.execute(
        "insert into calimport.feeds (calendar_id, content_hash, meaning_hash, kind, fetched_at, complete_at)"
        " values (%s, %s, %s, 'ics', '2026-11-20Z', '2026-11-20Z')",
        [calendar_id, content, content],
    )
    connection.execute(
        "insert into calimport.notices (calendar_id, code, message, occurrences, first_seen_at, last_seen_at)"
        " values (%s, 'x', 'A sentence.', 1, '2026-11-20Z', '2026-11-20Z')",
        [calendar_id],
    )
    connection.execute(
        "update calimport.calendars set state = %s, error_class = 'FeedNotFound', error_message = 'It is gone.',"
        " consecutive_failures = 3, next_import_at = '2030-01-01Z', kind_used = 'ics', feed_title = 'Old',"
        " feed_timezone = 'UTC', feed_color = 'red', feed_id = (select id from calimport.feeds),"
        " held_confirmations = 2, imported_fingerprint = 'x', lease_owner = 'run', lease_until = '2026-11-22Z',"
        " configured_at = '2026-11-01Z' where id = %s",
        [state, calendar_id],
    )
    connection.commit()


@pytest.mark.parametrize(
    "given", [{"source": "https://example.org/new.ics"}, {"kind": "ics"}, {"connection": "library_feed"}]
)
def test_another_source_clears_what_the_old_one_left(connection, given):
    calendar_id = add(connection)
    spoil(connection, calendar_id)

    calendars.change(connection, "Library", given)

    row = connection.execute(
        "select state, error_class, error_message, consecutive_failures, next_import_at, kind_used, feed_title,"
        " feed_timezone, feed_color, feed_id, held_confirmations, imported_fingerprint from calimport.calendars"
    ).fetchone()
    assert list(row.values()) == ["idle", None, None, 0, None, None, None, None, None, None, 0, None]
    kept = connection.execute(
        "select lease_owner, configured_at > '2026-11-01Z' as configured, (select count(*) from calimport.notices) as n"
        " from calimport.calendars"
    ).fetchone()
    assert kept == {"lease_owner": "run", "configured": True, "n": 0}


def test_another_source_leaves_the_state_of_a_live_run(connection):
    spoil(connection, add(connection), state="in_worker")
    calendars.change(connection, "Library", {"source": "https://example.org/new.ics"})
    assert calendars.get(connection, "Library").state == "in_worker"


def test_another_change_makes_it_due_and_keeps_its_error(connection):
    spoil(connection, add(connection))

    calendars.change(connection, "Library", {"days_ahead": "30"})

    found = calendars.get(connection, "Library")
    assert (found.config.days_ahead, found.next_import_at) == (30, None)
    assert (found.state, found.error_message, found.consecutive_failures) == ("bad_source", "It is gone.", 3)
    assert found.configured_at > datetime(2026, 11, 1, tzinfo=UTC)


def test_setting_what_is_set_changes_nothing(connection):
    spoil(connection, add(connection))
    calendars.change(connection, "Library", {"days_ahead": "7"})
    assert calendars.get(connection, "Library").configured_at == datetime(2026, 11, 1, tzinfo=UTC)


def test_none_gives_a_key_its_default(connection):
    add(connection, days_ahead=30, user="Anna")
    calendars.change(connection, "Library", {"days_ahead": None, "user": None})
    assert calendars.get(connection, "Library").config == CalendarConfig(name="Library", source=FEED)


def test_resuming_ends_the_back_off(connection):
    spoil(connection, add(connection, enabled=False))

    assert calendars.resume(connection, "Library") is True

    found = calendars.get(connection, "Library")
    assert (found.config.enabled, found.consecutive_failures, found.next_import_at) == (True, 0, None)


def test_setting_enabled_resumes_too(connection):
    spoil(connection, add(connection, enabled=False))
    calendars.change(connection, "Library", {"enabled": "true"})
    assert calendars.get(connection, "Library").consecutive_failures == 0


def test_pausing_is_possible_where_the_stored_configuration_is_not_valid(connection):
    connection.execute("insert into calimport.calendars (name, source, timezone) values ('Bad', 'x', 'Mars/Base')")
    assert calendars.pause(connection, "Bad") is True
    assert calendars.pause(connection, "Bad") is False
    with pytest.raises(ConfigurationError, match="'Mars/Base' is not an IANA time zone"):
        calendars.change(connection, "Bad", {"days_back": 1})


def test_removing_leaves_nothing_behind(connection):
    calendar_id = add(connection)
    spoil(connection, calendar_id)
    run_id = connection.execute(
        "insert into calimport.runs (calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at)"
        " values (%s, 'd', 'r', '2026-11-20Z', '2026-11-20Z', '2026-11-20Z') returning id",
        [calendar_id],
    ).fetchone()["id"]
    connection.execute("insert into calimport.staged_notices values (%s, 'x', '', 'A sentence.', 1, false)", [run_id])

    calendars.remove(connection, "Library")

    left = connection.execute(
        "select (select count(*) from calimport.calendars) as calendars,"
        " (select count(*) from calimport.feeds) as feeds,"
        " (select count(*) from calimport.feed_contents) as contents,"
        " (select count(*) from calimport.runs) as runs,"
        " (select count(*) from calimport.notices) as notices,"
        " (select count(*) from calimport.staged_notices) as staged"
    ).fetchone()
    assert left == {"calendars": 0, "feeds": 0, "contents": 0, "runs": 0, "notices": 0, "staged": 0}


def test_removing_keeps_bytes_that_another_calendar_has(connection):
    spoil(connection, add(connection))
    other = add(connection, "Other", source="https://example.org/b.ics")
    connection.execute(
        "insert into calimport.feeds (calendar_id, content_hash, meaning_hash, kind, fetched_at, complete_at)"
        " select %s, content_hash, meaning_hash, kind, fetched_at, complete_at from calimport.feeds",
        [other],
    )
    calendars.remove(connection, "Library")
    assert connection.execute("select count(*) as n from calimport.feed_contents").fetchone()["n"] == 1


# The command line.


def test_add_list_show(connection):
    added = run("add", "Library", FEED, "--timezone", "Europe/London", "--interval", "1h", "--user", "Anna")
    assert added.output == "Added Library (id 1): due at the next run.\n"
    connection.execute(
        "update calimport.calendars set state = 'bad_source', error_class = 'FeedNotFound',"
        " error_message = 'It is gone.', next_import_at = '2026-11-22 10:05Z', imported_at = '2026-11-22 09:05Z'"
    )
    connection.commit()

    assert run("list").output == (
        "id  name     kind  state       next import        last import        events  error\n"
        "1   Library  auto  bad_source  2026-11-22 10:05Z  2026-11-22 09:05Z  0       It is gone.\n"
    )
    assert run("list", "--state", "idle").output.count("\n") == 1
    assert run("list", "--state", "bad_source").output.count("\n") == 2

    shown = run("show", "Library").output
    for line in ("timezone: Europe/London", "interval: 1h", "place: –", "error_message: It is gone.", "notices: 0"):
        assert f"{line}\n" in shown
    assert "last run: none yet\n" in shown


def test_list_as_json_has_the_keys_of_the_file(connection):
    add(connection, interval="1h", days_ahead=30)
    (document,) = json.loads(run("list", "--format", "json").output)
    assert CalendarConfig.model_fields.keys() <= document.keys()
    picked = {
        key: document[key] for key in ("id", "name", "interval", "days_ahead", "enabled", "state", "user", "events")
    }
    assert picked == {
        "id": 1,
        "name": "Library",
        "interval": "1h",
        "days_ahead": 30,
        "enabled": True,
        "state": "idle",
        "user": None,
        "events": 0,
    }


def test_show_prints_last_run_and_notices_without_control_characters(connection):
    calendar_id = add(connection)
    spoil(connection, calendar_id)
    connection.execute("update calimport.calendars set feed_title = E'a\\x1b[31mb'")
    connection.execute(
        "insert into calimport.runs (calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at, inserted)"
        " values (%s, 'd', 'scheduled__1', '2026-11-20Z', '2026-11-20Z', '2026-11-20Z', 12)",
        [calendar_id],
    )
    connection.commit()
    shown = run("show", "Library").output
    assert "feed_title: a [31mb\n" in shown
    assert "last run:\n  dag_run_id: scheduled__1\n" in shown
    assert "  inserted: 12\n" in shown
    assert "notices: 1\n  since 2026-11-20 00:00Z: A sentence.\n" in shown


def test_set_pause_resume_remove(connection):
    add(connection)
    assert run("set", "Library", "days_ahead=30", "user=Anna").output == (
        "Changed Library: user: – → Anna, days_ahead: 7 → 30.\n"
    )
    assert run("set", "Library", "days_ahead=30").output == "Nothing to change: Library is so.\n"
    assert run("set", "Library", "days_ahead=").output == "Changed Library: days_ahead: 30 → 7.\n"
    assert run("set", "Library", "name=Books").output == "Changed Books: name: Library → Books.\n"
    assert run("pause", "Books").output == "Paused Books.\n"
    assert run("pause", "Books").output == "Books was paused already.\n"
    assert run("list", "--state", "paused").output.count("Books") == 1
    assert run("resume", "Books").output == "Resumed Books: due at the next run.\n"
    assert run("resume", "Books").output == "Books was not paused: due at the next run.\n"
    refused = run("remove", "Books", answer="n\n")
    assert (refused.exit_code, refused.output) == (
        1,
        "Books has 0 events.\nDelete all of this? [y/N]: n\nAborted!\n",
    )
    assert run("remove", "Books", "--yes").output == "Removed Books and its 0 events.\n"
    assert calendars.list_all(connection) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "Libary"), "There is no calendar named 'Libary'. Did you mean Library?"),
        (("set", "Library", "day_back=1"), "'day_back' is not a key. Did you mean days_back?"),
        (("set", "Library", "days_back"), "'days_back' is not KEY=VALUE."),
        (("set", "Library", "days_back=x"), "days_back: must be a whole number, not 'x'."),
        (("set", "Library", "name="), "name: is required."),
        (("add", "Library", "https://example.org/b.ics"), "There is a calendar named 'Library' already."),
        (
            ("add", "Books"),
            "source: is required, unless `connection` names an Airflow connection that holds the address.",
        ),
        (("pause", "Library", "Nobody"), "There is no calendar named 'Nobody'."),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_1(connection, arguments, sentence):
    add(connection)
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (1, f"calimport: ConfigurationError: {sentence}\n")
    assert calendars.get(connection, "Library").config == CalendarConfig(name="Library", source=FEED)


def test_a_private_address_is_accepted_hidden_and_warned_of(connection):
    result = run("add", "Anna's", GOOGLE_PRIVATE)
    assert result.exit_code == 0
    assert "looks private: whoever has it can read the calendar." in result.stderr
    assert "airflow connections add my_calendar --conn-type generic" in result.stderr
    assert """calimport calendars set 'Anna'"'"'s' connection=my_calendar source=""" in result.stderr
    for output in (
        result,
        run("list", "--format", "json"),
        run("show", "Anna's"),
        run("set", "Anna's", f"source={FEED}"),
    ):
        assert "0123456789abcdef" not in output.output
    assert calendars.get(connection, "Anna's").config.source == FEED


def test_add_has_an_option_for_every_key():
    printed = run("add", "--help").output
    for key in CalendarConfig.model_fields.keys() - {"name", "source", "enabled"}:
        assert f"--{key.replace('_', '-')} VALUE" in printed


def test_a_database_without_the_schema_is_said(connection):
    connection.execute("delete from calimport.schema_migrations")
    connection.commit()
    assert "Run `calimport migrate`." in run("list").stderr
