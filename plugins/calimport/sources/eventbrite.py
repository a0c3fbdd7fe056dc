"""``eventbrite``: what an organiser publishes on Eventbrite, ``https://www.eventbrite.{com,co.uk,…}/o/NAME-ID``.

API v3 with a private token: every page of the organiser's events, then for those in the window the full description,
since the listing holds a summary alone. The import does without these: see :func:`_describe`.

https://www.eventbrite.com/platform/api
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from calimport import json_text, logs
from calimport.completeness import Page, objects, pages
from calimport.errors import CalimportError, FeedNotFound, RequestNotRecorded, SourceUnsupported
from calimport.fetching import Auth, Http
from calimport.sources.address_lines import address_line
from calimport.sources.api_keys import api_key, identity, refused_keys
from calimport.sources.base import Feed, FetchRequest, Notice, ParseContext, Parsed
from calimport.sources.loose import member, required, text
from calimport.sources.rows import NOT_UNDERSTOOD, Rows, moment
from calimport.windows import Window, instant

HOSTS: Final = ("www.eventbriteapi.com",)
RETAINS_PAST: Final = True
#: An organiser's page; the group is the organiser's id.
_URL: Final = re.compile(
    r"https?://(?:www\.)?eventbrite\.[a-z]{2,3}(?:\.[a-z]{2})?/o/(?:[^/?#]*-)?(\d+)/?(?:[?#]|$)", re.I
)

log = logs.logger(__name__)

_ROOT: Final = "https://www.eventbriteapi.com/v3"
#: The rest changes without a change of the event (tickets sold, `changed`), or is not imported.
_FIELDS: Final = ("id", "name", "description", "url", "start", "end", "status", "online_event", "venue", "series_id")
_ADDRESS: Final = ("address_1", "address_2", "city", "region", "postal_code", "country", "localized_address_display")
#: Nobody may see a draft; the parent of a series takes place as its children.
_UNPUBLISHED: Final = "draft"
#: The window's edges lie in the calendar's zone, which the feed does not tell.
_MARGIN: Final = timedelta(days=1)


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """Every page of the organiser's events, or an error; and the descriptions as far as they can be had.

    :raises FeedNotFound: Eventbrite knows no such organiser.
    :raises CredentialsInvalid, CredentialsForbidden: it refuses the token.
    :raises CalimportError: they cannot be fetched, or not all.
    """
    organizer = _organizer(request.source)
    key = api_key(request, http, "Eventbrite")
    auth = Auth.bearer(key) if key else None

    async def ask(cursor: tuple[int, str | None]) -> Page:
        number, continuation = cursor
        params = {"expand": "venue", "page": str(number)} | ({"continuation": continuation} if continuation else {})
        answer = await http.get_json(f"{_ROOT}/organizers/{organizer}/events/", params=params, auth=auth)
        return Page(objects(member(answer, "events"), "events"), _next(answer, number))

    events: dict[str, dict[str, Any]] = {}
    try:
        with refused_keys("Eventbrite"):
            async for items in pages(ask, (1, None), max_pages=http.settings.max_pages):
                events |= {identity(item, "event"): _kept(item) for item in items if _is_published(item)}
    except FeedNotFound as error:
        raise FeedNotFound(
            "Eventbrite has no such organiser any more: it was deleted or renamed. Please give its new address.",
            detail=error.detail,
        ) from error
    ordered = [events[key] for key in sorted(events)]
    described = await _describe(ordered, request.window.resolve(request.timezone or "UTC"), http, auth)
    return Feed.of_json({"events": ordered, "described": described})


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    document = json_text.loads(feed)
    rows = Rows(context)
    for event in document["events"]:
        title = text(member(event, "name", "text")) or text(event.get("name"))
        with rows.item(uid=event.get("id"), title=title):
            url = text(event.get("url"))
            is_online = event.get("online_event") is True
            rows.add(
                uid=required(event.get("id"), "id"),
                start=_moment(event.get("start"), "start"),
                end=_moment(event["end"], "end") if event.get("end") else None,
                zone=text(member(event, "start", "timezone")),
                status="cancelled" if event.get("status") in ("canceled", "cancelled") else "confirmed",
                title=title,
                description=_description(event),
                location=_place(event.get("venue")),
                url=url,
                online_url=url if is_online else None,
                online_type="indirect" if is_online else None,
                source_event_id=text(event.get("id")),
                source_series_id=text(event.get("series_id")),
            )
    if not document["described"]:
        rows.notices.append(
            Notice("descriptions_missing", "Eventbrite gave only the summaries of some events just now.")
        )
    return rows.parsed(retains_past=RETAINS_PAST)


def _organizer(source: str | None) -> str:
    found = _URL.match(source or "")
    if not found:
        raise SourceUnsupported(
            "This is not the page of an organiser on Eventbrite, such as https://www.eventbrite.co.uk/o/name-1234."
        )
    return found[1]


def _next(answer: Any, number: int) -> tuple[int, str | None] | None:
    pagination = member(answer, "pagination")
    has_more = member(pagination, "has_more_items")
    if has_more is None:  # before continuations there were numbers
        count = member(pagination, "page_count")
        has_more = isinstance(count, int) and number < count
    return (number + 1, text(member(pagination, "continuation"))) if has_more else None


def _is_published(event: dict[str, Any]) -> bool:
    return event.get("status") != _UNPUBLISHED and event.get("is_series_parent") is not True


def _kept(event: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: event[name] for name in _FIELDS if name in event}
    if isinstance(venue := kept.get("venue"), dict):
        address = {name: member(venue, "address", name) for name in _ADDRESS}
        kept["venue"] = {"name": venue.get("name"), "address": {name: one for name, one in address.items() if one}}
    return kept


async def _describe(events: list[dict[str, Any]], window: Window, http: Http, auth: Auth | None) -> bool:
    """Put the full description into each event of the window; whether all of them could be had.

    One that is not there is done without. Where the call itself keeps failing, the rest is not asked for in this run.
    """
    complete = True
    for event in events:
        if not _lies_in(window, event):
            continue
        try:
            answer = await http.get_json(f"{_ROOT}/events/{event['id']}/description/", auth=auth)
        except RequestNotRecorded:
            continue
        except FeedNotFound as error:
            log.info("No description of an event of Eventbrite: %s", error.detail)
        except CalimportError as error:
            log.warning("Descriptions of Eventbrite left out: %s: %s", error.error_class, error.detail)
            return False
        else:
            if full := text(member(answer, "description")):
                event["full_description"] = full
            continue
        complete = False
    return complete


def _lies_in(window: Window, event: dict[str, Any]) -> bool:
    """Whether it is imported, give or take a day. What cannot be understood needs no description."""
    try:
        start = _instant(event.get("start"))
        end = max(start, _instant(event["end"])) if event.get("end") else start
    except NOT_UNDERSTOOD:
        return False
    return Window(window.start - _MARGIN, window.end + _MARGIN).holds(start, end)


def _instant(given: Any) -> datetime:
    return instant(_moment(given, "start"), ZoneInfo("UTC"))


def _moment(given: Any, what: str) -> date | datetime:
    """``utc``; the local time where that is all there is.

    :raises ValueError: there is neither.
    """
    return moment(required(member(given, "utc") or member(given, "local"), what))


def _description(event: dict[str, Any]) -> str | None:
    given = event.get("description")
    return (
        text(event.get("full_description")) or text(member(given, "html")) or text(member(given, "text")) or text(given)
    )


def _place(venue: Any) -> str | None:
    address = member(venue, "address")
    first, second, city, region, postcode = (
        member(address, name) for name in ("address_1", "address_2", "city", "region", "postal_code")
    )
    if not any((first, second, city, postcode)):
        return address_line(member(venue, "name"), member(address, "localized_address_display"))
    return address_line(member(venue, "name"), first, second, towns=(city, region), postcode=postcode)
