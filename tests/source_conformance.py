"""What every source keeps, as tests: a source's test file joins by a class of some twenty lines.

::

    class TestConformance(SourceConformance):
        kind = "example"
        source = "https://www.example.com/o/hall-17"
        connection = {"conn_type": "http", "password": "s3cret-key"}
        secrets = ("s3cret-key",)
        hosts = ("api.example.com",)

        def answers(self, samples):
            first, last = samples[:1], samples[1:]
            return {
                "api.example.com/events": lambda asked: page(last) if "page=2" in asked.path else page(first, more=True)
            }

All requests are real ones, to a server on the loopback interface: see :mod:`tests.loopback`.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
import pytest

from calimport import errors, sources
from calimport.fetching import Http
from calimport.normalizing import Meaning, Normalized, normalize
from calimport.settings import Settings
from calimport.sources.base import Feed, FetchRequest, ParseContext
from calimport.windows import Window, WindowRequest
from tests.conformance_data import (
    BARE,
    GOOD,
    NOT_A_FEED,
    STATUSES,
    UNICODE,
    UNUSABLE,
    Sample,
    sample,
    with_unknown,
)
from tests.loopback import LOOPBACK, Asking, Loopback, asking
from tests.web import Asked, Reply, Web, serve

AS_OF = datetime(2026, 11, 18, 12, tzinfo=UTC)
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
ELSEWHERE = "elsewhere.example"
#: The connection that the tests' calendar is configured with, where the source needs one.
CONNECTION_ID = "conformance"


Answers = Mapping[str, Reply | Callable[[Asked], Reply]]


class SourceConformance:
    """Joined by each source's tests."""

    kind: ClassVar[str]
    #: The calendar's address or id; None where the connection holds it.
    source: ClassVar[str | None]
    #: The Airflow connection that a calendar of this kind needs.
    connection: ClassVar[dict[str, Any] | None] = None
    #: Texts that nobody may read in an error, a notice, a log line or the stored feed.
    secrets: ClassVar[tuple[str, ...]] = ()
    #: All hosts that may be asked.
    hosts: ClassVar[tuple[str, ...]]
    #: The number, from 1, of the request that the calendar's listing begins with.
    listing: ClassVar[int] = 1

    def answers(self, samples: Sequence[Sample]) -> Answers:
        """What the provider answers when a calendar holds these events, by ``host/path``; several pages, if any."""
        raise NotImplementedError

    def is_supplementary(self, request: httpx.Request) -> bool:
        """Whether the import does without the answer to this request."""
        return False

    # What the tests work with

    @pytest.fixture(autouse=True)
    def _connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if self.connection is not None:
            monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION_ID.upper()}", json.dumps(self.connection))

    @pytest.fixture(autouse=True)
    def _web(self) -> Iterator[None]:
        with serve() as running:
            self.web: Web = running
            yield

    @pytest.fixture(autouse=True)
    def _quiet_log(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        """Whatever a test does, no secret stands in its log."""
        caplog.set_level("DEBUG")
        yield
        logged = "\n".join(record.getMessage() for record in caplog.get_records("call"))
        assert [secret for secret in self.secrets if secret in logged] == []

    def fetch(
        self, answers: Answers, *, instead: Mapping[Asking, list[Reply | str]] | None = None, **settings: Any
    ) -> tuple[Feed, Loopback]:
        """A real fetch from these answers.

        :param instead: what answers a request in the provider's place: a reply, an address, or the provider ("").
        """
        names = {key.partition("/")[0] for key in answers} | {ELSEWHERE}
        self.loopback = Loopback({name: self.web.url(f"/{name}") for name in names})
        self.web.routes = {f"/{key}": route for key, route in answers.items()}
        for key, replacements in (instead or {}).items():
            self.loopback.instead[key] = [self._address(one) for one in replacements]
        request = FetchRequest(
            self.source,
            CONNECTION_ID if self.connection is not None else None,
            timezone=None,
            window=WindowRequest(AS_OF, start=WINDOW.start, end=WINDOW.end),
        )
        given = {
            "allowed_networks": LOOPBACK,
            "fetch_attempts": 1,
            "read_timeout": 0.5,
            "host_requests_per_second": 1e6,
            **settings,
        }

        async def run() -> Feed:
            async with Http(Settings(**given), self.loopback) as http:
                return await sources.fetch(self.kind, request, http)

        return asyncio.run(run()), self.loopback

    def failing(self, instead: Mapping[Asking, list[Reply | str]], **settings: Any) -> errors.CalimportError:
        """The error of a fetch in which something goes wrong. It shows no secret, nor do its causes."""
        with pytest.raises(errors.CalimportError) as raised:
            self.fetch(self.answers(GOOD), instead=instead, **settings)
        error: BaseException | None = raised.value
        while error is not None:
            shown = f"{error} {error!r} {getattr(error, 'detail', '')}"
            assert [secret for secret in self.secrets if secret in shown] == []
            error = error.__cause__ or error.__context__
        return raised.value

    def requests(self, samples: Sequence[Sample] = GOOD) -> list[httpx.Request]:
        """What a fetch asks for where nothing goes wrong."""
        return self.fetch(self.answers(samples))[1].asked

    def normalized(self, feed: Feed) -> Normalized:
        """The feed's occurrences, as an import has them; the feed as the database has kept it."""
        assert feed.content is not None
        zone = feed.timezone or "UTC"
        context = ParseContext(WINDOW, AS_OF, timezone=zone, timezone_source="calendar" if feed.timezone else "default")
        stored = zlib.decompress(zlib.compress(feed.content))
        found = normalize(stored, kind=self.kind, context=context, meaning=Meaning())
        shown = " ".join(f"{notice!r}" for notice in found.notices)
        assert [one for one in self.secrets if one in shown or one.encode() in feed.content] == []
        return found

    def titles(self, answers: Answers) -> list[str]:
        found = self.normalized(self.fetch(answers)[0])
        assert [notice.message for notice in found.notices] == []
        return sorted(found.frame["summary"])

    def _address(self, given: Reply | str) -> str:
        if isinstance(given, str):
            return given
        path = f"/instead/{len(self.web.routes)}"
        self.web.routes[path] = given
        return self.web.url(path)

    # Complete

    def test_all_events_with_their_times(self) -> None:
        frame = self.normalized(self.fetch(self.answers(GOOD))[0]).frame.sort_values("start_at")

        assert list(zip(frame["summary"], frame["start_at"], frame["all_day"], strict=True)) == [
            (one.title, one.start, False) for one in GOOD
        ]

    def test_the_same_answers_are_the_same_feed_and_the_same_rows(self) -> None:
        first, second = (self.fetch(self.answers(GOOD))[0] for _ in range(2))
        hashes = [sorted(self.normalized(one).frame["content_hash"]) for one in (first, first, second)]

        assert (first.content, first.meaning_hash) == (second.content, second.meaning_hash)
        assert hashes[0] == hashes[1] == hashes[2]

    def test_another_event_is_another_meaning(self) -> None:
        first, second = (self.fetch(self.answers(samples))[0] for samples in (GOOD, [*GOOD[:2], sample(2, "Moved")]))

        assert first.meaning_hash != second.meaning_hash

    def test_what_a_fetch_cost_is_counted(self) -> None:
        feed, loopback = self.fetch(self.answers(GOOD))

        assert feed.requests == len(loopback.asked) > 0
        assert feed.bytes_received > 0

    def test_a_calendar_without_events_is_empty_and_no_error(self) -> None:
        assert self.titles(self.answers([])) == []

    def test_missing_optional_fields_are_no_error(self) -> None:
        assert self.titles(self.answers(BARE)) == [one.title for one in BARE]

    def test_every_script_arrives_as_it_is(self) -> None:
        assert self.titles(self.answers(UNICODE)) == sorted(one.title for one in UNICODE)

    def test_unknown_fields_are_ignored(self) -> None:
        answers = {key: with_unknown(route) for key, route in self.answers(GOOD).items()}

        assert self.titles(answers) == [one.title for one in GOOD]

    # … or nothing

    @pytest.mark.parametrize("how", ["500", "404", "ends early", "half"])
    def test_each_request_that_fails_fails_the_fetch(self, how: str) -> None:
        for request in self.requests():
            if self.is_supplementary(request):
                continue
            reply = {
                "500": Reply(status=500),
                "404": Reply(status=404),
                "ends early": Reply(b"x" * 1000, cut_after=100),
                "half": self._half(request),
            }[how]
            error = self.failing({asking(request): [reply]})

            assert str(error) == error.args[0]

    def test_a_request_that_fails_in_passing_is_sent_again(self) -> None:
        feed = self.fetch(self.answers(GOOD))[0]
        for request in self.requests():
            passing: dict[Asking, list[Reply | str]] = {asking(request): [Reply(status=503), ""]}
            again = self.fetch(self.answers(GOOD), instead=passing, fetch_attempts=2, retry_delay=0.001)[0]

            assert (again.content, again.requests) == (feed.content, feed.requests + 1)

    @pytest.mark.parametrize("status", STATUSES)
    def test_each_status_has_its_error(self, status: int) -> None:
        assert type(self.failing({self._listing(): [Reply(b"{}", status=status)]})) in STATUSES[status]

    @pytest.mark.parametrize("asked", [7, 86_400])
    def test_the_wait_that_the_provider_asks_for_is_passed_on(self, asked: int) -> None:
        reply = Reply(status=429, headers={"Retry-After": str(asked)})

        assert self.failing({self._listing(): [reply]}).retry_after == asked

    def test_no_answer_in_time(self) -> None:
        assert type(self.failing({self._listing(): [Reply(hangs=True)]}, read_timeout=0.1)) is errors.FeedTimeout

    def test_a_connection_that_is_refused(self) -> None:
        refused: list[Reply | str] = ["http://127.0.0.1:1/"]

        assert type(self.failing({self._listing(): refused})) is errors.FeedConnectionFailed

    @pytest.mark.parametrize("body", NOT_A_FEED)
    def test_an_answer_that_is_no_feed_is_no_empty_feed(self, body: str) -> None:
        assert isinstance(self.failing({self._listing(): [Reply(NOT_A_FEED[body])]}), UNUSABLE)

    # Nowhere else

    def test_it_asks_its_own_hosts_alone(self) -> None:
        asked = {request.url.host for request in self.requests()}

        assert asked | set(sources.load(self.kind).HOSTS) <= set(self.hosts)

    def test_no_secret_follows_a_redirect_to_another_host(self) -> None:
        for request in self.requests():
            moved = Reply(status=302, headers={"Location": f"https://{ELSEWHERE}/"})
            with suppress(errors.CalimportError):  # what they show is looked at above
                self.fetch(self.answers(GOOD), instead={asking(request): [moved]})
            there = [one for one in self.loopback.asked if one.url.host == ELSEWHERE]
            sent = " ".join(f"{one.url} {one.headers.raw!r} {one.content!r}" for one in there)
            assert "authorization" not in sent.lower()
            assert [secret for secret in self.secrets if secret in sent] == []
            if request.url.host in sources.load(self.kind).HOSTS:
                assert there == []

    def _listing(self) -> Asking:
        return asking(self.requests()[self.listing - 1])

    def _half(self, request: httpx.Request) -> Reply:
        """The first half of the answer, sent as if it were all of it."""
        route = self.answers(GOOD)[f"{request.url.host}{request.url.raw_path.decode().partition('?')[0]}"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.url.raw_path.decode(), headers, request.content)
        reply = route if isinstance(route, Reply) else route(asked)
        return Reply(reply.body[: len(reply.body) // 2], headers=reply.headers)
