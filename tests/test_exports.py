"""Exports: what is written is what is stored, for calendar programs, spreadsheets and those with a token."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from click.testing import CliRunner

from calimport import database, frame, store
from calimport.cli import main
from calimport.previewing import look, occurrences
from calimport.vtimezone_writing import vtimezone
from tests.importing import Importer
from tests.store_client import client, imported, user
from tests.web import Reply, serve

WINDOW = {"start": date(2026, 1, 1), "end": date(2027, 1, 1), "now": "2026-11-18T12:00:00Z"}

FEED = b"""\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
X-WR-CALNAME:Club
X-WR-TIMEZONE:Europe/London
BEGIN:VEVENT
UID:weekly
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/London:20261014T183000
DTEND;TZID=Europe/London:20261014T200000
RRULE:FREQ=WEEKLY;COUNT=4
SUMMARY:Choir; basses\\, tenors \\\\ all
LOCATION:Town hall\\, 1 Market Square
DESCRIPTION:Bring 2*3*4 sheets\\nand a pencil
CATEGORIES:music,open to all
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT10M
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:weekly
DTSTAMP:20260101T000000Z
RECURRENCE-ID;TZID=Europe/London:20261021T183000
DTSTART;TZID=Europe/London:20261021T190000
DTEND;TZID=Europe/London:20261021T203000
SUMMARY:Choir\\, later
STATUS:TENTATIVE
END:VEVENT
BEGIN:VEVENT
UID:days
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20261103
DTEND;VALUE=DATE:20261106
SUMMARY:Half term \xf0\x9f\x8e\x83 with a title that is long enough for a line to be folded more than once over
STATUS:CANCELLED
TRANSP:TRANSPARENT
COLOR:teal
URL:https://example.org/half-term?a=1,2;b=3
END:VEVENT
BEGIN:VEVENT
UID:night
DTSTAMP:20260101T000000Z
DTSTART:20261025T013000Z
DTEND:20261025T014500Z
SUMMARY:In the hour that London has twice
DESCRIPTION:Join https://zoom.us/j/123456789
SEQUENCE:3
CREATED:20260101T000000Z
LAST-MODIFIED:20260102T000000Z
END:VEVENT
BEGIN:VEVENT
UID:twice
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/London:20261025T010000
DURATION:PT4H
SUMMARY:From summer into winter
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def club(connection_uri) -> int:
    """The id of a calendar that holds the feed."""
    with serve() as web, database.connect(autocommit=True) as connection:
        importer = Importer(connection)
        club = importer.add("Club", web.feed(Reply(body=FEED)), days_back=60)
        report = importer.run()
        assert report.imported == 1
        return club


def previewed(content: bytes, tmp_path) -> list[dict[str, Any]]:
    file = tmp_path / "export.ics"
    file.write_bytes(content)
    found = look(file, **WINDOW)
    assert [notice.code for notice in found.notices] == []
    return occurrences(found.frame)


def test_a_feed_goes_through_the_database_and_back_unchanged(club, tmp_path):
    """Each column of each occurrence, but what only this calendar adds, and the age and hash that follow from it."""
    written = client().get(f"/export/calendar/{club}.ics")

    own = {"activity_type", "content_hash", "timezone_source"}
    expected = previewed(FEED, tmp_path)
    assert written.headers["content-type"] == "text/calendar; charset=utf-8"
    assert len(expected) == 7
    assert [{k: v for k, v in one.items() if k not in own} for one in previewed(written.content, tmp_path)] == [
        {k: v for k, v in one.items() if k not in own} for one in expected
    ]


