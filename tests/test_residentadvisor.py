"""The source ``residentadvisor``, against a server that answers as ra.co does."""

from __future__ import annotations

import json

import pytest

from calimport import errors
from tests.loopback import Loopback
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

PROMOTER = "https://ra.co/promoters/90210"
CLUB = "https://ra.co/clubs/11"


class TestConformance(SourceConformance):
    kind = "residentadvisor"
    source = PROMOTER
    hosts = ("ra.co",)

    def answers(self, samples):
        events = [
            {
                "id": one.uid,
                "title": one.title,
                "startTime": f"{one.start:%Y-%m-%dT%H:%M:%S.000}",
                **({"endTime": f"{one.end:%Y-%m-%dT%H:%M:%S.000}"} if one.end else {}),
                **({"content": one.description} if one.description else {}),
                **({"venue": {"id": "1", "name": one.location, "address": None}} if one.location else {}),
            }
            for one in samples
        ]
        return {"ra.co/graphql": Reply(json.dumps({"data": {"promoter": {"events": events}}}).encode())}


def test_the_events_of_a_promoter():
    feed, loopback = fetched(
        "residentadvisor", PROMOTER, {"ra.co/graphql": reply(fixture("residentadvisor/promoter.json"))}
    )
    found = read("residentadvisor", feed)

    assert asked(loopback) == [("POST", "https://ra.co/graphql")]
    assert loopback.asked[0].headers["content-type"] == "application/json"
    assert json.loads(loopback.asked[0].content) == {
        "query": "{ promoter(id: 90210) { id name events(limit: 50, type: LATEST) {"
        " id title content startTime endTime contentUrl venue { id name address } } } }"
    }
    assert rows(found, "uid", "start_at", "end_at", "timezone", "summary", "location", "url") == [
        (
            *("2000001", "07-10 22:00", "07-11 04:00", "Europe/London", "Night Bus: Terminus"),
            *("The Depot, 4 Canal Row; Leeds LS1 4AA; United Kingdom", "https://ra.co/events/2000001"),
        ),
        (
            *("2000003", "08-01 22:00", "08-02 05:00", "Europe/London", "Night Bus in Lisbon"),
            *("TBA", "https://ra.co/events/2000003"),
        ),
        (
            *("2000002", "12-31 22:00", "12-31 22:00", "Europe/London", "Ночной автобус 🚌"),
            *(None, "https://ra.co/events/2000002"),
        ),
    ]
    assert rows(found, "description") == [
        ("Two rooms.\n\nDoors at eleven.",),
        ("With **guests** & friends",),
        (None,),
    ]
    assert notices(found) == [
        (
            "event_unreadable",
            "2000004",
            "The event 'No date yet' could not be understood and was left as it was: it has no start",
        )
    ]
    assert (found.parsed.title, feed.timezone) == ("Night Bus", "Europe/London")


def test_a_clubs_events_take_place_in_the_club():
    feed, loopback = fetched("residentadvisor", CLUB, {"ra.co/graphql": reply(fixture("residentadvisor/club.json"))})

    assert json.loads(loopback.asked[0].content)["query"].startswith("{ venue(id: 11) { id name address events(")
    assert rows(read("residentadvisor", feed), "summary", "location") == [
        ("Night Bus: Terminus", "The Depot, 4 Canal Row; Leeds LS1 4AA; United Kingdom")
    ]


def test_a_club_in_another_country_is_configured_with_its_zone():
    feed, _ = fetched("residentadvisor", CLUB, {"ra.co/graphql": reply(fixture("residentadvisor/club.json"))})

    found = read("residentadvisor", feed, timezone="Europe/Berlin")

    assert rows(found, "start_at", "timezone") == [("07-10 21:00", "Europe/Berlin")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"errors": [{"message": "Something went wrong"}], "data": {"promoter": None}}, errors.FeedServerError),
        ({"errors": [{"message": "Late"}], "data": {"promoter": {"events": []}}}, errors.FeedServerError),
        ({"errors": "?"}, errors.FeedServerError),
        ({"data": {"promoter": None}}, errors.FeedNotFound),
        ({"data": {"promoter": {"events": None}}}, errors.FeedIncomplete),
        ({"data": None}, errors.FeedIncomplete),
    ],
)
def test_an_answer_that_failed_is_no_empty_list(answer, error):
    with pytest.raises(error):
        fetched("residentadvisor", PROMOTER, {"ra.co/graphql": reply(json.dumps(answer))})


def listed(*days):
    """A promoter's list with an event on each of these days of November 2026."""
    events = [{"id": f"e{day}", "title": f"Night {day}", "startTime": f"2026-11-{day:02}T22:00:00.000"} for day in days]
    return reply(json.dumps({"data": {"promoter": {"id": "90210", "name": "Night Bus", "events": events}}}))


@pytest.mark.parametrize(
    ("count", "until"), [(0, None), (9, None), (10, "2026-11-10T22:00"), (11, None), (20, "2026-11-20T22:00")]
)
def test_a_list_of_a_round_number_of_events_may_go_on(count, until):
    feed, _ = fetched("residentadvisor", PROMOTER, {"ra.co/graphql": listed(*range(1, count + 1))})
    found = read("residentadvisor", feed).parsed.published_until

    assert (found and found.isoformat()[:16]) == until


def test_an_event_that_the_list_no_longer_reaches_stays_and_one_before_its_end_goes(importer, web):
    answers = iter([listed(*range(19, 29)), listed(19, 20, *range(22, 29), 30), listed(19, 20, 22)])
    web.routes["/ra.co/graphql"] = lambda _: next(answers)
    importer.transport = Loopback({"ra.co": web.url("/ra.co")})
    importer.add("bus", PROMOTER)
    for _ in range(2):
        importer.run(window_start="2026-11-19", window_end="2026-12-31")
    # The tenth event is now a later one: the list was longer than it showed.
    second = [title for (title,) in importer.rows("bus", "summary")]
    importer.run(window_start="2026-11-19", window_end="2026-12-31")

    assert second == [f"Night {day}" for day in (19, 20, *range(22, 29), 30)]
    assert [title for (title,) in importer.rows("bus", "summary")] == ["Night 19", "Night 20", "Night 22"]


def test_what_starts_where_the_list_was_cut_is_not_gone(importer, web):
    later = [*range(19, 27), 29, 30]  # before the 27th and 28th came two nights that were announced late
    answers = iter([listed(*later), listed(*range(19, 29))])
    web.routes["/ra.co/graphql"] = lambda _: next(answers)
    importer.transport = Loopback({"ra.co": web.url("/ra.co")})
    importer.add("bus", PROMOTER)
    for _ in range(2):
        importer.run(window_start="2026-11-19", window_end="2026-12-31")

    assert [title for (title,) in importer.rows("bus", "summary")] == [f"Night {day}" for day in range(19, 31)]


def test_another_page_of_the_site_is_refused_before_anything_is_asked():
    with pytest.raises(errors.SourceUnsupported, match="page of a club or a promoter"):
        fetched("residentadvisor", "https://ra.co/events/uk/leeds", {"ra.co/graphql": reply("{}")})
