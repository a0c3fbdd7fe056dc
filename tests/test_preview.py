"""``preview`` as Python, on the command line, and over a manifest; ``calendars check``."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import calimport
from calimport import calendars, database, frame, previewing
from calimport.checking import check_source
from calimport.cli import main
from calimport.cli.check import check
from calimport.cli.printing import display_width, printable, table
from calimport.errors import ConfigurationError, CredentialsMissing, FeedNotFound, FeedTooLarge, SourceUnsupported
from calimport.settings import Settings
from tests.loopback import LOOPBACK
from tests.web import Reply

NOW = "2026-11-22T12:00:00Z"
FEEDS = Path(__file__).parents[2] / "shared" / "feeds"

CALENDAR = """\
BEGIN:VCALENDAR
X-WR-CALNAME:Hall
X-WR-TIMEZONE:Europe/Paris
BEGIN:VEVENT
UID:yoga
DTSTART;TZID=Europe/Paris:20261116T190000
DTEND;TZID=Europe/Paris:20261116T200000
RRULE:FREQ=WEEKLY;COUNT=2
SUMMARY:Yoga
LOCATION:Room 1
CATEGORIES:sport,health
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT10M
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:fair
DTSTART;VALUE=DATE:20261121
DTEND;VALUE=DATE:20261123
SUMMARY:Fair
STATUS:TENTATIVE
END:VEVENT
BEGIN:VEVENT
UID:late
DTSTART:20261201T233000
SUMMARY:Late show
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
UID:secret
DTSTART:20261122T100000Z
CLASS:PRIVATE
SUMMARY:Secret
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def feed(tmp_path) -> Path:
    path = tmp_path / "hall.ics"
    path.write_text(CALENDAR)
    return path


def run(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(main, ["preview", *map(str, arguments)], prog_name="calimport", **options)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def starts(source: object, **options: Any) -> list[str]:
    found = previewing.look(str(source), **{"now": NOW, **options})
    return [one["start"] for one in previewing.occurrences(found.frame)]


# Python


def test_the_frame_is_the_uniform_one(feed):
    found = calimport.preview(feed, start="2026-11-01", end="2026-12-31", now=NOW)

    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == {
        column.name: column.dtype for column in frame.COLUMNS
    }
    assert found["summary"].tolist() == ["Yoga", "Fair", "Yoga", "Late show"]


def test_seven_days_around_now_are_the_default(feed):
    assert starts(feed) == ["2026-11-16T18:00:00Z", "2026-11-21", "2026-11-23T18:00:00Z"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param("2026-11-16", "2026-11-17", ["2026-11-16T18:00:00Z"], id="dates"),
        pytest.param("2026-11-22T22:59:59Z", "2026-11-23", ["2026-11-21"], id="the last second of an all-day event"),
        pytest.param("2026-11-22T23:00:00Z", "2026-11-23T12:00:00Z", [], id="midnight in the calendar's zone"),
        pytest.param("2026-12-01", "2026-12-02", ["2026-12-01T22:30:00Z"], id="a floating time"),
        pytest.param("2026-12-01T23:30:00+01:00", "2026-12-02", ["2026-12-01T22:30:00Z"], id="no length, at the start"),
        pytest.param("2026-12-01", "2026-12-01T22:30:00Z", [], id="no length, at the end"),
        pytest.param(date(2026, 11, 16), datetime(2026, 11, 16, 18, 0, 1, tzinfo=UTC), ["2026-11-16T18:00:00Z"],
                     id="Python's own"),
    ],
)  # fmt: skip
def test_the_window_holds_what_overlaps_it(feed, start, end, expected):
    assert starts(feed, start=start, end=end) == expected


def test_a_window_of_all_times(feed):
    found = starts(feed, start="0001-01-02", end="9999-12-31T23:59:59Z")

    assert found == ["2026-11-16T18:00:00Z", "2026-11-21", "2026-11-23T18:00:00Z", "2026-12-01T22:30:00Z"]


def test_a_given_zone_goes_before_the_feeds_own(feed):
    found = [
        (look.timezone, look.timezone_source, look.frame["start_at"].max())
        for zone in ("America/New_York", None)
        for look in [previewing.look(str(feed), start="2026-12-01", end="2026-12-03", timezone=zone, now=NOW)]
    ]

    assert found == [
        ("America/New_York", "calendar", pd.Timestamp("2026-12-02T04:30:00Z")),
        ("Europe/Paris", "calendar", pd.Timestamp("2026-12-01T22:30:00Z")),
    ]


