"""``microsoft``: a calendar of Microsoft 365 or Outlook.com, read through Microsoft Graph.

``calendarView/delta`` lists what a window holds, series expanded, and gives a link that later lists what changed. The
link belongs to its window, and the window of a run moves on at midnight: so the first fetch of a day lists everything,
and each later one, mostly in one request, what changed.

An occurrence of a series comes with hardly more than its times; the rest is its series', which is listed beside it or
else asked for. That an occurrence was deleted no round says: so of each series that one touches, all occurrences are
asked for. The feed is the answers in canonical JSON; a delta also names what is gone, and the series it has whole::

    {"calendar": {...}, "events": [{...}, ...], "removed": [id, ...], "series": [id, ...]}

https://learn.microsoft.com/graph/api/event-delta
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from calimport import logs
from calimport.budgets import Rate
from calimport.errors import CalimportError, CredentialsForbidden, FeedNotFound, FeedUnparsable, SourceUnsupported
from calimport.fetching import Http
from calimport.json_text import canonical
from calimport.sources import microsoft_credentials
from calimport.sources.base import Feed, FetchRequest
from calimport.sources.loose import text
from calimport.sources.microsoft_events import parse
from calimport.sources.microsoft_graph import HOST, ROOT, Graph, ResyncRequired
from calimport.sources.microsoft_rounds import one_round, with_masters, with_whole_series
from calimport.windows import Window
from calimport.zones import iana_name

__all__ = ["fetch", "merge", "parse"]

log = logs.logger(__name__)

HOSTS: Final = (HOST, microsoft_credentials.HOST)
RETAINS_PAST: Final = True
#: 10,000 requests in ten minutes of one application to one mailbox, less a tenth.
#: https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
CREDENTIAL_RATE: Final = Rate(15, 50)

_CALENDAR_FIELDS: Final = ("id", "name", "hexColor")
#: Another one at each request, or on changes that are no concern of ours.
_VOLATILE: Final = frozenset({"@odata.etag", "changeKey", "lastModifiedDateTime"})
#: Graph places dates in a zone of its choice; between two zones lie at most 26 hours.
_BETWEEN_ZONES: Final = timedelta(hours=26)
_SOURCE: Final = re.compile(
    r"(?:users/)?([^/\s?#]+)(?:/calendar|/calendars/([^/\s?#]+))?(?:/(?:events|calendarView))?/?"
)


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """What the window holds, or what changed in it since ``request.validators``.

    :raises CalimportError: the calendar cannot be read, or not as a whole.
    """
    user, calendar = paths(request.source)
    graph = Graph(request, http, user)
    known = request.validators
    if link := known.get("delta_link"):
        zone = request.timezone or known.get("timezone") or "UTC"
        window = request.window.resolve(zone)
        if known.get("parameters") == _parameters(calendar, window, request):
            try:
                return await _changes(graph, link, known, window)
            except ResyncRequired:
                log.info("Graph no longer knows the delta link; everything is read anew")
    return await _everything(graph, calendar, request)


def merge(base: bytes, delta: bytes) -> bytes:
    """The feed that ``base`` becomes by what ``delta`` brought. Of a series that it names it brought all occurrences.

    :raises FeedUnparsable: they are not feeds of ``fetch``.
    """
    try:
        old, new = json.loads(base), json.loads(delta)
        removed, replaced = set(new["removed"]), set(new["series"])
        events = {
            item["id"]: item
            for item in old["events"]
            if item["id"] not in removed and item.get("seriesMasterId") not in replaced
        }
        events |= {item["id"]: item for item in new["events"]}
        calendar = old["calendar"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FeedUnparsable(detail="not stored feeds of Microsoft Graph") from None
    return canonical({"calendar": calendar, "events": [events[key] for key in sorted(events)]})


async def _everything(graph: Graph, calendar: str, request: FetchRequest) -> Feed:
    about = await graph.get(ROOT + (calendar if "/calendars/" in calendar else f"{calendar}/calendar"))
    zone = None if request.timezone else await _mailbox_zone(graph)
    window = request.window.resolve(request.timezone or zone or "UTC")
    found = await one_round(graph, f"{ROOT}{calendar}/calendarView/delta?{_around(window)}")
    await with_masters(graph, found, set())
    document = {
        "calendar": {name: about[name] for name in _CALENDAR_FIELDS if name in about},
        "events": found.sorted(),
    }
    return Feed(
        content=canonical(document),
        meaning_hash=_meaning_hash(document),
        timezone=zone,
        validators={
            "delta_link": found.link,
            "parameters": _parameters(calendar, window, request),
            "timezone": zone or "",
            "series": _listed(found.masters()),
        },
        window=window,
    )


async def _changes(graph: Graph, link: str, known: Mapping[str, str], window: Window) -> Feed:
    series = set(json.loads(known.get("series", "[]")))
    found = await one_round(graph, link)
    touched = await with_whole_series(graph, found, series, _around(window))
    await with_masters(graph, found, series)
    zone = known.get("timezone") or None
    validators = {**known, "delta_link": found.link, "series": _listed((series | found.masters()) - found.removed)}
    if not found.events and not found.removed and not touched:
        return Feed(None, None, timezone=zone, validators=validators, window=window)
    document = {"events": found.sorted(), "removed": sorted(found.removed), "series": sorted(touched)}
    return Feed(
        content=canonical(document),
        meaning_hash=_meaning_hash(document),
        timezone=zone,
        validators=validators,
        window=window,
        is_delta=True,
    )


async def _mailbox_zone(graph: Graph) -> str | None:
    """The zone that the mailbox's owner has chosen (IANA), where we may know it: that is a permission of its own."""
    try:
        answer = await graph.get(f"{ROOT}{graph.user}/mailboxSettings/timeZone")
    except (CredentialsForbidden, FeedNotFound):
        return None
    except CalimportError:
        if graph.http.replayed:  # a recording of the listing alone is enough
            return None
        raise
    return iana_name(text(answer.get("value")) or "")


