"""``caldav``: a calendar collection on a CalDAV server (RFC 4791), kept in step by what changed in it.

What the collection offers decides how: a REPORT of the changes since a sync token (RFC 6578); else its ctag and the
ETags of its members; else all events of the window. Each fetch brings the texts of what changed, or of everything.

The feed holds each member's text as the server gave it; a delta also names those that are gone::

    {"collection": {"title": …, "color": …, "timezone": …}, "resources": {path: text}, "removed": [path]}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo

from calimport.errors import FeedIncomplete, FeedTooLarge, FeedUnparsable
from calimport.fetching import Http
from calimport.icalendar_text import MOST_LINES, meaning_hash
from calimport.json_text import canonical
from calimport.sources.base import Feed, FetchRequest, Notice, ParseContext, Parsed, bounded_uid, quoted
from calimport.sources.caldav_changes import DATA, changes, texts
from calimport.sources.caldav_collection import Collection, Dav, find
from calimport.sources.caldav_xml import APPLE, CALDAV, DAV, multistatus, query
from calimport.sources.ics import address, parse_calendars
from calimport.windows import WindowRequest

#: The calendar's own address alone.
HOSTS: Final[tuple[str, ...]] = ()
RETAINS_PAST: Final = True

#: The server places dates and floating times in a zone of its choice; between two zones lie at most 26 hours.
_BETWEEN_ZONES: Final = timedelta(hours=26)
_UID: Final = re.compile(r"^UID(?:;[^:\r\n]*)?:[ \t]*(\S[^\r\n]*)", re.I | re.M)


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """The texts of all members, or of those that changed since ``request.validators``.

    :raises CalimportError: the collection cannot be read, or not as a whole.
    """
    url, auth = address(request)
    url = http.own(url)
    dav = Dav(http, url, auth)
    collection = await find(dav, url)
    about = _about(collection, request)
    known = request.validators if request.validators.get("parameters") == collection.url else {}
    found = await changes(dav, collection, known)
    if found is None:
        return await _in_window(dav, collection, about, request)
    signature = sha256(canonical(about)).hexdigest()
    is_same = found.is_delta and not found.changed and not found.removed
    resources, gone = await texts(dav, collection, found.changed)
    validators = found.validators | {"parameters": collection.url, "collection": signature}
    if found.etags is not None:
        etags = {path: etag for path, etag in found.etags.items() if path not in gone}
        validators["etags"] = canonical(etags).decode("utf-8", "surrogatepass")
    if is_same and known.get("collection") == signature:
        return Feed(None, None, timezone=about["timezone"], validators=validators)
    document: dict[str, Any] = {"collection": about, "resources": resources}
    if found.is_delta:
        document["removed"] = sorted({*found.removed, *gone})
    return Feed(
        content=canonical(document),
        meaning_hash=_meaning_hash(document),
        timezone=about["timezone"],
        validators=validators,
        is_delta=found.is_delta,
    )


def merge(base: bytes, delta: bytes) -> bytes:
    """The feed that ``base`` becomes by what ``delta`` brought.

    :raises FeedUnparsable: they are not feeds of ``fetch``.
    """
    old, new = _document(base), _document(delta)
    removed = set(new.get("removed", ()))
    kept = {path: text for path, text in old["resources"].items() if path not in removed}
    return canonical({"collection": new["collection"], "resources": kept | new["resources"]})


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. A member that cannot be read becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    :raises FeedTooLarge: there are too many lines.
    """
    # A task that only fetches needs none of these.
    from calimport.rfc5545.content_lines import Component, read
    from calimport.sources.ics_reading import damage

    document = _document(feed)
    if sum(text.count("\n") for text in document["resources"].values()) > MOST_LINES:
        raise FeedTooLarge(detail=f"over {MOST_LINES} lines")
    calendars: list[Component] = []
    notices: list[Notice] = []
    for path, text in sorted(document["resources"].items()):
        uid = _uid(text)
        if not _is_whole(text):
            notices.append(_unreadable(uid, path))
            continue
        found = read(text)
        # A member holds one event (RFC 4791, 4.1), so what is damaged is of that event.
        notices += [replace(one, subject=uid) for one in damage(found)]
        calendars += found
    about = document["collection"]
    parsed = parse_calendars(calendars, context, notices, color=about.get("color"))
    return replace(parsed, title=about.get("title"), published_from=None, uids=frozenset())


async def _in_window(dav: Dav, collection: Collection, about: dict[str, Any], request: FetchRequest) -> Feed:
    """All events with a part in the window: what there is to ask a server that cannot tell what changed."""
    window = request.window.resolve(request.timezone or about["timezone"] or "UTC")
    body = query(window.start - _BETWEEN_ZONES, window.end + _BETWEEN_ZONES)
    answer = multistatus(await dav.report(collection.url, body, depth=1))
    resources = {}
    for one in answer.members:
        if one.status not in (None, 200) or (data := one.properties.get(DATA)) is None:
            raise FeedIncomplete(detail=f"a member was not given: status {one.status}")
        resources[one.path] = data.text or ""
    document = {"collection": about, "resources": resources}
    return Feed(canonical(document), _meaning_hash(document), timezone=about["timezone"], window=window)


def _about(collection: Collection, request: FetchRequest) -> dict[str, str | None]:
    """What the collection says of itself; its zone as an IANA name."""
    given = collection.properties
    color = given.text(f"{APPLE}calendar-color")
    return {
        "title": given.text(f"{DAV}displayname"),
        "color": color[:7] if color and color.startswith("#") else color,  # Apple adds two digits of opacity
        "timezone": _zone(given.text(f"{CALDAV}calendar-timezone"), request.window),
    }


def _zone(definition: str | None, window: WindowRequest) -> str | None:
    """The zone that a collection defines for itself (RFC 4791, 5.2.2), where it has a name of IANA's."""
    if definition is None:
        return None
    from calimport.rfc5545.content_lines import read
    from calimport.zones import Zones

    defined = [one for calendar in read(definition) for one in calendar.walk("VTIMEZONE")]
    tzid = next((given.value for one in defined if (given := one.first("TZID")) is not None), "")
    zone = Zones(defined, ZoneInfo("UTC"), "default", window.resolve("UTC")).of(tzid)
    return zone.name if zone.evidence in ("event", "vtimezone") else None


def _document(feed: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(feed)
        if isinstance(document["resources"], dict) and isinstance(document["collection"], dict):
            return document
    except (ValueError, KeyError, TypeError):
        pass
    raise FeedUnparsable(detail="not a stored feed of a CalDAV collection")


def _meaning_hash(document: Mapping[str, Any]) -> bytes:
    """Without what a server may rewrite at each request (DTSTAMP)."""
    resources = document["resources"].items()
    meanings = {path: meaning_hash(text.encode("utf-8", "surrogatepass")).hex() for path, text in resources}
    return sha256(canonical({**document, "resources": meanings})).digest()


def _is_whole(text: str) -> bool:
    words = text.strip().upper()
    return words.startswith("BEGIN:VCALENDAR") and words.endswith("END:VCALENDAR")


def _uid(text: str) -> str:
    """The UID of a member's event, as it is to be found in any text; empty where there is none."""
    found = _UID.search(re.sub(r"\r?\n[ \t]", "", text))
    return bounded_uid(found[1].strip()) if found else ""


def _unreadable(uid: str, path: str) -> Notice:
    name = uid or path.rsplit("/", 1)[-1]
    message = f"The event {quoted(name)} could not be understood and was left as it was: it is no whole calendar entry"
    return Notice("event_unreadable", message, subject=uid, keeps_uid=True)