def test_a_feed_is_escaped_folded_named_and_has_its_zones(club):
    written = client().get(f"/export/calendar/{club}.ics").content
    lines = written.split(b"\r\n")

    assert all(len(line) <= 75 for line in lines)
    assert b"\n" not in written.replace(b"\r\n", b"")
    assert lines.count(b"X-WR-CALNAME:Club") == lines.count(b"X-WR-TIMEZONE:Europe/London") == 1
    assert lines.count(b"TZID:Europe/London") == lines.count(b"BEGIN:VTIMEZONE") == 1
    assert lines.count(b"SUMMARY:Choir\\; basses\\, tenors \\\\ all") == 3
    assert lines.count(b"DTSTART;TZID=Europe/London:20261014T183000") == 1
    assert lines.count(b"DTSTART:20261025T013000Z") == 1
    assert not [line for line in lines if line.startswith((b"ATTENDEE", b"ORGANIZER", b"RRULE"))]


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Dublin",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
        "Africa/Casablanca",
        "Pacific/Apia",
        "America/Nuuk",
        "Africa/Monrovia",
    ],
)
def test_our_reader_agrees_with_every_definition_of_a_zone(zone, tmp_path):
    """Before, at and behind each change of the clock; a definition that is wrong would be a notice."""
    first, last = datetime(1970, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    component = vtimezone(zone, first, last).to_ical().decode()
    onsets = re.findall(r"DTSTART:(\d{8}T\d{6}).*?TZOFFSETFROM:(\S+)\r.*?TZOFFSETTO:(\S+)\r", component, re.DOTALL)
    for start, before, after in onsets[1:]:
        instant = datetime.strptime(f"{start}{before}", "%Y%m%dT%H%M%S%z")
        offsets = [(instant + timedelta(seconds=s)).astimezone(ZoneInfo(zone)).strftime("%z") for s in (-1, 0)]
        assert offsets == [before, after]
    event = "BEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;TZID={}:20260601T120000\r\nEND:VEVENT\r\n"
    feed = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{component}{event.format(zone)}END:VCALENDAR\r\n"
    (found,) = previewed(feed.encode(), tmp_path)
    assert found["timezone"] == zone


def test_a_feed_of_nothing_is_a_feed(connection, tmp_path):
    anna = user(connection, "Anna")
    assert previewed(client().get(f"/export/user/{anna}.ics").content, tmp_path) == []


def test_the_first_and_the_last_day_of_all_can_be_written(connection, tmp_path):
    imported(connection, uid="first", start_at="0001-01-01T00:00Z", end_at="0001-01-01T01:00Z", timezone="America/Lima")
    imported(connection, uid="last", start_at="9999-12-31T22:00Z", end_at="9999-12-31T23:00Z", timezone="Asia/Tokyo")
    written = client().get("/export/calendar/1.ics").content
    assert b"DTSTART:00010101T000000Z" in written
    assert b"DTSTART:99991231T220000Z" in written


def test_a_user_and_a_place_have_all_that_is_theirs(connection, tmp_path):
    """An event that two calendars hold is there twice, each with a UID of its own."""
    anna = user(connection, "Anna")
    place = connection.execute("insert into calimport.places (name) values ('Hall') returning id").fetchone()["id"]
    for calendar in ("Club", "Choir"):
        imported(connection, calendar, uid="same", place_id=place, summary=calendar)
    imported(connection, "Other", uid="other")
    connection.execute("update calimport.calendars set user_id = %s where name in ('Club', 'Choir')", [anna])
    connection.commit()

    for path in (f"/export/user/{anna}.ics", f"/export/place/{place}.ics"):
        found = previewed(client().get(path).content, tmp_path)
        assert sorted(one["summary"] for one in found) == ["Choir", "Club"]
        assert len({one["uid"] for one in found}) == 2


def test_a_private_event_is_busy_in_every_format(connection):
    imported(connection, summary="Doctor", description="Results", location="Clinic", visibility="private", url="x:y")
    for form in ("ics", "json", "csv"):
        text = client().get(f"/export/calendar/1.{form}").text
        assert "Busy" in text
        assert not re.search("Doctor|Results|Clinic|x:y", text)


HOSTILE = "x\r\nBEGIN:VALARM\nTRIGGER:-PT1M\nEND:VALARM\u2028y\u0085;,:\"\\n^'"


@pytest.mark.parametrize(
    "columns",
    [
        {"url": f"https://example.org/{HOSTILE}"},
        {"online_url": f"https://example.org/{HOSTILE}", "online_type": "direct"},
        {"categories": [HOSTILE, "a,b"]},
        {"timezone": "Nowhere/Town"},
        {"summary": "é" * 5000},
        *({name: HOSTILE} for name in ("color", "uid", "summary", "location", "description")),
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_nothing_that_a_row_holds_is_more_than_a_value(connection, columns):
    """Also what older imports have left, read by another library."""
    imported(connection, **columns)
    for form in ("json", "csv"):
        assert client().get(f"/export/calendar/1.{form}").status_code == 200
    written = client().get("/export/calendar/1.ics").content
    found = icalendar.Calendar.from_ical(written)
    assert [len(found.walk(name)) for name in ("VEVENT", "VALARM")] == [1, 0]
    assert b"\n" not in written.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in written.split(b"\r\n"))


@pytest.mark.parametrize("link", ["https://example.org/\nATTENDEE:x", "https://example.org/\r\n\tATTENDEE:x"])
def test_a_link_by_hand_is_one_line(connection_uri, link):
    made = client().post("/activity/", json={"title": "a", "html_link": link}).json()
    assert made["html_link"] == "https://example.org/ATTENDEE:x"
    assert b"\r\nATTENDEE" not in client().get(f"/export/calendar/{made['calendar_id']}.ics").content


def test_json_has_the_occurrences_as_preview_prints_them(club, tmp_path):
    found = client().get(f"/export/calendar/{club}.json").json()
    own = {"activity_type", "content_hash", "timezone_source"}
    assert found["name"] == "Club"
    assert [{k: v for k, v in one.items() if k not in own} for one in found["occurrences"]] == [
        {k: v for k, v in one.items() if k not in own} for one in previewed(FEED, tmp_path)
    ]


@pytest.mark.parametrize(
    "title", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a\r=1", '=HYPERLINK("http://x","y")']
)
def test_no_cell_of_a_csv_is_a_formula(connection, title):
    imported(connection, summary=title, location=title)
    text = client().get("/export/calendar/1.csv").text
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert list(row) == ["start", "end", *frame.NAMES]
    shown = title if title.startswith("a") else f"'{title}"
    assert (row["summary"], row["location"]) == (shown.replace("\r", "\n"),) * 2


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({}, 7),
        ({"from": "2026-11-04"}, 2),
        ({"to": "2026-10-21T18:00:00Z"}, 1),
        ({"to": "2026-10-21T18:00:01Z"}, 2),
        ({"from": "2026-10-25", "to": "2026-10-26"}, 2),
    ],
)
def test_an_export_may_be_of_a_window(club, bounds, found):
    assert len(client().get(f"/export/calendar/{club}.json", params=bounds).json()["occurrences"]) == found


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/export/calendar/4711.ics", 404),
        ("/export/user/4711.ics", 404),
        ("/export/place/4711.csv", 404),
        ("/export/calendar/1.xml", 422),
        ("/export/planet/1.ics", 422),
        ("/export/calendar/1.ics?from=tomorrow", 400),
        ("/export/calendar/1.ics?from=2026-11-20T10:00:00", 400),
        ("/export/calendar/1.ics?to=9999-12-31T23:59:59-12:00", 400),
    ],
)
def test_what_cannot_be_exported_is_said(connection, path, status):
    imported(connection)
    assert client().get(path).status_code == status


