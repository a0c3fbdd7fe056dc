"""The faults of the PlaceCal importer, each named as it was reported: it does not happen here."""

from __future__ import annotations

from datetime import timedelta

import pytest

from calimport import calendars, copying
from calimport.settings import Settings
from tests.importing import feed
from tests.test_network_guard import INSIDE, inside, names  # noqa: F401 - fixtures
from tests.web import Reply

WEEKLY = """
UID:yoga
DTSTART;TZID=Europe/London:20261102T180000
DTEND;TZID=Europe/London:20261102T190000
RRULE:FREQ=WEEKLY
SUMMARY:Yoga
"""
GOOD = "UID:good\nDTSTART:20261119T100000Z\nSUMMARY:Good"
BROKEN = "UID:broken\nDTSTART:soon\nSUMMARY:Broken"


@pytest.mark.parametrize("etag", ['"1"', None])
def test_a_static_feed_with_an_endless_rule_ran_dry(importer, web, etag):
    """Because the unchanged checksum skipped expansion: also where the server answers 304."""
    daily = "UID:d\nDTSTART:20261101T100000Z\nDTEND:20261101T110000Z\nRRULE:FREQ=DAILY\nSUMMARY:d"
    importer.add("club", web.feed(Reply(feed(daily), etag=etag)))
    importer.run()
    first = len(importer.rows("club", "id"))

    importer.run(later=timedelta(days=3))
    importer.run(later=timedelta(days=30))

    assert first == 15
    assert len(importer.rows("club", "id")) == 15 + 3 + 15  # what lies behind the window stays
    assert importer.rows("club", "start_at")[-1][0] > importer.now + timedelta(days=6)
    assert importer.one("select count(distinct content_hash) from calimport.feeds") == 1


def test_the_checksum_was_stored_before_parsing(importer, web, monkeypatch):
    """So a failed import looked unchanged, and its error vanished."""
    importer.add("club", web.feed(Reply(feed(GOOD), etag='"1"')))

    def fails(*given):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(copying, "line", fails)
        errors = []
        for _ in range(2):
            importer.run(calendars=["club"])
            errors.append(importer.state("club")["error_class"])
    assert errors == ["InternalError", "InternalError"]

    importer.run(calendars=["club"])

    assert importer.state("club")["error_class"] is None
    assert importer.rows("club", "uid") == [("good",)]


def test_so_a_failed_import_looked_unchanged_and_its_error_vanished(importer, web):
    """A page in the feed's place, the same each time."""
    importer.add("club", web.feed(Reply(b"<!DOCTYPE html><title>Sign in</title>", etag='"1"')))
    seen = []
    for _ in range(3):
        importer.run(calendars=["club"])
        seen.append((importer.state("club")["state"], importer.state("club")["error_class"]))
    assert seen == [("bad_source", "FeedIsWebPage")] * 3


def test_notices_vanished_at_the_next_unchanged_run(importer, web):
    importer.add("club", web.feed(Reply(feed(GOOD, BROKEN))))
    importer.run()
    first = importer.now

    report = importer.run()
    importer.run()

    assert report.unchanged == 1
    (row,) = importer.connection.execute("select code, first_seen_at, last_seen_at from calimport.owner_notices")
    assert (row["code"], row["first_seen_at"], row["last_seen_at"]) == ("event_unreadable", first, importer.now)


def test_an_override_updated_the_first_row_of_its_series(importer, web):
    override = (
        "UID:yoga\nRECURRENCE-ID;TZID=Europe/London:20261123T180000\n"
        "DTSTART;TZID=Europe/London:20261124T200000\nDTEND;TZID=Europe/London:20261124T210000\nSUMMARY:"
    )
    importer.add("club", web.feed(Reply(feed(WEEKLY))))
    importer.run()
    before = importer.rows("club", "id", "xmin")
    for title in ("Late yoga", "Later yoga"):
        web.feed(Reply(feed(WEEKLY, f"{override}{title}")))
        importer.run()

    assert importer.rows("club", "recurrence_id", "summary") == [
        ("2026-11-16T18:00:00Z", "Yoga"),
        ("2026-11-23T18:00:00Z", "Later yoga"),
    ]
    assert importer.rows("club", "id", "xmin")[0] == before[0]
    assert importer.rows("club", "id")[1][0] == before[1][0]


