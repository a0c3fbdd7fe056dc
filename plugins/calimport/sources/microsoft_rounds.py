"""A round of ``calendarView/delta``: page after page, and what it leaves out of series.

What the documentation does not say, and users of Graph report alike: an occurrence that is as its series says carries
only ``id``, ``type``, ``seriesMasterId``, ``start`` and ``end``; after an occurrence was deleted, a round lists its
series' master and the occurrences that are left, and names nothing as removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calimport.completeness import Page, objects, pages, part
from calimport.errors import FeedIncomplete, FeedNotFound
from calimport.sources.loose import text
from calimport.sources.microsoft_graph import Graph


@dataclass
class Round:
    """What one round brought."""

    #: By id.
    events: dict[str, dict[str, Any]]
    #: Ids. What changed outside of the window is named here too, although it never was in it.
    removed: set[str]
    #: The next round's.
    link: str

    def masters(self) -> set[str]:
        return {key for key, item in self.events.items() if item.get("type") == "seriesMaster"}

    def sorted(self) -> list[dict[str, Any]]:
        return [self.events[key] for key in sorted(self.events)]


async def one_round(graph: Graph, link: str) -> Round:
    """All pages from this link on.

    :raises FeedIncomplete: one of them cannot be had, or is none.
    """
    found = Round({}, set(), "")

    async def ask(url: str) -> Page:
        page = await graph.get(url)
        found.link = text(page.get("@odata.deltaLink")) or ""
        return _page(page)

    async for items in pages(ask, link, max_pages=graph.http.settings.max_pages):
        for item in items:
            key = _id(item)
            found.events.pop(key, None)
            found.removed.discard(key)
            if "@removed" in item:
                found.removed.add(key)
            else:
                found.events[key] = _without_tag(item)
    if not found.link:
        raise FeedIncomplete(detail="the last page has no link to the next round")
    return found


async def with_whole_series(graph: Graph, found: Round, known: set[str], window: str) -> set[str]:
    """The series that a round touched, each with all its occurrences put into ``found``.

    :param known: the series whose occurrences the stored feed holds.
    :param window: the query that names the bounds.
    :raises FeedIncomplete: the occurrences of one cannot be had.
    """
    touched = found.masters() | {series for item in found.events.values() if (series := _series(item))}
    touched |= found.removed & known
    for series in sorted(touched):
        for key in [key for key, item in found.events.items() if _series(item) == series]:
            del found.events[key]
        with part("the occurrences of a series"):
            occurrences = await _occurrences(graph, series, window)
            # Named as removed although it is there: it changed, and began before the window.
            if occurrences is not None and series in found.removed and (master := await graph.series(series)):
                found.events[series] = master
        if occurrences is None:
            found.events.pop(series, None)
            found.removed.add(series)
        else:
            found.removed -= {series, *occurrences}
            found.events |= occurrences
    return touched


async def with_masters(graph: Graph, found: Round, known: set[str]) -> None:
    """Put the masters of all occurrences into ``found`` that neither it nor the stored feed holds.

    :raises FeedIncomplete: one of them cannot be had.
    """
    needed = {series for item in found.events.values() if (series := _series(item))}
    for series in sorted(needed - found.events.keys() - (known - found.removed)):
        with part("a series"):
            if (master := await graph.series(series)) is not None:
                found.events[series] = master


async def _occurrences(graph: Graph, series: str, window: str) -> dict[str, dict[str, Any]] | None:
    """All occurrences of a series in the window by id; None where it is gone.

    https://learn.microsoft.com/graph/api/event-list-instances
    """

    async def ask(url: str) -> Page:
        return _page(await graph.get(url))

    found: dict[str, dict[str, Any]] = {}
    try:
        async for items in pages(
            ask, f"{graph.event(series)}/instances?{window}", max_pages=graph.http.settings.max_pages
        ):
            found |= {_id(item): _without_tag(item) | {"seriesMasterId": series} for item in items}
    except FeedNotFound:
        return None
    return found


def _page(page: Mapping[str, Any]) -> Page:
    return Page(objects(page.get("value"), "events"), text(page.get("@odata.nextLink")))


def _id(item: Mapping[str, Any]) -> str:
    key = text(item.get("id"))
    if key is None:
        raise FeedIncomplete(detail="an event of the listing has no id")
    return key


def _series(item: Mapping[str, Any]) -> str | None:
    return text(item.get("seriesMasterId"))


def _without_tag(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if not name.startswith("@odata.")}