def test_what_is_known_is_not_sent_again(club):
    http, path = client(), f"/export/calendar/{club}.ics"
    first = http.get(path)
    for header in ({"If-None-Match": first.headers["etag"]}, {"If-Modified-Since": first.headers["last-modified"]}):
        again = http.get(path, headers=header)
        assert (again.status_code, again.content) == (304, b"")
    assert http.get(path).content == first.content

    with database.connect() as connection:
        connection.execute("update calimport.calendars set name = 'Choir', configured_at = now() + interval '1 minute'")
    for header in ({"If-None-Match": first.headers["etag"]}, {"If-Modified-Since": first.headers["last-modified"]}):
        assert http.get(path, headers=header).status_code == 200
    # An ETag says more than a date (RFC 9110, 13.1.3).
    now = http.get(path).headers
    both = {"If-None-Match": '"other"', "If-Modified-Since": now["last-modified"]}
    assert http.get(path, headers=both).status_code == 200


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_line_exports_the_same(club, tmp_path):
    assert run("export", "calendar", "Club") == client().get(f"/export/calendar/{club}.ics").text.replace("\r\n", "\n")
    file = tmp_path / "club.csv"
    printed = run("export", "calendar", "Club", "--format", "csv", "--from", "2026-11-01", "--output", str(file))
    assert printed == f"Wrote 2 occurrences to {file}.\n"
    assert len(list(csv.DictReader(file.open(newline="")))) == 2
    refused = CliRunner().invoke(main, ["export", "user", "Nobody"])
    assert (refused.exit_code, refused.stderr) == (1, "calimport: StoreNotFound: There is no user named 'Nobody'.\n")


