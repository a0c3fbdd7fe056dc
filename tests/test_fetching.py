"""What every source fetches through: retries, hosts, credentials, JSON, pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from calimport import errors
from calimport.budgets import LocalBudget, Rate
from calimport.completeness import Page, objects, pages, part
from calimport.fetching import Auth, Http, raise_for_status
from calimport.hosts import Hosts, host, origin
from calimport.settings import Settings
from tests.loopback import Loopback
from tests.web import Asked, Reply, Web, serve

API = "https://api.example"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(round(seconds, 3))


def run(
    web: Web,
    work: Callable[[Http], Awaitable[Any]],
    *,
    time: Time | None = None,
    hosts: tuple[str, ...] = ("api.example",),
    budget: Any = None,
    jitter: float = 1.0,
    **settings: Any,
) -> tuple[Any, Loopback, Http]:
    """What ``work`` gives or raises, with ``api.example`` and ``other.example`` on one server."""
    time = time or Time()
    loopback = Loopback({"api.example": web.root, "other.example": web.root})

    async def all_of_it() -> tuple[Any, Loopback, Http]:
        budget_ = budget or LocalBudget(time)
        async with Http(
            Settings(**settings), loopback, budget=budget_, sleep=time.sleep, jitter=lambda: jitter
        ) as http:
            http.restrict(hosts)
            try:
                return await work(http), loopback, http
            except errors.CalimportError as error:
                return error, loopback, http

    return asyncio.run(all_of_it())


def replies(*given: Reply) -> Callable[[Asked], Reply]:
    """One after the other; the last one repeats."""
    left = list(given)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


# Retries


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 524])
def test_a_passing_status_is_asked_again(web, status):
    time = Time()
    web.routes["/"] = replies(Reply(status=status), Reply(status=status), Reply(b"whole"))

    response, _, http = run(web, lambda http: http.get(API), time=time)

    assert (response.status, response.content, http.requests, http.retries) == (200, b"whole", 3, 2)
    assert time.slept[0] == 0.5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501, 505])
def test_any_other_status_is_final(web, status):
    web.routes["/"] = Reply(status=status)

    response, _, http = run(web, lambda http: http.get(API))

    assert (response.status, http.requests) == (status, 1)


def test_the_back_off_doubles_up_to_its_longest_and_then_the_answer_counts(web):
    time = Time()
    web.routes["/"] = Reply(status=503)

    response, _, http = run(
        web, lambda http: http.get(API), time=time, fetch_attempts=6, retry_delay=1.0, retry_delay_max=5.0
    )

    assert (response.status, time.slept, http.requests) == (503, [1.0, 2.0, 4.0, 5.0, 5.0], 6)


def test_the_wait_is_a_random_share_of_the_back_off(web):
    time = Time()
    web.routes["/"] = Reply(status=503)

    run(web, lambda http: http.get(API), time=time, jitter=0.25)

    assert time.slept == [0.125, 0.25]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(b"x" * 9000, cut_after=10), errors.FeedTruncated),
        (Reply(hangs=True), errors.FeedTimeout),
    ],
)
def test_a_dropped_connection_is_asked_again_and_a_time_out_is_not(web, reply, error):
    web.routes["/"] = reply

    raised, _, http = run(web, lambda http: http.get(API), read_timeout=0.2)

    assert (type(raised), http.requests) == (error, 3 if error is errors.FeedTruncated else 1)


def test_a_refused_connection_is_asked_again():
    with serve() as gone:
        pass

    raised, _, http = run(gone, lambda http: http.get(API))

    assert (type(raised), http.requests) == (errors.FeedConnectionFailed, 3)


@pytest.mark.parametrize(("asked", "slept"), [("7", [7.0]), ("20", [20.0])])
def test_the_wait_that_is_asked_for_is_kept(web, asked, slept):
    time = Time()
    web.routes["/"] = replies(Reply(status=429, headers={"Retry-After": asked}), Reply(b"whole"))

    response, _, _ = run(web, lambda http: http.get(API), time=time)

    assert (response.content, time.slept) == (b"whole", slept)


@pytest.mark.parametrize(
    ("asked", "passed_on", "settings"),
    [
        ("21", 21, {}),
        ("3600", 3600, {}),
        ("15", 15, {"fetch_timeout": 10.0}),
        ("9" * 400, 2_592_000, {}),
    ],
)
def test_a_wait_that_is_too_long_is_for_a_later_run(web, asked, passed_on, settings):
    time = Time()
    web.routes["/"] = Reply(status=503, headers={"Retry-After": asked})

    async def work(http: Http) -> None:
        raise_for_status(await http.get(API))

    raised, _, http = run(web, work, time=time, **settings)

    assert (type(raised), raised.retry_after, time.slept) == (errors.FeedServerError, passed_on, [])
    assert http.requests == 1


def test_all_requests_of_a_fetch_share_its_time(web):
    web.routes["/"] = Reply(b"slow", delay=0.15)

    async def work(http: Http) -> None:
        for _ in range(20):
            await http.get(API)

    raised, _, http = run(web, work, fetch_timeout=0.5)

    assert type(raised) is errors.FeedTimeout
    assert http.requests < 6


def test_all_answers_of_a_fetch_share_its_size(web):
    web.routes["/"] = Reply(b"x" * 400)

    async def work(http: Http) -> None:
        for _ in range(3):
            await http.get(API)

    raised, _, http = run(web, work, max_decompressed_bytes=1000)

    assert (type(raised), http.requests) == (errors.FeedTooLarge, 3)


def test_the_log_names_a_retry_and_no_address(web, caplog):
    caplog.set_level("INFO")
    web.routes["/private-s3cret"] = replies(Reply(status=503), Reply(b"whole"))

    run(web, lambda http: http.get(f"{API}/private-s3cret", auth=Auth.bearer("s3cret")))

    assert [record.getMessage() for record in caplog.records] == [
        "Retry 1 of https://api.example/… after HTTP 503, in 0.5 s"
    ]


# Budgets


def test_a_request_waits_for_its_slot(web):
    time = Time()
    web.routes["/"] = Reply(b"whole")

    async def work(http: Http) -> None:
        for _ in range(5):
            await http.get(API)

    run(web, work, time=time, host_requests_per_second=2.0, host_request_burst=3)

    assert time.slept == [0.5, 0.5]


def test_a_key_has_a_budget_of_its_own_and_a_429_to_it_is_its_own(web):
    time = Time()
    budget = LocalBudget(time)
    too_much = Reply(status=429, headers={"Retry-After": "90"})
    web.routes["/"] = lambda asked: too_much if asked.headers["authorization"] == "Bearer one" else Reply(b"whole")

    first, _, _ = run(web, lambda http: http.get(API, auth=Auth.bearer("one")), time=time, budget=budget)
    other, _, _ = run(web, lambda http: http.get(API, auth=Auth.bearer("two")), time=time, budget=budget)
    again, _, http = run(
        web, lambda http: http.get(API, auth=Auth.bearer("one")), time=time, budget=budget, fetch_timeout=60.0
    )

    assert (first.status, other.status, type(again), again.retry_after) == (429, 200, errors.QuotaExceeded, 90.0)
    assert (http.requests, time.slept) == (0, [])


def test_a_429_is_for_all_who_ask_that_host(web):
    time = Time()
    budget = LocalBudget(time)
    web.routes["/"] = replies(Reply(status=429, headers={"Retry-After": "30"}), Reply(b"whole"))

    run(web, lambda http: http.get(API), time=time, budget=budget)
    response, _, _ = run(web, lambda http: http.get(API), time=time, budget=budget)

    assert (response.status, time.slept) == (200, [30.0])


def test_a_burst_then_one_at_a_time():
    time = Time()
    budget, rate = LocalBudget(time), {"host a": Rate(per_second=4, burst=2)}

    assert [budget.reserve(rate) for _ in range(4)] == [0, 0, 0.25, 0.5]
    time.now = 10
    assert [budget.reserve(rate) for _ in range(3)] == [0, 0, 0.25]


# Hosts and credentials


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/next",
        "http://api.example/next",
        "https://api.example:8443/next",
        "https://api.example.evil.example/",
        "https://api.example@other.example/",
    ],
)
def test_a_host_that_is_not_declared_is_not_asked(web, url):
    raised, loopback, _ = run(web, lambda http: http.get(url, auth=Auth.bearer("s3cret")))

    assert (type(raised), loopback.asked) == (errors.FeedHostUnexpected, [])


def test_a_provider_cannot_lead_to_another_host(web):
    web.routes["/"] = Reply(status=302, headers={"Location": "https://other.example/"})

    raised, loopback, _ = run(web, lambda http: http.get(API))

    assert (type(raised), [one.url.host for one in loopback.asked]) == (errors.FeedHostUnexpected, ["api.example"])


def test_the_calendars_own_address_may_lead_anywhere_and_credentials_stay_behind(web):
    web.routes["/club"] = Reply(status=301, headers={"Location": "https://other.example/home"})
    web.routes["/home"] = Reply(b"whole")
    web.routes["/home/events"] = Reply(b"more")

    async def work(http: Http) -> tuple[bytes, bytes]:
        own = http.own("webcal://api.example/club")
        first = await http.get(own, auth=Auth.bearer("s3cret"), headers={"X-Api-Key": "s3cret", "Accept": "text/html"})
        return first.content, (await http.get(f"{first.url}/events")).content

    found, loopback, _ = run(web, work, hosts=())

    assert found == (b"whole", b"more")
    assert [(one.url.host, "authorization" in one.headers, "x-api-key" in one.headers) for one in loopback.asked] == [
        ("api.example", True, True),
        ("other.example", False, False),
        ("other.example", False, False),
    ]
    assert loopback.asked[1].headers["accept"] == "text/html"


def test_a_private_address_of_http_may_become_https_but_not_the_other_way():
    hosts = Hosts(())
    hosts.add_own("http://club.example/a")
    hosts.check("https://club.example/b")
    hosts = Hosts(())
    hosts.add_own("https://club.example/a")

    with pytest.raises(errors.FeedHostUnexpected):
        hosts.check("http://club.example/b")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://A.example:443/x", "https://a.example"),
        ("http://a.example:80/x", "http://a.example"),
        ("https://u:p@a.example:8443/x", "https://a.example:8443"),
        ("https://[::1]:8443/x", "https://[::1]:8443"),
    ],
)
def test_the_origin_of_an_address(url, expected):
    assert (origin(url), host(url)) == (expected, expected.partition("://")[2])


def test_no_secret_is_in_a_repr(web):
    web.routes["/private-s3cret"] = Reply(b"s3cret")

    response, _, http = run(web, lambda http: http.get(f"{API}/private-s3cret", auth=Auth.basic("s3cret")))

    assert "s3cret" not in f"{response!r} {Auth.bearer('s3cret')!r} {http!r}"


# JSON


def test_parameters_headers_and_keys_are_sent(web):
    web.routes["/events"] = Reply(b'{"events": []}')

    async def work(http: Http) -> Any:
        return [
            await http.get_json(f"{API}/events", params={"q": "a b&c", "page": "2"}, auth=Auth.basic("key")),
            await http.get_json(f"{API}/events?expand=venue", params={"page": "2"}, auth=Auth.bearer("key")),
            await http.post_json(f"{API}/events", {"query": "{ é }"}, headers={"Referer": API}),
        ]

    found, _, _ = run(web, work)

    assert found == [{"events": []}] * 3
    assert [(one.method, one.path, one.headers.get("authorization"), one.body) for one in web.asked] == [
        ("GET", "/events?q=a+b%26c&page=2", "Basic a2V5Og==", b""),
        ("GET", "/events?expand=venue&page=2", "Bearer key", b""),
        ("POST", "/events", None, '{"query":"{ é }"}'.encode()),
    ]
    assert [web.asked[2].headers[name] for name in ("content-type", "accept", "referer")] == [
        "application/json",
        "application/json",
        API,
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"<html></html>", b"\xff", b'{"a": 1} x', b"[" * 100_000])
def test_what_is_not_json_is_said_in_a_sentence(web, body):
    web.routes["/"] = Reply(body)

    raised, _, _ = run(web, lambda http: http.get_json(API))

    assert type(raised) is errors.FeedUnparsable
    assert (
        str(raised) == "The provider answered with something that is not a calendar's data. Please check the address."
    )


@pytest.mark.parametrize(
    ("status", "auth", "expected"),
    [
        (401, Auth.basic("key"), errors.CredentialsInvalid),
        (403, Auth.basic("key"), errors.CredentialsForbidden),
        (401, None, errors.FeedForbidden),
        (403, None, errors.FeedForbidden),
        (404, Auth.basic("key"), errors.FeedNotFound),
        (429, Auth.basic("key"), errors.QuotaExceeded),
    ],
)
def test_a_refusal_speaks_of_the_key_where_there_was_one(web, status, auth, expected):
    web.routes["/"] = Reply(json.dumps({"error": "key"}).encode(), status=status)

    raised, _, _ = run(web, lambda http: http.get_json(API, auth=auth))

    assert type(raised) is expected


def test_a_query_is_sent_again_with_its_body(web):
    web.routes["/"] = replies(Reply(status=502), Reply(b"{}"))

    run(web, lambda http: http.post_json(API, {"query": "q"}))

    assert [one.body for one in web.asked] == [b'{"query":"q"}'] * 2


def test_a_post_is_not_redirected(web):
    web.routes["/"] = Reply(status=307, headers={"Location": f"{API}/other"})

    raised, _, http = run(web, lambda http: http.post_json(API, {}))

    assert (type(raised), http.requests) == (errors.FeedStatusUnexpected, 1)


# Complete or nothing


def read(listing: dict[Any, Page | errors.CalimportError], *, max_pages: int = 10) -> list[Any]:
    async def ask(cursor: Any) -> Page:
        found = listing[cursor]
        if isinstance(found, Exception):
            raise found
        return found

    async def all_of_it() -> list[Any]:
        return [item["id"] async for items in pages(ask, 1, max_pages=max_pages) for item in items]

    return asyncio.run(all_of_it())


def page(*ids: int, after: Any = None, total: int | None = None) -> Page:
    return Page([{"id": one} for one in ids], after, total)


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ({1: page()}, []),
        ({1: page(1, 2)}, [1, 2]),
        ({1: page(1, after="b"), "b": page(2, after="c"), "c": page(3, total=3)}, [1, 2, 3]),
        ({1: page(after=2), 2: page(after=3), 3: page(1)}, [1]),
    ],
)
def test_all_pages_are_one_list(listing, expected):
    assert read(listing) == expected


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ({1: errors.FeedNotFound()}, errors.FeedNotFound),
        ({1: page(1, after=2), 2: errors.FeedNotFound()}, errors.FeedIncomplete),
        ({1: page(1, after=2), 2: errors.FeedUnparsable()}, errors.FeedIncomplete),
        ({1: page(1, after=2), 2: errors.QuotaExceeded()}, errors.QuotaExceeded),
        ({1: page(1, after=2), 2: errors.CredentialsInvalid()}, errors.CredentialsInvalid),
        ({1: page(1, after=2), 2: errors.FeedHostUnexpected()}, errors.FeedHostUnexpected),
        ({1: page(1, after=1)}, errors.FeedIncomplete),
        ({1: page(1, after=2), 2: page(2, after=1)}, errors.FeedIncomplete),
        ({1: page(1, after=2), 2: page(1, after=3), 3: page(2)}, errors.FeedIncomplete),
        ({1: page(1, after=2), 2: page(2, total=3)}, errors.FeedIncomplete),
        ({number: page(number, after=number + 1) for number in range(1, 20)}, errors.FeedTooLarge),
    ],
    ids=[
        "first fails",
        "page fails",
        "page is damaged",
        "quota",
        "key",
        "host",
        "cursor repeats",
        "in circles",
        "the same page again",
        "fewer than announced",
        "without end",
    ],
)
def test_a_list_that_lacks_a_page_is_no_list(listing, expected):
    with pytest.raises(expected) as raised:
        read(listing)

    assert raised.type is expected


def test_a_part_that_fails_passes_on_the_wait_and_names_itself():
    with pytest.raises(errors.FeedIncomplete) as raised, part("the dates of event 7"):
        raise errors.FeedServerError(detail="HTTP 503", retry_after=9)

    assert (raised.value.detail, raised.value.retry_after) == ("the dates of event 7: FeedServerError: HTTP 503", 9)


@pytest.mark.parametrize("value", [None, {}, "", [1], [{}, None]])
def test_a_page_without_its_list_is_not_empty(value):
    with pytest.raises(errors.FeedIncomplete):
        objects(value, "events")
