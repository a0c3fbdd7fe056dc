"""``google``: a calendar of Google Calendar, read through the Calendar API v3.

One fetch is the calendar's own data, then every page of the window's occurrences, then the palette of colours where an
event uses one. All of it, or an error: a listing that lacks a page would read as deletions.

The feed is the API's answer in canonical JSON, so that it is the same bytes however Google cut it into pages::

    {"calendar": {...}, "colors": {"11": {...}}, "events": [{...}, ...]}

https://developers.google.com/workspace/calendar/api/v3/reference
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from calimport import json_text
from calimport.budgets import Rate
from calimport.completeness import Page, objects, pages, part
from calimport.errors import (
    CalimportError,
    CredentialsForbidden,
    CredentialsInvalid,
    CredentialsMissing,
    FeedIncomplete,
    FeedNotFound,
    FeedUnparsable,
    QuotaExceeded,
    SourceUnsupported,
)
from calimport.fetching import Auth, Http, Response, raise_for_status, retry_after
from calimport.json_text import canonical
from calimport.sources.base import Feed, FetchRequest
from calimport.sources.google_credentials import access_token
from calimport.sources.google_events import parse
from calimport.windows import Window
from calimport.zones import iana_name

__all__ = ["fetch", "parse"]

HOSTS: Final = ("www.googleapis.com",)
RETAINS_PAST: Final = True
#: 10,000 requests a minute by all users of a project, 600 by one; both less a tenth, since others may use the project.
#: https://developers.google.com/workspace/calendar/api/guides/quota
HOST_RATE: Final = Rate(150, 100)
CREDENTIAL_RATE: Final = Rate(9, 60)

_ROOT: Final = "https://www.googleapis.com/calendar/v3"
#: The most that Google gives in one page.
_PAGE_SIZE: Final = 2500
#: What of a calendar is about the calendar; the rest is how this user's screen shows it.
_CALENDAR_FIELDS: Final = (
    *("id", "summary", "description", "location", "timeZone"),
    *("colorId", "backgroundColor", "foregroundColor", "defaultReminders"),
)
#: Google rewrites these without a change of the event, and `updated` on changes that are no concern of ours.
_VOLATILE_EVENT_FIELDS: Final = frozenset({"etag", "updated", "sequence"})
#: https://developers.google.com/workspace/calendar/api/guides/errors
_QUOTA_REASONS: Final = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "RESOURCE_EXHAUSTED"}
)
_FORBIDDEN_SENTENCES: Final = {
    "accessNotConfigured": "The Google Calendar API is not switched on in the project of this key. Please enable it.",
    "insufficientPermissions": "The sign-in does not include permission to read calendars. Please sign in again.",
}
#: Bounds are exclusive and in whole seconds, so what has no length and lies on the bound needs a second more.
_BOUND: Final = timedelta(seconds=1)
#: Google places dates in the calendar's own zone; between two zones lie at most 26 hours (UTC-12 to UTC+14).
_BETWEEN_ZONES: Final = timedelta(hours=26)


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """Every page of the window, or an error.

    :raises CalimportError: the calendar cannot be read, or not as a whole.
    """
    document, window = await _read(_Api(request, http), request)
    return Feed(
        content=canonical(document),
        meaning_hash=_meaning_hash(document),
        timezone=_zone(document["calendar"]),
        validators={},  # a syncToken belongs here, beside the parameters that it was given for
        window=window,
    )


async def _read(api: _Api, request: FetchRequest) -> tuple[dict[str, Any], Window]:
    calendar_path = f"/{quote(calendar_id(request.source), safe='')}"
    calendar = await _calendar(api, calendar_path)
    own_zone = _zone(calendar)
    zone = request.timezone or own_zone or "UTC"
    window = request.window.resolve(zone)
    head, events = await _events(api, calendar_path, window, margin=_BOUND if zone == own_zone else _BETWEEN_ZONES)
    # Default reminders belong to the user, so `calendars/{id}` has none; the listing repeats them.
    calendar = {name: head[name] for name in ("summary", "timeZone", "defaultReminders") if name in head} | calendar
    if not request.timezone and not own_zone:
        window = request.window.resolve(_zone(calendar) or "UTC")
    colors = await _colors(api, events)
    return {"calendar": calendar, "colors": colors, "events": events}, window


async def _calendar(api: _Api, calendar_path: str) -> dict[str, Any]:
    """The calendar's own data, from the user's list, where colours are; a service account's calendar is not on it."""
    for collection in ("/users/me/calendarList", "/calendars"):
        try:
            found = await api.get(collection + calendar_path)
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
    api: _Api, calendar_path: str, window: Window, margin: timedelta
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first page without its items, and the items of all pages, sorted by id."""
    parameters = {
        "singleEvents": "true",
        "showDeleted": "true",
        "timeMin": _timestamp(window.start - margin),
        "timeMax": _timestamp(window.end + margin),
        "maxResults": str(_PAGE_SIZE),
    }
    head: dict[str, Any] = {}

    async def ask(token: str | None) -> Page:
        page = await api.get(f"/calendars{calendar_path}/events", parameters | ({"pageToken": token} if token else {}))
        items = objects(page.get("items"), "events")
        head.update({name: value for name, value in page.items() if name != "items" and name not in head})
        return Page(items, page.get("nextPageToken") or None)

    events: dict[str, dict[str, Any]] = {}
    async for items in pages(ask, None, max_pages=api.http.settings.max_pages):
        # By id: a listing that shifts between two requests may show an event twice, the later state last.
        events |= {str(item.get("id") or canonical(item)): item for item in items}
    return head, [events[key] for key in sorted(events)]


async def _colors(api: _Api, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The palette's entries that the events use; asked for only if there are some."""
    used = sorted({item["colorId"] for item in events if isinstance(item.get("colorId"), str)})
    if not used:
        return {}
    try:
        with part("colors"):
            palette = (await api.get("/colors")).get("event")
    except FeedIncomplete:
        if api.replayed:
            return {}
        raise
    palette = palette if isinstance(palette, dict) else {}
    return {color: palette[color] for color in used if color in palette}


