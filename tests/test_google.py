"""The Google source: every page or nothing, each answer as an error of ours, and events as occurrences."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from calimport import errors, sources
from calimport.fetching import Http
from calimport.normalizing import Meaning, normalize
from calimport.settings import Settings
from calimport.sources import google_credentials
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.sources.google import calendar_id, merge, parse
from calimport.windows import Window, WindowRequest
from tests.fake_google import Failure, FakeCalendar, FakeGoogle
from tests.loopback import LOOPBACK, Loopback

# The hook loads a user's sign-in with a function that google-auth would rather see replaced.
pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)
WINDOW = Window(datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
TEAM = "team#1@group.calendar.google.com"


def event(
    name: str, begins: str = "2026-11-22T10:00:00Z", ends: str = "2026-11-22T11:00:00Z", /, **more: Any
) -> dict[str, Any]:
    """A timed event as the API gives it."""
    return {
        "kind": "calendar#event",
        "etag": '"1"',
        "id": name,
        "iCalUID": f"{name}@google.com",
        "status": "confirmed",
        "summary": name.title(),
        "start": {"dateTime": begins, "timeZone": "Europe/London"},
        "end": {"dateTime": ends, "timeZone": "Europe/London"},
        "updated": "2026-11-01T08:00:00.000Z",
        "sequence": 0,
        **more,
    }


def calendar(*events: dict[str, Any], listed: bool = True, **entry: Any) -> FakeCalendar:
    given = {
        "id": TEAM,
        "summary": "Team",
        "timeZone": "Europe/London",
        "backgroundColor": "#0088aa",
        "foregroundColor": "#ffffff",
        "colorId": "7",
        "defaultReminders": [{"method": "popup", "minutes": 10}],
    }
    return FakeCalendar({**given, **entry}, list(events), listed=listed)


# Fetching, from the fake Google, with the real google-auth and a real Airflow connection


@pytest.fixture(scope="session")
def service_account() -> dict[str, str]:
    """A service account's key, and its public half under ``public``."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"private_key": private.decode(), "public": public.decode()}


@pytest.fixture(scope="session", autouse=True)
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Airflow writes its configuration when it is first imported: not into the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[FakeGoogle]:
    """One for all tests: each new address would be one more secret of a connection for Airflow's logs to mask."""
    with FakeGoogle() as running:
        yield running


@pytest.fixture
def fake(server: FakeGoogle, service_account: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> FakeGoogle:
    """A Google with one calendar and, as the connection ``google``, a service account that may read it."""
    server.reset()
    server.public_key = service_account["public"].encode()
    server.calendars[TEAM] = calendar(*[event(f"event{number}") for number in range(5)])
    set_connection(monkeypatch, keyfile_dict=keyfile(server, service_account))
    monkeypatch.setattr(google_credentials, "_known", {})
    return server


def keyfile(server: FakeGoogle, service_account: dict[str, str]) -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": "calimport-test",
        "private_key_id": "1",
        "private_key": service_account["private_key"],
        "client_email": "reader@calimport-test.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{server.url}/token",
    }


def set_connection(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> None:
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE", json.dumps(connection))


def request(**changes: Any) -> FetchRequest:
    given = FetchRequest(source=TEAM, connection_id="google", timezone=None, window=WindowRequest(as_of=AS_OF))
    return replace(given, **changes)


def fetched(server: FakeGoogle, *, settings: dict[str, Any] | None = None, **changes: Any) -> Feed:
    async def run() -> Feed:
        loopback = Loopback({"www.googleapis.com": server.url})
        async with Http(
            Settings(**{"fetch_attempts": 1, "allowed_networks": LOOPBACK, **(settings or {})}), loopback
        ) as http:
            return await sources.fetch("google", request(**changes), http)

    return asyncio.run(run())


def failing(server: FakeGoogle, **options: Any) -> errors.CalimportError:
    """The error of a fetch. None of its text, nor its causes', shows a secret or an address."""
    with pytest.raises(errors.CalimportError) as caught:
        fetched(server, **options)
    error: BaseException | None = caught.value
    while error is not None:
        text = f"{error} {error!r} {getattr(error, 'detail', '')}"
        for secret in ("ya29", "1//refresh", "PRIVATE KEY", "client-secret", "anna@example.org", "team#1", "team%231"):
            assert secret not in text
        error = error.__cause__
    return caught.value


def document(feed: Feed) -> dict[str, Any]:
    assert feed.content is not None
    found: dict[str, Any] = json.loads(feed.content)
    return found


def test_a_fetch_brings_every_page(fake):
    fake.page_size = 2

    feed = fetched(fake)

    assert [item["id"] for item in document(feed)["events"]] == ["event0", "event1", "event2", "event3", "event4"]
    assert fake.requests == {"token": 1, "calendarList": 1, "events": 3}
    assert feed.requests == 4
    assert feed.bytes_received > 1000
    assert feed.timezone == "Europe/London"
    assert feed.is_delta is False
    assert feed.validators == {
        "sync_token": next(iter(fake.syncs)),
        "parameters": {"singleEvents": "false", "showDeleted": "true", "maxResults": "2500", "calendar": TEAM},
        "calendar": {
            "summary": "Team",
            "timeZone": "Europe/London",
            "defaultReminders": [{"method": "popup", "minutes": 10}],
        },
        "colors": [],
        "labels": [],
    }


def test_the_content_is_the_same_however_the_pages_are_cut(fake):
    whole = fetched(fake)
    fake.page_size = 2
    fake.calendars[TEAM].events.reverse()

    paged = fetched(fake)

    assert paged.content == whole.content
    assert paged.meaning_hash == whole.meaning_hash
    assert (
        whole.content == json.dumps(document(whole), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    )
    assert document(whole).keys() == {"calendar", "colors", "labels", "events"}
    assert document(whole)["calendar"] == {
        "id": TEAM,
        "summary": "Team",
        "timeZone": "Europe/London",
        "backgroundColor": "#0088aa",
        "foregroundColor": "#ffffff",
        "colorId": "7",
        "defaultReminders": [{"method": "popup", "minutes": 10}],
    }


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"etag": '"2"', "updated": "2026-11-21T08:00:00.000Z", "sequence": 4}, True),
        ({"summary": "Another"}, False),
        ({"reminders": {"useDefault": True}}, False),
    ],
)
def test_the_meaning_is_without_what_google_rewrites(fake, change, same):
    before = fetched(fake)
    fake.calendars[TEAM].events[0].update(change)

    after = fetched(fake)

    assert after.content != before.content
    assert (after.meaning_hash == before.meaning_hash) is same


