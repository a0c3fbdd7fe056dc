"""The CalDAV source against a server that pages, forgets, lacks reports, fails and lies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from calimport import errors, sources
from calimport.fetching import Http
from calimport.settings import Settings
from calimport.sources import caldav
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.sources.caldav_xml import path_of
from calimport.windows import Window, WindowRequest
from tests.fake_caldav import FakeCollection, multistatus, properties, response
from tests.importing import feed
from tests.loopback import LOOPBACK, Loopback
from tests.web import Reply, Web, serve

AS_OF = datetime(2026, 11, 18, 12, tzinfo=UTC)
WINDOW = Window(datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC))
CALENDAR = "https://dav.example/calendars/choir/"
BOMB = (
    b"<?xml version='1.0'?><!DOCTYPE m [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
    b"<D:multistatus xmlns:D='DAV:'>&b;</D:multistatus>"
)


def event(name: str, day: int = 20, hour: int = 10) -> str:
    return feed(f"UID:{name}\nDTSTART:202611{day}T{hour}0000Z\nDURATION:PT1H\nSUMMARY:{name.title()}").decode()


class Client:
    """What calimport sees of the server, fetch after fetch."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.transport = Loopback({name: web.url(f"/{name}") for name in ("dav.example", "elsewhere.example")})
        self.last: Feed | None = None
        self.mirror = b""
        self.settings = Settings(allowed_networks=LOOPBACK, fetch_attempts=1, host_requests_per_second=1e6)

    def fetch(self, source: str = CALENDAR) -> Feed:
        """One more fetch, with what the last one brought."""
        request = FetchRequest(
            source,
            "dav",
            timezone=None,
            window=WindowRequest(AS_OF, start=WINDOW.start, end=WINDOW.end),
            validators=self.last.validators if self.last else {},
        )

        async def run() -> Feed:
            async with Http(self.settings, self.transport) as http:
                return await sources.fetch("caldav", request, http)

        self.last = asyncio.run(run())
        if self.last.content is not None:
            self.mirror = caldav.merge(self.mirror, self.last.content) if self.last.is_delta else self.last.content
        return self.last

    def parsed(self) -> Parsed:
        context = ParseContext(WINDOW, AS_OF, timezone="UTC", timezone_source="default")
        return caldav.parse(self.mirror, context)

    def uids(self) -> list[str]:
        return sorted(one["uid"] for one in self.parsed().occurrences)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    connection = {"conn_type": "http", "login": "ann", "password": "s3cret-word"}
    monkeypatch.setenv("AIRFLOW_CONN_DAV", json.dumps(connection))
    with serve() as web:
        yield Client(web)


@pytest.fixture
def choir(client: Client) -> FakeCollection:
    collection = FakeCollection()
    for name in ("one", "two", "three"):
        collection.put(f"{name}.ics", event(name))
    client.web.routes["/dav.example/calendars/choir/"] = collection
    return collection


# What changed


@pytest.mark.parametrize("tells_by", ["token", "ctag"])
@pytest.mark.parametrize("page_size", [1, 1000])
def test_only_what_changed_is_asked_for(client, choir, tells_by, page_size):
    choir.tells_by, choir.page_size = tells_by, page_size
    client.fetch()
    choir.put("two.ics", event("two-b"))
    choir.put("four.ics", event("four"))
    choir.delete("three.ics")
    delta = client.fetch()
    asked = len(choir.asked)
    unchanged = client.fetch()

    assert delta.is_delta
    document = json.loads(delta.content)
    assert (sorted(document["resources"]), document["removed"]) == (
        ["/calendars/choir/four.ics", "/calendars/choir/two.ics"],
        ["/calendars/choir/three.ics"],
    )
    assert client.uids() == ["four", "one", "two-b"]
    assert (unchanged.content, choir.asked[asked:]) == (None, ["PROPFIND"])


