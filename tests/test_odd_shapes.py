"""Sites change their answers without a word: whatever one member becomes, only what depends on it is lost."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from calimport import sources
from calimport.errors import CalimportError
from calimport.fetching import Http
from calimport.settings import Settings
from calimport.sources.base import Feed, FetchRequest
from calimport.windows import WindowRequest
from tests.loopback import Loopback
from tests.site_rows import NOW, fixture, read, reply
from tests.web import serve

ODD: tuple[Any, ...] = (None, 1e300, "x", [None], {"x": 1})

RA = "https://ra.co/promoters/90210", "ra.co/graphql"
SQUARESPACE = "https://hall.squarespace.com/events", "hall.squarespace.com/events"
WIX = "https://www.hall.example/events", "www.hall.example/events"


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in children:
        yield (*here, key)
        yield from paths(one, (*here, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


def wix_page(document: Any) -> bytes:
    script = json.dumps(document).replace("<", "\\u003c")
    return f'<html><body><script type="application/json">{script}</script></body></html>'.encode()


def wix_data() -> Any:
    (found,) = re.findall(r'id="wix-warmup-data">(.*?)</script>', fixture("wix/events.html").decode(), re.DOTALL)
    return json.loads(found)


WIX_EVENTS = "appsWarmupData", "140603ad-af8d-84a5-2c80-a0f60cb47351", "widgetcomp-1", "events", "events"
#: Address, route, answer, and where in it stands the event that has the most members.
CASES = {
    "residentadvisor": (*RA, json.loads(fixture("residentadvisor/promoter.json")), ("data", "promoter", "events", 0)),
    "squarespace": (*SQUARESPACE, json.loads(fixture("squarespace/events.json")), ("upcoming", 0)),
    "wix": (*WIX, wix_data(), (*WIX_EVENTS, 1)),
}
#: Without these an event is none; everything else it can do without.
NEEDED = {"id", "startTime", "startDate", "structuredContent", "scheduling", "config"}


@pytest.mark.parametrize("kind", CASES)
def test_whatever_a_member_becomes_only_what_depends_on_it_is_lost(kind):
    source, route, document, event = CASES[kind]
    host = route.partition("/")[0]
    lost = []

    async def fetch(loopback: Loopback) -> Feed:
        async with Http(Settings(host_requests_per_second=1e6), loopback) as http:
            return await sources.fetch(kind, FetchRequest(source, None, None, WindowRequest(NOW)), http)

    def uids(given: Any) -> set[str]:
        web.routes[f"/{route}"] = reply(wix_page(given) if kind == "wix" else json.dumps(given).encode())
        return set(read(kind, asyncio.run(fetch(Loopback({host: web.url(f"/{host}")})))).frame["uid"])

    with serve() as web:
        _try_all(document, event, uids, lost)
    assert lost == []


def _try_all(document, event, uids, lost):
    whole = uids(document)
    for path in paths(document):
        if path[: len(event)] != event or path == event:
            if path == event or not any(isinstance(key, int) for key in path):  # an error of ours, if any
                with suppress(CalimportError):
                    uids(changed(document, path, None))
            continue
        for value in ODD:
            if uids(changed(document, path, value)) != whole and not NEEDED & set(path):
                lost.append((path, value))
