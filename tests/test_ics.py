"""The source ``ics`` against a real web server on this machine, and its parser."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from calimport import fetching, sources
from calimport.errors import (
    CalimportError,
    CredentialsMissing,
    FeedConnectionFailed,
    FeedEmpty,
    FeedForbidden,
    FeedHostUnknown,
    FeedIsWebPage,
    FeedMovedTooOften,
    FeedNotFound,
    FeedServerError,
    FeedStatusUnexpected,
    FeedTimeout,
    FeedTlsInvalid,
    FeedTooLarge,
    FeedTruncated,
    FeedUnparsable,
    QuotaExceeded,
    SourceUnsupported,
)
from calimport.icalendar_text import decode
from calimport.normalizing import Meaning, normalize
from calimport.settings import Settings
from calimport.sources.base import Feed, FetchRequest, ParseContext
from calimport.windows import Window, WindowRequest
from tests.certificates import certificate
from tests.loopback import LOOPBACK
from tests.web import Asked, Reply, serve

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))

EVENT = "BEGIN:VEVENT\nUID:one\nDTSTAMP:20260101T000000Z\nDTSTART:20261122T100000Z\nSUMMARY:Café\nEND:VEVENT"
#: More than a page of what a network reads at once.
LONG = "\n".join(EVENT.replace("UID:one", f"UID:{number}") for number in range(500))


def calendar(*events: str, head: str = "") -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *head.splitlines(), *events, "END:VCALENDAR", ""]
    return "\n".join(lines).replace("\n", "\r\n").encode()


FEED = calendar(EVENT)


def fetch(
    source: str | None, *, connection_id: str | None = None, validators: dict[str, str] | None = None, **settings: Any
) -> Feed:
    request = FetchRequest(
        source,
        connection_id=connection_id,
        timezone=None,
        window=WindowRequest(NOW),
        validators=validators or {},
    )

    async def run() -> Feed:
        async with fetching.Http(Settings(**{"fetch_attempts": 1, "allowed_networks": LOOPBACK, **settings})) as http:
            return await sources.fetch("ics", request, http)

    return asyncio.run(run())


def parse(*events: str, head: str = "", timezone: str = "UTC", window: Window = NOVEMBER, limit: int = 1000) -> Any:
    context = ParseContext(window, NOW, timezone=timezone, timezone_source="calendar", max_occurrences=limit)
    feed = calendar(*events, head=head).decode().replace("\r\n", "\n").encode()
    return normalize(feed, kind="ics", context=context, meaning=Meaning())


def rows(normalized: Any, *names: str) -> list[tuple[Any, ...]]:
    return [
        tuple(None if value != value else value for value in row)  # NaN differs from itself
        for row in normalized.frame[list(names)].itertuples(index=False, name=None)
    ]


def event(uid: str, start: str, *lines: str) -> str:
    separator = "" if start.startswith((";", ":")) else ":"
    return "\n".join(["BEGIN:VEVENT", f"UID:{uid}", f"DTSTART{separator}{start}", *lines, "END:VEVENT"])


# What is asked


def test_the_request_is_honest(web):
    fetch(web.feed(Reply(FEED)))

    headers = web.asked[0].headers
    assert (headers["user-agent"], headers["accept"], headers["accept-encoding"]) == (
        "calimport/0.1 (calendar importer)",
        "text/calendar, text/plain;q=0.8, */*;q=0.5",
        "gzip, deflate",
    )


def test_a_feed_that_has_not_changed_is_not_sent_again(web):
    url = web.feed(Reply(FEED, etag='"v1"', last_modified="Sat, 21 Nov 2026 10:00:00 GMT"))

    first = fetch(url)
    second = fetch(url, validators=dict(first.validators))

    assert (first.validators, second.content, second.meaning_hash, second.validators, web.asked[1].headers) == (
        {"etag": '"v1"', "last_modified": "Sat, 21 Nov 2026 10:00:00 GMT"},
        None,
        None,
        first.validators,
        web.asked[0].headers | {"if-none-match": '"v1"', "if-modified-since": "Sat, 21 Nov 2026 10:00:00 GMT"},
    )


def test_what_a_fetch_cost_is_counted(web):
    web.routes["/feed.ics"] = Reply(FEED)
    url = web.feed(Reply(status=302, headers={"Location": "/feed.ics"}), "/moved")

    feed = fetch(url)

    assert (feed.requests, feed.bytes_received) == (2, len(FEED))


def test_a_connection_brings_address_and_password(web, monkeypatch):
    url = web.feed(Reply(FEED))
    connection = {"conn_type": "http", "login": "ann", "password": "s3cret", "extra": {"url": url}}
    monkeypatch.setenv("AIRFLOW_CONN_ANNS", json.dumps(connection))

    fetch(None, connection_id="anns")

    assert web.asked[0].headers["authorization"] == "Basic YW5uOnMzY3JldA=="


def test_a_private_address_is_in_no_log_line_however_much_is_logged(web, caplog):
    caplog.set_level("DEBUG")
    url = web.feed(Reply(calendar(event("a", "20261110T100000Z"))), "/private-s3cret/basic.ics")

    fetch(url)

    assert "s3cret" not in caplog.text


def test_a_connection_without_an_address_says_how_to_add_it(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"conn_type": "http"}))

    with pytest.raises(CredentialsMissing, match=r'put it into its extra, as \{"url"'):
        fetch(None, connection_id="empty")


def test_a_password_is_not_sent_on_to_another_host(web, monkeypatch):
    connection = {"conn_type": "http", "login": "ann", "password": "s3cret"}
    monkeypatch.setenv("AIRFLOW_CONN_ANNS", json.dumps(connection))
    with serve() as other:
        elsewhere = other.feed(Reply(FEED))
        web.routes["/near"] = Reply(status=302, headers={"Location": elsewhere})
        url = web.feed(Reply(status=302, headers={"Location": "/near"}))

        fetch(url, connection_id="anns")

        sent = [("authorization" in asked.headers) for asked in (*web.asked, *other.asked)]
    assert sent == [True, True, False]


def test_a_password_is_not_sent_on_in_the_clear():
    asked: list[tuple[str, bool]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.scheme, "authorization" in request.headers))
        moved = request.url.scheme == "https"
        return httpx.Response(302 if moved else 200, headers={"Location": "http://a.example/"} if moved else {})

    async def run() -> None:
        async with fetching.Http(Settings(), httpx.MockTransport(answer)) as http:
            await http.get("https://a.example/", auth=fetching.Auth("Basic eA==", owner="ann"))

    asyncio.run(run())

    assert asked == [("https", True), ("http", False)]


def test_webcal_is_https():
    assert fetching.http_url("webcal://a.example/feed.ics#x") == "https://a.example/feed.ics"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(web, status):
    web.routes["/feed.ics"] = Reply(FEED)
    url = web.feed(Reply(status=status, headers={"Location": "feed.ics"}), "/moved")

    assert fetch(url).content == FEED


# What comes

FORMS = {
    "CRLF": FEED,
    "LF": FEED.replace(b"\r\n", b"\n"),
    "CR": FEED.replace(b"\r\n", b"\r"),
    "UTF-8 with a byte order mark": b"\xef\xbb\xbf" + FEED,
    "UTF-16 little endian": b"\xff\xfe" + FEED.decode().encode("utf-16-le"),
    "UTF-16 big endian": b"\xfe\xff" + FEED.decode().encode("utf-16-be"),
    "Latin-1": FEED.decode().encode("latin-1"),
    "gzip without saying so": gzip.compress(FEED),
    "control characters": FEED.replace(b"SUMMARY", b"\x00\x07SUMMARY"),
    "blank lines around": b"\r\n\r\n" + FEED + b"\r\n\r\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_bytes_is_read_as_the_same_text(web, form):
    feed = fetch(web.feed(Reply(FORMS[form])))

    assert decode(feed.content).strip() == FEED.decode().replace("\r\n", "\n").strip()


def test_a_declared_charset_counts_where_the_text_is_not_utf_8(web):
    body = calendar(EVENT.replace("Café", "Žižkov")).decode().encode("iso-8859-2")

    feed = fetch(web.feed(Reply(body, headers={"Content-Type": "text/calendar; charset=ISO-8859-2"})))

    assert "SUMMARY:Žižkov" in feed.content.decode()


def test_gzip_that_is_announced(web):
    feed = fetch(web.feed(Reply(FEED, gzip=True)))

    assert feed.content == FEED


def test_the_meaning_is_the_same_where_only_the_stamps_differ(web):
    before = calendar(EVENT, head="X-WR-TIMEZONE:Europe/Paris")
    stamps = "DTSTAMP:20261122T120000Z\nLAST-MODIFIED:20261122T120000Z\nCREATED:20261122T120000Z"
    after = before.replace(b"DTSTAMP:20260101T000000Z", stamps.encode())

    first, second = (fetch(web.feed(Reply(body))) for body in (before, after))

    assert (first.meaning_hash == second.meaning_hash, first.content == second.content) == (True, False)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(calendar(EVENT.replace("Café", "Bar")), id="another title"),
        pytest.param(calendar(EVENT.replace("100000Z", "110000Z")), id="another time"),
        pytest.param(calendar(), id="no event"),
    ],
)
def test_the_meaning_differs_with_the_content(web, body):
    first, second = (fetch(web.feed(Reply(one))) for one in (FEED, body))

    assert first.meaning_hash != second.meaning_hash


@pytest.mark.parametrize(
    ("head", "zone"),
    [
        ("X-WR-TIMEZONE:Europe/Paris", "Europe/Paris"),
        ("X-WR-TIMEZONE:W. Europe Standard Time", "Europe/Berlin"),
        ("X-WR-TIMEZONE:Nowhere/Else", None),
        ("", None),
    ],
)
def test_the_zone_that_a_feed_gives_for_itself(web, head, zone):
    assert fetch(web.feed(Reply(calendar(EVENT, head=head)))).timezone == zone


# What goes wrong

MOVED = {"Location": "/feed.ics"}

FAILURES: dict[str, tuple[Reply, type[CalimportError]]] = {
    "no bytes": (Reply(), FeedEmpty),
    "blanks alone": (Reply(b" \r\n"), FeedEmpty),
    "a web page": (Reply(b"<!DOCTYPE html><html><body>Sign in</body></html>"), FeedIsWebPage),
    "a web page after a comment": (Reply(b"\n<!-- hello -->\n<html lang=en>"), FeedIsWebPage),
    "a web page by its type": (Reply(b"<div>Sign in</div>", headers={"Content-Type": "text/html"}), FeedIsWebPage),
    "JSON": (Reply(b'{"error": "BEGIN"}'), FeedUnparsable),
    "no end": (Reply(calendar(LONG)[:-20]), FeedTruncated),
    "one end for two": (Reply(FEED + FEED[: len(FEED) // 2]), FeedTruncated),
    "fewer bytes than announced": (Reply(FEED, content_length=len(FEED) + 100), FeedTruncated),
    "dropped midway": (Reply(calendar(LONG), cut_after=5000), FeedTruncated),
    "gzip that ends midway": (Reply(gzip.compress(FEED)[:-30]), FeedTruncated),
    "announced gzip that ends midway": (
        Reply(gzip.compress(FEED)[:-30], headers={"Content-Encoding": "gzip"}),
        FeedTruncated,
    ),
    "announced gzip that is none": (Reply(FEED, headers={"Content-Encoding": "gzip"}), FeedUnparsable),
    "gzip that is damaged": (Reply(b"\x1f\x8b" + FEED), FeedUnparsable),
    "compressed in a way not asked for": (Reply(FEED, headers={"Content-Encoding": "br"}), FeedUnparsable),
    "compressed twice": (
        Reply(gzip.compress(gzip.compress(FEED)), headers={"Content-Encoding": "gzip, gzip"}),
        FeedUnparsable,
    ),
    "too many bytes": (Reply(b"x" * 200_001), FeedTooLarge),
    "too many bytes announced": (Reply(b"x", content_length=200_001), FeedTooLarge),
    "bytes without end": (Reply(b"x" * 10_000, endless=True), FeedTooLarge),
    "a gzip bomb": (Reply(b"x" * 5_000_000, gzip=True), FeedTooLarge),
    "a gzip bomb that is not announced": (Reply(gzip.compress(b"x" * 5_000_000)), FeedTooLarge),
    "no answer": (Reply(hangs=True), FeedTimeout),
    "a late answer": (Reply(FEED, delay=2), FeedTimeout),
    "a byte now and then": (Reply(b"x", endless=True, pause=0.1), FeedTimeout),
    "401": (Reply(status=401), FeedForbidden),
    "403": (Reply(status=403), FeedForbidden),
    "404": (Reply(status=404), FeedNotFound),
    "410": (Reply(status=410), FeedNotFound),
    "418": (Reply(status=418), FeedStatusUnexpected),
    "429": (Reply(status=429), QuotaExceeded),
    "204": (Reply(status=204), FeedStatusUnexpected),
    "206": (Reply(FEED, status=206), FeedStatusUnexpected),
    "500": (Reply(status=500), FeedServerError),
    "502": (Reply(status=502), FeedServerError),
    "503": (Reply(status=503), FeedServerError),
    "a redirect to itself": (Reply(status=302, headers=MOVED), FeedMovedTooOften),
    "a redirect to nowhere": (Reply(status=302), FeedStatusUnexpected),
    "a redirect to FTP": (Reply(status=302, headers={"Location": "ftp://a.example/x"}), SourceUnsupported),
    "a redirect to a file": (Reply(status=302, headers={"Location": "file:///etc/passwd"}), SourceUnsupported),
    "a redirect to no URL": (Reply(status=302, headers={"Location": "http://[bad"}), SourceUnsupported),
    "a redirect to no port": (Reply(status=302, headers={"Location": "http://a.example:x/"}), FeedConnectionFailed),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_each_failure_has_its_class(web, failure):
    reply, expected = FAILURES[failure]
    url = web.feed(reply)

    with pytest.raises(CalimportError) as raised:
        fetch(url, read_timeout=0.5, fetch_timeout=1.5, max_bytes=200_000, max_decompressed_bytes=1_000_000)

    assert raised.type is expected


def test_a_gzip_bomb_is_stopped_before_it_is_large(web):
    bomb = gzip.compress(bytes(200_000_000), 1)

    tracemalloc.start()
    try:
        with pytest.raises(FeedTooLarge):
            fetch(web.feed(Reply(bomb)), max_decompressed_bytes=1_000_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 20_000_000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:01:00 GMT", "Date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 60.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for(headers, seconds):
    response = fetching.Response(503, httpx.Headers(headers), b"", "https://a.example/")

    with pytest.raises(FeedServerError) as raised:
        fetching.raise_for_status(response)

    assert raised.value.retry_after == seconds


def test_a_quota_carries_its_wait(web):
    url = web.feed(Reply(status=429, headers={"Retry-After": "30"}))

    with pytest.raises(QuotaExceeded) as raised:
        fetch(url)

    assert raised.value.retry_after == 30.0


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        with pytest.raises(FeedConnectionFailed):
            fetch(f"http://127.0.0.1:{port}/feed.ics")


def test_a_host_that_does_not_exist():
    with pytest.raises(FeedHostUnknown):
        fetch("https://calendar.invalid/feed.ics")


def test_a_certificate_that_nobody_vouches_for(tmp_path):
    with serve(certificate(tmp_path, "127.0.0.1")) as web, pytest.raises(FeedTlsInvalid):
        fetch(web.feed(Reply(FEED)))


@pytest.mark.parametrize(
    "source",
    [
        "ftp://a.example/feed.ics",
        "file:///etc/passwd",
        "https://",
        "//a.example/feed.ics",
        "feed.ics",
        "",
        "http://[::1/feed.ics",
        "http://a.example:port/feed.ics",
        "http://a.example:99999/feed.ics",
        "http://\u2603.example/feed.ics",
        "http://a.example/\x00",
        "http://a.example/\ud800",
    ],
)
def test_an_address_that_nobody_can_fetch(source):
    with pytest.raises(SourceUnsupported):
        fetch(source)


def test_no_error_shows_the_address(web):
    url = web.feed(Reply(status=500), "/private-0123456789abcdef/basic.ics") + "?token=s3cret"

    with pytest.raises(FeedServerError) as raised:
        fetch(url)

    assert raised.value.detail == f"{web.root}/…: HTTP 500"


def _subclasses(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(_subclasses(one) for one in root.__subclasses__()))


HTTPX_ERRORS = sorted(_subclasses(httpx.HTTPError) - {httpx.HTTPStatusError}, key=lambda one: one.__name__)


@pytest.mark.parametrize("error_class", HTTPX_ERRORS)
def test_every_error_of_httpx_is_one_of_ours(error_class):
    def fail(request: httpx.Request) -> httpx.Response:
        raise error_class("at https://a.example/private-1")

    async def run() -> None:
        async with fetching.Http(Settings(fetch_attempts=1), httpx.MockTransport(fail)) as http:
            await http.get("https://a.example/private-1")

    expected = FeedTimeout if issubclass(error_class, httpx.TimeoutException) else FeedConnectionFailed
    expected = {httpx.UnsupportedProtocol: SourceUnsupported, httpx.DecodingError: FeedUnparsable}.get(
        error_class, expected
    )
    with pytest.raises(CalimportError) as raised:
        asyncio.run(run())
    assert (raised.type, "private" in raised.value.detail) == (expected, False)


# What it means


def test_a_broken_event_does_not_take_the_others_with_it():
    found = parse(
        event("good", "20261122T100000Z", "SUMMARY:Good"),
        event("bad", "yesterday", "SUMMARY:Bad"),
        event("late", "20261123T100000Z", "SUMMARY:Late"),
    )

    assert (rows(found, "uid"), [(one.code, one.subject, one.keeps_uid) for one in found.notices]) == (
        [("good",), ("late",)],
        [("event_unreadable", "bad", True)],
    )


@pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param("BEGIN:VEVENT\nUID:bad\nDTSTART:20261122T100000Z\nno colon here\nEND:VEVENT", id="a line of text"),
        pytest.param("BEGIN:VEVENT\nUID:bad\nDTSTART:20261122T100000Z\nBEGIN:VALARM\nEND:VEVENT", id="open alarm"),
        pytest.param("BEGIN:VEVENT\nUID:bad\nDTSTART:20261122T100000Z\nEND:VALARM\nEND:VEVENT", id="end too many"),
        pytest.param("BEGIN:VEVENT\nUID:bad\nEND:VEVENT", id="no start"),
        pytest.param(event("bad", "20261122T100000Z", "RRULE:FREQ=SOMETIMES"), id="no such frequency"),
        pytest.param(event("bad", "20261122T100000Z", "RRULE:FREQ=DAILY;INTERVAL=0"), id="a rule that stands still"),
        pytest.param(event("bad", "20000101T000000Z", "RRULE:FREQ=SECONDLY"), id="a rule of too many steps"),
        pytest.param(event("bad", "20261122T100000Z", "DURATION:long"), id="no such duration"),
        pytest.param(event("bad", "20261322T100000Z"), id="month 13"),
    ],
)
def test_an_event_with_a_fault_never_hides_its_neighbours(spoiled):
    found = parse(event("good", "20261122T100000Z"), spoiled, event("late", "20261123T100000Z"))

    assert {("good",), ("late",)} <= set(rows(found, "uid"))
    assert all(one.subject == "bad" for one in found.notices)


@pytest.mark.parametrize(
    ("spoiled", "kept"),
    [
        pytest.param(f"BEGIN:VEVENT\nUID:{'long' * 30}\n bad\nSUMMARY:x", f"{'long' * 30}bad", id="no end"),
    ],
)
def test_an_event_that_cannot_be_read_is_not_absent(spoiled, kept):
    found = parse(event("good", "20261122T100000Z"), spoiled, event("late", "20261123T100000Z"), head="NAME:Hall")

    assert (rows(found, "uid"), [(one.subject, one.keeps_uid) for one in found.notices], found.parsed.title) == (
        [("good",), ("late",)],
        [(kept, True)],
        "Hall",
    )


@pytest.mark.parametrize("spoiled", ["END:VTIMEZON", "BEGIN:VEVENT", "END:VCALENDAR", "TZID:Elsewhere", "DTSTART:x"])
def test_a_damaged_time_zone_does_not_take_the_events_with_it(spoiled):
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Europe/Paris\nBEGIN:STANDARD\nDTSTART:19701025T030000\n"
        f"TZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nEND:STANDARD\n{spoiled}\nEND:VTIMEZONE"
    )

    found = parse(event("zoned", ";TZID=Europe/Paris:20261122T100000"), event("good", "20261122T100000Z"), head=zone)

    assert [tuple(map(str, row)) for row in rows(found, "uid", "start_at")] == [
        ("zoned", "2026-11-22 09:00:00+00:00"),
        ("good", "2026-11-22 10:00:00+00:00"),
    ]


def test_an_event_without_a_uid_gets_the_same_one_each_time():
    lines = "BEGIN:VEVENT\nDTSTART:20261122T100000Z\nSUMMARY:Nameless\nEND:VEVENT"

    first, second = parse(lines), parse(event("other", "20261121T100000Z"), lines)

    assert rows(first, "uid")[0] == rows(second, "uid")[1]
    assert re.fullmatch(r"calimport-[0-9a-f]{32}", rows(first, "uid")[0][0])


def test_two_events_of_one_uid_are_told_apart_by_their_start():
    found = parse(event("same", "20261122T100000Z"), event("same", "20261123T100000Z"))

    assert rows(found, "uid", "recurrence_id") == [
        ("same", "2026-11-22T10:00:00Z"),
        ("same", "2026-11-23T10:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["CLASS:PRIVATE"], "private"),
        (["CLASS:CONFIDENTIAL"], "private"),
        (["DESCRIPTION:Not this one #placecal-ignore"], "ignored"),
    ],
)
def test_what_its_owner_keeps_back_is_left_out(lines, code):
    found = parse(event("open", "20261122T100000Z"), event("closed", "20261122T110000Z", *lines))

    assert (rows(found, "uid"), [one.code for one in found.notices]) == ([("open",)], [code])


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("UTC", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("Europe/Paris", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 22, 15, tzinfo=UTC)),
    ],
)
def test_a_floating_time_lies_in_the_calendars_zone(zone, start):
    found = parse(event("floating", "20261122T100000"), timezone=zone)

    assert rows(found, "start_at", "timezone", "timezone_source") == [(start, zone, "calendar")]


@pytest.mark.parametrize(
    ("tzid", "start", "zone"),
    [
        ("Europe/Paris", 9, "Europe/Paris"),
        ("W. Europe Standard Time", 9, "Europe/Berlin"),
        ("/mozilla.org/20050126_1/Europe/Paris", 9, "Europe/Paris"),
        ('"tzone://Microsoft/Utc"', 10, "UTC"),
    ],
)
def test_a_zone_by_its_many_names(tzid, start, zone):
    found = parse(event("zoned", f";TZID={tzid}:20261122T100000"), timezone="Asia/Tokyo")

    assert rows(found, "start_at", "timezone") == [(datetime(2026, 11, 22, start, tzinfo=UTC), zone)]
    assert rows(found, "timezone_source") == [("event",)]


def test_a_zone_that_nobody_knows_is_a_notice():
    found = parse(event("lost", ";TZID=Narnia:20261122T100000"), timezone="Europe/Paris")

    assert rows(found, "start_at", "timezone_source") == [(datetime(2026, 11, 22, 9, tzinfo=UTC), "calendar")]
    assert [(one.code, one.subject) for one in found.notices] == [("timezone_unknown", "Narnia")]


def test_an_all_day_event_keeps_its_dates():
    found = parse(
        event("one day", ";VALUE=DATE:20261122"),
        event("three days", ";VALUE=DATE:20261124", "DTEND;VALUE=DATE:20261127"),
        timezone="America/New_York",
    )

    assert [tuple(map(str, row)) for row in rows(found, "uid", "start_date", "end_date", "start_at")] == [
        ("one day", "2026-11-22", "2026-11-23", "2026-11-22 05:00:00+00:00"),
        ("three days", "2026-11-24", "2026-11-27", "2026-11-24 05:00:00+00:00"),
    ]


def test_a_series_with_a_moved_a_cancelled_and_a_left_out_date():
    found = parse(
        event(
            "weekly",
            ";TZID=Europe/Paris:20261102T100000",
            "DTEND;TZID=Europe/Paris:20261102T110000",
            "RRULE:FREQ=WEEKLY;COUNT=5",
            "EXDATE;TZID=Europe/Paris:20261109T100000",
            "SUMMARY:Weekly",
        ),
        event("weekly", "20261117T100000Z", "RECURRENCE-ID:20261116T090000Z", "SUMMARY:Moved"),
        event("weekly", "20261123T090000Z", "RECURRENCE-ID:20261123T090000Z", "STATUS:CANCELLED"),
    )

    assert [tuple(map(str, row)) for row in rows(found, "recurrence_id", "start_at", "summary", "status")] == [
        ("2026-11-02T09:00:00Z", "2026-11-02 09:00:00+00:00", "Weekly", "confirmed"),
        ("2026-11-16T09:00:00Z", "2026-11-17 10:00:00+00:00", "Moved", "confirmed"),
        ("2026-11-23T09:00:00Z", "2026-11-23 09:00:00+00:00", "None", "cancelled"),
        ("2026-11-30T09:00:00Z", "2026-11-30 09:00:00+00:00", "Weekly", "confirmed"),
    ]


def test_a_series_with_more_dates_than_the_limit_is_cut_with_a_notice():
    found = parse(event("daily", "20261101T100000Z", "RRULE:FREQ=DAILY"), limit=10)

    assert [(one.code, one.keeps_uid) for one in found.notices] == [("too_many_occurrences", True)]
    assert len(found.frame) <= 10


@pytest.mark.parametrize(
    ("start", "end", "belongs"),
    [
        ("20261031T230000Z", "20261101T000000Z", False),  # ends where the window starts
        ("20261031T230000Z", "20261101T000001Z", True),
        ("20261101T000000Z", "20261101T000000Z", True),  # no length, at the start
        ("20261130T235959Z", "20261201T010000Z", True),
        ("20261201T000000Z", "20261201T010000Z", False),  # starts where the window ends
        ("20261001T000000Z", "20270101T000000Z", True),  # around it
    ],
)
def test_the_window_holds_what_overlaps_it(start, end, belongs):
    found = parse(event("edge", start, f"DTEND:{end}"))

    assert len(found.frame) == belongs


def test_a_request_is_what_was_received(web):
    """The test server itself: a route may look at the request."""
    answered: list[Asked] = []

    def route(asked: Asked) -> Reply:
        answered.append(asked)
        return Reply(FEED)

    fetch(web.feed(route) + "?b=2&a=1")

    assert (answered[0].method, answered[0].path) == ("GET", "/feed.ics?b=2&a=1")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("DESCRIPTION:Bring a mug", "X-ALT-DESC;FMTTYPE=text/html:<p>Bring a <b>mug</b></p>"), "Bring a **mug**"),
        (('DESCRIPTION;ALTREP="data:text/html,Bring%20a%20%3Cb%3Emug%3C%2Fb%3E":Bring a mug',), "Bring a **mug**"),
        (("DESCRIPTION:Bring a mug and a spoon", "X-ALT-DESC;FMTTYPE=text/html:<p></p>"), "Bring a mug and a spoon"),
        (('DESCRIPTION;ALTREP="cid:part1@example.org":Bring a mug',), "Bring a mug"),
    ],
)
def test_the_html_form_of_a_description_is_taken_where_it_says_more(lines, expected):
    found = parse(event("one", "20261122T100000Z", *lines))

    assert rows(found, "description") == [(expected,)]


@pytest.mark.parametrize(
    "line",
    [
        "CONFERENCE;VALUE=URI;FEATURE=VIDEO:https://meet.example.org/room",
        "X-GOOGLE-CONFERENCE:https://meet.example.org/room",
        "X-MICROSOFT-SKYPETEAMSMEETINGURL:https://meet.example.org/room",
        "X-MICROSOFT-ONLINEMEETINGCONFLINK:https://meet.example.org/room",
        "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK:https://meet.example.org/room",
        "X-ZOOM-MEETING-URL:https://meet.example.org/room",
        "CONFERENCE;VALUE=URI;FEATURE=FEED:https://meet.example.org/news\n"
        "CONFERENCE;VALUE=URI;FEATURE=PHONE,MODERATOR:https://meet.example.org/host\n"
        'CONFERENCE;VALUE=URI;FEATURE="AUDIO,VIDEO":https://meet.example.org/room',
        "CONFERENCE;VALUE=URI;FEATURE=PHONE:tel:+44-161-496-0000\nCONFERENCE;VALUE=URI:https://meet.example.org/room",
    ],
)
def test_a_meeting_is_where_its_own_property_says(line):
    found = parse(event("one", "20261122T100000Z", line, "DESCRIPTION:or https://zoom.us/j/123456789"))

    assert rows(found, "online_url", "online_type") == [("https://meet.example.org/room", "direct")]