@pytest.mark.parametrize("tells_by", ["token", "ctag"])
def test_what_deltas_add_up_to_is_what_a_whole_fetch_brings(client, choir, tells_by):
    choir.tells_by = tells_by
    steps = [
        lambda: choir.put("one.ics", event("one", 21)),
        lambda: choir.delete("two.ics"),
        lambda: choir.put("two.ics", event("two", 22)),
        lambda: (choir.put("six.ics", event("six")), choir.delete("six.ics")),
        lambda: (choir.delete("one.ics"), choir.put("one.ics", event("one-b"))),
        lambda: choir.about.update({"D:displayname": "Other"}),
    ]
    client.fetch()
    for number, step in enumerate(steps):
        step()
        client.fetch()
        whole = Client(client.web)
        whole.fetch()
        assert (number, client.mirror) == (number, whole.mirror)


def test_a_change_that_touches_nothing_of_ours_moves_the_token_alone(client, choir):
    client.fetch()
    choir.put("passing.ics", event("passing"))
    choir.delete("passing.ics")
    first = client.fetch()
    second = client.fetch()

    assert json.loads(first.content)["removed"] == ["/calendars/choir/passing.ics"]
    assert (second.content, second.validators["sync_token"]) == (None, "urn:token/5")


def test_another_title_is_a_change(client, choir):
    client.fetch()
    choir.about["D:displayname"] = "Choral society"
    delta = client.fetch()

    assert (delta.is_delta, client.parsed().title, len(client.uids())) == (True, "Choral society", 3)


def test_a_server_that_cannot_tell_is_asked_for_the_window_each_time(client, choir):
    choir.tells_by = "none"
    first = client.fetch()
    choir.delete("one.ics")
    second = client.fetch()

    assert (first.is_delta, second.is_delta, second.window, second.validators) == (False, False, WINDOW, {})
    assert choir.asked == ["PROPFIND", "calendar-query"] * 2
    assert client.uids() == ["three", "two"]


def test_members_without_etags_are_asked_for_by_the_window(client, choir):
    choir.tells_by, choir.without_etag = "ctag", {"two.ics"}
    client.fetch()

    assert (choir.asked, client.uids()) == (["PROPFIND", "PROPFIND", "calendar-query"], ["one", "three", "two"])


@pytest.mark.parametrize("status", [403, 409, 410, 412])
def test_a_forgotten_token_starts_anew_in_the_same_fetch(client, choir, status):
    client.fetch()
    choir.delete("one.ics")
    choir.remembers_from = 100
    if status != 403:
        choir.instead["sync-collection"] = lambda asked: Reply(status=status) if b"urn:token" in asked.body else None
    again = client.fetch()

    assert (again.is_delta, client.uids()) == (False, ["three", "two"])


def test_a_token_of_another_collection_is_not_sent(client, choir):
    client.fetch()
    client.web.routes["/dav.example/calendars/band/"] = FakeCollection("/calendars/band/")

    assert client.fetch("https://dav.example/calendars/band/").is_delta is False
    assert client.uids() == []


def test_an_event_that_goes_between_two_requests_is_gone(client, choir):
    client.fetch()
    choir.put("two.ics", event("two"))

    def gone(asked):
        choir.delete("two.ics")

    choir.instead["calendar-multiget"] = gone
    assert json.loads(client.fetch().content) == {
        "collection": {"color": None, "timezone": None, "title": "Choir"},
        "removed": ["/calendars/choir/two.ics"],
        "resources": {},
    }


# Complete or nothing