def test_without_any_zone_it_is_utc_by_default(tmp_path):
    path = tmp_path / "hall.ics"
    path.write_text(CALENDAR.replace("X-WR-TIMEZONE:Europe/Paris\n", ""))

    found = previewing.look(path, start="2026-12-01", end="2026-12-02", now=NOW)

    assert (found.timezone, found.timezone_source, found.frame["timezone_source"].tolist()) == (
        "UTC",
        "default",
        ["default"],
    )


def test_what_else_was_found(feed):
    found = previewing.look(feed, now=NOW)

    assert (found.title, found.kind, found.window, [one.code for one in found.notices]) == (
        "Hall",
        "ics",
        (datetime(2026, 11, 14, 23, tzinfo=UTC), datetime(2026, 11, 29, 23, tzinfo=UTC)),
        ["private"],
    )


def test_a_url(web):
    assert starts(web.feed(Reply(CALENDAR.encode()))) == ["2026-11-16T18:00:00Z", "2026-11-21", "2026-11-23T18:00:00Z"]


def test_a_preview_within_an_event_loop(web):
    async def notebook() -> int:
        return len(calimport.preview(web.feed(Reply(CALENDAR.encode())), now=NOW))

    assert asyncio.run(notebook()) == 3


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"source": "none.ics"}, ConfigurationError, "There is no file 'none.ics'"),
        ({"source": Path("none")}, ConfigurationError, "There is no file 'none'"),
        ({"source": "."}, ConfigurationError, "Is a directory"),
        ({"source": "hello"}, SourceUnsupported, "'hello' is no file, no address"),
        ({"source": "ftp://a.example/x.ics"}, SourceUnsupported, "do not know how to read"),
        ({"source": "file:///etc/passwd"}, SourceUnsupported, "do not know how to read"),
        ({"source": "x@group.calendar.google.com"}, CredentialsMissing, "needs a sign-in or key"),
        ({"kind": "xyz"}, SourceUnsupported, "no kind of source named 'xyz'"),
        ({"timezone": "Mars/Olympus"}, ConfigurationError, "'Mars/Olympus' is not an IANA time zone"),
        ({"start": "soon"}, ConfigurationError, "neither a date"),
        ({"start": "2026-11-22T10:00:00"}, ConfigurationError, "needs an offset"),
        ({"start": "2026-11-22", "end": "2026-11-22"}, ConfigurationError, "must end after it starts"),
        ({"start": "0001-01-01", "timezone": "Asia/Tokyo"}, ConfigurationError, "the years 1 to 9999"),
        ({"now": "9999-12-31T00:00:00Z"}, ConfigurationError, "the years 1 to 9999"),
        ({"now": "2026-11-22"}, ConfigurationError, "present must be an instant"),
    ],
)
def test_what_cannot_be_previewed_says_why(feed, options, error, words):
    with pytest.raises(error, match=words):
        calimport.preview(**{"source": str(feed), "now": NOW, **options})


def test_a_file_may_be_no_larger_than_a_feed(feed, monkeypatch):
    monkeypatch.setenv("CALIMPORT_MAX_BYTES", "100")

    with pytest.raises(FeedTooLarge):
        calimport.preview(feed)


