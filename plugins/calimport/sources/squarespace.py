"""``squarespace``: the events page of a Squarespace site, read as JSON: the same address with ``?format=json``.

https://developers.squarespace.com/view-json-data

``upcoming`` holds what is ahead and ``past`` the latest of what was. Times are instants in milliseconds; the site has a
zone. A page that is no events collection has no ``upcoming``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

from calimport import json_text
from calimport.completeness import objects
from calimport.errors import FeedIsWebPage, FeedUnparsable
from calimport.fetching import Http
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.sources.loose import epoch_milliseconds, listed, member, required, text, texts
from calimport.sources.rows import NOT_UNDERSTOOD, Rows
from calimport.zones import iana_name

#: The site's own address alone.
HOSTS: Final[tuple[str, ...]] = ()
#: `past` holds the latest past events, how many only the answer shows.
RETAINS_PAST: Final = None

#: What an event means; the rest counts visits, comments and changes.
_EVENT: Final = ("id", "title", "body", "excerpt", "startDate", "endDate", "urlId", "fullUrl", "tags", "categories")
_LOCATION: Final = ("addressTitle", "addressLine1", "addressLine2", "addressCountry")


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """The page as JSON, with one GET.

    :raises FeedIsWebPage: the site has this page, but it is no events collection.
    :raises CalimportError: it cannot be fetched.
    """
    url = http.own(request.source or "")
    is_json = parse_qs(urlsplit(url).query).get("format") == ["json"]
    page = await http.get_json(url, params={} if is_json else {"format": "json"})
    if not isinstance(page, dict):
        raise FeedUnparsable(detail=f"a JSON {type(page).__name__} and no page of Squarespace")
    if not isinstance(page.get("upcoming"), list):
        raise FeedIsWebPage(
            "This Squarespace page holds no events. Please give the address of the site's events page, on which its"
            " events are listed."
        )
    zone = text(member(page, "website", "timeZone"))
    document = {
        "site": text(member(page, "website", "baseUrl")) or url,
        "path": text(member(page, "collection", "fullUrl")) or urlsplit(url).path,
        "title": text(member(page, "collection", "title")) or text(member(page, "website", "siteTitle")),
        "upcoming": [_meaning(event) for event in objects(page["upcoming"], "events")],
        "past": [_meaning(event) for event in objects(page.get("past") or [], "past events")],
    }
    return Feed.of_json(document, timezone=iana_name(zone) if zone else None)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    document = json_text.loads(feed)
    rows = Rows(context)
    for event in (*document["past"], *document["upcoming"]):
        with rows.item(uid=event.get("id"), title=event.get("title")):
            start, end = _times(event)
            rows.add(
                uid=required(event.get("id"), "id"),
                start=start,
                end=end,
                title=text(event.get("title")),
                description=text(event.get("body")) or text(event.get("excerpt")),
                location=listed(*(member(event, "location", name) for name in _LOCATION)),
                url=_link(event, document),
                categories=[*texts(event.get("categories")), *texts(event.get("tags"))],
            )
    parsed = rows.parsed(retains_past=False, title=document["title"])
    return replace(parsed, published_from=min([context.as_of, *_past_ends(document["past"])]))


def _meaning(event: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: event[name] for name in _EVENT if name in event}
    structured = event.get("structuredContent")
    # Older answers have the times there alone.
    times = {name: member(structured, name) for name in ("startDate", "endDate")}
    kept |= {name: value for name, value in times.items() if value is not None and kept.get(name) is None}
    location = {name: member(event, "location", name) for name in _LOCATION}
    return kept | {"location": {name: value for name, value in location.items() if value}}


def _times(event: dict[str, Any]) -> tuple[datetime, datetime | None]:
    """:raises ValueError, OverflowError: it says no start."""
    start = epoch_milliseconds(event.get("startDate"))
    try:
        return start, epoch_milliseconds(event.get("endDate"))
    except (ValueError, OverflowError):
        return start, None


def _past_ends(past: list[dict[str, Any]]) -> list[datetime]:
    """How far back the page goes. An event that says no time says nothing of that."""
    found = []
    for event in past:
        try:
            start, end = _times(event)
        except NOT_UNDERSTOOD:
            continue
        found.append(end or start)
    return found


def _link(event: dict[str, Any], document: dict[str, Any]) -> str | None:
    """The event's own page: ``fullUrl``, or ``urlId`` below the collection."""
    path = text(event.get("fullUrl"))
    if path is None and (name := text(event.get("urlId"))):
        path = f"{document['path'].rstrip('/')}/{name}"
    return urljoin(document["site"], path) if path else None
