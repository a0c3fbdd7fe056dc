"""The Microsoft source against a Graph on loopback: rounds and links, sign-ins, and errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calimport import errors, sources
from calimport.fetching import Http
from calimport.har import Replay
from calimport.har_recorder import Recorder
from calimport.settings import Settings
from calimport.sources import microsoft, microsoft_credentials
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.windows import WindowRequest
from tests.fake_microsoft import TENANT, FakeMicrosoft, error, refusal, time
from tests.loopback import LOOPBACK, Loopback
from tests.web import Reply, Web, serve

AS_OF = datetime(2026, 11, 18, 12, tzinfo=UTC)
ANNA = "anna@example.org"
TALK = {
    "id": "AAMkTalk=",
    "iCalUId": "040000008200E000",
    "type": "singleInstance",
    "subject": "Talk",
    "start": time("2026-11-20T18:00"),
    "end": time("2026-11-20T20:00"),
}
PRACTICE = {"id": "AAMkPractice=", "iCalUId": "0400PRACTICE", "subject": "Practice", "showAs": "busy"}


class Client:
    """What calimport sees of the mailbox, fetch after fetch."""

    def __init__(self, web: Web, fake: FakeMicrosoft) -> None:
        self.web, self.fake = web, fake
        hosts = ("graph.microsoft.com", "login.microsoftonline.com")
        self.transport = Loopback({name: web.url(f"/{name}") for name in hosts})
        self.last: Feed | None = None
        self.mirror = b""
        self.now = AS_OF
        self.timezone: str | None = None

    def fetch(self, source: str = ANNA) -> Feed:
        """One more fetch, with what the last one brought."""
        self.web.routes = dict(self.fake.routes())
        validators = self.last.validators if self.last else {}
        request = FetchRequest(source, "graph", self.timezone, WindowRequest(self.now), validators)

        async def run() -> Feed:
            async with Http(Settings(fetch_attempts=1, host_requests_per_second=1e6), self.transport) as http:
                return await sources.fetch("microsoft", request, http)

        self.fake.requests.clear()
        self.last = asyncio.run(run())
        if self.last.content is not None:
            self.mirror = microsoft.merge(self.mirror, self.last.content) if self.last.is_delta else self.last.content
        return self.last

    def parsed(self) -> Parsed:
        zone = self.timezone or "Europe/London"
        context = ParseContext(WindowRequest(self.now).resolve(zone), self.now, zone, "calendar")
        return microsoft.parse(self.mirror, context)

    def rows(self, *names: str) -> list[tuple[Any, ...]]:
        found = sorted(self.parsed().occurrences, key=lambda one: (one["start_at"], one["uid"]))
        return [tuple(one[name] for name in names) for one in found]

    def titles(self) -> list[str]:
        return [title for (title,) in self.rows("summary")]


@pytest.fixture
def fake() -> FakeMicrosoft:
    fake = FakeMicrosoft()
    fake.put(TALK)
    fake.put_series(PRACTICE, "2026-11-12T19:00", "2026-11-19T19:00", "2026-11-26T19:00")
    return fake


def set_connection(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    connection = {"conn_type": "http", "login": "application", "password": "app-s3cret", "extra": {"tenant": TENANT}}
    monkeypatch.setenv("AIRFLOW_CONN_GRAPH", json.dumps({**connection, **more}))
    monkeypatch.setattr(microsoft_credentials, "_known", {})


@pytest.fixture
def client(fake: FakeMicrosoft, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    set_connection(monkeypatch)
    with serve() as web:
        yield Client(web, fake)


# Rounds


@pytest.mark.parametrize("page_size", [1, 2, 200])
def test_a_window_then_what_changed_in_it(client, fake, page_size):
    fake.page_size = page_size
    first = client.fetch()
    assert (client.titles(), first.timezone) == (["Practice", "Practice", "Talk"], "Europe/London")
    fake.put({**TALK, "start": time("2026-11-21T18:00"), "end": time("2026-11-21T20:00")})
    fake.put({**TALK, "id": "AAMkTea=", "iCalUId": "tea", "subject": "Tea"})
    fake.remove("AAMkPractice=.2026-11-12T19:00")
    second = client.fetch()
    third = client.fetch()

    assert (first.is_delta, second.is_delta, third.content) == (False, True, None)
    assert client.rows("summary", "start_at") == [
        ("Practice", datetime(2026, 11, 19, 19, tzinfo=UTC)),
        ("Tea", datetime(2026, 11, 20, 18, tzinfo=UTC)),
        ("Talk", datetime(2026, 11, 21, 18, tzinfo=UTC)),
    ]
    assert dict(fake.requests) == {"delta": 1}


def test_ten_thousand_events_and_three_changes_cost_one_request(client, fake):
    for number in range(10_000):
        fake.events[f"e{number}"] = {**TALK, "id": f"e{number}", "iCalUId": f"u{number}"}
    client.fetch()
    for number in range(3):
        fake.put({**TALK, "id": f"e{number}", "iCalUId": f"u{number}", "subject": "Changed"})
    delta = client.fetch()

    assert (delta.requests, len(json.loads(delta.content)["events"])) == (1, 3)
    assert client.titles().count("Changed") == 3


def test_the_link_belongs_to_its_window_so_a_new_day_begins_with_everything(client, fake):
    client.fetch()
    client.now += timedelta(hours=6)
    same_day = client.fetch()
    client.now += timedelta(hours=12)
    next_day = client.fetch()

    assert (same_day.content, next_day.is_delta, next_day.window) == (
        None,
        False,
        WindowRequest(client.now).resolve("Europe/London"),
    )


def test_another_zone_or_calendar_begins_with_everything(client, fake):
    client.fetch()
    client.timezone = "Etc/UTC"
    assert client.fetch().is_delta is False
    fake.calendar_id = "AAMkOther="
    assert client.fetch(f"{ANNA}/calendars/AAMkOther=").is_delta is False
    assert client.fetch(f"https://graph.microsoft.com/v1.0/users/{ANNA}/calendars/AAMkOther%3D").content is None


@pytest.mark.parametrize("code", ["SyncStateNotFound", "resyncRequired"])
def test_a_link_that_graph_has_forgotten_starts_anew_in_the_same_fetch(client, fake, code):
    client.fetch()
    fake.remove("AAMkTalk=")
    fake.failures[("delta", 1)] = error(410, code)
    again = client.fetch()

    assert (again.is_delta, client.titles()) == (False, ["Practice", "Practice"])


def test_a_series_that_a_listing_does_not_show_is_asked_for(client, fake):
    fake.lists_series = False
    client.fetch()

    assert (fake.requests["event"], client.titles()) == (1, ["Practice", "Practice", "Talk"])


def test_a_series_that_nobody_has_any_more_keeps_its_rows(client, fake):
    fake.lists_series = False
    fake.failures[("event", 1)] = error(404, "ErrorItemNotFound")
    client.fetch()

    assert client.titles() == ["Talk"]
    assert {(one.subject, one.keeps_uid) for one in client.parsed().notices} == {("AAMkPractice=", True)}


def test_with_a_series_go_its_occurrences(client, fake):
    client.fetch()
    fake.remove("AAMkPractice=")
    client.fetch()

    assert client.titles() == ["Talk"]


def test_an_occurrence_that_was_deleted_is_gone_although_no_round_says_so(client, fake):
    client.fetch()
    fake.remove("AAMkPractice=.2026-11-12T19:00")
    delta = client.fetch()

    assert (json.loads(delta.content)["removed"], dict(fake.requests)) == ([], {"delta": 1, "instances": 1})
    assert client.rows("summary", "recurrence_id") == [("Practice", "2026-11-19T19:00:00Z"), ("Talk", None)]


def test_a_series_that_is_named_as_removed_and_is_there_stays(client, fake):
    """What changed and begins outside of the window is named as removed too."""
    client.fetch()
    before = client.rows("uid", "recurrence_id", "summary", "start_at", "source_series_id")
    removed = {"id": "AAMkPractice=", "@removed": {"reason": "deleted"}}
    link = "https://graph.microsoft.com/v1.0/next"
    fake.failures[("delta", 1)] = Reply(json.dumps({"value": [removed], "@odata.deltaLink": link}).encode())
    client.fetch()

    assert client.rows("uid", "recurrence_id", "summary", "start_at", "source_series_id") == before
    assert dict(fake.requests) == {"delta": 1, "instances": 1, "event": 1}


def test_what_rounds_add_up_to_is_what_a_whole_listing_shows(client, fake):
    exception = {**PRACTICE, "id": "AAMkPractice=.2026-11-19T19:00", "seriesMasterId": "AAMkPractice="}
    moved = {"start": time("2026-11-20T19:00"), "end": time("2026-11-20T20:00"), "type": "exception"}
    steps = [
        lambda: fake.put({**exception, **moved, "originalStart": "2026-11-19T19:00:00Z", "subject": "Moved"}),
        lambda: fake.put_series({**TALK, "id": "AAMkRun=", "iCalUId": "run"}, "2026-11-17T07:00", "2026-11-18T07:00"),
        lambda: fake.remove("AAMkRun=.2026-11-17T07:00"),
        lambda: fake.put({**fake.events["AAMkPractice="], "subject": "Rehearsal"}),
        lambda: fake.remove("AAMkPractice=.2026-11-12T19:00"),
        lambda: fake.put({**TALK, "start": time("2027-01-01T10:00"), "end": time("2027-01-01T11:00")}),
        lambda: fake.remove("AAMkRun="),
        lambda: fake.put({**TALK, "type": "seriesMaster"}),
        lambda: fake.put({**TALK, "subject": "Single again"}),
    ]
    client.fetch()
    for number, step in enumerate(steps):
        step()
        delta = client.fetch()
        whole = Client(client.web, fake)
        whole.fetch()
        by_start = [sorted(one.parsed().occurrences, key=str) for one in (client, whole)]
        assert (number, by_start[0]) == (number, by_start[1])
        assert delta.is_delta


def test_occurrences_that_cannot_be_asked_for_leave_the_round_incomplete(client, fake):
    client.fetch()
    fake.remove("AAMkPractice=.2026-11-12T19:00")
    fake.failures[("instances", 1)] = Reply(status=500)

    with pytest.raises(errors.FeedIncomplete):
        client.fetch()


def test_a_changed_title_of_a_series_is_that_of_its_occurrences(client, fake):
    client.fetch()
    fake.put({**fake.events["AAMkPractice="], "subject": "Rehearsal"})
    client.fetch()

    assert client.titles() == ["Rehearsal", "Rehearsal", "Talk"]


# Complete or nothing


@pytest.mark.parametrize(
    ("place", "reply", "class_"),
    [
        (("delta", 2), Reply(status=500), errors.FeedIncomplete),
        (("delta", 2), Reply(b"{", status=200), errors.FeedIncomplete),
        (("delta", 2), Reply(b'{"value": []}'), errors.FeedIncomplete),
        (("delta", 1), Reply(b'{"value": {}, "@odata.deltaLink": "x"}'), errors.FeedIncomplete),
        (("delta", 1), Reply(b'{"value": [{}], "@odata.deltaLink": "x"}'), errors.FeedIncomplete),
        (("delta", 1), Reply(b'{"value": [], "@odata.nextLink": "https://else.example/"}'), errors.FeedHostUnexpected),
        (("delta", 1), error(429, "ApplicationThrottled", **{"Retry-After": "60"}), errors.QuotaExceeded),
        (("delta", 1), error(503, "serviceNotAvailable"), errors.FeedServerError),
        (("delta", 1), error(403, "ErrorAccessDenied"), errors.CredentialsForbidden),
        (("calendar", 1), error(404, "ErrorItemNotFound"), errors.FeedNotFound),
        (("calendar", 1), error(404, "MailboxNotEnabledForRESTAPI"), errors.FeedNotFound),
        (("zone", 1), Reply(status=500), errors.FeedServerError),
        (("token", 1), refusal("invalid_client", 7000222, 401), errors.CredentialsInvalid),
        (("token", 1), refusal("invalid_grant", 50173, 400), errors.SignInRevoked),
        (("token", 1), refusal("invalid_grant", 700082, 400), errors.SignInExpired),
        (("token", 1), refusal("invalid_grant", 70000, 400), errors.CredentialsInvalid),
        (("token", 1), Reply(b'{"error": "invalid_grant", "error_codes": "x"}', status=400), errors.CredentialsInvalid),
        (("token", 1), refusal("unauthorized_client", 700016, 400), errors.CredentialsForbidden),
        (("token", 1), refusal("consent_required", 65001, 400), errors.CredentialsForbidden),
        (("token", 1), refusal("temporarily_unavailable", 90033, 400), errors.FeedServerError),
        (("token", 1), Reply(b"<html>", status=400), errors.CredentialsInvalid),
        (("token", 1), Reply(b"{}"), errors.FeedUnparsable),
        (("token", 1), Reply(status=500), errors.FeedServerError),
    ],
)  # fmt: skip
def test_each_failure_has_its_error_and_shows_no_secret(client, fake, place, reply, class_):
    fake.page_size = 1
    fake.failures[place] = reply

    with pytest.raises(errors.CalimportError) as raised:
        client.fetch()

    shown = f"{raised.value} {raised.value.detail}"
    assert type(raised.value) is class_
    assert not any(one in shown for one in ("s3cret", "anna@", "AADSTS", "~"))


def test_a_series_that_cannot_be_asked_for_leaves_the_fetch_incomplete(client, fake):
    fake.lists_series = False
    fake.failures[("event", 1)] = Reply(status=500)

    with pytest.raises(errors.FeedIncomplete):
        client.fetch()


# Signing in


def test_a_token_is_used_again_and_a_refused_one_is_replaced(client, fake):
    client.fetch()
    client.fetch()
    assert len(fake.forms) == 1
    fake.tokens.clear()

    client.fetch()

    assert len(fake.forms) == 2
    assert fake.forms[0] == {
        "client_id": "application",
        "client_secret": "app-s3cret",
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
    }


def test_a_person_signs_in_with_a_refresh_token(client, fake, monkeypatch):
    set_connection(monkeypatch, extra={"tenant": TENANT, "refresh_token": "0.refresh-s3cret"})
    fake.mailbox = "/me"
    client.fetch("me")

    assert fake.forms[0]["grant_type"] == "refresh_token"
    assert client.titles() == ["Practice", "Practice", "Talk"]


def test_the_refresh_token_of_the_connection_is_used_however_many_newer_ones_came(client, fake, monkeypatch):
    """Microsoft does not revoke it for that; one that has run out is told apart."""
    set_connection(monkeypatch, extra={"tenant": TENANT, "refresh_token": "0.refresh-s3cret"})
    fake.mailbox = "/me"
    for _ in range(2):
        client.fetch("me")
        fake.tokens.clear()
    fake.refresh_token = "0.newer-s3cret"

    with pytest.raises(errors.SignInExpired, match="has expired"):
        client.fetch("me")

    assert {form["refresh_token"] for form in fake.forms} == {"0.refresh-s3cret"}


@pytest.mark.parametrize(
    "connection",
    [{"login": ""}, {"extra": {}}, {"password": ""}],
)
def test_a_connection_that_lacks_something_says_so(client, monkeypatch, connection):
    set_connection(monkeypatch, **connection)

    with pytest.raises(errors.CredentialsMissing, match="The connection graph"):
        client.fetch()


@pytest.mark.parametrize("source", ["", "a b", "https://outlook.office.com/calendar/view", "anna@example.org/inbox"])
def test_a_source_that_names_no_mailbox(client, source):
    with pytest.raises(errors.SourceUnsupported, match="mailbox's address"):
        client.fetch(source)


def test_a_zone_that_may_not_be_known_is_none(client, fake):
    fake.timezone = None

    assert client.fetch().timezone is None


def test_a_recording_holds_no_token_and_is_replayed_without_signing_in(client, fake, tmp_path):
    client.web.routes = dict(fake.routes())
    archive = tmp_path / "anna.har"
    settings = Settings(allowed_networks=LOOPBACK, fetch_attempts=1, host_requests_per_second=1e6)
    recorder = Recorder(client.transport, settings)
    request = FetchRequest(ANNA, "graph", None, WindowRequest(AS_OF))

    async def run(transport: Any) -> Feed:
        async with Http(settings, transport) as http:
            return await sources.fetch("microsoft", request, http)

    recorded = asyncio.run(run(recorder))
    recorder.write(archive)
    request = FetchRequest(ANNA, None, None, WindowRequest(AS_OF))

    assert asyncio.run(run(Replay(archive))).content == recorded.content
    assert [one for one in ("s3cret", *fake.tokens) if one in archive.read_text()] == []
