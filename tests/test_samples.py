"""The sample calendars of `make run`: always dated around today, served as real producers serve theirs."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
import yaml

from calimport.icalendar_text import meaning_hash
from dev import serving

NAMES = sorted(path.name for path in serving.SAMPLES.glob("*.ics"))
IN_THEIR_WEEK = datetime(2026, 1, 7, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def address():
    server = serving.start(0)
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_every_sample_is_configured_and_every_configured_one_exists():
    configured = yaml.safe_load((serving.SAMPLES / "calendars.yaml").read_text(encoding="utf-8"))["calendars"]
    assert sorted(calendar["source"] for calendar in configured) == [
        f"http://127.0.0.1:{serving.PORT}/{name}" for name in NAMES
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_keeps_to_the_lines_of_rfc_5545(name):
    text = (serving.SAMPLES / name).read_text(encoding="utf-8")
    assert max(len(line.encode()) for line in text.splitlines()) <= 75
    assert text.startswith("BEGIN:VCALENDAR\n")
    assert text.endswith("END:VCALENDAR\n")


def test_dates_move_by_whole_weeks_and_nothing_else_does():
    text = (
        "CREATED:20260101T000000Z\nDTSTART;TZID=Europe/London:20260105T100000\nEXDATE;VALUE=DATE:20260106,20260107\n"
        "RRULE:FREQ=DAILY;UNTIL=20260131T235959Z\nUID:20260105@example.org\nBEGIN:VTIMEZONE\nDTSTART:19701025T020000\n"
        "END:VTIMEZONE\nRECURRENCE-ID:20260105T100000Z\n"
    )
    assert serving.render(text, now=datetime(2026, 11, 29, 23, tzinfo=UTC)) == (
        "CREATED:20260101T000000Z\r\nDTSTART;TZID=Europe/London:20261123T100000\r\n"
        "EXDATE;VALUE=DATE:20261124,20261125\r\nRRULE:FREQ=DAILY;UNTIL=20261219T235959Z\r\nUID:20260105@example.org\r\n"
        "BEGIN:VTIMEZONE\r\nDTSTART:19701025T020000\r\nEND:VTIMEZONE\r\nRECURRENCE-ID:20261123T100000Z\r\n"
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "google-export.ics"])
def test_in_the_week_that_it_was_written_for_a_sample_is_served_as_it_is(name):
    text = (serving.SAMPLES / name).read_text(encoding="utf-8")
    assert serving.render(text, now=IN_THEIR_WEEK) == text.replace("\n", "\r\n")


def test_google_writes_a_new_dtstamp_at_every_request_and_means_the_same():
    text = (serving.SAMPLES / "google-export.ics").read_text(encoding="utf-8")
    first, second = (serving.render(text, now=IN_THEIR_WEEK.replace(minute=minute)) for minute in (0, 5))
    assert first != second
    assert meaning_hash(first.encode()) == meaning_hash(second.encode())


def test_whoever_knows_the_etag_gets_no_body(address):
    first = httpx.get(f"{address}/days-off.ics")
    second = httpx.get(f"{address}/days-off.ics", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, first.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert (second.status_code, second.content) == (304, b"")


@pytest.mark.parametrize("path", ["/missing.ics", "/calendars.yaml", "/../serving.py", "/"])
def test_nothing_but_samples_is_served(address, path):
    assert httpx.get(address + path).status_code == 404
