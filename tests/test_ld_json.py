"""The source ``ld-json``, against a server whose pages describe events as schema.org and JSON-LD have it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from calimport import errors
from calimport.sources.base import ParseContext
from calimport.sources.json_ld import read as events_of
from calimport.sources.json_ld_rows import rows as rows_of
from calimport.windows import Window
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

PAGE = "https://depot.example/whats-on"
YEARS = ParseContext(
    Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)),
    datetime(2026, 6, 15, tzinfo=UTC),
    "Europe/London",
    "calendar",
)


class TestConformance(SourceConformance):
    kind = "ld-json"
    source = PAGE
    hosts = ("depot.example",)

    def answers(self, samples):
        graph = [{"@type": "WebPage", "name": "What's on"}, *(_event(one) for one in samples)]
        script = f'<script type="application/ld+json">{json.dumps({"@graph": graph})}</script>'
        return {"depot.example/whats-on": Reply(f"<html><body>{script}</body></html>".encode())}


def _event(one):
    return {
        "@type": "Event",
        "name": one.title,
        "startDate": one.start.isoformat(),
        **({"endDate": one.end.isoformat()} if one.end else {}),
        **({"description": one.description} if one.description else {}),
        **({"location": {"@type": "Place", "name": one.location}} if one.location else {}),
    }


def test_a_page_in_all_its_shapes():
    feed, loopback = fetched("ld-json", PAGE, {"depot.example/whats-on": reply(fixture("ld-json/whats-on.html"))})
    found = read("ld-json", feed, timezone="Europe/London")

    assert asked(loopback) == [("GET", PAGE)]
    site = "https://depot.example"
    assert rows(found, "uid", "start_at", "end_at", "all_day", "status", "summary") == [
        (f"{site}/gig 2026-07-01T19:00:00Z", "07-01 19:00", "07-01 22:00", False, "confirmed", "Gig ⚡"),
        (f"{site}/play 2026-07-02", "07-01 23:00", "07-04 23:00", True, "confirmed", "Play"),
        (f"{site}/stand-up 2026-07-05T19:30:00", "07-05 18:30", "07-05 18:30", False, "confirmed", "Stand-up"),
        (f"{site}/drawing 2026-07-07T18:00:00Z", "07-07 18:00", "07-07 18:00", False, "confirmed", "Life drawing"),
        (f"{site}/drawing 2026-07-14T18:00:00Z", "07-14 18:00", "07-14 18:00", False, "cancelled", "Life drawing"),
        (f"{site}/fest 2026-08-01", "07-31 23:00", "08-02 23:00", True, "confirmed", "Depot Fest"),
        (f"{site}/fest 2026-08-01T10:00:00Z", "08-01 10:00", "08-01 10:00", False, "confirmed", "Opening speech"),
    ]
    zoom = "https://us02web.zoom.us/j/123"
    depot = "The Depot, 4 Canal Row, Leeds, LS1 4AA, United Kingdom"
    assert rows(found, "location", "url", "online_url", "online_type") == [
        (depot, f"{site}/gig", None, None),
        ("Main hall", f"{site}/play", None, None),
        ("Cellar bar, 4a Canal Row, Leeds", f"{site}/stand-up", None, None),
        (depot, f"{site}/drawing", None, None),
        (depot, f"{site}/drawing", None, None),
        ("Yard, LS1 4AB", f"{site}/fest", zoom, "direct"),
        ("Yard, LS1 4AB", f"{site}/fest", zoom, "direct"),
    ]
    assert rows(found, "organizer")[0] == ({"name": "Depot Ltd", "email": "hi@depot.example"},)
    assert notices(found) == []


def occurrences(*events, zone=None):
    given, damaged = events_of([json.dumps({"@graph": list(events)})], PAGE)
    assert damaged == 0
    parsed = rows_of(given, YEARS).parsed(retains_past=False)
    return parsed.occurrences, [one.message for one in parsed.notices]


def one(**members):
    found, notices = occurrences(
        {"@type": "Event", "name": "A", "url": "https://e.example/a", "startDate": "2026-07-01T10:00:00Z", **members}
    )
    assert notices == []
    return found[0]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-07-01T11:00:00:00+01:00", "2026-07-01T12:00:00:00+01:00", "07-01 10:00 07-01 11:00"),
        ("2026-07-01T11:00:00", None, "07-01 10:00 07-01 10:00"),
        ("2026-07-01T11:00", "", "07-01 10:00 07-01 10:00"),
        ("2026-07-01 11:00:00", "2026-07-01 12:00", "07-01 10:00 07-01 11:00"),
        ("2026-7-1T9:30", None, "07-01 08:30 07-01 08:30"),
        ("2026-07-01T10:00:00.000Z", "2026-07-01T11:00:00+0100", "07-01 10:00 07-01 10:00"),
        ("20260701T100000Z", "20260701T110000Z", "07-01 10:00 07-01 11:00"),
        ("2026-07-01T11:00:00+01:00", "2026-07-01T12:00:00", "07-01 10:00 07-01 11:00"),
        ("2026-07-01T11:00:00+01:00", "2026-06-30T12:00:00+01:00", "07-01 10:00 07-01 10:00"),
        ("2026-07-01T11:00:00+01:00", "2026-07-01", "07-01 10:00 07-01 10:00"),
        ("2026-07-01T11:00:00+01:00", "2026-07-02", "07-01 10:00 07-02 23:00"),
        ("2026-07-01T11:00:00+01:00", "when it ends", "07-01 10:00 07-01 10:00"),
        ("2026-07-01", None, "06-30 23:00 07-01 23:00"),
        ("2026-07-01", "2026-07-01", "06-30 23:00 07-01 23:00"),
        ("2026-07-01", "2026-07-02T17:00:00", "06-30 23:00 07-02 23:00"),
        (["2026-07-01T10:00:00Z"], [], "07-01 10:00 07-01 10:00"),
        ({"@value": "2026-07-01T10:00:00Z", "@type": "DateTime"}, None, "07-01 10:00 07-01 10:00"),
    ],
)
def test_times(start, end, expected):
    found = one(startDate=start, endDate=end)

    assert " ".join(found[name].astimezone(UTC).strftime("%m-%d %H:%M") for name in ("start_at", "end_at")) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, "confirmed"),
        ("https://schema.org/EventScheduled", "confirmed"),
        ("http://schema.org/EventCancelled", "cancelled"),
        ("EventCancelled", "cancelled"),
        ("Cancelled", "cancelled"),
        ({"@id": "schema:EventCancelled"}, "cancelled"),
        (["https://schema.org/EventRescheduled", "https://schema.org/EventPostponed"], "tentative"),
        ("https://schema.org/EventMovedOnline", "confirmed"),
        ("something else", "confirmed"),
        (5, "confirmed"),
    ],
)
def test_states(status, expected):
    assert one(eventStatus=status)["status"] == expected


@pytest.mark.parametrize(
    ("members", "location", "online", "kind"),
    [
        ({}, None, None, None),
        ({"location": "1 High St, Leeds"}, "1 High St, Leeds", None, None),
        (
            {"location": {"@type": "PostalAddress", "streetAddress": "1 High St", "postalCode": "LS1"}},
            "1 High St, LS1",
            None,
            None,
        ),
        ({"location": {"@type": "Place", "address": "1 High St"}}, "1 High St", None, None),
        (
            {
                "location": {
                    "@type": "Place",
                    "name": "Hall",
                    "address": {
                        "streetAddress": "1 High St, Leeds, LS1 4AA",
                        "addressLocality": "Leeds",
                        "postalCode": "LS14AA",
                        "addressCountry": "GB",
                    },
                }
            },
            *("Hall, 1 High St, Leeds, LS1 4AA", None, None),
        ),
        (
            {"location": {"@type": "Place", "name": "Hall", "address": [None, {"streetAddress": ["1 High St"]}]}},
            "Hall, 1 High St",
            None,
            None,
        ),
        (
            {"location": {"@type": "VirtualLocation", "url": "https://live.example/x"}},
            None,
            "https://live.example/x",
            "indirect",
        ),
        (
            {"location": {"@type": "VirtualLocation", "url": "https://us02web.zoom.us/j/1"}},
            None,
            "https://us02web.zoom.us/j/1",
            "direct",
        ),
        ({"location": {"@type": "VirtualLocation"}}, None, "https://e.example/a", "indirect"),
        (
            {"eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode"},
            None,
            "https://e.example/a",
            "indirect",
        ),
        (
            {"eventAttendanceMode": "MixedEventAttendanceMode", "location": "Hall"},
            "Hall",
            "https://e.example/a",
            "indirect",
        ),
        (
            {"eventStatus": "https://schema.org/EventMovedOnline", "location": {"@type": "Place", "name": "Hall"}},
            None,
            "https://e.example/a",
            "indirect",
        ),
        ({"location": [5, None, {}, [], {"@type": "Place", "name": {"odd": 1}}]}, "5", None, None),
    ],
)
def test_places(members, location, online, kind):
    found = one(**members)

    assert (found["location"], found["online_url"], found["online_type"]) == (location, online, kind)


def test_the_uid_is_the_address_with_the_start():
    first = {"@type": "Event", "name": "A", "url": "https://e.example/a", "startDate": "2026-07-01T10:00:00Z"}
    moved = first | {
        "eventStatus": "https://schema.org/EventRescheduled",
        "previousStartDate": "2026-07-01T11:00:00+01:00",
        "startDate": "2026-07-09T10:00:00Z",
    }
    cases = [
        ([first], ["https://e.example/a 2026-07-01T10:00:00Z"]),
        ([first | {"startDate": "2026-07-01T11:00:00+01:00"}], ["https://e.example/a 2026-07-01T10:00:00Z"]),
        ([first, first], ["https://e.example/a 2026-07-01T10:00:00Z"]),
        ([moved], ["https://e.example/a 2026-07-01T10:00:00Z"]),
        ([moved, first], ["https://e.example/a 2026-07-01T10:00:00Z", "https://e.example/a 2026-07-09T10:00:00Z"]),
        (
            [first | {"name": "B"}, first],
            ["https://e.example/a 2026-07-01T10:00:00Z", "https://e.example/a 2026-07-01T10:00:00Z B"],
        ),
        ([first | {"url": None}], [f"{PAGE} 2026-07-01T10:00:00Z"]),
        ([first | {"url": "b#c"}], ["https://depot.example/b#c 2026-07-01T10:00:00Z"]),
        ([first | {"url": "javascript:void(0)"}], [f"{PAGE} 2026-07-01T10:00:00Z"]),
    ]
    for events, expected in cases:
        assert sorted(row["uid"] for row in occurrences(*events)[0]) == expected
        assert sorted(row["uid"] for row in occurrences(*reversed(events))[0]) == expected


@pytest.mark.parametrize(
    "name",
    [
        "Event",
        "BusinessEvent",
        "ChildrensEvent",
        "ComedyEvent",
        "ConferenceEvent",
        "CourseInstance",
        "DanceEvent",
        "DeliveryEvent",
        "EducationEvent",
        "EventSeries",
        "ExhibitionEvent",
        "Festival",
        "FoodEvent",
        "Hackathon",
        "LiteraryEvent",
        "MusicEvent",
        "PerformingArtsEvent",
        "PublicationEvent",
        "SaleEvent",
        "ScreeningEvent",
        "SocialEvent",
        "SportsEvent",
        "TheaterEvent",
        "VisualArtsEvent",
    ],
)
@pytest.mark.parametrize("form", ["{}", "http://schema.org/{}", "https://schema.org/{}", "schema:{}"])
def test_every_type_of_event(name, form):
    assert one(**{"@type": form.format(name)})["summary"] == "A"


@pytest.mark.parametrize(
    ("node", "count", "noticed"),
    [
        ({"@type": "Organization", "name": "A", "startDate": "2026-07-01"}, 0, 0),
        ({"@type": "EventReservation", "name": "A", "startDate": "2026-07-01"}, 0, 0),
        ({"@type": "Event", "url": "https://e.example/a"}, 0, 0),
        ({"@type": "Event", "name": "A"}, 0, 1),
        ({"@type": "Event", "name": "A", "startDate": "soon"}, 0, 1),
        ({"@type": "CourseInstance", "name": "A"}, 0, 0),
        ({"name": "A", "startDate": "2026-07-01"}, 0, 0),
        ({"@type": "Event", "startDate": "2026-07-01"}, 1, 0),
        (
            {
                "@type": "Event",
                "name": "A",
                "startDate": "2026-07-01",
                "superEvent": {"@type": "Event", "name": "B", "startDate": "2026-06-30"},
            },
            1,
            0,
        ),
        (
            {"@type": "Event", "name": "A", "startDate": "2026-07-01", "subEvent": [{"@type": "Event", "name": "B"}]},
            1,
            0,
        ),
        (
            {
                "@type": "Event",
                "name": "A",
                "startDate": "2026-07-01",
                "subEvent": [
                    {"@type": "Event", "name": "A", "startDate": "2026-07-01"},
                    {"@type": "Event", "startDate": "2026-07-02"},
                ],
            },
            2,
            0,
        ),
    ],
)
def test_what_is_an_event(node, count, noticed):
    found, notices = occurrences(node)

    assert (len(found), len(notices)) == (count, noticed)


@pytest.mark.parametrize(
    ("scripts", "names", "damaged"),
    [
        (['{"@type": "Event", "name": "two\nlines", "startDate": "2026-07-01"}'], ["two\nlines"], 0),
        (['<!-- {"@type": "Event", "name": "A"} -->'], ["A"], 0),
        (['/*<![CDATA[*/{"@type": "Event", "name": "A"}/*]]>*/'], ["A"], 0),
        (['//<![CDATA[\n{"@type": "Event", "name": "A"}\n//]]>'], ["A"], 0),
        (['{"@type": "Event", "name": "A",};'], ["A"], 0),
        (["{&quot;@type&quot;: &quot;Event&quot;, &quot;name&quot;: &quot;A&quot;}"], ["A"], 0),
        (['{"@type": "Event", "name": "A"}', '{"@type": "Event", "na'], ["A"], 1),
        (["", " "], [], 0),
        (["[" * 5000], [], 1),
        (['{"a":' * 500 + '{"@type": "Event", "name": "A"}' + "}" * 500], [], 0),
        (["null", "5", '"x"', "[[], [{}]]"], [], 0),
    ],
)
def test_scripts_as_sites_write_them(scripts, names, damaged):
    found, count = events_of(scripts, PAGE)

    assert ([one["name"] for one in found], count) == (names, damaged)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("&lt;p&gt;Come &amp;amp; &lt;b&gt;play&lt;/b&gt;&lt;/p&gt;\n", "Come & **play**"),
        ("Tom &amp; Jerry&#8217;s", "Tom & Jerry’s"),
        ("<p>Half of it &amp;frac12;</p>", "Half of it \\&frac12;"),
    ],
)
def test_a_description_that_was_escaped_as_html(given, shown):
    event = {"@type": "Event", "name": "A", "startDate": "2026-07-02T10:00:00Z", "url": "/1", "description": given}
    script = f'<script type="application/ld+json">{json.dumps(event)}</script>'
    feed, _ = fetched("ld-json", "https://hall.example/", {"hall.example/": reply(f"<html>{script}</html>")})

    assert rows(read("ld-json", feed), "description") == [(shown,)]


@pytest.mark.parametrize(
    ("link", "count", "until"),
    [
        ('<link rel="next" href="?page=2">', 2, "2026-07-02T10:00"),
        ('<a rel="nofollow next" href="?page=2">More</a>', 2, "2026-07-02T10:00"),
        ('<a rel="prev" href="?page=2">Less</a>', 2, None),
        ("", 10, "2026-07-10T10:00"),
        ("", 11, None),
    ],
)
def test_a_page_that_may_not_be_the_last_one_proves_nothing_from_its_last_event_on(link, count, until):
    events = [
        {"@type": "Event", "name": "A", "startDate": f"2026-07-{day:02}T10:00:00Z", "url": f"/{day}"}
        for day in range(count, 0, -1)
    ]
    script = f'<script type="application/ld+json">{json.dumps(events)}</script>'
    answers = {"hall.example/whats-on": reply(f"<html><head>{link}</head><body>{script}</body></html>")}
    feed, _ = fetched("ld-json", "https://hall.example/whats-on", answers)
    found = read("ld-json", feed).parsed.published_until

    assert (found and found.isoformat()[:16]) == until


def test_a_page_that_is_damaged_in_part_deletes_nothing():
    whole = fixture("ld-json/whats-on.html").decode()
    page = whole.replace('"Opening speech"', '"Opening "speech""')
    found = read("ld-json", fetched("ld-json", PAGE, {"depot.example/whats-on": reply(page)})[0])

    assert len(rows(found, "uid")) == 5
    assert [(one.code, one.subject, one.keeps_uid) for one in found.notices] == [("page_damaged", "", True)]


def test_a_page_that_describes_nothing():
    with pytest.raises(errors.FeedUnparsable, match="does not describe its events in a way that programs can read"):
        fetched("ld-json", PAGE, {"depot.example/whats-on": reply("<html><body>Our events</body></html>")})
