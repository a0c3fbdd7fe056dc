"""The source ``squarespace``, against a server that answers as a Squarespace site does."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from calimport import errors
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

SOURCE = "https://orchard-house.squarespace.com/whats-on"
PAGE = "orchard-house.squarespace.com/whats-on"


class TestConformance(SourceConformance):
    kind = "squarespace"
    source = "https://hall.squarespace.com/events"
    hosts = ("hall.squarespace.com",)

    def answers(self, samples):
        upcoming = [
            {
                "id": one.uid,
                "title": one.title,
                "startDate": int(one.start.timestamp() * 1000),
                **({"endDate": int(one.end.timestamp() * 1000)} if one.end else {}),
                **({"body": one.description} if one.description else {}),
                **({"location": {"addressTitle": one.location}} if one.location else {}),
            }
            for one in samples
        ]
        page = {"website": {"timeZone": "Europe/London"}, "upcoming": upcoming, "past": []}
        return {"hall.squarespace.com/events": Reply(json.dumps(page).encode())}


def test_the_events_of_a_site():
    feed, loopback = fetched("squarespace", SOURCE, {PAGE: reply(fixture("squarespace/events.json"))})
    found = read("squarespace", feed)

    assert asked(loopback) == [("GET", "https://orchard-house.squarespace.com/whats-on?format=json")]
    assert rows(found, "uid", "start_at", "end_at", "timezone", "summary", "location") == [
        ("6500000000000000000000a0", "03-08 15:00", "03-08 17:00", "America/New_York", "Spring walk", None),
        (
            *("6500000000000000000000a1", "10-09 23:00", "10-10 02:00", "America/New_York", "Harvest supper & songs"),
            "The Long Barn, 12 Mill Lane, Amherst, MA, 01002, United States",
        ),
        ("6500000000000000000000a3", "11-01 23:00", "11-01 23:00", "America/New_York", "Ein Abend für Zoë 🎻", None),
        ("6500000000000000000000a2", "12-05 15:00", "12-06 23:00", "America/New_York", "Winter fair, two days", None),
    ]
    assert rows(found, "url", "description", "categories") == [
        ("https://www.orchardhouse.example/whats-on/spring-walk", None, []),
        (
            "https://www.orchardhouse.example/whats-on/harvest-supper",
            "Bring a **dish**.\n\n[Book](https://tickets.example/7)",
            ["Community", "food", "music"],
        ),
        ("https://www.orchardhouse.example/whats-on/zoe", None, []),
        ("https://www.orchardhouse.example/whats-on/2026/12/5/winter-fair", "Stalls and carols.", []),
    ]
    assert notices(found) == [
        (
            "event_unreadable",
            "6500000000000000000000a4",
            "The event 'Nobody knows when' could not be understood and was left as it was: it has no start",
        )
    ]
    assert (found.parsed.title, feed.timezone) == ("What’s on", "America/New_York")


def test_the_list_of_past_events_shows_how_far_back_the_page_goes():
    feed, _ = fetched("squarespace", SOURCE, {PAGE: reply(fixture("squarespace/events.json"))})

    assert read("squarespace", feed).parsed.published_from == datetime(2026, 3, 8, 17, tzinfo=UTC)


def test_visits_are_no_change():
    page = json.loads(fixture("squarespace/events.json"))
    before, _ = fetched("squarespace", SOURCE, {PAGE: reply(json.dumps(page))})
    page["upcoming"][0]["viewCount"] += 1
    after, _ = fetched("squarespace", SOURCE, {PAGE: reply(json.dumps(page))})

    assert before.meaning_hash == after.meaning_hash


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (f"{SOURCE}?format=json", f"{SOURCE}?format=json"),
        (f"{SOURCE}/?view=calendar", f"{SOURCE}/?view=calendar&format=json"),
    ],
)
def test_the_address_may_have_a_query_already(source, url):
    answer = reply(fixture("squarespace/events.json"))

    assert asked(fetched("squarespace", source, {PAGE: answer, f"{PAGE}/": answer})[1]) == [("GET", url)]


@pytest.mark.parametrize("page", [{"website": {}, "collection": {}, "items": []}, {"upcoming": None}, {"upcoming": {}}])
def test_a_page_without_upcoming_is_no_events_page(page):
    with pytest.raises(errors.FeedIsWebPage, match="This Squarespace page holds no events"):
        fetched("squarespace", SOURCE, {PAGE: reply(json.dumps(page))})