def test_a_changed_default_reminder_is_a_change(fake):
    before = fetched(fake)
    fake.calendars[TEAM].entry["defaultReminders"] = [{"method": "popup", "minutes": 30}]

    assert fetched(fake).meaning_hash != before.meaning_hash


def test_a_calendar_that_is_not_on_the_list_is_read_by_its_id(fake):
    fake.calendars[TEAM].listed = False

    feed = fetched(fake)

    assert document(feed)["calendar"] == {
        "id": TEAM,
        "summary": "Team",
        "timeZone": "Europe/London",
        "defaultReminders": [{"method": "popup", "minutes": 10}],
    }
    assert feed.requests == 3


def test_colours_are_asked_for_once_and_only_if_an_event_has_one(fake):
    fake.calendars[TEAM].events[0]["colorId"] = fake.calendars[TEAM].events[1]["colorId"] = "11"
    fake.calendars[TEAM].events[2]["colorId"] = "unknown"

    feed = fetched(fake)

    assert document(feed)["colors"] == {"11": {"background": "#dc2127", "foreground": "#1d1d1d"}}
    assert fake.requests["colors"] == 1


def test_the_listing_is_of_the_whole_calendar_whatever_the_window(fake):
    feed = fetched(fake)

    assert feed.window is None
    assert fake.queries[-1] == {"singleEvents": "false", "showDeleted": "true", "maxResults": "2500"}


# Fetching what has changed


def changed(fake: FakeGoogle, first: Feed, **changes: Any) -> Feed:
    """A second fetch, with what the first one left to ask with."""
    fake.requests.clear()
    fake.queries.clear()
    return fetched(fake, validators=first.validators, **changes)


def folded(*feeds: Feed) -> dict[str, Any]:
    """The first feed with the others merged into it."""
    content = feeds[0].content
    for one in feeds[1:]:
        if one.content is not None:
            content = merge(content, one.content)
    found: dict[str, Any] = json.loads(content)
    return found


def test_nothing_changed_is_one_request_and_no_feed(fake):
    first = fetched(fake)

    again = changed(fake, first)

    assert (again.content, again.requests, again.timezone) == (None, 1, "Europe/London")
    assert fake.requests == {"events": 1}
    assert fake.queries[0]["syncToken"] == first.validators["sync_token"] != again.validators["sync_token"]
    assert {**again.validators, "sync_token": ""} == {**first.validators, "sync_token": ""}


def test_what_changed_is_a_delta_that_merges_into_what_a_whole_fetch_brings(fake):
    fake.calendars[TEAM].events.append(instance("event0", "2026-11-22T10:00:00Z"))
    first = fetched(fake)
    fake.calendars[TEAM] = calendar(event("event1", summary="New"), *fake.calendars[TEAM].events[2:], event("event9"))

    delta = changed(fake, first)

    assert delta.is_delta
    assert [(item["id"], item["status"]) for item in document(delta)["events"]] == [
        ("event0", "cancelled"),
        ("event1", "confirmed"),
        ("event9", "confirmed"),
    ]
    # The exception of what was deleted goes with it.
    fake.calendars[TEAM].events = [one for one in fake.calendars[TEAM].events if "recurringEventId" not in one]
    assert folded(first, delta) == document(fetched(fake))


def test_the_pages_of_what_changed_are_all_read(fake):
    first = fetched(fake)
    for one in fake.calendars[TEAM].events:
        one["summary"] = "New"
    fake.page_size = 2

    delta = changed(fake, first)

    assert len(document(delta)["events"]) == 5
    assert fake.requests == {"events": 3}
    assert {query["syncToken"] for query in fake.queries} == {first.validators["sync_token"]}
    assert delta.validators["sync_token"] == list(fake.syncs)[-1]


def test_colours_and_labels_are_asked_for_only_where_they_are_new(fake):
    label = {"id": "0f8fad5b-d9cb-469f-a165-70867728950e", "backgroundColor": "#039be5"}
    fake.calendars[TEAM].labels = [label]
    fake.calendars[TEAM].events[0]["colorId"] = "1"
    first = fetched(fake)
    fake.calendars[TEAM].events[1]["colorId"] = "1"
    known = changed(fake, first)
    assert fake.requests == {"events": 1}
    fake.calendars[TEAM].events[2] |= {"colorId": "11", "eventLabelId": label["id"]}

    new = changed(fake, known)

    assert fake.requests == {"events": 1, "colors": 1, "calendars": 1}
    assert document(new)["labels"] == {label["id"]: label}
    assert sorted(folded(first, known, new)["colors"]) == ["1", "11"]
    assert new.validators["colors"] == ["1", "11"]


def test_a_calendar_that_changed_is_a_delta_without_events(fake):
    first = fetched(fake)
    fake.calendars[TEAM].entry |= {"summary": "Crew", "timeZone": "Europe/Berlin"}

    delta = changed(fake, first)

    assert (delta.timezone, document(delta)["events"]) == ("Europe/Berlin", [])
    assert folded(first, delta)["calendar"] == document(fetched(fake))["calendar"]


@pytest.mark.parametrize("page", [1, 2])
def test_a_sync_token_that_google_has_forgotten_starts_a_whole_list_in_the_same_fetch(fake, page):
    first = fetched(fake)
    for one in fake.calendars[TEAM].events:
        one["summary"] = "New"
    fake.page_size = 3
    fake.requests.clear()
    fake.failures["events", page] = Failure(410, "fullSyncRequired")

    feed = fetched(fake, validators=first.validators)

    assert (feed.is_delta, len(document(feed)["events"])) == (False, 5)
    assert "syncToken" not in fake.queries[-1]
    assert fake.requests == {"events": page + 2, "calendarList": 1}


