"""``ticketsource``: a venue's box office on TicketSource, ``https://www.ticketsource.co.uk/VENUE``, by its JSON:API.

An API key belongs to one account, so the key says whose events come; the address is where their pages lie. Each event
costs two more calls, for its dates and its venues. Without either the fetch is not complete.

A recording may hold the site's own pages in the API's place: the venue's page links its events, these their dates, and
the page of a date describes it in JSON-LD.

https://www.ticketsource.io/working-with-events
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from calimport import json_text
from calimport.completeness import Page, objects, pages, part
from calimport.errors import RequestNotRecorded
from calimport.fetching import Auth, Http
from calimport.hosts import origin
from calimport.sources import json_ld, ld_json, web_page
from calimport.sources.address_lines import address_line
from calimport.sources.api_keys import api_key, identity, refused_keys
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.sources.loose import ending, member, starting, text
from calimport.sources.rows import Rows

HOSTS: Final = ("api.ticketsource.io",)
RETAINS_PAST: Final = True

_EVENTS: Final = "https://api.ticketsource.io/events"
_PAGE_SIZE: Final = 100
_ZONE: Final = "Europe/London"
#: The pages of an event and of one of its dates.
_EVENT_PAGE: Final = re.compile(r"^https://(?:www\.)?ticketsource\.[\w.]+/.*/e-[a-z0-9]+$", re.IGNORECASE)
_DATE_PAGE: Final = re.compile(r"^https://(?:www\.)?ticketsource\.[\w.]+/.*/t-[a-z0-9]+$", re.IGNORECASE)
_ADDRESS: Final = ("line_1", "line_2", "line_3", "line_4", "postcode")


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """Every public event with its dates and its first venue, or an error.

    :raises CredentialsInvalid, CredentialsForbidden: TicketSource refuses the key.
    :raises FeedIncomplete: the dates or the venues of an event cannot be had.
    :raises CalimportError: the events cannot be fetched, or not all.
    """
    key = api_key(request, http, "TicketSource")
    auth = Auth.basic(key) if key else None
    with refused_keys("TicketSource"):
        paging = {"per_page": str(_PAGE_SIZE)}
        try:
            listed = await _all(http, _EVENTS, auth, what="events", params=paging | {"page": "1"}, following=paging)
        except RequestNotRecorded as error:
            return await _from_pages(request, http, error)
        events = {}
        for event in listed:
            attributes = event.get("attributes") or {}
            if member(attributes, "archived") is True or member(attributes, "public") is False:
                continue
            number = identity(event, "event")
            with part(f"the dates of event {number}"):
                dates = await _all(http, f"{_EVENTS}/{number}/dates", auth, what="dates")
            with part(f"the venues of event {number}"):
                venues = await _venues(http, f"{_EVENTS}/{number}/venues", auth)
            events[number] = {
                "id": number,
                **{name: member(attributes, name) for name in ("name", "description", "reference")},
                "dates": sorted(map(_date, dates), key=lambda one: str(one["id"])),
                "venue": _venue(venues[0]) if venues else None,
            }
    document = {"url": request.source, "events": [events[number] for number in sorted(events)]}
    return Feed.of_json(document, timezone=_ZONE)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    document = json_text.loads(feed)
    if "damaged" in document:
        return ld_json.parse(feed, context)
    rows = Rows(context)
    for event in document["events"]:
        for date in event["dates"]:
            uid = f"{event['id']}-{date['id']}"
            with rows.item(uid=uid, title=event.get("name")):
                rows.add(
                    uid=uid,
                    start=starting(date.get("start")),
                    end=ending(date.get("end")),
                    status="cancelled" if date.get("cancelled") is True else "confirmed",
                    title=text(event.get("name")),
                    description=text(event.get("description")),
                    location=_place(event.get("venue")),
                    url=_link(document["url"], event.get("reference")),
                    source_event_id=text(date["id"]),
                    source_series_id=text(event["id"]),
                )
    return rows.parsed(retains_past=RETAINS_PAST)


async def _from_pages(request: FetchRequest, http: Http, missing: RequestNotRecorded) -> Feed:
    """What a recording of the site's pages holds, as a feed of JSON-LD.

    :raises RequestNotRecorded: ``missing``, where it holds not one date's page.
    """
    venue = http.own(request.source or "")
    described: list[dict[str, Any]] = []
    for event in await _links(http, venue, _EVENT_PAGE):
        for date in await _links(http, event, _DATE_PAGE) or [event]:
            try:
                response = await http.get(date)
            except RequestNotRecorded:
                continue
            page = web_page.parse(response.content, response.headers.get("content-type", ""))
            found, _ = json_ld.read([one.text for one in page.scripts("application/ld+json")], response.url)
            described += found
    if not described:
        raise missing
    events = {json_text.canonical(one): one for one in described}
    document = {"title": None, "events": [events[key] for key in sorted(events)], "damaged": 0}
    return replace(Feed.of_json(document), timezone=_ZONE)


async def _links(http: Http, url: str, pattern: re.Pattern[str]) -> list[str]:
    """Where a recorded page leads, of the addresses that look so; nowhere, where it was not recorded."""
    try:
        response = await http.get(url)
    except RequestNotRecorded:
        return []
    page = web_page.parse(response.content, response.headers.get("content-type", ""))
    return [one for one in page.addresses(response.url) if pattern.search(one) and origin(one) == origin(response.url)]


async def _all(
    http: Http,
    url: str,
    auth: Auth | None,
    *,
    what: str,
    params: dict[str, str] | None = None,
    following: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The resources of every page.

    :param params: of the first page.
    :param following: of the others, besides their number.
    """

    async def ask(number: int) -> Page:
        asked = params if number == 1 else {**(following or {}), "page": str(number)}
        answer = await http.get_json(url, params=asked, auth=auth)
        items = objects(member(answer, "data"), what)
        return Page(items, number + 1 if items and member(answer, "links", "next") else None)

    return [item async for items in pages(ask, 1, max_pages=http.settings.max_pages) for item in items]


async def _venues(http: Http, url: str, auth: Auth | None) -> list[dict[str, Any]]:
    """The venues; their first page, since it is the first one that counts."""
    try:
        answer = await http.get_json(url, auth=auth)
    except RequestNotRecorded:
        return []
    return objects(member(answer, "data"), "venues")


def _date(given: dict[str, Any]) -> dict[str, Any]:
    fields = {name: member(given, "attributes", name) for name in ("start", "end", "cancelled")}
    return {"id": identity(given, "date"), **fields}


def _venue(given: dict[str, Any]) -> dict[str, Any]:
    address = {name: member(given, "attributes", "address", name) for name in _ADDRESS}
    return {"name": member(given, "attributes", "name"), "address": address}


def _place(venue: Any) -> str | None:
    *lines, postcode = (member(venue, "address", name) for name in _ADDRESS)
    return address_line(member(venue, "name"), *lines, postcode=postcode)


def _link(url: str | None, reference: Any) -> str | None:
    """The event's page lies under the calendar's."""
    base = (url or "").partition("?")[0].partition("#")[0].rstrip("/")
    name = text(reference)
    return f"{base}/{name.lstrip('/')}" if base and name else base or None
