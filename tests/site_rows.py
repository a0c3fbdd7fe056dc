"""What an import has of a site's answers: fetched from the loopback interface, normalized, as literal rows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calimport import sources
from calimport.fetching import Http
from calimport.normalizing import Meaning, Normalized, normalize
from calimport.settings import Settings
from calimport.sources.base import Feed, FetchRequest, ParseContext
from calimport.windows import Window, WindowRequest
from tests.loopback import Loopback
from tests.web import Reply, serve

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
FIXTURES = Path(__file__).parent / "fixtures" / "sources"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def fetched(
    kind: str, source: str, answers: Mapping[str, Any], connection_id: str | None = None
) -> tuple[Feed, Loopback]:
    """A fetch from these answers, by ``host/path``, and what it asked for."""
    with serve() as web:
        web.routes = {f"/{key}": answer for key, answer in answers.items()}
        loopback = Loopback({key.partition("/")[0]: web.url(f"/{key.partition('/')[0]}") for key in answers})
        request = FetchRequest(source, connection_id, timezone=None, window=WindowRequest(NOW))

        async def run() -> Feed:
            async with Http(Settings(fetch_attempts=1, read_timeout=2, host_requests_per_second=1e6), loopback) as http:
                return await sources.fetch(kind, request, http)

        return asyncio.run(run()), loopback


def asked(loopback: Loopback) -> list[tuple[str, str]]:
    """Method and address of each request, in order."""
    return [(one.method, str(one.url)) for one in loopback.asked]


def read(kind: str, feed: Feed, *, timezone: str | None = None) -> Normalized:
    """The occurrences of 2026, with the configured or else the feed's own zone."""
    assert feed.content is not None
    zone = timezone or feed.timezone
    context = ParseContext(YEAR, NOW, zone or "UTC", "calendar" if zone else "default")
    return normalize(feed.content, kind=kind, context=context, meaning=Meaning())


def rows(found: Normalized, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of each occurrence, in the order of their starts; instants as ``MM-DD HH:MM`` in UTC."""
    table = found.frame
    return [
        tuple(_shown(value) for value in line) for line in zip(*(table[one].tolist() for one in columns), strict=True)
    ]


def notices(found: Normalized) -> list[tuple[str, str, str]]:
    return [(one.code, one.subject, one.message) for one in found.notices]


def reply(body: bytes | str, status: int = 200, **headers: str) -> Reply:
    content = body.encode() if isinstance(body, str) else body
    return Reply(content, status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%m-%d %H:%M")
    return None if isinstance(value, float) else value