@pytest.mark.parametrize(
    ("what", "reply", "error"),
    [
        ("PROPFIND", Reply(status=401), errors.CredentialsInvalid),
        ("PROPFIND", Reply(status=403), errors.CredentialsForbidden),
        ("PROPFIND", Reply(status=429, headers={"Retry-After": "60"}), errors.QuotaExceeded),
        ("PROPFIND", Reply(b"<html><body>Sign in</body></html>"), errors.FeedStatusUnexpected),
        ("PROPFIND", Reply(BOMB, status=207), errors.FeedUnparsable),
        ("sync-collection", Reply(status=500), errors.FeedServerError),
        ("sync-collection", Reply(status=503, headers={"Retry-After": "60"}), errors.FeedServerError),
        ("sync-collection", multistatus(""), errors.FeedIncomplete),
        ("sync-collection", Reply(BOMB, status=207), errors.FeedUnparsable),
        ("sync-collection", multistatus(response("/calendars/choir/x", "<D:status>HTTP/1.1 500 No</D:status>")
         + "<D:sync-token>t</D:sync-token>"), errors.FeedIncomplete),
        ("sync-collection", multistatus(response("/calendars/choir/x", "<D:status>fine</D:status>")
         + "<D:sync-token>t</D:sync-token>"), errors.FeedIncomplete),
        ("calendar-multiget", Reply(status=401), errors.CredentialsInvalid),
        ("calendar-multiget", Reply(status=404), errors.FeedIncomplete),
        ("calendar-multiget", Reply(status=429), errors.QuotaExceeded),
        ("calendar-multiget", multistatus(""), errors.FeedIncomplete),
        ("calendar-multiget", Reply(b"<D:multistatus xmlns:D='DAV:'>", status=207), errors.FeedIncomplete),
        ("calendar-multiget", Reply(b"x" * 1000, status=207, cut_after=10), errors.FeedIncomplete),
    ],
)  # fmt: skip
def test_each_failure_has_its_error_and_brings_nothing(client, choir, what, reply, error):
    choir.instead[what] = lambda asked: reply

    with pytest.raises(errors.CalimportError) as raised:
        client.fetch()

    assert type(raised.value) is error
    assert "s3cret-word" not in f"{raised.value} {raised.value.detail}"


def test_a_page_of_changes_that_fails_is_no_list(client, choir):
    choir.page_size = 1
    choir.instead["sync-collection"] = lambda asked: Reply(status=500) if b"urn:first/2" in asked.body else None

    with pytest.raises(errors.FeedIncomplete, match="nothing was changed"):
        client.fetch()


def test_pages_without_end_are_an_error(client, choir):
    for_ever = response(choir.path, "<D:status>HTTP/1.1 507 Insufficient Storage</D:status>")
    choir.instead["sync-collection"] = lambda asked: multistatus(f"{for_ever}<D:sync-token>same</D:sync-token>")

    with pytest.raises(errors.FeedIncomplete):
        client.fetch()


def test_a_member_that_is_left_out_is_not_taken_as_gone(client, choir):
    choir.kept_back = {"two.ics"}

    with pytest.raises(errors.FeedIncomplete) as raised:
        client.fetch()

    assert raised.value.detail == "1 of 3 members were not given"


def test_a_list_of_etags_that_was_cut_is_an_error(client, choir):
    choir.tells_by = "ctag"
    cut = response(choir.path, "<D:status>HTTP/1.1 507 Insufficient Storage</D:status>")
    choir.instead["PROPFIND"] = lambda asked: multistatus(cut) if asked.headers["depth"] == "1" else None

    with pytest.raises(errors.FeedIncomplete):
        client.fetch()


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:two\nDTSTART:20261120T100000Z\n",
        event("two").replace("20261120T100000Z", "soon"),
        event("two").replace("DTSTART", "X-START"),
        "<html>UID:two</html>\nUID:two",
    ],
)
def test_a_broken_member_is_named_and_kept_and_the_others_import(client, choir, text):
    choir.put("two.ics", text)
    client.fetch()
    kept = {notice.subject for notice in client.parsed().notices if notice.keeps_uid}

    assert ([uid for uid in client.uids() if uid != "two"], kept) == (["one", "three"], {"two"})


