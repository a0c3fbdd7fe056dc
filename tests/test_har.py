"""HTTP Archives: what a replay answers, and what a recording holds and hides."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from calimport import preview, xml_text
from calimport.errors import ConfigurationError, FeedTooLarge, RequestNotRecorded
from calimport.fetching import Http
from calimport.har import Replay
from calimport.har_masks import mask_body, mask_url
from calimport.har_recorder import Recorder
from calimport.settings import Settings
from tests.web import Reply

FEED = (
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:one\r\nDTSTART:20261122T100000Z\r\nSUMMARY:Café\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
WINDOW: dict[str, Any] = {"start": "2026-11-01", "end": "2026-12-01", "now": "2026-11-22T12:00:00Z"}


def entry(url: str, text: str | None = "", *, method: str = "GET", status: int = 200, **more: Any) -> dict[str, Any]:
    """An entry as short as the format allows."""
    content = {"size": 0, "mimeType": "text/calendar"} | ({} if text is None else {"text": text})
    request = {"method": method, "url": url} | more.pop("request", {})
    response = {"status": status, "headers": [], "content": content | more.pop("content", {})} | more
    return {"request": request, "response": response}


@pytest.fixture
def archive(tmp_path):
    def write(*entries: dict[str, Any]) -> Path:
        path = tmp_path / "recorded.har"
        path.write_text(json.dumps({"log": {"version": "1.2", "creator": {}, "entries": entries}}))
        return path

    return write


def ask(path: Path, *requests: httpx.Request | str) -> list[str]:
    """The bodies that a replay answers these requests with."""

    async def run() -> list[str]:
        transport = Replay(path)
        asked = [httpx.Request("GET", one) if isinstance(one, str) else one for one in requests]
        return [(await transport.handle_async_request(one)).text for one in asked]

    return asyncio.run(run())


def post(body: str, mime: str) -> httpx.Request:
    return httpx.Request("POST", "https://a.example/api", content=body, headers={"Content-Type": mime})


def posted(body: str, mime: str, answer: str) -> dict[str, Any]:
    request = {"postData": {"mimeType": mime, "text": body}}
    return entry("https://a.example/api", answer, method="POST", request=request)


# Replay: which entry answers


def test_the_order_of_the_query_is_of_no_matter(archive):
    path = archive(entry("https://a.example/f?b=2&a=1", "other order"), entry("https://a.example/f?a=1&b=3", "other"))

    assert ask(path, "https://a.example/f?a=1&b=2") == ["other order"]


@pytest.mark.parametrize(
    "recorded",
    [
        "https://A.example/caf%C3%A9?q=a%20b",
        "https://a.example:443/café?q=a+b",
        "https://user:secret@a.example/caf%c3%a9?q=a%20b#part",
    ],
)
def test_one_url_in_many_ways_to_write_it(archive, recorded):
    assert ask(archive(entry(recorded, "found")), "https://a.example/caf%C3%A9?q=a%20b") == ["found"]


def test_the_nearest_query_answers_where_none_is_the_same(archive):
    path = archive(
        entry("https://a.example/f", "none"),
        entry("https://a.example/f?a=1&time=5&x=0", "one in common"),
        entry("https://a.example/f?a=1&b=2&time=5", "two in common"),
        entry("https://a.example/f?a=1&b=2&c=3&time=9&page=2", "three in common, and a page more"),
        entry("https://a.example/other?a=1&b=2&c=3&time=7", "another path"),
        entry("https://b.example/f?a=1&b=2&c=3&time=7", "another host"),
    )

    assert ask(path, "https://a.example/f?time=7&b=2&a=1", "https://a.example/f?a=1&b=2&c=3&time=7") == [
        "two in common",
        "three in common, and a page more",
    ]


def test_pages_of_a_listing_whose_times_differ(archive):
    path = archive(
        entry("https://a.example/events?timeMin=1&pageToken=two", "page 2"),
        entry("https://a.example/events?timeMin=1", "page 1"),
        entry("https://a.example/events?timeMin=1&pageToken=three", "page 3"),
    )

    pages = ask(
        path,
        "https://a.example/events?timeMin=9",
        "https://a.example/events?timeMin=9&pageToken=two",
        "https://a.example/events?timeMin=9&pageToken=three",
    )

    assert pages == ["page 1", "page 2", "page 3"]


def test_repeated_requests_get_successive_entries_and_the_last_repeats(archive):
    path = archive(*(entry("https://a.example/f", text) for text in ("first", "second")))

    assert ask(path, *["https://a.example/f"] * 4) == ["first", "second", "second", "second"]


def test_two_replays_of_one_archive_do_not_share_their_place(archive):
    path = archive(*(entry("https://a.example/f", text) for text in ("first", "second")))

    assert [ask(path, "https://a.example/f") for _ in range(2)] == [["first"], ["first"]]


JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def test_a_post_is_found_by_what_its_body_means(archive):
    path = archive(
        posted('{"id": 1, "query": "q"}', JSON, "json one"),
        posted('{"id": 2, "query": "q"}', JSON, "json two"),
        posted("a=1&b=x+y", FORM, "form"),
    )

    answers = ask(
        path, post('{"query":"q","id":2}', JSON), post('{"query":"q","id":1}', JSON), post("b=x%20y&a=1", FORM)
    )

    assert answers == ["json two", "json one", "form"]


def test_a_form_that_a_browser_recorded_as_its_fields(archive):
    fields = {"mimeType": FORM, "params": [{"name": "b", "value": "x y"}, {"name": "a", "value": "1"}]}
    path = archive(
        posted("a=2", FORM, "other"),
        entry("https://a.example/api", "fields", method="POST", request={"postData": fields}),
    )

    assert ask(path, post("a=1&b=x+y", FORM)) == ["fields"]


def test_posts_whose_bodies_are_not_recorded_are_answered_in_order(archive):
    path = archive(*(posted(f'{{"at": {at}}}', JSON, f"answer {at}") for at in (1, 2, 3)))

    answers = ask(path, post('{"at": 7}', JSON), post('{"at": 3}', JSON), *[post('{"at": 8}', JSON)] * 3)

    assert answers == ["answer 1", "answer 3", "answer 2", "answer 3", "answer 3"]


def test_of_graphql_the_query_that_asks_most_alike_answers(archive):
    path = archive(
        posted('{"operationName": "GET_MENU", "query": "query GET_MENU { menu { id title } }"}', JSON, "menu"),
        posted('{"query": "{promoter(id: 7) {  id  name  email  events {  id  title } } }"}', JSON, "promoter 7"),
        posted('{"query": "{promoter(id: 8) {  id  name  email  events {  id  title } } }"}', JSON, "promoter 8"),
    )

    answers = ask(path, *(post(f'{{"query":"{{promoter(id:{one}){{id events{{id}}}}}}"}}', JSON) for one in (8, 7)))

    assert answers == ["promoter 8", "promoter 7"]


def test_a_slash_at_the_end_makes_no_difference_where_nothing_else_matches(archive):
    path = archive(
        entry("https://a.example/f/?page=1", "page 1"),
        entry("https://a.example/f/?page=2", "page 2"),
        entry("https://a.example/h?page=9", "another page"),
        entry("https://a.example/h/?page=1", "the page"),
        entry("https://a.example/g", "without"),
        entry("https://a.example/g/", "with"),
    )

    asked = ["f?page=2", "f?page=1&size=9", "g", "g/", "h?page=1", "h?page=8"]

    assert ask(path, *(f"https://a.example/{one}" for one in asked)) == [
        *("page 2", "page 1", "without", "with"),
        *("the page", "another page"),
    ]


def test_of_one_address_the_answers_that_have_their_bodies_are_taken(archive):
    path = archive(
        entry("https://a.example/f", None),
        entry("https://a.example/f", "", status=304),
        entry("https://a.example/f", "whole"),
        entry("https://a.example/f", None),
    )

    assert ask(path, *["https://a.example/f"] * 2) == ["whole", "whole"]


def test_a_post_and_a_get_are_two_requests(archive):
    path = archive(posted("{}", JSON, "posted"), entry("https://a.example/api", "got"))

    assert ask(path, "https://a.example/api") == ["got"]


def test_a_request_that_was_not_recorded_is_named_without_its_secrets(archive):
    path = archive(entry("https://a.example/f", "found"))

    with pytest.raises(RequestNotRecorded) as raised:
        ask(path, "https://a.example/private-0a1b/g?user=me&token=s3cret")

    message = f"The recording {path} holds no answer to GET https://a.example/private-masked/g?user=me&token=masked."
    assert str(raised.value) == message


# Replay: what an answer is


def replayed(path: Path, url: str = "https://a.example/f") -> httpx.Response:
    return asyncio.run(Replay(path).handle_async_request(httpx.Request("GET", url)))


def test_an_archive_holds_bodies_decompressed_and_in_unicode(archive):
    headers = [
        {"name": ":status", "value": "200"},
        {"name": "content-encoding", "value": "br"},
        {"name": "Content-Length", "value": "3"},
        {"name": "Transfer-Encoding", "value": "chunked"},
        {"name": "Content-Type", "value": "text/calendar; charset=ISO-8859-1"},
        {"name": "X-Naive", "value": "ä"},
    ]

    response = replayed(archive(entry("https://a.example/f", "Café", headers=headers)))

    assert (response.content, response.headers.multi_items()) == (
        "Café".encode(),
        [("content-type", "text/calendar; charset=utf-8"), ("x-naive", "ä"), ("content-length", "5")],
    )


def test_xml_that_was_decoded_no_longer_has_the_charset_that_it_names(archive):
    text = "<?xml version='1.0' encoding='ISO-8859-1'?><show><name>Café ☕</name></show>"
    answer = replayed(archive(entry("https://a.example/f", text)))

    assert xml_text.loads(answer.content).findtext("name") == "Café ☕"


def test_a_body_that_was_kept_as_it_travelled(archive):
    packed = base64.b64encode(gzip.compress(b"BEGIN:VCALENDAR")).decode()
    headers = [{"name": "Content-Encoding", "value": "gzip"}]

    def held(text):
        return archive(entry("https://a.example/f", headers=headers, content={"text": text, "encoding": "base64"}))

    assert replayed(held(packed)).content == b"BEGIN:VCALENDAR"
    with pytest.raises(ConfigurationError, match="is damaged: entry 0"):
        replayed(held(packed[:16]))


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"text": "Q2Fm6Q==", "encoding": "base64"}, b"Caf\xe9"),
        ({"text": None}, b""),
        ({}, b""),
        ({"text": "\ud800x"}, b"?x"),
    ],
)
def test_every_way_to_hold_a_body(archive, content, body):
    assert replayed(archive(entry("https://a.example/f", None, content=content))).content == body


def test_what_a_browser_had_kept_is_an_answer_to_who_has_nothing(archive):
    assert replayed(archive(entry("https://a.example/f", FEED, status=304))).status_code == 200


def test_answers_that_never_came_and_other_schemes_are_passed_over(archive):
    path = archive(
        entry("https://a.example/f", "", status=0, _error="net::ERR_ABORTED"),
        entry("data:text/plain,hello", "hello"),
        entry("wss://a.example/f", "", status=101),
        entry("https://a.example/f", "came"),
    )

    assert ask(path, "https://a.example/f") == ["came"]


def test_a_browsers_export_with_redirects_becomes_a_preview(archive):
    browser = {
        "_initiator": {"type": "other"},
        "_priority": "VeryHigh",
        "_resourceType": "document",
        "cache": {},
        "connection": "443",
        "pageref": "page_1",
    }
    path = archive(
        browser | entry("http://a.example/cal", "", status=301, redirectURL="https://a.example/cal"),
        browser | entry("https://a.example/cal", "", status=302, redirectURL="/feed?id=1", _transferSize=0),
        browser | entry("https://a.example/feed?id=1", FEED, headers=[{"name": ":status", "value": "200"}]),
    )

    frame = preview("http://a.example/cal", replay=path, **WINDOW)

    assert frame["summary"].tolist() == ["Café"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not an HTTP Archive: it is not JSON"),
        ("[]", "is not an HTTP Archive: it has no log.entries"),
        ('{"log": {"entries": {}}}', "is not an HTTP Archive: it has no log.entries"),
        ('{"log": {"entries": [{"request": {}}]}}', "is not an HTTP Archive: entry 0: KeyError"),
        ('{"log": {"entries": [7]}}', "is not an HTTP Archive: entry 0: TypeError"),
        ("[" * 100_000, "is not an HTTP Archive: it is not JSON"),
    ],
)
def test_a_file_that_is_no_archive_is_named(tmp_path, text, problem):
    path = tmp_path / "bad.har"
    path.write_text(text)

    with pytest.raises(ConfigurationError) as raised:
        Replay(path)

    assert str(raised.value).startswith(f"The recording {path} {problem}")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.har cannot be read: No such file"):
        Replay(tmp_path / "none.har")


def test_a_damaged_body_is_said_when_it_is_asked_for(archive):
    path = archive(entry("https://a.example/f", "x", content={"encoding": "base64"}))

    with pytest.raises(ConfigurationError, match="is damaged: entry 0"):
        replayed(path)


def test_an_archive_that_is_written_anew_is_read_anew(archive):
    first = ask(archive(entry("https://a.example/f", "first")), "https://a.example/f")
    second = ask(archive(entry("https://a.example/f", "the second")), "https://a.example/f")

    assert (first, second) == (["first"], ["the second"])


# Recording


def test_a_recording_replays_to_the_same_frame(web, tmp_path):
    path = tmp_path / "new.har"
    web.routes["/feed.ics"] = Reply(FEED.encode(), gzip=True, headers={"Content-Type": "text/calendar"})
    url = web.feed(Reply(status=302, headers={"Location": "/feed.ics?token=s3cret"}), "/private-0a1b/basic.ics")

    recorded = preview(f"{url}?key=s3cret&v=2", record=path, **WINDOW)
    again = preview(f"{url}?key=s3cret&v=2", replay=path, **WINDOW)

    assert recorded.equals(again)
    assert recorded["summary"].tolist() == ["Café"]
    assert "s3cret" not in path.read_text()
    assert "0a1b" not in path.read_text()


def test_a_recording_is_an_archive_of_version_1_2(web, tmp_path):
    path = tmp_path / "new.har"
    headers = {"Content-Type": "text/calendar", "Set-Cookie": "id=s3cret", "Date": "x", "Server": "x"}
    url = web.feed(Reply(FEED.encode(), headers=headers))

    preview(f"{url}?b=1&sig=s3cret", record=path, **WINDOW)

    log = json.loads(path.read_text())["log"]
    (only,) = log["entries"]
    response_headers = {one["name"]: one["value"] for one in only["response"].pop("headers")}
    request_headers = {one["name"]: one["value"] for one in only["request"].pop("headers")}
    timings = only.pop("timings")
    assert (log["version"], sorted(log["creator"]), sorted(timings)) == (
        "1.2",
        ["name", "version"],
        ["receive", "send", "wait"],
    )
    assert only.pop("time") == pytest.approx(sum(timings.values()))
    assert only.pop("startedDateTime").endswith("+00:00")
    assert (response_headers["set-cookie"], request_headers["user-agent"]) == (
        "masked",
        "calimport/0.1 (calendar importer)",
    )
    assert only == {
        "request": {
            "method": "GET",
            "url": f"{url}?b=1&sig=masked",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "queryString": [{"name": "b", "value": "1"}, {"name": "sig", "value": "masked"}],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "HTTP/1.0",
            "cookies": [],
            "content": {"size": len(FEED.encode()), "mimeType": "text/calendar", "text": FEED},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": len(FEED.encode()),
        },
        "cache": {},
    }


def test_a_body_that_is_no_text_is_kept_in_base64(web, tmp_path):
    path = tmp_path / "new.har"
    url = web.feed(Reply(gzip.compress(FEED.encode())))

    recorded = preview(url, record=path, **WINDOW)

    assert recorded.equals(preview(url, replay=path, **WINDOW))


def test_a_fetch_that_fails_is_recorded_as_far_as_it_came(web, tmp_path, monkeypatch):
    monkeypatch.setenv("CALIMPORT_MAX_BYTES", "20000")
    path = tmp_path / "new.har"
    url = web.feed(Reply(b"x" * 10_000, endless=True))

    with pytest.raises(FeedTooLarge):
        preview(url, record=path, **WINDOW)

    (only,) = json.loads(path.read_text())["log"]["entries"]
    assert (only["response"]["status"], only["response"]["content"]["size"] > 20_000) == (200, True)


def test_a_connection_that_fails_is_recorded_as_no_answer(tmp_path):
    path = tmp_path / "new.har"

    with pytest.raises(Exception, match="cannot be found"):
        preview("https://calendar.invalid/feed.ics", record=path, **WINDOW)

    (only,) = json.loads(path.read_text())["log"]["entries"]
    assert (only["response"]["status"], only["response"]["_error"]) == (0, "ConnectError")


def test_a_recording_takes_the_place_of_the_old_one_in_one_step(web, tmp_path):
    path = tmp_path / "new.har"
    path.write_text("old")

    preview(web.feed(Reply(FEED.encode())), record=path, **WINDOW)

    assert [file.name for file in tmp_path.iterdir()] == ["new.har"]
    assert len(json.loads(path.read_text())["log"]["entries"]) == 1


def test_a_folder_that_is_not_there_is_said_before_anything_is_fetched(web, tmp_path):
    with pytest.raises(ConfigurationError, match="there is no folder"):
        preview(web.feed(Reply(FEED.encode())), record=tmp_path / "none" / "new.har", **WINDOW)

    assert web.asked == []


def test_the_password_of_a_post_is_masked_and_the_recording_still_answers(tmp_path):
    path = tmp_path / "new.har"
    settings = Settings()

    async def send(transport: httpx.AsyncBaseTransport) -> str:
        headers = {"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "Cookie": "s3cret"}
        async with httpx.AsyncClient(transport=transport, headers=headers) as client:
            first = await client.post("https://a.example/in", data={"user": "ann", "password": "s3cret"})
            second = await client.post("https://a.example/in", json={"at": {"token": "s3cret"}, "pageToken": "2"})
            return first.text + second.text

    recorder = Recorder(httpx.MockTransport(lambda request: httpx.Response(200, text="ok ")), settings)
    recorded = asyncio.run(send(recorder))
    recorder.write(path)

    assert (recorded, asyncio.run(send(Replay(path)))) == ("ok ok ", "ok ok ")
    assert "s3cret" not in path.read_text()


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://u:p@a.example/x#y", "https://a.example/x"),
        ("https://a.example/x?TOKEN=1&pageToken=2&empty=", "https://a.example/x?TOKEN=masked&pageToken=2&empty="),
        ("https://a.example/x?access%5Ftoken=1", "https://a.example/x?access%5Ftoken=masked"),
        ("/x?code=1", "/x?code=masked"),
        (
            "https://calendar.google.com/calendar/ical/a%40b.example/private-0a1b2c/basic.ics",
            "https://calendar.google.com/calendar/ical/a%40b.example/private-masked/basic.ics",
        ),
        (
            "https://outlook.office365.com/owa/calendar/0a1b@b.example/0123456789abcdef0123/calendar.ics",
            "https://outlook.office365.com/owa/calendar/0a1b@b.example/masked/calendar.ics",
        ),
        ("http://[bad", "masked"),
    ],
)
def test_what_is_secret_in_a_url(url, masked):
    assert mask_url(url) == masked


def test_a_body_that_is_neither_form_nor_json_stays_as_it_is():
    assert mask_body("text/xml", "<token>1</token>") == "<token>1</token>"


def test_http_knows_that_there_is_no_network(archive):
    path = archive()
    replay, mock = Replay(path), httpx.MockTransport(lambda request: httpx.Response(200))

    known = [Http(Settings(), one).replayed for one in (replay, Recorder(replay, Settings()), mock, None)]

    assert known == [True, True, False, False]