def test_a_sync_token_is_not_used_with_other_parameters(fake):
    first = fetched(fake)
    other = {**first.validators, "parameters": {**first.validators["parameters"], "singleEvents": "true"}}

    assert fetched(fake, validators=other).is_delta is False
    assert "syncToken" not in fake.queries[-1]


def test_a_page_of_changes_that_fails_fails_the_fetch(fake):
    first = fetched(fake)
    for one in fake.calendars[TEAM].events:
        one["summary"] = "New"
    fake.page_size = 2
    fake.requests.clear()
    fake.failures["events", 2] = Failure(500)

    assert type(failing(fake, validators=first.validators)) is errors.FeedIncomplete


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"status": "cancelled"}, []),
        ({"status": "cancelled", "start": {"date": "2026-11-22"}}, ["x"]),
        ({"status": "cancelled", "recurringEventId": "event0"}, ["x"]),
        ({"status": "cancelled", "recurringEventId": "gone"}, []),
        ({"status": "cancelled", "start": {"date": "2026-11-22"}, "recurrence": ["RRULE:FREQ=DAILY"]}, []),
    ],
)
def test_what_was_deleted_goes_and_what_was_cancelled_stays(given, kept):
    gone = {"id": "gone", "status": "cancelled"}
    base = feed_of(event("event0"), event("x"), event("gone"))

    merged = json.loads(merge(base, feed_of({"id": "x", **given}, gone)))

    assert [item["id"] for item in merged["events"]] == ["event0", *kept]


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{}", b'{"events": 1}'])
def test_other_bytes_are_not_merged(damaged):
    for pair in ((damaged, feed_of()), (feed_of(), damaged)):
        with pytest.raises(errors.FeedUnparsable):
            merge(*pair)


@pytest.mark.parametrize(
    ("endpoint", "failure", "expected"),
    [
        ("calendarList", Failure(500), errors.FeedServerError),
        ("calendarList", Failure(403, "insufficientPermissions"), errors.CredentialsForbidden),
        ("events", Failure(400, "badRequest"), errors.FeedStatusUnexpected),
        ("events", Failure(403, "forbidden"), errors.CredentialsForbidden),
        ("events", Failure(403, "accessNotConfigured"), errors.CredentialsForbidden),
        ("events", Failure(403, "rateLimitExceeded"), errors.QuotaExceeded),
        ("events", Failure(403, "userRateLimitExceeded"), errors.QuotaExceeded),
        ("events", Failure(403, "quotaExceeded"), errors.QuotaExceeded),
        ("events", Failure(403, "dailyLimitExceeded"), errors.QuotaExceeded),
        ("events", Failure(429, "rateLimitExceeded"), errors.QuotaExceeded),
        ("events", Failure(404, "notFound"), errors.FeedNotFound),
        ("events", Failure(410, "updatedMinTooLongAgo"), errors.FeedIncomplete),
        ("events", Failure(503, "backendError"), errors.FeedServerError),
        ("events", Failure(None), errors.FeedConnectionFailed),
        ("events", Failure(None, delay=0.5), errors.FeedTimeout),
        ("events", Failure(200, body=b"<html>sign in"), errors.FeedUnparsable),
        ("events", Failure(200, body=b"[]"), errors.FeedUnparsable),
        ("events", Failure(200, body=b'{"kind": "calendar#events"}'), errors.FeedIncomplete),
        ("events", Failure(200, body=b'{"items": [1]}'), errors.FeedIncomplete),
        ("colors", Failure(500), errors.FeedIncomplete),
        ("token", Failure(400, "invalid_grant"), errors.CredentialsInvalid),
        ("token", Failure(401, "invalid_client"), errors.CredentialsInvalid),
        ("token", Failure(401, "unauthorized_client"), errors.CredentialsForbidden),
        ("token", Failure(400, "anna@example.org"), errors.CredentialsInvalid),
        ("token", Failure(None, delay=0.5), errors.FeedTimeout),
    ],
)
def test_each_answer_has_its_error(fake, endpoint, failure, expected):
    fake.calendars[TEAM].events[0]["colorId"] = "11"
    fake.failures[endpoint, 1] = failure

    error = failing(fake, settings={"read_timeout": 0.2})

    assert type(error) is expected


@pytest.mark.parametrize(
    ("failure", "expected", "cause"),
    [
        (Failure(500), errors.FeedIncomplete, errors.FeedServerError),
        (Failure(400, "invalid"), errors.FeedIncomplete, errors.FeedStatusUnexpected),
        (Failure(404, "notFound"), errors.FeedIncomplete, errors.FeedNotFound),
        (Failure(None), errors.FeedIncomplete, errors.FeedConnectionFailed),
        (Failure(None, delay=0.5), errors.FeedIncomplete, errors.FeedTimeout),
        (Failure(200, body=b'{"items": [{"id": "eve'), errors.FeedIncomplete, errors.FeedUnparsable),
        (Failure(200, body=b"{}"), errors.FeedIncomplete, errors.FeedIncomplete),
        (Failure(403, "rateLimitExceeded"), errors.QuotaExceeded, type(None)),
        (Failure(403, "forbidden"), errors.CredentialsForbidden, type(None)),
    ],
)
def test_a_page_that_fails_fails_the_fetch(fake, failure, expected, cause):
    fake.page_size = 2
    fake.failures["events", 2] = failure

    error = failing(fake, settings={"read_timeout": 0.2})

    assert (type(error), type(error.__cause__)) == (expected, cause)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "Sun, 22 Nov 2099 10:00:00 GMT", "Date": "Sun, 22 Nov 2099 09:59:00 GMT"}, 60.0),
        ({}, None),
    ],
)
def test_the_wait_that_google_asks_for_is_passed_on(fake, headers, seconds):
    fake.failures["events", 1] = Failure(429, "rateLimitExceeded", headers)

    assert failing(fake).retry_after == seconds


def test_too_many_pages_are_too_large(fake):
    fake.page_size = 2

    assert type(failing(fake, settings={"max_pages": 2})) is errors.FeedTooLarge


def test_too_many_bytes_over_all_pages_are_too_large(fake):
    fake.page_size = 1

    assert type(failing(fake, settings={"max_decompressed_bytes": 2000})) is errors.FeedTooLarge


