"""Which kind reads an address: by its form, its answer, what a page holds and links; and what is remembered of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from calimport import calendars, errors, sources
from calimport.checking import check_source
from calimport.cli import main
from calimport.fetching import Http
from calimport.previewing import look
from calimport.settings import Settings
from calimport.sources.base import FetchRequest
from calimport.sources.detecting import ADDRESSES, by_address, fetch, notices
from calimport.windows import WindowRequest
from tests.importing import Importer, feed
from tests.loopback import LOOPBACK, Loopback
from tests.site_rows import NOW, asked, fixture, reply
from tests.web import Web, serve

PAGE = "www.hall.example/events"
SOURCE = f"https://{PAGE}"
FEED = feed("UID:a\nDTSTART:20261120T180000Z\nSUMMARY:Choir")
OTHER = feed("UID:b\nDTSTART:20261121T180000Z\nSUMMARY:Chess")
EVENT = {"@type": "Event", "name": "Talk", "startDate": "2026-11-20T18:00:00Z", "url": SOURCE}
JSON_LD = f'<script type="application/ld+json">{json.dumps(EVENT)}</script>'
ALTERNATE = '<link rel="alternate" type="text/calendar" href="/feed?format=ical">'
SQUARESPACE = "<script>Static.SQUARESPACE_CONTEXT = {};</script>"


def html(*parts: str) -> str:
    return f"<!DOCTYPE html><html><head><title>Hall</title></head><body>{''.join(parts)}</body></html>"


def detected(answers, source=SOURCE, *, kind="auto", validators=None, connection_id=None):
    """The kind that read a source, its feed, and what was asked for."""
    with serve() as web:
        loopback = led(web, answers)
        request = FetchRequest(source, connection_id, None, WindowRequest(NOW), validators or {})

        async def run():
            async with Http(Settings(fetch_attempts=1, read_timeout=2), loopback) as http:
                return await fetch(kind, request, http)

        used, found = asyncio.run(run())
        return used, found, [url for _, url in asked(loopback)]


def led(web: Web, answers) -> Loopback:
    web.routes = {f"/{key}": answer for key, answer in answers.items()}
    return Loopback({key.partition("/")[0]: web.url(f"/{key.partition('/')[0]}") for key in answers})


# By the address


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("https://www.eventbrite.co.uk/o/the-hall-12345", "eventbrite"),
        ("https://eventbrite.com/o/the-hall-12345", "eventbrite"),
        ("https://www.eventbrite.com/e/one-event-12345", None),
        ("https://www.meetup.com/Leeds-Chess/", "meetup"),
        ("https://www.meetup.com/Leeds-Chess/events", "meetup"),
        ("https://www.meetup.com/en-GB/Leeds-Chess/events/ical", "meetup"),
        ("https://www.meetup.com/Leeds-Chess/events/123", None),
        ("https://www.meetup.com/find/?keywords=chess", None),
        ("https://www.outsavvy.com/organiser/the-hall", "outsavvy"),
        ("https://ra.co/promoters/12", "residentadvisor"),
        ("https://ra.co/clubs/12", "residentadvisor"),
        ("https://ra.co/events/12", None),
        ("https://hall.squarespace.com/events", "squarespace"),
        ("https://hall.squarespace.com/events?format=json", "squarespace"),
        ("https://hall.squarespace.com/", None),
        ("https://hall.ticketsolve.com", "ticketsolve"),
        ("https://hall.ticketsolve.com/ticketbooth/shows?i=7", "ticketsolve"),
        ("https://www.ticketsource.co.uk/the-hall", "ticketsource"),
        ("https://www.ticketsource.co.uk/the-hall/one-event/e-abc", None),
        ("https://www.tickettailor.com/events/thehall", "tickettailor"),
        ("https://hall.wixsite.com/hall/events", "wix"),
        ("http://events.manchester.ac.uk/f3vf/calendar/tag:x/calml.xml", "manchester-uni"),
        ("https://calendar.google.com/calendar/ical/x%40group.calendar.google.com/public/basic", "ics"),
        ("https://outlook.office365.com/owa/calendar/x/y/calendar", "ics"),
        ("https://outlook.live.com/owa/calendar/x/y/cid-1/calendar", "ics"),
        ("https://ics.teamup.com/feed/ks123/0", "ics"),
        ("webcal://hall.example/whatever", "ics"),
        ("https://hall.example/Calendar.ICS?x=1", "ics"),
        ("https://hall.example/ics", None),
        ("https://evil.example/https://ra.co/clubs/12", None),
        ("https://ra.co.evil.example/clubs/12", None),
        (None, "ics"),
    ],
)
def test_the_kind_that_an_address_tells(source, kind):
    assert by_address(source) == kind


def test_every_kind_with_addresses_of_its_own_is_there():
    assert {kind for kind, _ in ADDRESSES} - set(sources.MODULES) == set()


@pytest.mark.parametrize(
    "source", ["ftp://hall.example/x.ics", "hall.example", "https:///x", "a@group.calendar.google.com"]
)
def test_an_address_of_no_form_that_we_read(source):
    with pytest.raises(errors.SourceUnsupported):
        by_address(source)


def test_with_a_connection_a_google_id_or_page_is_read_through_the_api():
    assert by_address("a@group.calendar.google.com", connection_id="google") == "google"
    assert (
        by_address("https://calendar.google.com/calendar/embed?src=a%40x.example", connection_id="google") == "google"
    )


@pytest.mark.parametrize(
    "page",
    [
        "https://calendar.google.com/calendar/embed?src=abc%40group.calendar.google.com&ctz=Europe%2FLondon",
        "https://calendar.google.com/calendar/u/0?cid=YWJjQGdyb3VwLmNhbGVuZGFyLmdvb2dsZS5jb20",
        "https://calendar.google.com/calendar/u/0/r?cid=YWJjQGdyb3VwLmNhbGVuZGFyLmdvb2dsZS5jb20",
    ],
)
def test_a_page_of_google_without_a_connection_suggests_its_public_feed(page):
    feed_address = "https://calendar.google.com/calendar/ical/abc%40group.calendar.google.com/public/basic.ics"

    with pytest.raises(errors.SourceUnsupported) as raised:
        by_address(page)

    assert feed_address in str(raised.value)


def test_a_page_of_google_is_not_added_without_a_connection():
    page = "https://calendar.google.com/calendar/embed?src=abc%40group.calendar.google.com"

    with pytest.raises(errors.ConfigurationError) as refused:
        calendars.configure({"name": "Team", "source": page})

    assert str(refused.value).endswith(
        "source: is the page of a Google calendar: `connection` must name the Airflow connection to Google; or, where"
        " the calendar is public, give the address of its feed,"
        " https://calendar.google.com/calendar/ical/abc%40group.calendar.google.com/public/basic.ics."
    )


# By the answer


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (FEED, "text/calendar", "ics"),
        (FEED, "text/html", "ics"),
        (b"\xef\xbb\xbf\r\n" + FEED, "application/octet-stream", "ics"),
    ],
)
def test_an_answer_that_is_a_feed_is_fetched_once(body, content_type, kind):
    used, found, urls = detected({PAGE: reply(body, Content_Type=content_type)})

    assert (used, urls, found.validators["detected"]) == (kind, [SOURCE], {"kind": "ics"})


@pytest.mark.parametrize(
    ("body", "error", "sentence"),
    [
        ("<?xml version='1.0'?><rss><channel/></rss>", errors.SourceUnsupported, "data for programs .XML."),
        ('{"items": []}', errors.SourceUnsupported, "data for programs .JSON."),
        ('{"items": ', errors.FeedUnparsable, "not a calendar's data"),
        (html("<h1>Welcome</h1>"), errors.FeedIsWebPage, "This is a web page, perhaps a sign-in page"),
        (html("<a href='webcal://a.example/1'>1</a><a href='webcal://a.example/2'>2</a>"), errors.FeedIsWebPage,
         "several calendar feeds.*\nhttps://a.example/1\nhttps://a.example/2"),
        (html("<a href='/all.ics'>All</a><a href='/?ical=1'>Export</a><a href='/x.ics?token=s3cret'>Mine</a>"),
         errors.FeedIsWebPage,
         r"please give that address: https://www.hall.example/all.ics, https://www.hall.example/\?ical=1\.$"),
        (html('<meta name="generator" content="Wix.com Website Builder">'), errors.FeedIsWebPage, "shows no events"),
        ("", errors.FeedEmpty, "nothing at all"),
        ("Hello.", errors.FeedUnparsable, None),
    ],
)  # fmt: skip
def test_an_answer_that_no_kind_reads_says_what_it_is(body, error, sentence):
    with pytest.raises(error, match=sentence):
        detected({PAGE: reply(body)})


# By the page


def test_a_wix_site_on_its_own_domain_is_fetched_once():
    used, _, urls = detected({PAGE: reply(fixture("wix/events.html"))})

    assert (used, urls) == ("wix", [SOURCE])


def test_a_squarespace_site_on_its_own_domain():
    def answer(request):
        return reply(fixture("squarespace/events.json") if "format=json" in request.path else html(SQUARESPACE))

    used, _, urls = detected({PAGE: answer})

    assert (used, urls) == ("squarespace", [SOURCE, f"{SOURCE}?format=json"])


def test_json_ld_without_events_is_none():
    with pytest.raises(errors.FeedIsWebPage):
        detected(
            {PAGE: reply(html('<script type="application/ld+json">{"@type": "WebSite", "name": "Hall"}</script>'))}
        )


def test_a_page_with_json_ld_is_fetched_once():
    used, _, urls = detected({PAGE: reply(html(JSON_LD))})

    assert (used, urls) == ("ld-json", [SOURCE])


LINKED = {
    "a relative link": (ALTERNATE, "https://www.hall.example/feed?format=ical", "www.hall.example/feed"),
    "an address to subscribe to": (
        *("<a href='webcal://cal.example/7'>Subscribe</a><a href='/one.ics'>One event</a>", "https://cal.example/7"),
        "cal.example/7",
    ),
    "an embedded Google calendar": (
        '<iframe src="https://calendar.google.com/calendar/embed?src=abc%40group.calendar.google.com"></iframe>',
        "https://calendar.google.com/calendar/ical/abc%40group.calendar.google.com/public/basic.ics",
        "calendar.google.com/calendar/ical/abc%40group.calendar.google.com/public/basic.ics",
    ),
}


@pytest.mark.parametrize(("link", "address", "route"), LINKED.values(), ids=LINKED)
def test_a_page_without_events_is_read_through_the_feed_that_it_links(link, address, route):
    used, found, urls = detected({PAGE: reply(html(link)), route: reply(FEED)})

    assert (used, urls) == ("ics", [SOURCE, address])
    assert found.validators["detected"] == {"kind": "ics", "address": address}
    assert [one.code for one in notices(found.validators)] == ["better_feed"]
    assert address in notices(found.validators)[0].message


@pytest.mark.parametrize("link", ["a relative link", "an address to subscribe to"])
def test_a_linked_feed_comes_before_what_the_page_holds_itself(link):
    tag, address, route = LINKED[link]
    page = fixture("wix/events.html").replace(b"<head>", b"<head>" + tag.encode() + JSON_LD.encode())
    used, found, urls = detected({PAGE: reply(page), route: reply(FEED)})

    assert (used, urls) == ("ics", [SOURCE, address])
    (notice,) = notices(found.validators)
    assert (notice.code, notice.subject) == ("better_feed", "")
    assert notice.message == f"The page links a calendar feed, which is read in the page's place: {address}."


@pytest.mark.parametrize(
    "answer",
    [reply("", 404), reply("", 403), reply(html("<h1>No events</h1>"))],
    ids=["gone", "forbidden", "a page"],
)
def test_a_linked_feed_that_is_none_leaves_the_page_to_its_own_events(answer):
    used, found, _ = detected({PAGE: reply(html(ALTERNATE, JSON_LD)), "www.hall.example/feed": answer})

    assert (used, notices(found.validators)) == ("ld-json", [])


@pytest.mark.parametrize(
    ("answer", "error"),
    [(reply("", 503), errors.FeedServerError), (reply("BEGIN:VCALENDAR\r\n"), errors.FeedTruncated)],
)
def test_a_linked_feed_that_fails_in_passing_fails_the_fetch(answer, error):
    with pytest.raises(error):
        detected({PAGE: reply(html(ALTERNATE, JSON_LD)), "www.hall.example/feed": answer})


def test_a_linked_feed_that_was_read_before_is_not_left_for_the_pages_own_events():
    """Every row would be replaced, and again when the feed is back."""
    address = "https://www.hall.example/feed?format=ical"
    answers = {PAGE: reply(html(ALTERNATE, JSON_LD)), "www.hall.example/feed": reply("", 404)}

    with pytest.raises(errors.FeedNotFound):
        detected(answers, validators={"detected": {"kind": "ics", "address": address}})


def test_a_linked_feed_that_is_empty_leaves_the_page_to_its_own_events():
    feeds = {"www.hall.example/feed": reply(feed())}

    assert detected({PAGE: reply(html(ALTERNATE, JSON_LD)), **feeds})[0] == "ld-json"
    assert detected({PAGE: reply(html(ALTERNATE)), **feeds})[0] == "ics"


def test_a_link_to_a_file_is_one_event_to_download():
    page = html("<a href='/one.ics'>Add to your calendar</a>", JSON_LD)
    used, found, urls = detected({PAGE: reply(page)})

    assert (used, urls, notices(found.validators)) == ("ld-json", [SOURCE], [])


def test_of_several_linked_feeds_none_is_taken_but_all_are_suggested():
    links = "<a href='webcal://cal.example/1'>1</a><a href='webcals://cal.example/2'>2</a>"
    used, found, urls = detected({PAGE: reply(html(links, JSON_LD))})

    assert (used, urls) == ("ld-json", [SOURCE])
    (notice,) = notices(found.validators)
    assert notice.message == (
        "The page links several calendar feeds, which may say more than the page itself. If you mean one of them,"
        " please give its address: https://cal.example/1, https://cal.example/2."
    )


def test_one_feed_linked_by_two_schemes_is_one():
    page = '<link rel="alternate" type="text/calendar" href="http://cal.example/7">' + LINKED["a relative link"][
        0
    ].replace("/feed?format=ical", "webcal://cal.example/7")

    assert detected({PAGE: reply(html(page)), "cal.example/7": reply(FEED)})[0] == "ics"


def test_a_calendar_that_the_page_embeds_is_suggested_beside_the_pages_own_events():
    tag, address, _ = LINKED["an embedded Google calendar"]
    used, found, urls = detected({PAGE: reply(html(tag, JSON_LD))})

    assert (used, urls) == ("ld-json", [SOURCE])
    assert [one.message for one in notices(found.validators)] == [
        f"The page links a calendar feed, which may say more. Please give that address: {address}."
    ]


def test_a_squarespace_page_that_is_no_events_page_is_read_through_the_calendar_that_it_embeds():
    tag, address, route = LINKED["an embedded Google calendar"]

    def answer(request):
        return reply('{"website": {}}' if "format=json" in request.path else html(SQUARESPACE, tag))

    used, _, urls = detected({PAGE: answer, route: reply(FEED)})

    assert (used, urls) == ("ics", [SOURCE, f"{SOURCE}?format=json", address])


@pytest.mark.parametrize(
    "mark",
    [
        SQUARESPACE,
        "<!-- This is Squarespace. --><!-- hall -->",
        '<link rel="preconnect" href="https://images.squarespace-cdn.com">',
    ],
)
def test_the_marks_of_squarespace(mark):
    def answer(request):
        return reply(fixture("squarespace/events.json") if "format=json" in request.path else html(mark, JSON_LD))

    assert detected({PAGE: answer})[0] == "squarespace"


def test_the_address_of_a_private_feed_is_not_shown():
    page = html('<link rel="alternate" type="text/calendar" href="/feed?token=s3cret">')
    _, found, _ = detected({PAGE: reply(page), "www.hall.example/feed": reply(FEED)})

    assert [one.message for one in notices(found.validators)] == [
        "The page links a calendar feed, which is read in the page's place."
    ]


def test_a_sign_in_does_not_follow_a_link_to_another_host(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_HALL", '{"conn_type": "http", "login": "ann", "password": "s3cret"}')
    seen = []

    def answer(request):
        seen.append((request.path, "authorization" in request.headers))
        return reply(FEED if request.path.endswith("/7") else html("<a href='webcal://cal.example/7'>Subscribe</a>"))

    detected({PAGE: answer, "cal.example/7": answer}, connection_id="hall")

    assert seen == [(f"/{PAGE}", True), ("/cal.example/7", False)]


def test_a_collection_that_says_so_is_read_by_caldav(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_HALL", '{"conn_type": "http", "login": "ann", "password": "s3cret"}')
    answers = {PAGE: reply("", 405, DAV="1, 2, calendar-access")}

    # The answer to PROPFIND is no multistatus, which only `caldav` would ask for.
    with pytest.raises(errors.CalimportError) as raised:
        detected(answers, connection_id="hall")
    assert any("caldav" in str(frame.path) for frame in raised.traceback)


# What is configured, and what is remembered


def test_a_kind_that_is_configured_is_not_questioned():
    with pytest.raises(errors.FeedIsWebPage):
        detected({PAGE: reply(html(ALTERNATE))}, kind="ics")


def test_validators_of_a_linked_feed_are_not_sent_to_the_page():
    validators = {"detected": {"kind": "ics", "address": "https://cal.example/7"}, "last_modified": "Mon, 01 Jun 2026"}
    sent = []

    def answer(request):
        sent.append(request.headers.get("if-modified-since"))
        return reply(FEED)

    assert detected({PAGE: answer}, kind="ics", validators=validators)[1].validators == {}
    assert sent == [None]


def test_what_was_detected_is_not_detected_again():
    linked = {"kind": "ics", "address": "https://cal.example/7"}
    used, found, urls = detected({"cal.example/7": reply(FEED)}, validators={"detected": linked})

    assert (used, urls, found.validators["detected"]) == ("ics", ["https://cal.example/7"], linked)


@pytest.mark.parametrize("answer", [reply(html("<h1>Gone</h1>")), reply("", 404)])
def test_what_no_longer_reads_is_detected_anew(answer):
    validators = {"detected": {"kind": "ics", "address": "https://cal.example/7"}, "etag": '"1"'}
    answers = {PAGE: reply(html(ALTERNATE)), "cal.example/7": answer, "www.hall.example/feed": reply(FEED)}
    used, found, urls = detected(answers, validators=validators)

    assert (used, urls[-1]) == ("ics", "https://www.hall.example/feed?format=ical")
    assert found.validators["detected"]["address"] == "https://www.hall.example/feed?format=ical"


def test_what_fails_in_passing_is_not_detected_anew():
    answers = {PAGE: reply(html(ALTERNATE)), "cal.example/7": reply("", 503)}

    with pytest.raises(errors.FeedServerError):
        detected(answers, validators={"detected": {"kind": "ics", "address": "https://cal.example/7"}})


def test_a_kind_that_this_version_does_not_know_is_detected_anew():
    used, _, urls = detected({PAGE: reply(FEED)}, validators={"detected": {"kind": "gopher"}})

    assert (used, urls) == ("ics", [SOURCE])


# The import, the preview, the check


def test_an_import_looks_once_and_then_asks_the_feed_alone(connection):
    connection.commit()
    connection.autocommit = True
    feeds = iter([reply(FEED), reply(FEED), reply(OTHER)])
    with serve() as web:
        loopback = led(web, {PAGE: reply(html(ALTERNATE)), "www.hall.example/feed": lambda _: next(feeds)})
        importer = Importer(connection, transport=loopback)
        importer.add("hall", SOURCE)
        importer.run()
        first, loopback.asked = asked(loopback), []
        again = importer.run()
        second, loopback.asked = asked(loopback), []
        importer.run()

    address = ("GET", "https://www.hall.example/feed?format=ical")
    assert (first, second, asked(loopback)) == ([("GET", SOURCE), address], [address], [address])
    assert again.unchanged == 1
    assert importer.state("hall")["kind_used"] == "ics"
    assert importer.rows("hall", "summary") == [("Chess",)]
    assert importer.one("select code from calimport.notices") == "better_feed"


def test_a_check_shows_the_kind_the_events_and_the_better_feed():
    several = '<a href="webcal://cal.example/1">Talks</a><a href="webcal://cal.example/2">Music</a>'
    page = fixture("wix/events.html").replace(b"<body>", b"<body>" + several.encode())
    with serve() as web:
        web.routes["/events"] = reply(page)
        url = web.url("/events")
        found = check_source(url, now=datetime(2026, 6, 1, tzinfo=UTC), settings=Settings(allowed_networks=LOOPBACK))
        printed = CliRunner().invoke(main, ["calendars", "check", url])

    assert (found.kind, found.title, found.events, found.occurrences) == ("wix", "Events | The Boathouse", 2, 2)
    assert [one["summary"] for one in found.sample] == ["Sea shanties <& more>", "Noche de tango 💃"]
    assert [one.code for one in found.notices] == ["better_feed"]
    assert printed.exit_code == 0
    assert "kind: wix\n" in printed.output
    better = "please give its address: https://cal.example/1, https://cal.example/2."
    assert better in printed.output


def test_a_check_says_in_words_what_is_wrong():
    with serve() as web:
        web.routes["/"] = reply(html("<h1>Sign in</h1>"))
        printed = CliRunner().invoke(main, ["calendars", "check", web.url("/")])

    assert printed.exit_code != 0
    assert "FeedIsWebPage: This is a web page" in printed.output


def test_a_recording_of_a_site_is_previewed(tmp_path):
    archive = tmp_path / "site.har"
    archive.write_text(
        json.dumps(
            {
                "log": {
                    "version": "1.2",
                    "creator": {"name": "test", "version": "1"},
                    "entries": [
                        {
                            "request": {"method": "POST", "url": "https://ra.co/graphql", "headers": [],
                                        "postData": {"mimeType": "application/json", "text": '{"query": "other"}'}},
                            "response": {"status": 200, "headers": [],
                                         "content": {"mimeType": "application/json",
                                                     "text": fixture("residentadvisor/promoter.json").decode()}},
                        }
                    ],
                }
            }
        )
    )  # fmt: skip

    found = look("https://ra.co/promoters/90210", start="2026-07-01", end="2026-08-01", replay=archive)

    assert (found.kind, found.timezone, found.frame["summary"].tolist()) == (
        *("residentadvisor", "Europe/London"),
        ["Night Bus: Terminus"],
    )
