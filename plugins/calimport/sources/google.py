"""``google``: a calendar of Google Calendar, read through the Calendar API v3.

The first fetch is the calendar's own data, then every page of all its events: single ones, recurring ones as such, and
their exceptions. All of it, or an error: a listing that lacks a page would read as deletions. Its last page brings a
sync token, with which the next fetch is one request, for what has changed since.

The feed is the API's answer in canonical JSON, so that it is the same bytes however Google cut it into pages. A delta
has the same form: what there is of the calendar's data is new, and an event takes the place of the one of its id::

    {"calendar": {...}, "colors": {"11": {...}}, "labels": {...}, "events": [{...}, ...]}

https://developers.google.com/workspace/calendar/api/guides/sync
https://developers.google.com/workspace/calendar/api/v3/reference
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from calimport.budgets import Rate
from calimport.completeness import Page, objects, pages
from calimport.errors import CalimportError, FeedIncomplete, FeedNotFound, FeedUnparsable
from calimport.fetching import Http
from calimport.json_text import canonical
from calimport.sources.base import Feed, FetchRequest
from calimport.sources.google_address import calendar_id, quoted
from calimport.sources.google_api import Api, SyncTokenExpired
from calimport.sources.google_colors import colors_of, labels_of, used
from calimport.sources.google_events import parse
from calimport.zones import iana_name

__all__ = ["calendar_id", "fetch", "merge", "parse"]

HOSTS: Final = ("www.googleapis.com",)
RETAINS_PAST: Final = True
#: 10,000 requests a minute by all users of a project, 600 by one; both less a tenth, since others may use the project.
#: https://developers.google.com/workspace/calendar/api/guides/quota
HOST_RATE: Final = Rate(150, 100)
CREDENTIAL_RATE: Final = Rate(9, 60)

#: A sync token is good for the parameters that it was given for: "undefined behavior" with others. It allows no bounds
#: in time, so a listing is always of the whole calendar. 2,500 events are the most that Google gives in one page.
_LISTING: Final = {"singleEvents": "false", "showDeleted": "true", "maxResults": "2500"}
#: What of a calendar is about the calendar; the rest is how this user's screen shows it.
_CALENDAR_FIELDS: Final = (
    *("id", "summary", "description", "location", "timeZone"),
    *("colorId", "backgroundColor", "foregroundColor", "defaultReminders"),
)
#: What of it each page of a listing repeats. Default reminders belong to the user, so `calendars/{id}` has none.
_REPEATED_FIELDS: Final = ("summary", "timeZone", "defaultReminders")
#: Google rewrites these without a change of the event, and `updated` on changes that are no concern of ours.
_VOLATILE_EVENT_FIELDS: Final = frozenset({"etag", "updated", "sequence"})


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """Every page of the calendar, or of what changed since the request's sync token; or an error.

    :raises CalimportError: the calendar cannot be read, or not as a whole.
    """
    api = Api(request, http)
    calendar = calendar_id(request.source)
    known = request.validators
    if known.get("sync_token") and known.get("parameters") == _LISTING | {"calendar": calendar}:
        try:
            return await _changes(api, calendar, known)
        except FeedIncomplete as error:
            # "The client should clear its storage and perform a full synchronization"
            if not isinstance(error, SyncTokenExpired) and not isinstance(error.__cause__, SyncTokenExpired):
                raise
    return await _whole(api, calendar)


def merge(base: bytes, delta: bytes) -> bytes:
    """``base`` with the events of ``delta`` in the place of those of their ids; what was deleted, goes.

    :raises FeedUnparsable: one of them is no stored feed of this source.
    """
    try:
        old, new = json.loads(base), json.loads(delta)
        merged = {name: old.get(name, {}) | new.get(name, {}) for name in ("calendar", "colors", "labels")}
        events = {_key(item): item for item in [*old["events"], *new["events"]]}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FeedUnparsable(detail="not a stored feed of Google Calendar") from None
    return canonical(merged | {"events": _standing(events.values())})


async def _whole(api: Api, calendar: str) -> Feed:
    entry = await _entry(api, calendar)
    repeated, events, token = await _events(api, calendar, {})
    entry = repeated | entry
    document = {
        "calendar": entry,
        "colors": await colors_of(api, events, known=()),
        "labels": await labels_of(api, calendar, events, known=()),
        "events": _standing(events),
    }
    return Feed(
        content=canonical(document),
        meaning_hash=_meaning_hash(document),
        timezone=_zone(entry),
        validators=_validators(calendar, token, repeated, events, {}),
    )


async def _changes(api: Api, calendar: str, known: Mapping[str, Any]) -> Feed:
    """What changed since the sync token, in one request where it fits one page.

    :raises SyncTokenExpired: Google has forgotten what there was then.
    """
    repeated, events, token = await _events(api, calendar, {"syncToken": str(known["sync_token"])})
    document = {
        "calendar": repeated if repeated != known.get("calendar") else {},
        "colors": await colors_of(api, events, known=known.get("colors", ())),
        "labels": await labels_of(api, calendar, events, known=known.get("labels", ())),
        "events": sorted(events, key=_key),
    }
    validators = _validators(calendar, token, repeated, events, known)
    if not events and not document["calendar"]:
        return Feed(None, None, timezone=_zone(repeated), validators=validators)
    return Feed(canonical(document), None, timezone=_zone(repeated), validators=validators, is_delta=True)


def _validators(
    calendar: str,
    token: str | None,
    repeated: Mapping[str, Any],
    events: Iterable[Mapping[str, Any]],
    known: Mapping[str, Any],
) -> dict[str, Any]:
    """The token, what it is bound to, and what of the stored feed the next fetch has to know; empty without a token."""
    if not token:
        return {}
    return {
        "sync_token": token,
        "parameters": _LISTING | {"calendar": calendar},
        "calendar": dict(repeated),
        "colors": sorted({*known.get("colors", ()), *used(events, "colorId", ())}),
        "labels": sorted({*known.get("labels", ()), *used(events, "eventLabelId", ())}),
    }


async def _entry(api: Api, calendar: str) -> dict[str, Any]:
    """The calendar's own data, from the user's list, where colours are; a service account's calendar is not on it."""
    for collection in ("/users/me/calendarList", "/calendars"):
        try:
            found = await api.get(f"{collection}/{quoted(calendar)}")
        except FeedNotFound:
            continue
        except CalimportError:
            if api.replayed:  # a recording of the listing alone is enough
                break
            raise
        return {name: found[name] for name in _CALENDAR_FIELDS if name in found}
    else:
        if not api.replayed:
            raise FeedNotFound(detail="neither on the user's list of calendars nor readable by its id")
    return {}