def test_a_listing_that_goes_in_circles_is_incomplete(fake):
    circle = Failure(200, body=b'{"items": [], "nextPageToken": "again"}')
    fake.failures["events", 1] = fake.failures["events", 2] = circle

    assert type(failing(fake)) is errors.FeedIncomplete


def test_a_refused_token_is_renewed_once(fake):
    fetched(fake)
    fake.tokens.clear()

    feed = fetched(fake)

    assert len(document(feed)["events"]) == 5
    assert fake.requests["token"] == 2


def test_a_token_that_is_refused_twice_needs_a_new_sign_in(fake):
    refused = Failure(401, "authError")
    fake.failures["calendarList", 1] = fake.failures["calendarList", 2] = refused

    assert type(failing(fake)) is errors.CredentialsInvalid
    assert fake.requests == {"token": 2, "calendarList": 2}


def test_calendars_of_one_connection_share_a_token(fake):
    fetched(fake)
    fetched(fake)

    assert fake.requests["token"] == 1


def test_a_service_account_acts_for_the_subject(fake, service_account, monkeypatch):
    set_connection(monkeypatch, keyfile_dict=keyfile(fake, service_account), subject="anna@example.org")

    fetched(fake)

    assert list(fake.tokens.values()) == ["anna@example.org"]


def sign_in(server: FakeGoogle, monkeypatch: pytest.MonkeyPatch, refresh_token: str, **extra: Any) -> None:
    """A user's sign-in as the connection. google-auth takes the endpoint of such a document from nowhere else."""
    from google.oauth2 import credentials

    monkeypatch.setattr(credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{server.url}/token")
    authorized_user = {
        "type": "authorized_user",
        "client_id": "client",
        "client_secret": "client-secret",
        "refresh_token": refresh_token,
    }
    set_connection(monkeypatch, credential_config_file=json.dumps(authorized_user), **extra)


def test_a_user_may_sign_in_for_calendars_alone(fake, monkeypatch):
    sign_in(fake, monkeypatch, fake.refresh_token)

    feed = fetched(fake)

    assert len(document(feed)["events"]) == 5
    assert list(fake.tokens.values()) == ["user"]


def test_a_revoked_sign_in_has_to_be_renewed(fake, monkeypatch):
    sign_in(fake, monkeypatch, "1//refresh-revoked")

    error = failing(fake)

    assert type(error) is errors.SignInRevoked
    assert "`calimport connect google --connection google --replace`" in str(error)


def test_a_user_cannot_act_for_another(fake, monkeypatch):
    sign_in(fake, monkeypatch, fake.refresh_token, subject="anna@example.org")

    assert type(failing(fake)) is errors.ConfigurationError


def test_without_a_connection_there_are_no_credentials(fake, monkeypatch):
    assert type(failing(fake, connection_id=None)) is errors.CredentialsMissing
    assert type(failing(fake, connection_id="nowhere")) is errors.CredentialsMissing


def test_a_damaged_key_is_invalid(fake, service_account, monkeypatch):
    key = keyfile(fake, service_account)
    key["private_key"] = key["private_key"][:200]
    set_connection(monkeypatch, keyfile_dict=key)

    assert type(failing(fake)) is errors.CredentialsInvalid


def test_no_secret_is_logged(fake, caplog):
    caplog.set_level(logging.DEBUG)
    fake.failures["events", 1] = Failure(500)

    failing(fake)

    assert "ya29" not in caplog.text
    assert "PRIVATE KEY" not in caplog.text


class Recording(httpx.AsyncBaseTransport):
    """Answers without a network: only the listing was recorded."""

    replayed = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        if not request.url.path.endswith("/events"):
            raise errors.FeedUnreachable(detail="not recorded")
        listing = {"summary": "Team", "timeZone": "Asia/Tokyo", "items": [event("recorded", colorId="11")]}
        return httpx.Response(200, json=listing)


def test_a_recording_of_the_listing_alone_is_enough():
    async def run() -> Feed:
        async with Http(Settings(), Recording()) as http:
            return await sources.fetch("google", request(connection_id=None), http)

    feed = asyncio.run(run())

    assert document(feed)["calendar"] == {"summary": "Team", "timeZone": "Asia/Tokyo"}
    assert [item["id"] for item in document(feed)["events"]] == ["recorded"]
    assert feed.timezone == "Asia/Tokyo"
    assert feed.validators == {}


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("primary", "primary"),
        ("anna@example.org", "anna@example.org"),
        (f"https://calendar.google.com/calendar/embed?src={TEAM.replace('#', '%23')}&ctz=Europe%2FLondon", TEAM),
        ("https://calendar.google.com/calendar/embed?src=anna%40example.org", "anna@example.org"),
        (f"https://calendar.google.com/calendar/u/0/embed?src={encoded(TEAM)}", TEAM),
        (f"https://calendar.google.com/calendar/u/0/r?cid={encoded('anna@example.org')}", "anna@example.org"),
        ("https://calendar.google.com/calendar/r?cid=anna+work@example.org", "anna+work@example.org"),
    ],
)
def test_an_address_leads_to_its_calendar(source, expected):
    assert calendar_id(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        None,
        "",
        "https://calendar.google.com/calendar/r",
        "https://example.org/?src=anna@example.org",
        "https://calendar.google.com/calendar/embed?src=a@example.org&src=b@example.org",
    ],
)
def test_an_address_without_a_calendar_is_unsupported(source):
    with pytest.raises(errors.SourceUnsupported):
        calendar_id(source)


# Parsing


def feed_of(*events: Any, colors: dict[str, Any] | None = None, **more: Any) -> bytes:
    entry = calendar(**more).entry
    return json.dumps({"calendar": entry, "colors": colors or {}, "events": events}).encode()


def parsed(*events: Any, timezone: str = "Europe/London", **more: Any) -> Parsed:
    context = ParseContext(window=WINDOW, as_of=AS_OF, timezone=timezone, timezone_source="calendar")
    return parse(feed_of(*events, **more), context)


def row(*events: Any, **more: Any) -> dict[str, Any]:
    """The only row."""
    found = parsed(*events, **more)
    assert found.notices == []
    (only,) = found.occurrences
    return only