@pytest.mark.parametrize(
    ("changed", "titles"),
    [
        # The series begins anew from today on, as programs write "this and all following".
        (WEEKLY.replace("20261102", "20261123"), ["Yoga", "Yoga"]),
        # Another time from today on, and an end of what was.
        (
            WEEKLY.replace("FREQ=WEEKLY", "FREQ=WEEKLY;UNTIL=20261117T000000Z"),
            ["Yoga"],
        ),
        # All of it has another title: the past too, in the same rows.
        (WEEKLY.replace("SUMMARY:Yoga", "SUMMARY:Flow"), ["Flow", "Flow"]),
        # It is gone altogether.
        ("", ["Yoga"]),
    ],
    ids=["begins anew", "ends", "title", "gone"],
)
def test_past_occurrences_of_a_changed_series_were_destroyed(importer, web, changed, titles):
    importer.add("club", web.feed(Reply(feed(WEEKLY))))
    importer.run()
    past = importer.rows("club", "id", "start_at")[0]
    web.feed(Reply(feed(*[one for one in [changed] if one])))

    importer.run()

    assert past[1] < importer.now
    assert importer.rows("club", "id", "start_at")[0] == past
    assert importer.rows("club", "summary") == [(title,) for title in titles]


def test_a_calendar_whose_last_event_went_was_never_cleared(importer, web):
    past = "UID:past\nDTSTART:20261114T100000Z\nSUMMARY:Past"
    importer.add("club", web.feed(Reply(feed(past, GOOD))))
    importer.run()
    web.feed(Reply(feed()))

    importer.run()

    # A feed without anything does not say that it publishes its past.
    assert importer.rows("club", "uid") == [("past",)]
    assert importer.state("club")["state"] == "idle"


def test_one_bad_calendar_row_stopped_the_scan(importer, web):
    """Rows that somebody wrote by hand, each with another nonsense."""
    good = web.feed(Reply(feed(GOOD)))
    bad = {
        "kind": {"kind": "nonsense", "source": good},
        "zone": {"timezone": "Nowhere/Town", "source": f"{good}?2"},
        "source": {"source": "::not an address::"},
        "connection": {"source": f"{good}?3", "connection_id": "there is none"},
    }
    for name, columns in bad.items():
        importer.add(name, **columns)
    importer.add("zz good", f"{good}?4")

    report = importer.run()

    assert sorted(report.failed) == sorted(bad)
    assert importer.rows("zz good", "uid") == [("good",)]
    assert all(importer.state(name)["error_message"] for name in bad)


def test_the_private_address_check_saw_only_ipv4_literals_at_save(
    importer,
    connection_uri,
    names,  # noqa: F811
    inside,  # noqa: F811
):
    """A name, and one that leads elsewhere once it is saved: what counts is the address that is connected to."""
    inside.feed(Reply(feed(GOOD)), "/a.ics")
    names.answers["club.example"] = [["93.184.215.14"]]
    calendars.add(
        importer.connection,
        calendars.configure({"name": "club", "source": f"http://club.example:{inside.port}/a.ics"}),
    )
    importer.add("six", f"http://[::ffff:127.0.0.9]:{inside.port}/a.ics")
    names.asked.clear()
    names.answers["club.example"] = [[INSIDE]]
    importer.settings = Settings(fetch_attempts=1, allowed_networks="")

    assert sorted(importer.run().failed) == ["club", "six"]

    assert {importer.state(name)["error_class"] for name in ("club", "six")} == {"FeedAddressForbidden"}
    assert "club.example" in names.asked
    assert inside.asked == []


def test_the_original_turned_duke_street_into_de_street(importer, web):
    """Country and postcode are taken out as whole words."""
    located = f"{GOOD}\nLOCATION:Duke Street\\, Ukbridge\\, m11aa\\, UK"
    importer.add("club", web.feed(Reply(feed(located))), strategy="event")
    importer.run()
    assert importer.rows("club", "address") == [("Duke Street, Ukbridge, M1 1AA",)]
