"""The protocols' recorded answers: a fixture folder each, replayed by ``preview`` without credentials and network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from calimport import sources
from calimport.previewing import look
from tests.fake_google import valid
from tests.recordings import recording
from tests.site_rows import FIXTURES, fixture

GOOGLE = "https://www.googleapis.com/calendar/v3"
LISTING = f"{GOOGLE}/calendars/team%40group.calendar.google.com/events?maxResults=250"
COLLECTION = "https://cloud.example/remote.php/dav/calendars/ann/allotment/"
MAILBOX = "https://graph.microsoft.com/v1.0/users/anna@example.org"


RECORDED: dict[str, tuple[str, dict[str, str], list[tuple[Any, ...]]]] = {
    "ics": (
        "webcal://mill.example/club.ics",
        {"GET https://mill.example/club.ics": "ics/club.ics"},
        [
            ("07-02 18:00", "confirmed", "Spinning circle", "The Old Mill, 3 Mill Lane, Leeds LS1 4AB"),
            ("07-10 18:30", "confirmed", "Spinning circle (Friday)", "The Old Mill, 3 Mill Lane, Leeds LS1 4AB"),
            ("07-23 18:00", "confirmed", "Spinning circle", "The Old Mill, 3 Mill Lane, Leeds LS1 4AB"),
            ("07-31 23:00", "confirmed", "Open weekend ☕", None),
        ],
    ),
    "google": (
        "team@group.calendar.google.com",
        {
            f"GET {GOOGLE}/users/me/calendarList/team%40group.calendar.google.com": "google/calendar.json",
            f"GET {LISTING}": "google/events-1.json",
            f"GET {LISTING}&pageToken=page-two": "google/events-2.json",
        },
        [
            ("07-01 06:00", "confirmed", "Outing", "Boathouse, Quay Street, Leeds"),
            ("07-08 06:00", "cancelled", "Outing", "Boathouse, Quay Street, Leeds"),
            ("07-15 06:00", "confirmed", "Outing", "Boathouse, Quay Street, Leeds"),
            ("07-17 23:00", "tentative", None, None),
        ],
    ),
    "caldav": (
        COLLECTION,
        {
            f"PROPFIND {COLLECTION}": "caldav/propfind.xml",
            f"REPORT {COLLECTION}": "caldav/sync-collection.xml",
            # The same address again: the second report asks for the texts.
            f"REPORT {COLLECTION}#texts": "caldav/multiget.xml",
        },
        [
            ("07-04 09:00", "confirmed", "Digging & tea", "Plot 9"),
            ("08-01 09:00", "confirmed", "Digging & tea", "Plot 9"),
            ("09-11 23:00", "cancelled", "Seed swap 🌱", None),
        ],
    ),
    "microsoft": (
        "anna@example.org",
        {
            f"GET {MAILBOX}/calendar": "microsoft/calendar.json",
            f"GET {MAILBOX}/mailboxSettings/timeZone": "microsoft/timezone.json",
            f"GET {MAILBOX}/calendarView/delta?startDateTime=1&endDateTime=2": "microsoft/delta-1.json",
            f"GET {MAILBOX}/calendarView/delta?$skiptoken=R0usmcCM996atia": "microsoft/delta-2.json",
        },
        [
            ("07-01 08:00", "confirmed", "Stand-up", "Room 3"),
            ("07-19 23:00", "confirmed", "Away ⛵", None),
        ],
    ),
}


@pytest.mark.parametrize("kind", RECORDED)
def test_a_recording_of_a_protocol_becomes_a_preview(tmp_path, kind):
    source, answers, expected = RECORDED[kind]
    window = {"start": "2026-06-01", "end": "2026-12-31", "now": "2026-06-15T12:00:00Z"}
    found = look(source, kind=kind, replay=recording(tmp_path, answers), **window)

    shown = found.frame
    starts = shown["start_at"].dt.strftime("%m-%d %H:%M")
    columns = [
        shown[name].astype(object).where(shown[name].notna(), None) for name in ("status", "summary", "location")
    ]
    assert list(zip(starts, *columns, strict=True)) == expected
    assert (found.kind, found.timezone, found.timezone_source) == (kind, "Europe/London", "calendar")


@pytest.mark.parametrize(
    ("name", "schema"),
    [("calendar", "CalendarListEntry"), ("events-1", "Events"), ("events-2", "Events")],
)
def test_the_answers_of_google_are_valid_by_its_discovery_document(name, schema):
    assert valid(schema, json.loads(fixture(f"google/{name}.json")))


def test_every_source_has_a_fixture_folder_whose_files_are_read_by_tests():
    folders = {one.name: sorted(file.name for file in one.iterdir()) for one in FIXTURES.iterdir() if one.is_dir()}
    read = "\n".join(one.read_text() for one in Path(__file__).parent.glob("test_*.py"))
    unread = [
        f"{kind}/{name}"
        for kind, names in folders.items()
        for name in names
        if name != "README.md" and not re.search(rf"{kind}/(?:{re.escape(name)}|[\w.-]*\{{)", read)
    ]

    assert set(folders) == set(sources.MODULES)
    assert [kind for kind, names in folders.items() if "README.md" not in names or len(names) < 2] == []
    assert unread == []
