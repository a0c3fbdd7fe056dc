"""CalDAV calendars of a real server, Radicale, through the whole flow."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from calimport.previewing import look
from tests.importing import Importer, feed
from tests.radicale_server import PASSWORD, USER, Radicale, serve

LONDON = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\nBEGIN:VTIMEZONE\nTZID:Europe/London\nBEGIN:STANDARD\n"
    "DTSTART:19701025T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\n"
    "END:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:19700329T010000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\n"
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nEND:DAYLIGHT\nEND:VTIMEZONE\nEND:VCALENDAR\n"
)
PROPERTIES = (
    "<D:displayname>Choir &amp; friends</D:displayname><A:calendar-color>#0088aaff</A:calendar-color>"
    f"<C:calendar-timezone>{LONDON}</C:calendar-timezone>"
)
SERIES = "UID:practice\nDTSTART;TZID=Europe/London:20261112T190000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY\nSUMMARY:Practice"
MOVED = (
    "UID:practice\nRECURRENCE-ID;TZID=Europe/London:20261119T190000\nDTSTART;TZID=Europe/London:20261120T200000\n"
    "DURATION:PT2H\nSUMMARY:Practice on Friday"
)


def event(name: str, day: int = 20, hour: int = 10) -> bytes:
    return feed(f"UID:{name}\nDTSTART:202611{day}T{hour}0000Z\nDURATION:PT1H\nSUMMARY:{name.title()}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    with serve(Path(tmp_path_factory.mktemp("radicale"))) as running:
        yield running


@pytest.fixture
def importer(connection, monkeypatch) -> Importer:
    connection.commit()
    connection.autocommit = True
    secret = {"conn_type": "http", "login": USER, "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_DAV", json.dumps(secret))
    return Importer(connection)


def add(importer: Importer, address: str) -> None:
    importer.add("choir", address, kind="caldav", connection_id="dav")


def requests(importer: Importer) -> int:
    return importer.one("select requests from calimport.runs order by id desc limit 1")


def test_import_change_delete_and_a_moved_instance(importer, server):
    add(importer, server.make_calendar("first", properties=PROPERTIES))
    server.put("first", "talk.ics", event("talk"))
    server.put("first", "tea.ics", event("tea", 21))
    server.put("first", "practice.ics", feed(SERIES))

    assert importer.run().inserted == 4
    assert importer.rows("choir", "uid", "recurrence_id", "timezone", "color") == [
        ("practice", "2026-11-12T19:00:00Z", "Europe/London", "#0088aa"),
        ("practice", "2026-11-19T19:00:00Z", "Europe/London", "#0088aa"),
        ("talk", None, "UTC", "#0088aa"),
        ("tea", None, "UTC", "#0088aa"),
    ]
    state = importer.state("choir")
    assert (state["feed_title"], state["feed_timezone"]) == ("Choir & friends", "Europe/London")

    unchanged = importer.run()
    assert (unchanged.unchanged, requests(importer)) == (1, 1)

    server.put("first", "talk.ics", event("talk", 20, 12))
    server.put("first", "practice.ics", feed(SERIES, MOVED))
    server.delete("first", "tea.ics")
    changed = importer.run()

    assert (changed.inserted, changed.updated, changed.deleted, requests(importer)) == (0, 2, 1, 3)
    assert [(*row, f"{start:%d %H:%M}") for *row, start in importer.rows("choir", "uid", "summary", "start_at")] == [
        ("practice", "Practice", "12 19:00"),
        ("talk", "Talk", "20 12:00"),
        ("practice", "Practice on Friday", "20 20:00"),
    ]


def test_a_token_that_the_server_has_forgotten_starts_anew_in_the_same_fetch(importer, server):
    add(importer, server.make_calendar("second"))
    server.put("second", "talk.ics", event("talk"))
    server.put("second", "tea.ics", event("tea", 21))
    importer.run()
    server.delete("second", "tea.ics")
    server.put("second", "walk.ics", event("walk", 22))
    server.forget_tokens("second")

    result = importer.run()

    # The collection's properties, the token, everything, the texts.
    assert (result.inserted, result.updated, result.deleted, requests(importer)) == (1, 0, 1, 4)


def test_a_thousand_events_and_three_changes_of_which_nothing_else_is_asked(importer, server):
    add(importer, server.make_calendar("third"))
    folder = server.folder / "collection-root" / USER / "third"
    for number in range(1000):
        (folder / f"{number}.ics").write_bytes(event(f"event-{number}", 16 + number % 8))
    # The properties, the list, and ten times a hundred texts.
    assert (importer.run().inserted, requests(importer)) == (1000, 12)

    server.put("third", "1.ics", event("event-1", 21, 12))
    server.delete("third", "2.ics")
    server.put("third", "new.ics", event("new"))
    before = importer.last_run()
    result = importer.run()

    assert (result.inserted, result.updated, result.deleted, requests(importer)) == (1, 1, 1, 3)
    assert sorted((uid, action) for action, uid, *_ in importer.history(before)) == [
        ("event-1", "update"),
        ("event-2", "delete"),
        ("new", "insert"),
    ]


@pytest.mark.parametrize("path", ["/", f"/{USER}/"])
def test_an_address_that_leads_to_one_calendar_or_to_several(importer, tmp_path, path):
    with serve(tmp_path) as server:
        add(importer, server.url + path)
        importer.run()
        nothing = importer.state("choir")["error_message"]
        only = server.make_calendar("choir", properties="<D:displayname>Choir</D:displayname>")
        server.make_calendar("tasks", components="VTODO")
        server.put("choir", "talk.ics", event("talk"))
        importer.run(force=True)
        rows = importer.rows("choir", "uid")
        other = server.make_calendar("other", properties="<D:displayname>Other</D:displayname>")
        importer.run(force=True)
        several = importer.state("choir")["error_message"]

    assert nothing == "There is no calendar at this address of a CalDAV server. Please check the address."
    assert rows == [("talk",)]
    assert several == (f"There are 2 calendars at this address. Please give that of one: Choir: {only}; Other: {other}")


def test_a_wrong_password_and_an_address_without_calendar(importer, server, monkeypatch):
    add(importer, server.make_calendar("fourth"))
    importer.add("gone", f"{server.url}/{USER}/nowhere/", kind="caldav", connection_id="dav")
    importer.run()
    assert importer.state("gone")["error_class"] == "FeedNotFound"
    wrong = {"conn_type": "http", "login": USER, "password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_DAV", json.dumps(wrong))

    importer.run()

    assert importer.state("choir")["error_class"] == "CredentialsInvalid"


def test_a_recording_is_replayed_without_the_server_and_holds_no_password(importer, tmp_path):
    archive = tmp_path / "choir.har"
    window = {"start": "2026-11-11", "end": "2026-11-26", "kind": "caldav"}
    with serve(tmp_path) as server:
        address = server.make_calendar("choir", properties=PROPERTIES)
        server.put("choir", "practice.ics", feed(SERIES, MOVED))
        seen = look(address, connection_id="dav", record=archive, **window)
    again = look(address, replay=archive, **window)

    assert list(again.frame["content_hash"]) == list(seen.frame["content_hash"])
    assert (len(again.frame), again.title, again.timezone) == (2, "Choir & friends", "Europe/London")
    assert PASSWORD not in archive.read_text()
    assert b64encode(f"{USER}:{PASSWORD}".encode()).decode() not in archive.read_text()
