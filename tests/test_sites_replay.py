"""Recordings of event sites in the network's place, without credentials: ``preview URL --replay FILE.har``.

What a recording lacks of what the import can do without, it does without.
"""

from __future__ import annotations

import json

import pytest

from calimport.previewing import look
from tests.site_rows import fixture

EVENTBRITE = "https://www.eventbriteapi.com/v3"
TICKETSOURCE = "https://api.ticketsource.io/events"
OUTSAVVY = "https://www.outsavvy.com"
TALK = '{"data": [{"id": "d", "attributes": {"start": "2026-07-01T10:00:00Z"}}]}'


def recording(folder, answers):
    """A browser's export of GETs."""
    entries = [
        {
            "request": {"method": "GET", "url": url, "headers": [], "queryString": []},
            "response": {
                "status": 200,
                "headers": [],
                "content": {"mimeType": "text/html" if text.lstrip().startswith("<") else "", "text": text},
            },
        }
        for url, text in answers.items()
    ]
    path = folder / "site.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    return path


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
    texts = {url: text if text[0] in "<{" else fixture(text).decode() for url, text in answers.items()}
    found = look(
        source, replay=recording(tmp_path, texts), start="2026-01-01", end="2027-01-01", now="2026-06-15T12:00:00Z"
    )

    assert found.kind == kind
    assert found.frame["start_at"].dt.strftime("%m-%d %H:%M").tolist() == starts
