"""The source ``ticketsolve``, against a server that answers as a box office does."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

import pytest

from calimport import errors
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

SOURCE = "https://tin.ticketsolve.com/"
SHOWS = "tin.ticketsolve.com/shows.xml"
QUEUE = "queue.example/wait"


class TestConformance(SourceConformance):
    kind = "ticketsolve"
    source = SOURCE
    hosts = ("tin.ticketsolve.com",)

    def answers(self, samples):
        shows = "".join(
            f"<show id={quoteattr(one.uid)}><name>{escape(one.title)}</name>"
            + (f"<description>{escape(one.description)}</description>" if one.description else "")
            + f"<events>\n<event id='1'><opening_time_iso>{one.start.isoformat()}</opening_time_iso></event>\n</events>"
            + "</show>"
            for one in samples
        )
        return {SHOWS: Reply(f"<?xml version='1.0' encoding='UTF-8'?><shows>{shows}</shows>".encode())}


def test_each_performance_is_an_occurrence():
    feed, loopback = fetched("ticketsolve", SOURCE, {SHOWS: reply(fixture("ticketsolve/shows.xml"))})
    found = read("ticketsolve", feed)

    assert asked(loopback) == [("GET", "https://tin.ticketsolve.com/shows.xml")]
    assert rows(found, "uid", "recurrence_id", "start_at", "end_at", "status", "summary", "location") == [
        *(
            (f"873600001-{number}", None, start, start, status, "Kettle & Moon", "The Tin Theatre")
            for number, start, status in [
                ("900001", "03-28 19:30", "confirmed"),
                ("900002", "03-29 18:30", "confirmed"),
                ("900003", "03-30 18:30", "cancelled"),
            ]
        ),
        (
            "873600002",
            "2026-05-01T18:00:00Z",
            "05-01 18:00",
            "05-01 18:00",
            "confirmed",
            "Ceilidh – Fáilte 🎻",
            "Studio",
        ),
    ]
    link = "https://tin.ticketsolve.com/shows/873600001?a=1&b=2"
    assert rows(found, "url", "is_recurring", "description") == [
        *[(link, True, f"A tale of *steam*.\n\nTickets: {link}")] * 3,
        (None, False, None),
    ]
    assert notices(found) == [
        (
            "event_unreadable",
            "873600001-900004",
            "The event 'Kettle & Moon' could not be understood and was left as it was: 'soon' is no date or time",
        )
    ]
    assert feed.timezone == "Europe/London"


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://tin.ticketsolve.com/shows.xml", "https://tin.ticketsolve.com/shows.xml"),
        ("https://tin.ticketsolve.com/ticketbooth/shows", "https://tin.ticketsolve.com/shows.xml"),
        ("https://tin.ticketsolve.com/shows.xml?locale=en", "https://tin.ticketsolve.com/shows.xml?locale=en"),
    ],
)
def test_the_list_is_asked_for_wherever_the_address_leads(source, url):
    _, loopback = fetched("ticketsolve", source, {SHOWS: reply(fixture("ticketsolve/shows.xml"))})

    assert asked(loopback) == [("GET", url)]


def test_the_way_leads_through_a_waiting_room_and_back():
    def shows(request):
        if "token=7" in request.path:
            return reply(fixture("ticketsolve/shows.xml"))
        return reply("", 302, Location="https://queue.example/wait?t=shows")

    back = reply("", 302, Location="https://tin.ticketsolve.com/shows.xml?token=7")
    feed, loopback = fetched("ticketsolve", SOURCE, {SHOWS: shows, QUEUE: back})

    assert [url for _, url in asked(loopback)] == [
        "https://tin.ticketsolve.com/shows.xml",
        "https://queue.example/wait?t=shows",
        "https://tin.ticketsolve.com/shows.xml?token=7",
    ]
    assert len(read("ticketsolve", feed).frame) == 4


def test_a_waiting_room_is_a_reason_to_come_again():
    to_queue = reply("", 302, Location="https://queue.example/wait")
    page = reply("<!DOCTYPE html><html><body>You are number 812 in the queue.</body></html>")

    with pytest.raises(errors.QuotaExceeded, match="queue of visitors"):
        fetched("ticketsolve", SOURCE, {SHOWS: to_queue, QUEUE: page})


def test_entities_are_not_expanded():
    bomb = (
        b"<?xml version='1.0'?><!DOCTYPE shows [<!ENTITY a 'aaaa'>]><shows><show id='1'><name>&a;</name></show></shows>"
    )

    with pytest.raises(errors.FeedUnparsable):
        fetched("ticketsolve", SOURCE, {SHOWS: reply(bomb)})
