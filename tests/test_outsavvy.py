"""The source ``outsavvy``, against a server that answers as OutSavvy's pages are."""

from __future__ import annotations

import json

import pytest

from calimport import errors
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

ORGANISER = "https://www.outsavvy.com/organiser/rainbow-choir"
HOST = "www.outsavvy.com"
HTML = {"Content-Type": "text/html; charset=utf-8"}


class TestConformance(SourceConformance):
    kind = "outsavvy"
    source = ORGANISER
    hosts = (HOST, "outsavvy.com")

    def answers(self, samples):
        links = "".join(f'<div><div><a href="/event/{one.uid}/x">x</a></div></div>' for one in samples)
        pages = {f"{HOST}/event/{one.uid}/x": _page(_event(one)) for one in samples}
        body = f'<html><body>{"<p>OutSavvy</p>" * 9}<div id="live_events">{links}</div></body></html>'
        return {f"{HOST}/organiser/rainbow-choir": Reply(body.encode(), headers=HTML)} | pages


def _event(one):
    return {
        "@type": "Event",
        "name": one.title,
        "startDate": one.start.strftime("%Y-%m-%dT%H:%M:%S:00+00:00"),
        **({"endDate": one.end.isoformat()} if one.end else {}),
        **({"description": one.description} if one.description else {}),
        **({"location": {"@type": "Place", "name": one.location}} if one.location else {}),
    }


def _page(document):
    script = f'<script type="application/ld+json">{json.dumps(document)}</script>'
    return Reply(f"<html><head>{script}</head><body><p>x</p></body></html>".encode(), headers=HTML)


def organiser():
    return {
        f"{HOST}/organiser/rainbow-choir": reply(fixture("outsavvy/organiser.html")),
        f"{HOST}/event/101/sing-along-tickets": reply(fixture("outsavvy/event-101.html")),
        f"{HOST}/event/102/summer-concert-tickets": reply(fixture("outsavvy/event-102.html")),
    }


def test_the_live_events_of_an_organiser():
    feed, loopback = fetched("outsavvy", ORGANISER, organiser())
    found = read("outsavvy", feed)

    assert asked(loopback) == [
        ("GET", ORGANISER),
        ("GET", "https://www.outsavvy.com/event/101/sing-along-tickets"),
        ("GET", "https://www.outsavvy.com/event/102/summer-concert-tickets"),
    ]
    one, two = (f"https://{HOST}/event/{name}-tickets" for name in ("101/sing-along", "102/summer-concert"))
    assert rows(found, "uid", "start_at", "end_at", "status", "summary") == [
        (f"{one} 2026-07-03T18:00:00Z", "07-03 18:00", "07-03 20:00", "confirmed", "Sing-along & tea 🎶"),
        (f"{two} 2026-07-20T18:30:00", "07-20 17:30", "07-20 17:30", "cancelled", "Summer concert"),
        (f"{one} 2026-12-04T19:00:00Z", "12-04 19:00", "12-04 21:00", "confirmed", "Sing-along & tea 🎶"),
    ]
    assert rows(found, "location", "url", "online_url", "description") == [
        ("Quaker House, 6 Mount Street, Manchester, M2 5NS", one, None, "All voices **welcome**."),
        (None, two, two, None),
        ("Quaker House, 6 Mount Street, Manchester, M2 5NS", one, None, "All voices **welcome**."),
    ]
    assert notices(found) == []
    assert (found.parsed.title, feed.timezone) == ("OutSavvy", "Europe/London")


def test_a_page_that_describes_its_events_itself():
    own = fixture("outsavvy/event-101.html").replace(b"<body>", b"<body><div id='live_events'></div>")
    feed, loopback = fetched("outsavvy", ORGANISER, {f"{HOST}/organiser/rainbow-choir": reply(own)})

    assert asked(loopback) == [("GET", ORGANISER)]
    assert rows(read("outsavvy", feed), "start_at") == [("07-03 18:00",), ("12-04 19:00",)]


@pytest.mark.parametrize(
    ("path", "answer", "error"),
    [
        ("/organiser/rainbow-choir", reply("", 404), errors.FeedNotFound),
        ("/organiser/rainbow-choir", reply("<html><body>OutSavvy</body></html>"), errors.FeedUnparsable),
        ("/organiser/rainbow-choir", reply("<html><body><div id='live_events'>"), errors.FeedTruncated),
        ("/event/102/summer-concert-tickets", reply("", 404), errors.FeedIncomplete),
        ("/event/102/summer-concert-tickets", reply("<html><body>Sold out</body></html>"), errors.FeedIncomplete),
    ],
)
def test_what_is_missing_is_no_empty_list(path, answer, error):
    with pytest.raises(error):
        fetched("outsavvy", ORGANISER, organiser() | {f"{HOST}{path}": answer})