def instance(name: str, original: str, **more: Any) -> dict[str, Any]:
    """An instance of the series ``name``."""
    end = (datetime.fromisoformat(original) + timedelta(hours=1)).isoformat()
    identity = f"{name}_{original.replace('-', '').replace(':', '')}"
    series = {"recurringEventId": name, "originalStartTime": {"dateTime": original}}
    return {**event(name, original, end), **series, "id": identity, **more}


def bare(name: str, original: dict[str, str]) -> dict[str, Any]:
    """What may be left of a cancelled instance."""
    return {"id": f"{name}_x", "status": "cancelled", "recurringEventId": name, "originalStartTime": original}


def test_an_event_with_everything():
    found = parsed(
        event(
            "everything",
            "2026-11-22T10:00:00+01:00",
            "2026-11-22T11:30:00+01:00",
            start={"dateTime": "2026-11-22T10:00:00+01:00", "timeZone": "Europe/Berlin"},
            description="<p>Bring a cup</p>",
            location="Hall 1",
            htmlLink="https://www.google.com/calendar/event?eid=1",
            colorId="11",
            creator={"email": "anna@example.org", "self": True},
            organizer={"displayName": "Anna", "email": "anna@example.org"},
            attendees=[
                {"email": "ben@example.org", "responseStatus": "needsAction"},
                {"displayName": "Room 5", "resource": True, "responseStatus": "accepted"},
            ],
            conferenceData={
                "entryPoints": [
                    {"entryPointType": "phone", "uri": "tel:+441"},
                    {"entryPointType": "video", "uri": "https://meet.google.com/abc"},
                ]
            },
            hangoutLink="https://meet.google.com/old",
            reminders={"useDefault": False, "overrides": [{"method": "email", "minutes": 60}]},
            visibility="public",
            transparency="transparent",
            created="2026-10-01T08:00:00.000Z",
            sequence=3,
            eventType="default",
            somethingNew={"of": "tomorrow"},
        ),
        colors={"11": {"background": "#dc2127"}},
    )

    assert (found.title, found.color, found.notices) == ("Team", "#0088aa", [])
    assert found.occurrences == [
        {
            "uid": "everything@google.com",
            "recurrence_id": None,
            "start_at": datetime(2026, 11, 22, 9, tzinfo=UTC),
            "end_at": datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
            "all_day": False,
            "start_date": None,
            "end_date": None,
            "timezone": "Europe/Berlin",
            "timezone_source": "event",
            "status": "confirmed",
            "summary": "Everything",
            "description": "<p>Bring a cup</p>",
            "location": "Hall 1",
            "url": "https://www.google.com/calendar/event?eid=1",
            "online_url": "https://meet.google.com/abc",
            "online_type": "direct",
            "categories": [],
            "organizer": {"name": "Anna", "email": "anna@example.org"},
            "creator": {"name": None, "email": "anna@example.org"},
            "attendees": [
                {"name": None, "email": "ben@example.org", "status": "needs-action"},
                {"name": "Room 5", "email": None, "status": "accepted"},
            ],
            "visibility": "public",
            "transparency": "transparent",
            "color": "#dc2127",
            "reminders": [datetime(2026, 11, 22, 8, tzinfo=UTC)],
            "reminder_methods": ["email"],
            "sequence": 3,
            "created_at": datetime(2026, 10, 1, 8, tzinfo=UTC),
            "updated_at": datetime(2026, 11, 1, 8, tzinfo=UTC),
            "is_recurring": False,
            "source_event_id": "everything",
            "source_series_id": None,
        }
    ]


def test_an_event_with_next_to_nothing():
    given = {"id": "bare", "start": {"dateTime": "2026-11-22T10:00:00Z"}}

    found = row(given)

    silent = {"recurrence_id": None, "all_day": False, "is_recurring": False, "source_event_id": "bare"}
    assert {name: value for name, value in found.items() if value and name not in silent} == {
        "uid": "bare",
        "start_at": datetime(2026, 11, 22, 10, tzinfo=UTC),
        "end_at": datetime(2026, 11, 22, 10, tzinfo=UTC),
        "timezone": "Europe/London",
        "timezone_source": "calendar",
        "status": "confirmed",
        "visibility": "default",
        "transparency": "opaque",
        "color": "#0088aa",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"conferenceData": {"entryPoints": [{"entryPointType": "more", "uri": "https://x.example"}]}}, None),
        ({"hangoutLink": "https://meet.google.com/old"}, "https://meet.google.com/old"),
        ({"summary": " "}, None),
        ({"conferenceData": "?", "attendees": "?", "reminders": [], "organizer": 1}, None),
    ],
)
def test_the_online_address(given, expected):
    found = row(event("meeting", **given))

    assert (found["online_url"], found["online_type"]) == (expected, "direct" if expected else None)


@pytest.mark.parametrize(
    ("reminders", "minutes_before", "methods"),
    [
        ({"useDefault": True}, [10], ["popup"]),
        (
            {"useDefault": False, "overrides": [{"minutes": 5}, {"minutes": 1440, "method": "email"}, {"minutes": 5}]},
            [1440, 5],
            ["email", "popup"],
        ),
        (
            {"overrides": [{"minutes": 5, "method": "popup"}, {"minutes": 5, "method": "email"}]},
            [5],
            ["email,popup"],
        ),
        ({"overrides": [{"minutes": 5, "method": "sms"}]}, [5], ["popup"]),
        # None is wanted …
        ({"useDefault": False}, [], []),
        ({"overrides": [{"minutes": "ten"}, {"minutes": True}, {}, None]}, [], []),
        # … or nothing is said, and the calendar's own defaults apply.
        (None, [], None),
    ],
)
def test_reminders_are_instants_with_methods(reminders, minutes_before, methods):
    found = row(event("reminded", reminders=reminders))

    start = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert found["reminders"] == [start - timedelta(minutes=minutes) for minutes in minutes_before]
    assert found["reminder_methods"] == methods


