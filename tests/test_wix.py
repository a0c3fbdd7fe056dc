"""The source ``wix``, against a server that answers as a Wix site does."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from calimport import errors
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

SOURCE = "https://www.boathouse.example/events"
PAGE = "www.boathouse.example/events"


def page(*widgets: object) -> bytes:
    """A page that carries these widgets' data."""
    data = {"appsWarmupData": {"app": {f"widget-{number}": widget for number, widget in enumerate(widgets)}}}
    script = json.dumps(data).replace("<", "\\u003c")
    return f'<!DOCTYPE html><html><body><script type="application/json">{script}</script></body></html>'.encode()


class TestConformance(SourceConformance):
    kind = "wix"
    source = "https://hall.wixsite.com/hall/events"
    hosts = ("hall.wixsite.com",)

    def answers(self, samples):
        events = [
            {
                "id": one.uid,
                "title": one.title,
                "scheduling": {
                    "config": {
                        "startDate": one.start.isoformat(),
                        "timeZoneId": "Europe/London",
                        **({"endDate": one.end.isoformat()} if one.end else {}),
                    }
                },
                **({"description": one.description} if one.description else {}),
                **({"location": {"name": one.location}} if one.location else {}),
            }
            for one in samples
        ]
        return {"hall.wixsite.com/hall/events": Reply(page({"events": {"events": events}}))}


def test_the_events_of_a_page():
    feed, loopback = fetched("wix", SOURCE, {PAGE: reply(fixture("wix/events.html"))})
    found = read("wix", feed)

    assert asked(loopback) == [("GET", SOURCE)]
    assert rows(found, "uid", "start_at", "end_at", "timezone", "status", "summary", "location", "url") == [
        (
            *("3f000000-0000-0000-0000-000000000003", "03-29 00:30", "03-29 02:00", "Europe/London", "confirmed"),
            *("Net mending", None, None),
        ),
        (
            *("3f000000-0000-0000-0000-000000000001", "07-18 18:30", "07-18 21:00", "Europe/London", "confirmed"),
            *("Sea shanties <& more>", "1 Quay St, Leeds LS10 1AA, UK"),
            "https://www.boathouse.example/event-details/sea-shanties",
        ),
        (
            *("3f000000-0000-0000-0000-000000000002", "09-01 23:30", "09-01 23:30"),
            *("America/Argentina/Buenos_Aires", "cancelled", "Noche de tango 💃", "Online"),
            "https://www.boathouse.example/event-details/noche-de-tango",
        ),
    ]
    assert rows(found, "timezone_source", "description") == [("event", None), ("event", "Sing along."), ("event", None)]
    assert (notices(found), found.parsed.title) == ([], "Events | The Boathouse")


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        (["Europe/Paris", "Europe/Paris"], "Europe/Paris"),
        (["Europe/Paris", "Asia/Tokyo"], None),
        ([None], None),
        ([], None),
    ],
)
def test_the_zone_that_all_events_share_is_the_calendars(zones, expected):
    events = [
        {
            "id": str(number),
            "title": "One",
            "scheduling": {"config": {"startDate": "2026-07-18T18:30:00Z", "timeZoneId": zone}},
        }
        for number, zone in enumerate(zones)
    ]
    feed, _ = fetched("wix", SOURCE, {PAGE: reply(page({"events": {"events": events}}))})

    assert feed.timezone == expected


def test_words_that_pages_write_as_numbers():
    scheduling = {"config": {"startDate": "2026-07-18T18:30:00Z"}}
    events = [
        {"id": "1", "title": "One", "slug": "one", "status": 3, "scheduling": scheduling},
        {"id": "2", "title": "Two", "slug": "two", "status": 0, "location": {"type": 1}, "scheduling": scheduling},
        {"id": "3", "title": "Three", "location": {"type": 0, "fullAddress": "Mill Lane"}, "scheduling": scheduling},
    ]
    feed, _ = fetched("wix", SOURCE, {PAGE: reply(page({"events": {"events": events}}))})

    assert rows(read("wix", feed), "status", "online_url", "online_type", "location") == [
        ("cancelled", None, None, None),
        ("confirmed", "https://www.boathouse.example/event-details/two", "indirect", None),
        ("confirmed", None, None, "Mill Lane"),
    ]


def test_a_free_site_begins_below_its_owners_host():
    answers = {"ann.wixsite.com/boathouse/events": reply(fixture("wix/events.html"))}
    feed, _ = fetched("wix", "https://ann.wixsite.com/boathouse/events", answers)

    assert rows(read("wix", feed), "url")[1] == ("https://ann.wixsite.com/boathouse/event-details/sea-shanties",)


def dated(*days):
    return [
        {"id": str(day), "title": "One", "scheduling": {"config": {"startDate": f"2026-07-{day}T18:30:00.000Z"}}}
        for day in days
    ]


def test_a_page_that_shows_the_next_events_in_order_proves_nothing_from_the_last_one_on():
    feed, _ = fetched("wix", SOURCE, {PAGE: reply(page({"events": {"events": dated(18, 19), "hasMore": True}}))})
    parsed = read("wix", feed).parsed

    assert (parsed.notices, parsed.published_until) == ([], datetime(2026, 7, 19, 18, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    "widgets",
    [
        [{"events": {"events": dated(19, 18), "hasMore": True}}],
        [{"events": {"events": dated(18), "hasMore": True}}, {"events": {"events": dated(20), "hasMore": False}}],
    ],
)
def test_a_page_that_shows_only_some_events_says_so_and_nothing_else_goes(widgets):
    feed, _ = fetched("wix", SOURCE, {PAGE: reply(page(*widgets))})

    (notice,) = read("wix", feed).notices
    assert (notice.code, notice.subject, notice.keeps_uid) == ("feed_partial", "", True)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body>Nothing</body></html>",
        page({"component": {}}),
        b'<html><script type="application/json">{"events": []}</script></html>',
        page({"events": [{"id": "1", "title": "A click"}]}),
    ],
)
def test_a_page_without_a_list_is_no_empty_list(body):
    with pytest.raises(errors.FeedIsWebPage, match="This page shows no events that we can read"):
        fetched("wix", SOURCE, {PAGE: reply(body)})


def test_an_empty_list_is_one():
    feed, _ = fetched("wix", SOURCE, {PAGE: reply(page({"events": {"events": []}}))})

    assert rows(read("wix", feed), "uid") == []


def test_depth_is_bounded():
    deep: object = {"events": [{"id": "1", "title": "One", "scheduling": {"config": {"startDate": "2026-07-18"}}}]}
    for _ in range(50):
        deep = {"more": deep}

    with pytest.raises(errors.FeedIsWebPage):
        fetched("wix", SOURCE, {PAGE: reply(page(deep))})
