"""What is kept of long lists, of long texts on many dates, and of odd UIDs: from each source, always the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calimport import frame, icalendar_text, normalizing
from calimport.errors import FeedTooLarge
from calimport.normalizing import Meaning, Normalized, normalize
from calimport.privacy import Privacy
from calimport.sources.base import ParseContext
from calimport.sources.caldav import parse as parse_caldav
from calimport.text import storable
from calimport.windows import Window
from tests.importing import feed
from tests.web import Reply

WINDOW = Window(datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC))
CONTEXT = ParseContext(WINDOW, WINDOW.start, "UTC", "default", max_occurrences=20_000)
MOST = frame.MOST["attendees"]
TIMES = ("DTSTART:20261119T100000Z", "DTEND:20261119T110000Z")


def event(*lines: str, uid: str = "one") -> bytes:
    return feed("\n".join([f"UID:{uid}", *TIMES, "SUMMARY:Choir", *lines]))


def attendees(count: int, first: int = 0) -> list[str]:
    return [f"ATTENDEE;CN=N{i}:mailto:a{i}@example.org" for i in range(first, first + count)]


def ics(count: int) -> tuple[str, bytes]:
    return "ics", event(*attendees(count))


def caldav(count: int) -> tuple[str, bytes]:
    about: dict[str, Any] = {"title": None, "color": None, "timezone": None}
    return "caldav", json.dumps(
        {"collection": about, "resources": {"/a.ics": event(*attendees(count)).decode()}}
    ).encode()


def google(count: int) -> tuple[str, bytes]:
    item = {
        "id": "one",
        "iCalUID": "one",
        "status": "confirmed",
        "summary": "Choir",
        "start": {"dateTime": "2026-11-19T10:00:00Z"},
        "end": {"dateTime": "2026-11-19T11:00:00Z"},
        "attendees": [{"displayName": f"N{i}", "email": f"a{i}@example.org"} for i in range(count)],
    }
    return "google", json.dumps({"calendar": {"timeZone": "UTC"}, "colors": {}, "events": [item]}).encode()


def microsoft(count: int) -> tuple[str, bytes]:
    item = {
        "id": "one",
        "iCalUId": "one",
        "type": "singleInstance",
        "subject": "Choir",
        "start": {"dateTime": "2026-11-19T10:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2026-11-19T11:00:00.0000000", "timeZone": "UTC"},
        "attendees": [{"emailAddress": {"name": f"N{i}", "address": f"a{i}@example.org"}} for i in range(count)],
    }
    return "microsoft", json.dumps({"calendar": {}, "events": [item]}).encode()


def read(kind: str, content: bytes, meaning: Meaning | None = None) -> Normalized:
    return normalize(content, kind=kind, context=CONTEXT, meaning=meaning or Meaning())


@pytest.mark.parametrize("source", [ics, caldav, google, microsoft])
def test_of_more_attendees_than_anybody_has_the_first_are_kept_from_each_source(
    source: Callable[[int], tuple[str, bytes]],
) -> None:
    found, fewer = read(*source(MOST + 5)), read(*source(MOST))

    assert [one["email"] for one in found.rows[0]["attendees"]] == [f"a{i}@example.org" for i in range(MOST)]
    assert [(one.code, one.subject, one.message, one.keeps_uid) for one in found.notices] == [
        ("too_many_attendees", "one", "The event 'Choir' has 1005 attendees; the first 1000 were kept.", False)
    ]
    assert fewer.notices == []
    assert [row["content_hash"] for row in found.rows] == [row["content_hash"] for row in fewer.rows]


@pytest.mark.parametrize(
    ("lines", "column", "message"),
    [
        (
            ["CATEGORIES:" + ",".join(f"c{i}" for i in range(1200))],
            "categories",
            "The event 'Choir' has 1200 categories; the first 1000 were kept.",
        ),
        (
            [f"CATEGORIES:c{i}" for i in range(1200)],
            "categories",
            "The event 'Choir' has 1200 categories; the first 1000 were kept.",
        ),
        (
            [f"BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT{i}M\nEND:VALARM" for i in range(1200)],
            "reminders",
            "The event 'Choir' has more than 50 reminders; the first 50 were kept.",
        ),
        (
            [f"BEGIN:VALARM\nTRIGGER:20261118T{i // 60:02}{i % 60:02}00Z\nEND:VALARM" for i in range(1200)],
            "reminders",
            "The event 'Choir' has more than 50 reminders; the first 50 were kept.",
        ),
    ],
)
def test_so_it_is_with_every_list(lines, column, message):
    row, notices = (found := read("ics", event(*lines))).rows[0], found.notices

    assert len(row[column]) == frame.MOST[column]
    assert len(row["reminder_methods"]) == len(row["reminders"])
    assert [(one.code, one.message) for one in notices] == [(f"too_many_{column}", message)]


def test_every_list_of_the_frame_has_its_bound():
    lists = {one.name for one in frame.COLUMNS if one.sql_type.endswith("[]") or one.name == "attendees"}
    assert lists - {"reminder_methods"} == frame.MOST.keys()


@pytest.mark.parametrize(
    "meaning",
    [
        Meaning(privacy=Privacy(attendees="drop")),
        Meaning(privacy=Privacy(private_events="busy"), ignore_marker="#mine"),
    ],
)
def test_what_is_not_kept_is_not_told_of(meaning):
    found = read("ics", event("DESCRIPTION:#mine", *attendees(MOST + 5)), meaning)

    assert found.rows[0]["attendees"] == []
    assert [one.code for one in found.notices if one.code.startswith("too_many")] == []


def test_each_import_keeps_the_same_and_the_owner_reads_of_it(importer, web):
    importer.add("big", web.feed(Reply(event(*attendees(MOST + 5), "X-A:1")), "/big.ics"))
    importer.run()
    before = importer.rows("big", "id", "uid", "content_hash", "attendees")
    web.feed(Reply(event(*attendees(MOST + 5), "X-A:2")), "/big.ics")
    importer.run()
    after = importer.rows("big", "id", "uid", "content_hash", "attendees")

    assert before == after
    assert [len(row[3]) for row in after] == [MOST]
    assert importer.one("select string_agg(message, ' ') from calimport.owner_notices") == (
        "The event 'Choir' has 1005 attendees; the first 1000 were kept."
    )


def test_a_long_text_on_many_dates_is_too_large(monkeypatch):
    """Five kilobytes of description on each of two hundred minutes are a megabyte of rows."""
    series = event("RRULE:FREQ=MINUTELY;COUNT=200", "DESCRIPTION:" + "word " * 1000)
    assert len(read("ics", series).rows) == 200

    monkeypatch.setattr(normalizing, "MOST_WRITTEN", 1_000_000)
    with pytest.raises(FeedTooLarge):
        read("ics", series)


def test_more_lines_than_a_calendar_has_are_too_many(monkeypatch):
    monkeypatch.setattr(icalendar_text, "MOST_LINES", 1000)
    monkeypatch.setattr("calimport.sources.caldav.MOST_LINES", 1000)
    assert icalendar_text.clean(event(*attendees(900)))

    with pytest.raises(FeedTooLarge):
        icalendar_text.clean(event(*attendees(1000)))
    with pytest.raises(FeedTooLarge):
        parse_caldav(caldav(1000)[1], CONTEXT)


def test_alarms_are_read_once_and_not_once_for_each_date(monkeypatch):
    """A thousand alarms on a thousand dates are a thousand readings, not a million."""
    from calimport.sources import ics_rows

    readings = []
    real = ics_rows.duration
    monkeypatch.setattr(ics_rows, "duration", lambda *given: (readings.append(given), real(*given))[1])
    alarms = [f"BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT{i}M\nEND:VALARM" for i in range(1000)]
    found = read("ics", event("RRULE:FREQ=MINUTELY;COUNT=1000", *alarms))

    assert len(found.rows) == 1000
    assert len(readings) == 1000


@pytest.mark.parametrize("kind", ["ics", "google", "microsoft", "caldav"])
def test_a_name_as_long_as_a_book_fills_no_notice(kind):
    name = "x" * 1_000_000
    documents = {
        "ics": feed(f"UID:one\nDTSTART:soon\nSUMMARY:{name}"),
        "google": json.dumps(
            {"calendar": {}, "colors": {}, "events": [{"id": "one", "iCalUID": "one", "summary": name, "start": {}}]}
        ).encode(),
        "microsoft": json.dumps({"calendar": {}, "events": [{"id": "one", "subject": name}]}).encode(),
        "caldav": json.dumps({"collection": {}, "resources": {f"/{name}": f"BEGIN:VCALENDAR\nUID:{name}"}}).encode(),
    }
    found = read(kind, documents[kind])

    assert [one.code for one in found.notices] == ["event_unreadable"]
    assert len(found.notices[0].message) < 400
    assert len(found.notices[0].subject) < 400


def test_the_window_does_not_change_which_alarms_a_date_has():
    alarms = [f"BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT{i}M\nEND:VALARM" for i in range(60)]
    series = event("RRULE:FREQ=DAILY;COUNT=5", *alarms)
    later = ParseContext(Window(WINDOW.start + timedelta(9), WINDOW.end), WINDOW.start, "UTC", "default")

    whole = {row["recurrence_id"]: row["content_hash"] for row in read("ics", series).rows}
    part = {row["recurrence_id"]: row["content_hash"] for row in
            normalize(series, kind="ics", context=later, meaning=Meaning()).rows}  # fmt: skip
    assert part
    assert part.items() < whole.items()


@pytest.mark.parametrize("odd", ["a\x00b", "a\ud800b", "a\x85b"])
@pytest.mark.parametrize("kind", ["google", "microsoft", "caldav"])
def test_an_event_that_nobody_can_read_is_known_by_the_uid_that_its_row_has(kind, odd):
    """PostgreSQL stores neither NUL nor half a character: a row's UID is without them, and so is the notice's."""
    documents = {
        "google": {"calendar": {}, "colors": {}, "events": [{"id": odd, "iCalUID": odd, "summary": odd, "start": {}}]},
        "microsoft": {"calendar": {}, "events": [{"id": odd, "subject": odd}]},
        "caldav": {"collection": {}, "resources": {"/a.ics": f"BEGIN:VCALENDAR\nUID:{odd}"}},
    }
    (notice,) = read(kind, json.dumps(documents[kind]).encode()).notices

    assert (notice.subject, notice.keeps_uid) == (storable(odd), True)
    assert notice.message.isprintable()