def test_one_name_of_two_definitions_means_each_its_own(client, choir):
    for name, offset in (("one", "+0200"), ("two", "-0500"), ("three", "+0200")):
        zone = (
            "BEGIN:VTIMEZONE\nTZID:Here\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
            f"TZOFFSETFROM:{offset}\nTZOFFSETTO:{offset}\nEND:STANDARD\nEND:VTIMEZONE\n"
        )
        choir.put(f"{name}.ics", feed(f"UID:{name}\nDTSTART;TZID=Here:20261120T100000", head=zone).decode())
    client.fetch()

    assert {one["uid"]: one["start_at"].hour for one in client.parsed().occurrences} == {
        "one": 8,
        "two": 15,
        "three": 8,
    }


def test_control_characters_in_a_text_are_no_bar(client, choir):
    choir.put("two.ics", event("two").replace("Two", "T\x0bw\x00o"))
    client.fetch()

    assert [one["summary"] for one in client.parsed().occurrences if one["uid"] == "two"] == ["Two"]


# Where


def test_a_home_on_another_host_is_named_and_not_asked(client):
    home = "<C:calendar-home-set><D:href>https://elsewhere.example/ann/</D:href></C:calendar-home-set>"
    client.web.routes["/dav.example/"] = multistatus(response("/", properties(home)))

    with pytest.raises(errors.FeedHostUnexpected, match=r"kept at https://elsewhere\.example\. If you trust"):
        client.fetch("https://dav.example")

    assert {one.url.host for one in client.transport.asked} == {"dav.example"}


def test_a_host_alone_leads_to_its_calendar(client, choir):
    principal = "<D:current-user-principal><D:href>/ann/</D:href></D:current-user-principal>"
    home = "<C:calendar-home-set><D:href>/calendars/</D:href></C:calendar-home-set>"
    calendar = properties("<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>")
    client.web.routes |= {
        "/dav.example/.well-known/caldav": Reply(status=301, headers={"Location": "https://dav.example/dav/"}),
        "/dav.example/dav/": multistatus(response("/dav/", properties(principal))),
        "/dav.example/ann/": multistatus(response("/ann/", properties(home))),
        "/dav.example/calendars/": multistatus(response("/calendars/", "") + response("/calendars/choir/", calendar)),
    }
    client.fetch("https://dav.example")

    assert client.uids() == ["one", "three", "two"]
    assert [one.url.path for one in client.transport.asked][:6] == [
        "/", "/.well-known/caldav", "/dav/", "/ann/", "/calendars/", "/calendars/choir/",
    ]  # fmt: skip


def test_a_redirect_to_another_host_goes_without_the_sign_in(client, choir):
    moved = Reply(status=301, headers={"Location": "https://elsewhere.example/calendars/choir/"})
    client.web.routes["/dav.example/moved/"] = moved
    client.web.routes["/elsewhere.example/calendars/choir/"] = choir
    client.fetch("https://dav.example/moved/")

    there = [one for one in client.transport.asked if one.url.host == "elsewhere.example"]
    assert (len(there), [one.headers.get("authorization") for one in there]) == (3, [None] * 3)


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("/a/b.ics", "/a/b.ics"),
        ("b.ics", "/c/b.ics"),
        ("https://dav.example:8443/a/b.ics?x=1", "/a/b.ics"),
        ("/a/anna%40example.org/b%20c.ics", "/a/anna@example.org/b%20c.ics"),
        ("/a/anna@example.org/b c.ics", "/a/anna@example.org/b%20c.ics"),
        ("/a/b%2Fc.ics", "/a/b%2Fc.ics"),
        ("/a/caf%c3%a9.ics", "/a/caf%C3%A9.ics"),
    ],
)
def test_one_path_has_one_spelling(href, path):
    assert path_of(href, "https://dav.example/c/") == path


def test_what_is_no_feed_of_it_is_refused():
    context = ParseContext(WINDOW, AS_OF, timezone="UTC", timezone_source="default")
    for stored in (b"", b"[]", b"{}", b'{"resources": [], "collection": {}}'):
        with pytest.raises(errors.FeedUnparsable):
            caldav.parse(stored, context)