@pytest.fixture
def private(connection) -> str:
    """The address that grants the calendar Club as iCalendar."""
    imported(connection)
    imported(connection, "Other", uid="other")
    return run("tokens", "create", "calendar", "Club").strip().removeprefix("/api/v1")


def test_a_token_grants_one_export_in_one_format(private):
    http = client()
    found = http.get(private)
    assert (found.status_code, found.content) == (200, http.get("/export/calendar/1.ics").content)
    assert http.get(private, headers={"If-None-Match": found.headers["etag"]}).status_code == 304
    assert http.get(private.replace(".ics", ".json")).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path[:-1] + ("A" if path[-1] != "A" else "B"),
        lambda path: path.replace("token=1-", "token=2-"),
        lambda path: path.replace("token=1-", "token=01-"),
        lambda path: path.replace("token=1-", "token=999999999999999999-"),
        lambda path: path.partition("-")[0],
        lambda path: path.partition("?")[0],
        lambda path: path.partition("=")[0] + "=",
        lambda path: f"{path}%00",
    ],
)
def test_a_wrong_token_is_not_there(private, change):
    answer = client().get(change(private))
    assert (answer.status_code, answer.json()) == (404, {"detail": "No token grants this."})


def test_a_revoked_token_is_not_there(private):
    assert run("tokens", "revoke", "1") == "Revoked token 1.\n"
    assert client().get(private).status_code == 404
    again = CliRunner().invoke(main, ["tokens", "revoke", "1"])
    assert (again.exit_code, again.stderr) == (
        1,
        "calimport: ConfigurationError: There is no token 1 that is not revoked yet.\n",
    )


def test_no_secret_of_a_token_is_kept_or_listed(connection, private):
    secret = private.partition("-")[2]
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert re.sub(r"\d\d:\d\dZ", "TIME", run("tokens", "list")) == f"1  calendar Club, ics, {today} TIME\n"
    rows = connection.execute("select to_jsonb(export_tokens) as row from calimport.export_tokens").fetchall()
    assert secret not in json.dumps([row["row"] for row in rows])


def test_a_token_goes_with_what_it_grants(connection, private):
    connection.execute("delete from calimport.calendars where name = 'Club'")
    connection.commit()
    assert client().get(private).status_code == 404
    assert run("tokens", "list") == ""


def test_rows_by_hand_are_exported_too(connection_uri, tmp_path):
    saved = store.activity_save(title="Tea", start=1795168800, end=1795172400, reminders=[1795168200])
    (found,) = previewed(client().get(f"/export/calendar/{saved['calendar_id']}.ics").content, tmp_path)
    assert {name: found[name] for name in ("uid", "start", "end", "summary", "reminders")} == {
        "uid": saved["iCalUID"],
        "start": "2026-11-20T10:00:00Z",
        "end": "2026-11-20T11:00:00Z",
        "summary": "Tea",
        "reminders": ["2026-11-20T09:50:00Z"],
    }