@pytest.mark.parametrize(
    ("start", "end", "timezone", "expected"),
    [
        ("2026-11-22", "2026-11-24", "Europe/London", (date(2026, 11, 22), date(2026, 11, 24), 0, 48)),
        ("2026-11-22", "2026-11-23", "America/New_York", (date(2026, 11, 22), date(2026, 11, 23), 5, 29)),
        ("2026-11-22", "2026-11-22", "Europe/London", (date(2026, 11, 22), date(2026, 11, 23), 0, 24)),
        ("2026-11-22", None, "Europe/London", (date(2026, 11, 22), date(2026, 11, 23), 0, 24)),
    ],
)
def test_all_day_events_are_dates_in_the_calendars_zone(start, end, timezone, expected):
    given = event("day", start={"date": start}, end={"date": end} if end else None, reminders={"useDefault": True})

    found = row(given, timezone=timezone)

    first, last, from_hour, to_hour = expected
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    assert found["all_day"] is True
    assert (found["start_date"], found["end_date"]) == (first, last)
    assert found["start_at"] == midnight + timedelta(hours=from_hour)
    assert found["end_at"] == midnight + timedelta(hours=to_hour)
    assert found["reminders"] == [found["start_at"] - timedelta(minutes=10)]
    assert (found["timezone"], found["timezone_source"]) == (timezone, "calendar")


@pytest.mark.parametrize(
    ("start", "instant", "timezone"),
    [
        ({"dateTime": "2026-11-22T10:00:00", "timeZone": "Asia/Tokyo"}, 1, ("Asia/Tokyo", "event")),
        ({"dateTime": "2026-11-22T10:00:00+09:00", "timeZone": "Asia/Tokyo"}, 1, ("Asia/Tokyo", "event")),
        ({"dateTime": "2026-11-22T10:00:00Z", "timeZone": "Mars/Olympus"}, 10, ("America/New_York", "calendar")),
        ({"dateTime": "2026-11-22T10:00:00"}, 15, ("America/New_York", "calendar")),
    ],
)
def test_times_lie_in_their_own_zone_else_in_the_calendars(start, instant, timezone):
    found = row(event("zoned", start=start, end=start), timezone="America/New_York")

    assert found["start_at"] == datetime(2026, 11, 22, instant, tzinfo=UTC)
    assert (found["timezone"], found["timezone_source"]) == timezone


def test_an_instance_keeps_its_identity_where_it_is_moved():
    moved = {"dateTime": "2026-11-25T15:00:00Z"}
    found = row(instance("weekly", "2026-11-22T11:00:00+01:00", start=moved, end=moved))

    assert found["uid"] == "weekly@google.com"
    assert found["recurrence_id"] == "2026-11-22T10:00:00Z"
    assert found["start_at"] == datetime(2026, 11, 25, 15, tzinfo=UTC)
    assert (found["is_recurring"], found["source_series_id"]) == (True, "weekly")
    assert found["source_event_id"] == "weekly_20261122T110000+0100"


def test_an_all_day_instance_is_known_by_its_date():
    found = row(instance("daily", "2026-11-22T00:00:00Z", originalStartTime={"date": "2026-11-22"}))

    assert found["recurrence_id"] == "2026-11-22"


def test_a_bare_cancelled_instance_is_known_by_its_siblings():
    found = parsed(
        instance("weekly", "2026-11-22T10:00:00Z"),
        bare("weekly", {"dateTime": "2026-11-29T10:00:00Z"}),
        bare("weekly", {"date": "2026-11-28"}),
    )

    assert found.notices == []
    assert [
        (one["uid"], one["recurrence_id"], one["status"], one["start_at"].isoformat(), one["end_at"].isoformat())
        for one in found.occurrences[1:]
    ] == [
        (
            "weekly@google.com",
            "2026-11-29T10:00:00Z",
            "cancelled",
            "2026-11-29T10:00:00+00:00",
            "2026-11-29T10:00:00+00:00",
        ),
        ("weekly@google.com", "2026-11-28", "cancelled", "2026-11-28T00:00:00+00:00", "2026-11-29T00:00:00+00:00"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        bare("orphaned", {"dateTime": "2026-11-22T10:00:00Z"}),
        {"id": "deleted", "status": "cancelled"},
        {"id": "deleted", "iCalUID": "deleted@google.com", "status": "cancelled"},
        event("before", "2026-11-14T22:00:00Z", "2026-11-15T00:00:00Z"),
        event("after", "2026-11-30T00:00:00Z", "2026-11-30T01:00:00Z"),
        bare("weekly", {"dateTime": "2026-11-30T00:00:00Z"}) | {"iCalUID": "weekly@google.com"},
    ],
)
def test_what_makes_no_row(given):
    assert parsed(given) == Parsed(occurrences=[], title="Team", color="#0088aa")


def test_a_cancelled_event_of_which_the_time_is_known_is_a_row():
    assert row(event("off", status="cancelled"))["status"] == "cancelled"


def test_an_event_that_was_deleted_and_imported_again_is_there_once():
    found = row(event("first", iCalUID="x", updated=None), event("gone", iCalUID="x", status="cancelled"))

    assert found["source_event_id"] == "first"


def test_the_instances_of_a_private_series_are_private_where_they_do_not_say_so():
    found = parsed(
        instance("secret", "2026-11-22T10:00:00Z", visibility="private"),
        bare("secret", {"dateTime": "2026-11-29T10:00:00Z"}),
        event("confidential", visibility="confidential"),
        event("open", visibility="of tomorrow"),
    )

    # calimport.normalizing leaves out what is private, whatever its source, and says so in one notice.
    assert [one["visibility"] for one in found.occurrences] == ["private", "private", "confidential", "default"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start": {"dateTime": "noon"}}, "its start 'noon' is no date or time"),
        ({"start": {"date": "2026-02-30"}}, "its start '2026-02-30' is no date or time"),
        ({"start": {}}, "it has no start"),
        ({"start": "noon"}, "it has no start"),
        ({"end": {"dateTime": 12}}, "it has no end"),
        ({"end": {"date": "2026-11-22"}}, "of its start and end one is a date and the other a time"),
        ({"recurringEventId": "x"}, "it has no original start"),
    ],
)
def test_an_event_that_is_not_understood_is_kept_and_named(change, reason):
    found = parsed(event("broken", **change), event("whole"))

    assert [one["uid"] for one in found.occurrences] == ["whole@google.com"]
    (notice,) = found.notices
    assert (notice.code, notice.subject, notice.keeps_uid) == ("event_unreadable", "broken@google.com", True)
    assert notice.message == f"The event 'Broken' could not be understood and was left as it was: {reason}"


