"""``tickettailor``: a box office of Ticket Tailor, ``https://www.tickettailor.com/events/BOX-OFFICE``, by its API v1.

An API key belongs to one box office, so the key says whose events come; the address is for people.

https://developers.tickettailor.com/docs/api/list-events
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from calimport import json_text
from calimport.budgets import Rate
from calimport.completeness import Page, objects, pages
from calimport.fetching import Auth, Http
from calimport.sources.address_lines import address_line
from calimport.sources.api_keys import api_key, identity, refused_keys
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.sources.loose import member, required, text
from calimport.sources.rows import Rows, moment
from calimport.zones import iana_name

HOSTS: Final = ("api.tickettailor.com",)
RETAINS_PAST: Final = True
#: 5,000 requests in 30 minutes for a box office, less a tenth.
CREDENTIAL_RATE: Final = Rate(2.5, 50)

_EVENTS: Final = "https://api.tickettailor.com/v1/events"
#: The rest changes without a change of the event (tickets left, revenue), or is not imported.
_FIELDS: Final = (
    *("id", "name", "description", "status", "start", "end", "venue", "url", "online_event"),
    *("private", "hidden", "timezone", "event_series_id"),
)


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """Every published event of the box office, or an error.

    :raises CredentialsInvalid, CredentialsForbidden: Ticket Tailor refuses the key.
    :raises CalimportError: they cannot be fetched, or not all.
    """
    key = api_key(request, http, "Ticket Tailor")
    auth = Auth.basic(key) if key else None

    async def ask(last: str | None) -> Page:
        params = {"status": "published", "limit": "100"} | ({"starting_after": last} if last else {})
        answer = await http.get_json(_EVENTS, params=params, auth=auth)
        items = objects(member(answer, "data"), "events")
        has_more = items and member(answer, "links", "next")
        return Page(items, identity(items[-1], "event") if has_more else None)

    events: dict[str, dict[str, Any]] = {}
    with refused_keys("Ticket Tailor"):
        async for items in pages(ask, None, max_pages=http.settings.max_pages):
            events |= {identity(item, "event"): _kept(item) for item in items}
    return Feed.of_json({"events": [events[key] for key in sorted(events)]})


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    rows = Rows(context)
    for event in json_text.loads(feed)["events"]:
        with rows.item(uid=event.get("id"), title=event.get("name")):
            if text(event.get("status")) not in (None, "published"):
                continue
            url = text(event.get("url"))
            is_online = _is_true(event.get("online_event"))
            rows.add(
                uid=required(event.get("id"), "id"),
                start=_moment(event.get("start"), event.get("timezone")),
                end=_end(event.get("end"), event.get("timezone")),
                zone=text(member(event, "start", "tz")) or text(event.get("timezone")),
                title=text(event.get("name")),
                description=text(event.get("description")),
                location=address_line(member(event, "venue", "name"), postcode=member(event, "venue", "postal_code")),
                url=url,
                online_url=url if is_online else None,
                online_type="indirect" if is_online else None,
                # The box office's page does not list these.
                visibility="private" if _is_true(event.get("private")) or _is_true(event.get("hidden")) else None,
                source_event_id=text(event.get("id")),
                source_series_id=text(event.get("event_series_id")),
            )
    return rows.parsed(retains_past=RETAINS_PAST)


def _kept(event: dict[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in _FIELDS if name in event}


def _moment(given: Any, zone: Any) -> date | datetime:
    """``date`` and ``time`` on the clocks of ``tz``; the instant ``iso`` where nobody knows that zone.

    :raises ValueError: there is no date.
    """
    day, time, instant = (text(member(given, name)) for name in ("date", "time", "iso"))
    if instant and (not day or not iana_name(text(member(given, "tz")) or text(zone) or "")):
        return moment(instant)
    return moment(f"{required(day, 'start')}T{time}" if time else required(day, "start"))


def _end(given: Any, zone: Any) -> date | datetime | None:
    """The end; the day after the last one, where it is a date."""
    if not text(member(given, "date")) and not text(member(given, "iso")):
        return None
    found = _moment(given, zone)
    return found if isinstance(found, datetime) else found + timedelta(days=1)


def _is_true(value: Any) -> bool:
    """Ticket Tailor writes its booleans as the words ``"true"`` and ``"false"``."""
    return value is True or text(value) in ("true", "1")