def paths(source: str | None) -> tuple[str, str]:
    """The mailbox's path in Graph, and the calendar's; they are one for the mailbox's default calendar.

    :raises SourceUnsupported: the source names none.
    """
    given = (source or "").strip()
    if "://" in given:
        parts = urlsplit(given)
        given = unquote(re.sub(r"^/(v1\.0|beta)/", "", parts.path)) if parts.hostname == HOST else ""
    found = _SOURCE.fullmatch(given)
    if found is None:
        raise SourceUnsupported(
            "Please give the mailbox's address (anna@example.org), or me for the one who signed in; for another "
            "calendar than its default one with /calendars/ and the calendar's id behind it."
        )
    owner, calendar = found.groups()
    user = "/me" if owner == "me" else f"/users/{quote(owner, safe='@')}"
    return user, f"{user}/calendars/{quote(calendar, safe='')}" if calendar else user


def _around(window: Window) -> str:
    """The window as a query, with a margin for dates."""
    return urlencode(
        {
            "startDateTime": _timestamp(window.start - _BETWEEN_ZONES),
            "endDateTime": _timestamp(window.end + _BETWEEN_ZONES),
        }
    )


def _listed(ids: set[str]) -> str:
    return json.dumps(sorted(ids))


def _parameters(calendar: str, window: Window, request: FetchRequest) -> str:
    """What a link is bound to, and with it the zone that is kept beside it."""
    return f"{calendar} {_timestamp(window.start)} {_timestamp(window.end)} {request.timezone or ''}".rstrip()


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _meaning_hash(document: Mapping[str, Any]) -> bytes:
    events = [{name: value for name, value in item.items() if name not in _VOLATILE} for item in document["events"]]
    return sha256(canonical({**document, "events": events})).digest()