def test_an_event_without_any_id_keeps_every_row():
    found = parsed(event("broken", id=None, iCalUID=None))

    (notice,) = found.notices
    assert (notice.subject, notice.keeps_uid) == ("", True)


def test_the_rows_make_a_frame_without_what_is_private():
    context = ParseContext(window=WINDOW, as_of=AS_OF, timezone="Europe/London", timezone_source="calendar")
    feed = feed_of(instance("weekly", "2026-11-22T10:00:00Z"), event("secret", visibility="private"))

    found = normalize(feed, kind="google", context=context, meaning=Meaning())

    assert found.frame["source_event_id"].tolist() == ["weekly_20261122T100000Z"]
    assert [(notice.code, notice.subject) for notice in found.notices] == [("private", "")]


def test_a_notice_names_no_private_title():
    found = parsed(event("surgery", visibility="private", iCalUID="x@google.com", start={}))

    assert found.notices[0].message.startswith("The event 'x@google.com' could not be understood")


def test_more_occurrences_than_the_cap_are_left_out_with_a_notice():
    context = ParseContext(window=WINDOW, as_of=AS_OF, timezone="UTC", timezone_source="calendar", max_occurrences=1)

    found = parse(feed_of(event("one"), event("two")), context)

    assert [one["uid"] for one in found.occurrences] == ["one@google.com"]
    assert [(notice.code, notice.subject, notice.keeps_uid) for notice in found.notices] == [
        ("too_many_occurrences", "", True)
    ]


@pytest.mark.parametrize("feed", [b"", b"[]", b'{"calendar": {}}'])
def test_other_bytes_are_no_feed(feed):
    context = ParseContext(window=WINDOW, as_of=AS_OF, timezone="UTC", timezone_source="default")
    with pytest.raises(errors.FeedUnparsable):
        parse(feed, context)


# Series, expanded here


def series(name: str, begins: str, rule: str, *lines: str, zone: str = "Europe/London", **more: Any) -> dict[str, Any]:
    """A recurring event of an hour."""
    ends = (datetime.fromisoformat(begins) + timedelta(hours=1)).isoformat()
    times = {name: {"dateTime": value, "timeZone": zone} for name, value in (("start", begins), ("end", ends))}
    return {**event(name, **times), "recurrence": [rule, *lines], **more}


def test_a_series_gives_the_rows_that_googles_own_instances_give():
    """As the API lists it with singleEvents=true: an upgrade from that changes no row."""
    link = "https://www.google.com/calendar/event?eid="
    address = "team@g"
    more = {
        "htmlLink": link + encoded(f"weekly {address}"),
        "description": "All welcome",
        "reminders": {"useDefault": True},
        "colorId": "11",
        "attendees": [{"email": "ben@example.org", "responseStatus": "accepted"}],
        "created": "2026-01-01T08:00:00.000Z",
        "sequence": 2,
        "visibility": "public",
    }
    colors = {"11": {"background": "#dc2127"}}
    start = {"dateTime": "2026-11-02T10:00:00Z", "timeZone": "Europe/London"}
    moved = {**instance("weekly", "2026-11-23T10:00:00Z"), "id": "weekly_20261123T100000Z", "summary": "Moved"}
    listed = [
        {
            **event("weekly", f"2026-11-{day}T10:00:00Z", f"2026-11-{day}T11:00:00Z"),
            **more,
            "id": f"weekly_202611{day}T100000Z",
            "htmlLink": link + encoded(f"weekly_202611{day}T100000Z {address}"),
            "recurringEventId": "weekly",
            "originalStartTime": {"dateTime": f"2026-11-{day}T10:00:00Z", "timeZone": "Europe/London"},
        }
        for day in (16,)
    ]
    recurring = {
        **event("weekly", "2026-11-02T10:00:00Z", "2026-11-02T11:00:00Z", start=start),
        **more,
        "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO"],
    }

    expanded = parsed(recurring, moved, colors=colors)

    assert expanded == parsed(*listed, moved, colors=colors)
    assert [one["source_event_id"] for one in expanded.occurrences] == [
        "weekly_20261116T100000Z",
        "weekly_20261123T100000Z",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # The wall clock of the master's zone, over the end of summer time.
        (
            series("x", "2026-03-02T18:00:00-05:00", "RRULE:FREQ=WEEKLY", zone="America/New_York"),
            ["2026-11-16T23:00:00Z", "2026-11-23T23:00:00Z"],
        ),
        # Zones by their parameter, and several in a line.
        (
            series(
                "x",
                "2026-11-16T10:00:00Z",
                "RRULE:FREQ=DAILY;COUNT=6",
                "EXDATE;TZID=Europe/Berlin:20261117T110000,20261118T110000",
                "EXDATE:20261119T100000Z",
                "RDATE;TZID=America/New_York:20261125T050000",
            ),
            ["2026-11-16T10:00:00Z", "2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z", "2026-11-25T10:00:00Z"],
        ),
        (
            series(
                "x",
                "2026-11-16T10:00:00Z",
                "RRULE:FREQ=DAILY;UNTIL=20261122T100000Z",
                "EXRULE:FREQ=DAILY;INTERVAL=2",
            ),
            ["2026-11-17T10:00:00Z", "2026-11-19T10:00:00Z", "2026-11-21T10:00:00Z"],
        ),
        (
            series(
                "x",
                "2026-11-16T10:00:00Z",
                "RRULE:FREQ=WEEKLY;COUNT=2",
                "EXDATE;VALUE=DATE:20261123",
                start={"date": "2026-11-16"},
                end={"date": "2026-11-17"},
            ),
            ["2026-11-16"],
        ),
        # A zone that nobody knows: the calendar's.
        (
            series("x", "2026-11-16T10:00:00Z", "RRULE:FREQ=WEEKLY;COUNT=1", zone="Mars/Olympus"),
            ["2026-11-16T10:00:00Z"],
        ),
    ],
)
def test_a_series_is_expanded_in_the_window(given, expected):
    found = parsed(given)

    assert found.notices == []
    assert sorted(one["recurrence_id"] for one in found.occurrences) == expected
    assert {one["source_series_id"] for one in found.occurrences} == {"x"}


