"""Recordings of event sites in the network's place, without credentials: ``preview URL --replay FILE.har``.

What a recording lacks of what the import can do without, it does without.
"""

from __future__ import annotations

import json

import pytest

from calimport.errors import RequestNotRecorded
from calimport.previewing import look
from tests.recordings import recording

EVENTBRITE = "https://www.eventbriteapi.com/v3"
TICKETSOURCE = "https://api.ticketsource.io/events"
OUTSAVVY = "https://www.outsavvy.com"
VENUE = "https://www.ticketsource.co.uk/fairfield-hall"
TALK = '{"data": [{"id": "d", "attributes": {"start": "2026-07-01T10:00:00Z"}}]}'


def page_of(name: str, start: str) -> str:
    event = {"@type": "Event", "name": name, "startDate": start, "url": f"{VENUE}/tour/e-abc"}
    return f'<html><script type="application/ld+json">{json.dumps(event)}</script></html>'


@pytest.mark.parametrize(
    ("source", "answers", "kind", "starts"),
    [
        (
            "https://www.eventbrite.co.uk/o/the-mill-cafe-314159",
            {
                f"{EVENTBRITE}/organizers/314159/events/?expand=venue&page=1": "eventbrite/events-1.json",
                f"{EVENTBRITE}/organizers/314159/events/?expand=venue&page=2": "eventbrite/events-2.json",
            },
            "eventbrite",
            ["07-01 18:00", "07-02 13:00", "07-10 10:00"],
        ),
        (
            "https://www.ticketsource.co.uk/fairfield-hall",
            {
                f"{TICKETSOURCE}?page=1&per_page=100": "ticketsource/events.json",
                f"{TICKETSOURCE}/evt-a/dates": TALK,
                f"{TICKETSOURCE}/evt-a/venues": "ticketsource/venues.json",
                f"{TICKETSOURCE}/evt-d/dates?per_page=100": TALK,
            },
            "ticketsource",
            ["07-01 10:00", "07-01 10:00"],
        ),
        (
            # Somebody recorded the site's pages, not its API.
            "https://www.ticketsource.co.uk/fairfield-hall",
            {
                f"{VENUE}": "<html><a href='/fairfield-hall/tour/e-abc'>Tour</a><a href='/about'>About</a></html>",
                f"{VENUE}/tour/e-abc": "<html><a href='/fairfield-hall/tour/2026-07-01/10:00/t-aaa'>1</a>"
                "<a href='/fairfield-hall/tour/2026-07-02/10:00/t-bbb'>2</a><a href='/x/t-gone'>3</a></html>",
                f"{VENUE}/tour/2026-07-01/10:00/t-aaa": page_of("Tour", "2026-07-01T10:00"),
                f"{VENUE}/tour/2026-07-02/10:00/t-bbb": page_of("Tour", "2026-07-02T10:00"),
            },
            "ticketsource",
            ["07-01 09:00", "07-02 09:00"],
        ),
        (
            "https://www.tickettailor.com/events/runners",
            {"https://api.tickettailor.com/v1/events?limit=100&status=published": "tickettailor/events.json"},
            "tickettailor",
            ["07-04 09:00", "07-06 00:00", "07-08 08:00", "12-09 10:00"],
        ),
        (
            "https://www.meetup.com/leeds-knitters/",
            {"https://www.meetup.com/leeds-knitters/events/ical": "meetup/events.ics"},
            "meetup",
            ["07-07 18:00", "07-14 18:00"],
        ),
        (
            f"{OUTSAVVY}/organiser/rainbow-choir",
            {
                f"{OUTSAVVY}/organiser/rainbow-choir": "outsavvy/organiser.html",
                f"{OUTSAVVY}/event/101/sing-along-tickets": "outsavvy/event-101.html",
                f"{OUTSAVVY}/event/102/summer-concert-tickets": "outsavvy/event-102.html",
            },
            "outsavvy",
            ["07-03 18:00", "07-20 17:30", "12-04 19:00"],
        ),
        (
            f"{OUTSAVVY}/organiser/old-choir",
            {
                f"{OUTSAVVY}/organiser/old-choir": "<html><body><div id='live_events'><a href='/event/1/a'>a</a></div>"
                '<script type="application/ld+json">{"@type": "Event", "name": "A", "url": "/event/1/a",'
                '"startDate": "2026-07-03T18:00:00Z"}</script></body></html>'
            },
            "outsavvy",
            ["07-03 18:00"],
        ),
        (
            "https://www.orchardhouse.example/whats-on/",
            {
                "https://www.orchardhouse.example/whats-on/": "-> https://www.orchardhouse.example/whats-on",
                "https://www.orchardhouse.example/whats-on": "<html><!-- This is Squarespace. --></html>",
                "https://www.orchardhouse.example/whats-on?format=json": "squarespace/events.json",
            },
            "squarespace",
            ["03-08 15:00", "10-09 23:00", "11-01 23:00", "12-05 15:00"],
        ),
        (
            "https://hall.squarespace.com/events",
            {"https://hall.squarespace.com/events?format=json&cached=1": "squarespace/events.json"},
            "squarespace",
            ["03-08 15:00", "10-09 23:00", "11-01 23:00", "12-05 15:00"],
        ),
        (
            "https://www.boathouse.example/events",
            {"https://www.boathouse.example/events": "wix/events.html"},
            "wix",
            ["03-29 00:30", "07-18 18:30", "09-01 23:30"],
        ),
        (
            "https://tin.ticketsolve.com/",
            {
                "https://tin.ticketsolve.com/": "<html><body>Welcome</body></html>",
                "https://tin.ticketsolve.com/shows.xml": "-> https://queue.example/wait?t=1",
                "https://queue.example/wait?t=1": "-> https://tin.ticketsolve.com/shows.xml",
                # The way back leads to the same address, now with a cookie.
                "https://tin.ticketsolve.com/shows.xml#again": "ticketsolve/shows.xml",
            },
            "ticketsolve",
            ["03-28 19:30", "03-29 18:30", "03-30 18:30", "05-01 18:00"],
        ),
        (
            "https://events.manchester.ac.uk/f3vf/calendar/tag:old_library/calml.xml",
            {"http://events.manchester.ac.uk/f3vf/calendar/tag:old_library/calml.xml": "manchester-uni/calml.xml"},
            "manchester-uni",
            ["06-10 17:00", "07-02 23:00", "11-02 19:00", "11-09 19:00", "12-01 18:00"],
        ),
        (
            "https://ra.co/promoters/90210",
            {"POST https://ra.co/graphql": "residentadvisor/promoter.json"},
            "residentadvisor",
            ["07-10 22:00", "08-01 22:00", "12-31 22:00"],
        ),
        (
            # The feed that the page links was not recorded: the page's own events do.
            "https://torbay.example/events",
            {
                "https://torbay.example/events": '<html><head><link rel="alternate" type="text/calendar"'
                ' href="/events/?ical=1"></head><body><script type="application/ld+json">[{"@type": "Event",'
                '"name": "Coffee &amp; chat", "url": "https://torbay.example/event/coffee/",'
                '"startDate": "2026-07-03T10:00:00+01:00"}]</script></body></html>'
            },
            "ld-json",
            ["07-03 09:00"],
        ),
        (
            "https://depot.example/whats-on",
            {"https://depot.example/whats-on": "ld-json/whats-on.html"},
            "ld-json",
            [
                *("07-01 19:00", "07-02 00:00", "07-05 19:30", "07-07 18:00", "07-14 18:00"),
                *("08-01 00:00", "08-01 10:00"),
            ],
        ),
    ],
)
def test_a_recording_needs_no_credentials(tmp_path, source, answers, kind, starts):
    window = {"start": "2026-01-01", "end": "2027-01-01", "now": "2026-06-15T12:00:00Z"}
    for asked in ("auto", kind):
        found = look(source, kind=asked, replay=recording(tmp_path, answers), **window)

        assert found.kind == kind
        assert found.frame["start_at"].dt.strftime("%m-%d %H:%M").tolist() == starts


@pytest.mark.parametrize(
    ("source", "answers", "missing"),
    [
        ("https://ra.co/clubs/11", {"https://ra.co/clubs/11": "<html></html>"}, "POST https://ra.co/graphql"),
        (
            f"{OUTSAVVY}/organiser/rainbow-choir",
            {f"{OUTSAVVY}/organiser/rainbow-choir": "outsavvy/organiser.html"},
            f"GET {OUTSAVVY}/event/101/sing-along-tickets",
        ),
        (
            "https://www.ticketsource.co.uk/fairfield-hall",
            {f"{TICKETSOURCE}?page=1&per_page=100": "ticketsource/events.json"},
            f"GET {TICKETSOURCE}/evt-a/dates",
        ),
        ("https://tin.ticketsolve.com/", {"https://tin.ticketsolve.com/": "<html></html>"}, "/shows.xml"),
    ],
)
def test_a_request_that_is_needed_and_was_not_recorded_is_named(tmp_path, source, answers, missing):
    with pytest.raises(RequestNotRecorded) as raised:
        look(source, replay=recording(tmp_path, answers), start="2026-01-01", end="2027-01-01")

    assert missing in str(raised.value)