def test_neither_airflow_nor_a_database_is_loaded(feed):
    program = f"""
import sys, calimport
calimport.preview({str(feed)!r}, now={NOW!r})
loaded = {{name.partition('.')[0] for name in sys.modules}}
print(sorted(loaded & {{'airflow', 'psycopg', 'sqlalchemy', 'googleapiclient'}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


# JSON

YOGA = {
    "start": "2026-11-16T18:00:00Z",
    "end": "2026-11-16T19:00:00Z",
    "uid": "yoga",
    "recurrence_id": "2026-11-16T18:00:00Z",
    "start_at": "2026-11-16T18:00:00Z",
    "end_at": "2026-11-16T19:00:00Z",
    "all_day": False,
    "start_date": None,
    "end_date": None,
    "timezone": "Europe/Paris",
    "timezone_source": "event",
    "status": "confirmed",
    "summary": "Yoga",
    "description": None,
    "location": "Room 1",
    "url": None,
    "online_url": None,
    "online_type": None,
    "categories": ["sport", "health"],
    "organizer": None,
    "creator": None,
    "attendees": [],
    "visibility": "default",
    "transparency": "opaque",
    "color": None,
    "reminders": ["2026-11-16T17:50:00Z"],
    "reminder_methods": ["popup"],
    "sequence": None,
    "created_at": None,
    "updated_at": None,
    "is_recurring": True,
    "source_event_id": None,
    "source_series_id": None,
    "activity_type": None,
    "place_id": None,
    "address": "Room 1",
}
FAIR = {
    "start": "2026-11-21",
    "end": "2026-11-23",
    "uid": "fair",
    "recurrence_id": None,
    "start_at": "2026-11-20T23:00:00Z",
    "end_at": "2026-11-22T23:00:00Z",
    "all_day": True,
    "start_date": "2026-11-21",
    "end_date": "2026-11-23",
    "timezone": "Europe/Paris",
    "timezone_source": "calendar",
    "status": "tentative",
    "summary": "Fair",
    "is_recurring": False,
}


def test_json_lines(feed):
    yoga, fair = lines(run(feed, "--from", "2026-11-16", "--to", "2026-11-22", "--now", NOW, "--format", "jsonl"))

    assert len(bytes.fromhex(yoga.pop("content_hash"))) == 16
    assert (yoga, {name: fair[name] for name in FAIR}) == (YOGA, FAIR)


def test_occurrences_are_sorted_by_start_then_uid(tmp_path):
    events = {"b": ":20261122T100000Z", "a": ":20261122T100000Z", "c": ";VALUE=DATE:20261122", "d": ":20261122T000000Z"}
    body = "".join(f"BEGIN:VEVENT\nUID:{uid}\nDTSTART{start}\nEND:VEVENT\n" for uid, start in events.items())
    path = tmp_path / "order.ics"
    path.write_text(f"BEGIN:VCALENDAR\n{body}END:VCALENDAR\n")

    found = lines(run(path, "--now", NOW, "--timezone", "America/New_York", "--format", "jsonl"))

    assert [one["uid"] for one in found] == ["c", "d", "a", "b"]


def test_one_line_stays_one_line(tmp_path):
    path = tmp_path / "lines.ics"
    path.write_text(CALENDAR.replace("SUMMARY:Fair", "DESCRIPTION:a\u2028b\u0085c\\nd"))

    found = lines(run(path, "--from", "2026-11-21", "--to", "2026-11-22", "--now", NOW, "--format", "jsonl"))

    assert [one["description"] for one in found] == ["a\u2028bc\nd"]


def test_csv_has_the_same_columns_and_no_formulas(tmp_path):
    path = tmp_path / "formula.ics"
    path.write_text(CALENDAR.replace("SUMMARY:Yoga", "SUMMARY:=HYPERLINK(1)").replace("Room 1", "+44 Road\\, Leeds"))

    result = run(path, "--from", "2026-11-16", "--to", "2026-11-17", "--now", NOW, "--format", "csv")

    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert list(row) == ["start", "end", *frame.NAMES]
    chosen = ("start", "summary", "location", "all_day", "categories", "description", "sequence")
    assert [row[name] for name in chosen] == [
        "2026-11-16T18:00:00Z",
        "'=HYPERLINK(1)",
        "'+44 Road, Leeds",
        "false",
        '["sport", "health"]',
        "",
        "",
    ]


@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_an_empty_window_is_no_error(feed, form):
    result = run(feed, "--from", "2030-01-01", "--to", "2030-01-02", "--now", NOW, "--format", form)

    assert (result.exit_code, len(result.stdout.splitlines())) == (0, {"jsonl": 0, "csv": 1, "table": 3}[form])


# The table


def test_the_table(feed):
    result = run(feed, "--to", "2026-12-31", "--now", NOW)

    assert (
        result.stdout
        == """\
START             END         ZONE             TITLE      LOCATION
2026-11-16 19:00  20:00       Europe/Paris     Yoga       Room 1
2026-11-21        2026-11-22  Europe/Paris  ?  Fair
2026-11-23 19:00  20:00       Europe/Paris     Yoga       Room 1
2026-12-01 23:30  23:30       Europe/Paris  x  Late show