def test_exceptions_take_the_place_of_their_instances():
    moved = {"dateTime": "2026-11-20T15:00:00Z"}
    found = parsed(
        series("weekly", "2026-11-16T10:00:00Z", "RRULE:FREQ=DAILY;COUNT=5", visibility="private"),
        instance("weekly", "2026-11-17T10:00:00Z", start=moved, end=moved, iCalUID=None),
        bare("weekly", {"dateTime": "2026-11-18T11:00:00+01:00"}),
        instance("weekly", "2026-11-19T10:00:00Z", start={"dateTime": "2027-01-01T00:00:00Z"}, end={}),
    )

    assert found.notices == []
    assert sorted((one["recurrence_id"], f"{one['start_at']:%d %H}", one["status"]) for one in found.occurrences) == [
        ("2026-11-16T10:00:00Z", "16 10", "confirmed"),
        ("2026-11-17T10:00:00Z", "20 15", "confirmed"),
        ("2026-11-18T10:00:00Z", "18 10", "cancelled"),
        ("2026-11-20T10:00:00Z", "20 10", "confirmed"),
    ]
    assert {(one["uid"], one["visibility"]) for one in found.occurrences} == {("weekly@google.com", "private")}


def test_an_instance_that_was_cancelled_is_as_its_series_had_it():
    whole = series("weekly", "2026-11-16T10:00:00Z", "RRULE:FREQ=DAILY;COUNT=3")
    whole |= {
        "location": "Town Hall",
        "reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 5}]},
    }
    found = parsed(whole, bare("weekly", {"dateTime": "2026-11-17T11:00:00+01:00"}))
    kept, _, cancelled = sorted(found.occurrences, key=lambda one: one["status"] == "cancelled")

    assert (cancelled["recurrence_id"], cancelled["status"]) == ("2026-11-17T10:00:00Z", "cancelled")
    assert [cancelled[name] for name in ("summary", "location")] == [kept[name] for name in ("summary", "location")]
    assert cancelled["end_at"] - cancelled["start_at"] == kept["end_at"] - kept["start_at"] > timedelta(0)
    assert (kept["reminders"] != [], cancelled["reminders"]) == (True, [])


def test_a_series_that_was_split_off_has_instances_named_by_the_first():
    given = series("abc_R20261116T100000", "2026-11-16T10:00:00Z", "RRULE:FREQ=WEEKLY;COUNT=1")

    found = row(given)

    assert (found["source_event_id"], found["source_series_id"]) == ("abc_20261116T100000Z", "abc_R20261116T100000")


@pytest.mark.parametrize(
    ("recurrence", "reason"),
    [
        (["RRULE:FREQ=FORTNIGHTLY"], "RRULE"),
        (["RRULE:INTERVAL=2"], "RRULE"),
        (["EXDATE:soon", "RRULE:FREQ=DAILY"], "EXDATE"),
        (["DTSTART:20261101T000000Z"], "its recurrence is no rule and no date"),
        ("RRULE:FREQ=DAILY", "its recurrence is no list of lines"),
        (["RRULE:FREQ=DAILY\nEND:VEVENT"], "its recurrence is no list of lines"),
    ],
)
def test_a_series_that_is_not_understood_is_left_as_it_was(recurrence, reason):
    found = parsed({**series("odd", "2026-11-16T10:00:00Z", "?"), "recurrence": recurrence}, event("whole"))

    assert [one["uid"] for one in found.occurrences] == ["whole@google.com"]
    (notice,) = found.notices
    assert (notice.code, notice.subject, notice.keeps_uid) == ("event_unreadable", "odd@google.com", True)
    assert reason in notice.message


def test_an_exception_that_cannot_be_placed_leaves_its_series_as_it_was():
    given = series("weekly", "2026-11-16T10:00:00Z", "RRULE:FREQ=DAILY;COUNT=5")

    found = parsed(given, instance("weekly", "2026-11-17T10:00:00Z", originalStartTime={}))

    assert found.occurrences == []
    assert {(notice.code, notice.subject) for notice in found.notices} == {("event_unreadable", "weekly@google.com")}


def test_an_exception_that_is_not_understood_is_not_shown_as_unchanged():
    given = series("weekly", "2026-11-16T10:00:00Z", "RRULE:FREQ=DAILY;COUNT=2")

    found = parsed(given, instance("weekly", "2026-11-17T10:00:00Z", start={"date": "2026-02-30"}))

    assert [one["recurrence_id"] for one in found.occurrences] == ["2026-11-16T10:00:00Z"]
    assert [notice.keeps_uid for notice in found.notices] == [True]


def test_a_series_with_more_dates_than_its_share_is_cut_with_a_notice():
    context = ParseContext(WINDOW, AS_OF, timezone="UTC", timezone_source="calendar", max_occurrences=50)
    given = series("often", "2026-11-16T10:00:00Z", "RRULE:FREQ=DAILY;COUNT=8")

    found = parse(feed_of(given, event("one")), context)

    assert [one["uid"] for one in found.occurrences] == ["often@google.com"] * 5 + ["one@google.com"]
    assert [(notice.code, notice.subject) for notice in found.notices] == [("too_many_occurrences", "often@google.com")]


def test_what_was_guessed_of_a_series_is_said():
    given = series(
        "odd", "2026-11-16T10:00:00Z", "RRULE:FREQ=DAILY;COUNT=2", "EXDATE;TZID=Mars/Olympus:20261117T100000"
    )

    found = parsed(given)

    assert len(found.occurrences) == 1
    assert [(notice.code, notice.subject) for notice in found.notices] == [("timezone_unknown", "Mars/Olympus")]


def test_a_label_has_the_last_word_on_the_colour():
    labelled = event("labelled", colorId="11", eventLabelId="0f8fad5b")
    document = json.loads(feed_of(labelled, colors={"11": {"background": "#dc2127"}}))
    context = ParseContext(window=WINDOW, as_of=AS_OF, timezone="UTC", timezone_source="calendar")

    colors = [
        parse(json.dumps({**document, "labels": labels}).encode(), context).occurrences[0]["color"]
        for labels in ({"0f8fad5b": {"id": "0f8fad5b", "backgroundColor": "#039be5"}}, {})
    ]

    assert colors == ["#039be5", "#dc2127"]
