"""Notices: one for each thing, counted, there while it is true, and readable by the calendar's owner."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from calimport.cli import main
from calimport.normalizing import merge_notices
from calimport.sources.base import Notice
from tests.importing import Importer, feed
from tests.web import Reply

GOOD = "UID:good\nDTSTART:20261119T100000Z\nSUMMARY:Good\n"
BROKEN = "UID:broken\nDTSTART:soon\nSUMMARY:Broken\n"
DAILY = "UID:daily\nDTSTART:20261118T100000Z\nRRULE:FREQ=DAILY;COUNT=3\nSUMMARY:Daily\nLOCATION:The usual place\n"
LATER = "UID:later\nDTSTART:20271118T100000Z\nSUMMARY:Later\nLOCATION:Somewhere nice\n"
UNRESOLVED = "The location 'The usual place' names no known place and no postcode; it was kept as text."


def codes(importer: Importer) -> list[tuple[str, int]]:
    rows = importer.connection.execute("select code, occurrences from calimport.notices order by code, subject")
    return [(row["code"], row["occurrences"]) for row in rows]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([Notice("a", "One."), Notice("a", "Two.")], [Notice("a", "Two.", occurrences=2)]),
        ([Notice("a", "One.", "x"), Notice("a", "One.", "y")], [Notice("a", "One.", "x"), Notice("a", "One.", "y")]),
        (
            [Notice("a", "One.", "x", keeps_uid=True, occurrences=3), Notice("a", "Two.", "x")],
            [Notice("a", "Two.", "x", keeps_uid=True, occurrences=4)],
        ),
    ],
)
def test_notices_of_one_thing_are_one_and_counted(given, expected):
    assert merge_notices(given) == expected


def test_a_location_of_a_whole_series_is_one_notice_with_its_count(importer, web):
    importer.add("club", web.feed(Reply(feed(DAILY))), strategy="event")
    importer.run()
    assert codes(importer) == [("location_unresolved", 3)]


def test_a_notice_stays_through_a_failed_fetch_and_is_not_taken_as_seen(importer, web):
    importer.add("club", web.feed(Reply(feed(GOOD, BROKEN))))
    importer.run()
    seen = importer.now
    web.feed(Reply(status=404))
    importer.run()
    assert importer.one("select last_seen_at from calimport.owner_notices") == seen


def test_a_notice_goes_when_it_is_no_longer_true_and_keeps_its_beginning_while_it_is(importer, web):
    importer.add("club", web.feed(Reply(feed(GOOD, BROKEN, DAILY))), strategy="event")
    importer.run()
    first = importer.now
    web.feed(Reply(feed(GOOD, DAILY.replace("COUNT=3", "COUNT=2"))))

    importer.run()

    assert codes(importer) == [("location_unresolved", 2)]
    assert importer.one("select first_seen_at from calimport.notices") == first


def test_a_run_over_another_window_forgets_no_notice(importer, web):
    importer.add("club", web.feed(Reply(feed(DAILY, LATER))), strategy="event")
    importer.run()
    first = importer.now

    importer.run(window_start="2027-11-01", window_end="2027-12-01")

    assert codes(importer) == [("location_unresolved", 1), ("location_unresolved", 3)]
    importer.run()
    assert codes(importer) == [("location_unresolved", 3)]
    assert importer.one("select first_seen_at from calimport.notices") == first


def test_a_notice_names_the_title_of_no_private_event(importer, web):
    importer.add("club", web.feed(Reply(feed(GOOD, BROKEN.replace("SUMMARY:Broken", "SUMMARY:Secret\nCLASS:PRIVATE")))))
    importer.run()
    assert "Secret" not in importer.one("select message from calimport.notices")


def test_an_owner_reads_them_on_the_command_line(importer, web):
    importer.add("club", web.feed(Reply(feed(DAILY))), strategy="event")
    importer.run(later=timedelta(0))
    importer.run(later=timedelta(minutes=10))

    table = CliRunner().invoke(main, ["calendars", "notices", "club"])
    document = CliRunner().invoke(main, ["calendars", "notices", "club", "--format", "json"])

    assert table.output.splitlines() == [
        "first seen         last seen          times  notice",
        f"2026-11-18 12:00Z  2026-11-18 12:10Z  3      {UNRESOLVED}",
    ]
    assert json.loads(document.output) == [
        {
            "code": "location_unresolved",
            "subject": "The usual place",
            "message": UNRESOLVED,
            "occurrences": 3,
            "first_seen_at": "2026-11-18T12:00:00+00:00",
            "last_seen_at": "2026-11-18T12:10:00+00:00",
        }
    ]


def test_a_calendar_without_notices_says_so(importer, web):
    importer.add("club", web.feed(Reply(feed(GOOD))))
    importer.run()
    assert CliRunner().invoke(main, ["calendars", "notices", "club"]).output == "No notices.\n"