Hall: 4 occurrences, 2026-11-14 23:00 to 2026-12-30 23:00 UTC; ics, Europe/Paris
"""
    )
    assert result.stderr == "calimport: notice: private: Private events were left out: 1.\n"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_table_is_as_wide_as_the_terminal(width):
    row = FAIR | {"summary": "A long title " * 8, "location": "公民館ホール" * 8}

    rendered = table([row] * 3, width=width)

    least = 2 * 5 + len("2026-11-21") + len("2026-11-22") + len("Europe/Paris") + 1 + 16 + 8
    assert {display_width(line) <= max(width, least) for line in rendered.splitlines()} == {True}


def test_strangers_do_not_command_the_terminal():
    row = FAIR | {"summary": "\x1b[31mred\x1b[0m\r\n\u202egnp.exe", "location": "a\x07\u2028b\x9b2J"}

    rendered = table([row], width=120)

    assert printable("\x1b[31m") == " [31m"
    assert [character for character in rendered if not character.isprintable() and character != "\n"] == []
    assert len(rendered.splitlines()) == 2


# Errors on the command line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "calimport: ConfigurationError: Give a SOURCE, or a --manifest of them."),
        (["none.ics"], "calimport: ConfigurationError: There is no file 'none.ics'."),
        (["--format", "xml", "x"], "calimport: ConfigurationError: Invalid value for '--format': 'xml' is not one of"),
        (["--colour", "x"], "calimport: ConfigurationError: No such option"),
        (["x", "--manifest", "y"], "calimport: ConfigurationError: With --manifest, sources"),
        (["--manifest", "none.jsonl"], "calimport: ConfigurationError: The manifest 'none.jsonl' cannot be read"),
    ],
)
def test_an_error_is_one_line_with_its_class(arguments, line):
    result = run(*arguments)

    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert result.stderr.startswith(line)


def test_a_failed_fetch_is_one_line_with_its_class(web):
    result = run(web.feed(Reply(status=404)))

    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        f"calimport: FeedNotFound: {FeedNotFound.sentence}\n",
    )


def test_a_fault_of_ours_is_one_line_too(feed, monkeypatch):
    monkeypatch.setattr(previewing, "look", lambda *_, **__: 1 / 0)

    result = run(feed)

    assert (result.exit_code, result.stderr) == (
        1,
        "calimport: InternalError: ZeroDivisionError: division by zero\n",
    )


# The manifest


def manifest(folder: Path, *cases: object) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("".join(f"{case if isinstance(case, str) else json.dumps(case)}\n" for case in cases))
    return path


def test_a_manifest_answers_each_case_in_order(feed, tmp_path):
    fixed = {"from": "2026-11-16", "to": "2026-11-23", "now": NOW}
    path = manifest(
        tmp_path,
        {"id": "a", "source": str(feed), **fixed},
        {"id": "b", "source": str(feed), **fixed, "timezone": "Asia/Tokyo", "kind": "ics"},
        {"id": 3, "source": str(feed), "from": "2026-12-01", "to": "2026-12-02"},
    )

    answers = lines(run("--manifest", path))

    assert [
        (one["id"], [found["start_at"] for found in one["occurrences"]], [note["code"] for note in one["notices"]])
        for one in answers
    ] == [
        ("a", ["2026-11-16T18:00:00Z", "2026-11-20T23:00:00Z"], ["private"]),
        ("b", ["2026-11-16T18:00:00Z", "2026-11-20T15:00:00Z"], ["private"]),
        (3, ["2026-12-01T22:30:00Z"], []),
    ]
    assert [(list(one), one["error"]) for one in answers] == [
        (["id", "occurrences", "notices", "error"], None),
    ] * 3
    assert answers[0]["notices"][0] == {
        "code": "private",
        "message": "Private events were left out: 1.",
        "subject": "",
    }


@pytest.mark.parametrize(
    ("case", "id", "error_class", "words"),
    [
        ("{", None, "ConfigurationError", "Line 1 of the manifest is not JSON."),
        ("[1]", None, "ConfigurationError", "Line 1 of the manifest is not a JSON object."),
        ("[" * 100_000, None, "ConfigurationError", "Line 1 of the manifest is not JSON."),
        ({"id": "x"}, "x", "ConfigurationError", "The case has no source."),
        ({"id": "x", "source": 7}, "x", "ConfigurationError", "The case's 'source' must be text, not int."),
        ({"id": "x", "source": "none.ics"}, "x", "ConfigurationError", "There is no file 'none.ics'."),
        ({"id": "x", "source": "hall.ics", "timezon": "UTC"}, "x", "ConfigurationError", "Did you mean 'timezone'?"),
        ({"id": "x", "source": "hall.ics", "start": "2026-11-22"}, "x", "ConfigurationError", "Did you mean 'from'?"),
        ({"id": "x", "source": "hall.ics", "from": "soon"}, "x", "ConfigurationError", "'soon' is neither a date"),
        ({"id": "x", "source": "https://a.invalid/x"}, "x", "FeedHostUnknown", "cannot be found"),
        ({"id": "x", "source": "https://a.example/x", "replay": "no.har"}, "x", "ConfigurationError", "cannot be read"),
    ],
)
def test_a_bad_case_never_ends_the_batch(feed, tmp_path, case, id, error_class, words):
    path = manifest(tmp_path, case, {"id": "good", "source": "hall.ics", "now": NOW})

    bad, good = lines(run("--manifest", path))

    assert (bad["id"], bad["occurrences"], bad["notices"], bad["error"]["class"]) == (id, [], [], error_class)
    assert words in bad["error"]["message"]
    assert (good["id"], len(good["occurrences"]), good["error"]) == ("good", 3, None)


def test_a_fault_of_ours_never_ends_the_batch(feed, tmp_path, monkeypatch):
    answer = previewing.look

    def fail_once(*given: Any, **options: Any) -> Any:
        monkeypatch.setattr(previewing, "look", answer)
        raise RuntimeError("at https://a.example/private-0a1b")

    monkeypatch.setattr(previewing, "look", fail_once)
    bad, good = lines(run("--manifest", manifest(tmp_path, *[{"source": "hall.ics", "now": NOW}] * 2)))

    assert (bad["error"], good["error"]) == (
        {"class": "InternalError", "message": "RuntimeError: at https://a.example/…"},
        None,
    )


def test_blank_lines_and_a_byte_order_mark_are_no_cases(feed, tmp_path):
    path = manifest(tmp_path, "\ufeff" + json.dumps({"id": 1, "source": "hall.ics"}), "", "  ")

    assert [one["error"] for one in lines(run("--manifest", path))] == [None]


def test_keys_of_somebody_elses_are_left_alone(feed, tmp_path):
    case = {"id": 1, "source": "hall.ics", "expected": [], "note": "x", "format": "csv", "from": None}

    assert [one["error"] for one in lines(run("--manifest", manifest(tmp_path, case)))] == [None]


def test_a_manifest_on_standard_input_with_options_for_all(feed):
    case = json.dumps({"id": 1, "source": str(feed)})

    (answer,) = lines(run("--manifest", "-", "--now", NOW, "--from", "2026-12-01", "--to", "2026-12-02", input=case))

    assert [one["uid"] for one in answer["occurrences"]] == ["late"]


def test_paths_of_a_manifest_are_looked_for_here_and_then_beside_it(feed, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    (here / "both.ics").write_text(CALENDAR.replace("UID:yoga", "UID:here"))
    (tmp_path / "both.ics").write_text(CALENDAR)
    monkeypatch.chdir(here)
    path = manifest(tmp_path, *({"source": name, "now": NOW} for name in ("both.ics", "hall.ics")))

    answers = lines(run("--manifest", path))

    assert [one["occurrences"][0]["uid"] for one in answers] == ["here", "yoga"]


def test_a_manifest_records_and_replays(web, tmp_path):
    url = web.feed(Reply(CALENDAR.encode()))
    recording = manifest(tmp_path, {"source": url, "now": NOW, "record": str(tmp_path / "hall.har")})
    (recorded,) = lines(run("--manifest", recording))

    cases = [{"source": url.replace("http:", "webcal:"), "now": NOW, "replay": "hall.har"}] * 2
    answers = lines(run("--manifest", manifest(tmp_path, *cases)))

    assert (answers, len(web.asked)) == ([recorded] * 2, 1)


def test_google_is_replayed_without_a_sign_in(tmp_path):
    root = "https://www.googleapis.com/calendar/v3"
    items = [
        {
            "id": "e1",
            "iCalUID": "e1@google.com",
            "start": {"dateTime": "2026-11-22T10:00:00Z"},
            "end": {"dateTime": "2026-11-22T11:00:00Z"},
        }
    ]
    listing = {"summary": "Team", "timeZone": "Europe/Paris", "items": items}
    url = f"{root}/calendars/team%40group.calendar.google.com/events?singleEvents=true&timeMin=2020-01-01T00:00:00Z"
    response = {"status": 200, "headers": [], "content": {"text": json.dumps(listing)}}
    archive = {"log": {"entries": [{"request": {"method": "GET", "url": url}, "response": response}]}}
    (tmp_path / "team.har").write_text(json.dumps(archive))
    case = {"id": 1, "source": "team@group.calendar.google.com", "now": NOW, "replay": "team.har"}

    (answer,) = lines(run("--manifest", manifest(tmp_path, case)))

    assert ([one["uid"] for one in answer["occurrences"]], answer["error"]) == (["e1@google.com"], None)


def test_hundreds_of_cases_take_seconds(feed, tmp_path):
    path = manifest(tmp_path, *({"id": number, "source": "hall.ics", "now": NOW} for number in range(300)))
    started = time.monotonic()

    answers = lines(run("--manifest", path))

    assert ([one["id"] for one in answers], time.monotonic() - started < 30) == ([*range(300)], True)


# Real feeds


@pytest.mark.skipif(not FEEDS.is_dir(), reason="no folder of real feeds beside this repository")
def test_real_feeds_are_read():
    for path in sorted(FEEDS.glob("*.ics")):
        found = previewing.look(path, start="2010-01-01", end="2030-01-01", now=NOW)

        unreadable = [notice for notice in found.notices if notice.code == "event_unreadable"]
        assert (path.name, len(found.frame) > 0, unreadable) == (path.name, True, [])


# Check


def test_a_check_says_what_a_source_holds(web):
    now = datetime(2026, 11, 17, tzinfo=UTC)

    found = check_source(web.feed(Reply(CALENDAR.encode())), now=now, settings=Settings(allowed_networks=LOOPBACK))

    assert (found.kind, found.title, found.timezone, found.events, found.occurrences) == (
        "ics",
        "Hall",
        "Europe/Paris",
        3,
        3,
    )
    assert [one["start"] for one in found.sample] == ["2026-11-21", "2026-11-23T18:00:00Z", "2026-12-01T22:30:00Z"]


def test_a_check_reads_no_local_file(feed):
    with pytest.raises(SourceUnsupported):
        check_source(str(feed), now=datetime(2026, 11, 17, tzinfo=UTC), settings=Settings())


def test_a_check_of_an_address_on_the_command_line(web):
    endless = CALENDAR.replace("COUNT=2", "INTERVAL=1").replace("CLASS:PRIVATE", "CLASS:PRIVATE\nRRULE:FREQ=DAILY")
    url = web.feed(Reply(endless.encode()))

    result = CliRunner().invoke(check, [url])

    assert (result.exit_code, result.stdout.splitlines()[:3]) == (
        0,
        ["kind: ics", "title: Hall", "timezone: Europe/Paris"],
    )
    assert result.stdout.splitlines()[-1] == "notice: private: Private events were left out: 1."
    assert len(result.stdout.splitlines()) == 3 + 1 + 1 + 5 + 1


def test_a_check_of_a_configured_calendar(web, connection_uri):
    url = web.feed(Reply(CALENDAR.encode()))
    with database.connect() as connection:
        calendars.add(connection, calendars.configure({"name": "hall", "source": url, "timezone": "Asia/Tokyo"}))

    result = CliRunner().invoke(check, ["hall"])

    assert (result.exit_code, result.stdout.splitlines()[2]) == (0, "timezone: Asia/Tokyo")


def test_help_names_every_option_of_the_contract():
    options = {option for parameter in command("preview").params for option in parameter.opts}

    assert {
        "--from",
        "--to",
        "--kind",
        "--timezone",
        "--now",
        "--replay",
        "--record",
        "--format",
        "--manifest",
    } <= options


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found