class _Api:
    """GET from the API as JSON, signed in."""

    def __init__(self, request: FetchRequest, http: Http) -> None:
        self.http = http
        self.replayed = http.replayed
        self._connection_id = request.connection_id
        self._token: str | None = None

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        response = await self._get(_ROOT + path, parameters)
        if response.status == 401 and not self.replayed:
            # "Get a new access token using the long-lived refresh token"; only if that fails the owner is asked.
            await self._sign_in(refused=self._token)
            response = await self._get(_ROOT + path, parameters)
        _check(response)
        answer = json_text.loads(response.content)
        if not isinstance(answer, dict):
            raise FeedUnparsable(detail="Google Calendar: the answer is not a JSON object")
        return answer

    async def _get(self, url: str, parameters: Mapping[str, str] | None) -> Response:
        if self._token is None and not self.replayed:
            await self._sign_in(refused=None)
        # A token lives for an hour; what Google counts by is the user whom the connection stands for.
        auth = Auth.bearer(self._token, owner=f"connection {self._connection_id}") if self._token else None
        return await self.http.get(url, params=parameters, auth=auth, throttled=_is_quota)

    async def _sign_in(self, *, refused: str | None) -> None:
        if not self._connection_id:
            raise CredentialsMissing()
        self._token = await access_token(self._connection_id, self.http.settings, refused=refused)


def _check(response: Response) -> None:
    """Raise what the status and the reason in the body stand for. Google's own text is not shown: it may name users."""
    if response.status == 200:
        return
    reasons = _reasons(response.content)
    detail = f"Google Calendar: HTTP {response.status} {' '.join(sorted(reasons))}".rstrip()
    if response.status == 401:
        raise CredentialsInvalid(detail=detail)
    if _is_quota(response):
        raise QuotaExceeded(detail=detail, retry_after=retry_after(response))
    if response.status == 403:
        sentence = next((_FORBIDDEN_SENTENCES[reason] for reason in reasons if reason in _FORBIDDEN_SENTENCES), None)
        raise CredentialsForbidden(sentence, detail=detail)
    if response.status == 410:
        raise FeedIncomplete(detail=detail)
    raise_for_status(response)


def _is_quota(response: Response) -> bool:
    return response.status == 429 or (response.status == 403 and bool(_reasons(response.content) & _QUOTA_REASONS))


def _reasons(body: bytes) -> set[str]:
    """The reasons in an error's body: of ``errors``, and the newer ``status``."""
    try:
        error = json.loads(body)["error"]
        given = [*(one.get("reason") for one in error.get("errors", ())), error.get("status")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {reason for reason in given if isinstance(reason, str) and re.fullmatch(r"\w{1,60}", reason)}


def calendar_id(source: str | None) -> str:
    """The calendar id that ``source`` is, or that its address of calendar.google.com carries (``src``, ``cid``).

    :raises SourceUnsupported: it is neither, or names several calendars.
    """
    if not source:
        raise SourceUnsupported("Please give the calendar's id (Settings, Integrate calendar, Calendar ID).")
    if "://" not in source:
        return source.strip()
    parts = urlsplit(source)
    query = parse_qs(parts.query)
    found = {_decoded(value) for name in ("src", "cid") for value in query.get(name, [])}
    if parts.hostname not in ("calendar.google.com", "www.google.com") or not found:
        raise SourceUnsupported("This address names no Google calendar. Please give the calendar's id.")
    if len(found) > 1:
        raise SourceUnsupported("This address shows several calendars. Please give the id of one of them.")
    return found.pop()


def _decoded(value: str) -> str:
    """An id as addresses carry it: as it is, or in base64 without padding."""
    value = value.strip().replace(" ", "+")  # an unquoted + of user+tag@…
    if "@" in value or value == "primary":
        return value
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except (binascii.Error, ValueError):
        return value
    return text if "@" in text else value


def _zone(calendar: Mapping[str, Any]) -> str | None:
    given = calendar.get("timeZone")
    return iana_name(given) if isinstance(given, str) else None


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _meaning_hash(document: Mapping[str, Any]) -> bytes:
    events = [
        {name: value for name, value in item.items() if name not in _VOLATILE_EVENT_FIELDS}
        for item in document["events"]
    ]
    return sha256(canonical({**document, "events": events})).digest()
