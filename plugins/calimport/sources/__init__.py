"""The kinds of source, one module each. Which of them reads an address: :mod:`calimport.sources.detecting`.

A source module has these names, and nothing else calls the outside world or knows the provider's format::

    HOSTS: Final = ("api.example.com",)          # the provider's hosts; the calendar's own host need not be named
    RETAINS_PAST: Final[bool | None] = False     # whether a fetch brings past events too; None: the feed itself shows
    async def fetch(request: FetchRequest, http: Http) -> Feed
    def parse(feed: bytes, context: ParseContext) -> Parsed

a source that can ask for changes alone, and so returns feeds that are deltas,::

    def merge(base: bytes, delta: bytes) -> bytes    # both whole documents; what the delta says is deleted, goes

and, where the provider documents limits, ``HOST_RATE`` and ``CREDENTIAL_RATE`` (:class:`calimport.budgets.Rate`).
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from calimport.errors import SourceUnsupported

if TYPE_CHECKING:
    from calimport.fetching import Http
    from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed

    class Source(Protocol):
        """What :func:`load` returns: a module with these names."""

        HOSTS: tuple[str, ...]
        RETAINS_PAST: bool | None

        async def fetch(self, request: FetchRequest, http: Http) -> Feed: ...
        def parse(self, feed: bytes, context: ParseContext) -> Parsed: ...


#: The registry: one line a source.
MODULES: Final[dict[str, str]] = {
    "ics": "calimport.sources.ics",
    "google": "calimport.sources.google",
    "caldav": "calimport.sources.caldav",
    "microsoft": "calimport.sources.microsoft",
    "eventbrite": "calimport.sources.eventbrite",
    "meetup": "calimport.sources.meetup",
    "outsavvy": "calimport.sources.outsavvy",
    "residentadvisor": "calimport.sources.residentadvisor",
    "squarespace": "calimport.sources.squarespace",
    "wix": "calimport.sources.wix",
    "ticketsolve": "calimport.sources.ticketsolve",
    "ticketsource": "calimport.sources.ticketsource",
    "tickettailor": "calimport.sources.tickettailor",
    "manchester-uni": "calimport.sources.manchester_uni",
    "ld-json": "calimport.sources.ld_json",
}


def load(kind: str) -> Source:
    """The module of a kind.

    :raises SourceUnsupported: there is no such kind.
    """
    try:
        return importlib.import_module(MODULES[kind])
    except KeyError:
        raise SourceUnsupported(f"There is no kind of source named {kind!r}; known: {', '.join(MODULES)}.") from None


async def fetch(kind: str, request: FetchRequest, http: Http) -> Feed:
    """One complete fetch of one calendar, and what it cost. The source calls no host but its own and the calendar's.

    :param http: made for this fetch alone.
    :raises CalimportError: the calendar cannot be fetched, or not as a whole.
    """
    module = load(kind)
    http.restrict(
        module.HOSTS,
        host_rate=getattr(module, "HOST_RATE", None),
        credential_rate=getattr(module, "CREDENTIAL_RATE", None),
    )
    if request.source is not None and "://" in request.source:
        http.own(request.source)
    feed = await module.fetch(request, http)
    return replace(feed, requests=http.requests, bytes_received=http.bytes_received)


def makes_deltas(kind: str) -> bool:
    """Whether feeds of this kind may be only what changed."""
    return hasattr(load(kind), "merge")


def merge(kind: str, base: bytes, delta: bytes) -> bytes:
    """The complete feed that ``base`` is once ``delta`` has been applied: what ``parse`` takes.

    :raises FeedUnparsable: one of them is not what this source's ``fetch`` makes.
    """
    merged: bytes = load(kind).merge(base, delta)  # type: ignore[attr-defined]  # of the sources that make deltas
    return merged