async def _events(
    api: Api, calendar: str, changes: dict[str, str]
) -> tuple[dict[str, Any], list[dict[str, Any]], str | None]:
    """What the listing says of the calendar, the items of all pages, and the sync token of the last one.

    :param changes: the sync token, where only what changed is asked for.
    """
    head: dict[str, Any] = {}
    token: str | None = None

    async def ask(page_token: str | None) -> Page:
        nonlocal token
        own = {"pageToken": page_token} if page_token else {}
        page = await api.get(f"/calendars/{quoted(calendar)}/events", _LISTING | changes | own)
        items = objects(page.get("items"), "events")
        head.update({name: page[name] for name in _REPEATED_FIELDS if name in page})
        token = page.get("nextSyncToken")
        return Page(items, page.get("nextPageToken") or None)

    events: dict[str, dict[str, Any]] = {}
    async for items in pages(ask, None, max_pages=api.http.settings.max_pages):
        # By id: a listing that shifts between two requests may show an event twice, the later state last.
        events |= {_key(item): item for item in items}
    return head, list(events.values()), token if isinstance(token, str) else None


def _standing(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is left of ``events`` without those that were deleted, sorted by id.

    A cancelled exception stays with its series: "clients should store these for the lifetime of the parent recurring
    event". A series that was cancelled is gone with them, and an event of which only the id is left. A single event
    that was cancelled and still has its time is data.
    """
    found = list(events)
    gone = {
        item.get("id")
        for item in found
        if item.get("status") == "cancelled"
        and not item.get("recurringEventId")
        and (item.get("recurrence") or not item.get("start"))
    }
    kept = (item for item in found if item.get("id") not in gone and item.get("recurringEventId") not in gone)
    return sorted(kept, key=_key)


def _key(item: Mapping[str, Any]) -> str:
    return str(item.get("id") or canonical(item))


def _zone(calendar: Mapping[str, Any]) -> str | None:
    given = calendar.get("timeZone")
    return iana_name(given) if isinstance(given, str) else None


def _meaning_hash(document: Mapping[str, Any]) -> bytes:
    events = [
        {name: value for name, value in item.items() if name not in _VOLATILE_EVENT_FIELDS}
        for item in document["events"]
    ]
    return sha256(canonical({**document, "events": events})).digest()
