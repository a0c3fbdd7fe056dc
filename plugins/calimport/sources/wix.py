"""``wix``: the events that a Wix site shows on a page, as the page carries them for its own scripts.

A page has scripts of type ``application/json``; somewhere within is an array ``events`` whose items have an ``id``, a
``title`` and ``scheduling.config`` with instants and a zone. An event whose time is still to be decided
(``scheduleTbd``) is none yet. A page that leaves its events to later requests carries none, which is not an empty list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from calimport import json_text
from calimport.completeness import objects
from calimport.errors import CalimportError, FeedIsWebPage
from calimport.fetching import Http, raise_for_status
from calimport.sources import web_page
from calimport.sources.base import Feed, FetchRequest, Notice, ParseContext, Parsed
from calimport.sources.loose import ending, listed, member, required, starting, text
from calimport.sources.rows import Rows
from calimport.zones import iana_name

#: The site's own address alone.
HOSTS: Final[tuple[str, ...]] = ()
RETAINS_PAST: Final = False

#: Levels of JSON that are searched; Wix has the events six levels deep.
_DEPTH: Final = 20
_EVENT: Final = ("id", "title", "description", "slug", "status")
#: Pages write some words of Wix's API as words, and others as their numbers.
_CANCELLED: Final = frozenset({"CANCELED", "CANCELLED", "3"})
_ONLINE: Final = frozenset({"ONLINE", "1"})
_CONFIG: Final = ("startDate", "endDate", "timeZoneId", "scheduleTbd")


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """The page, with one GET.

    :raises FeedIsWebPage: the page carries no events.
    :raises CalimportError: it cannot be fetched.
    """
    response = await http.get(http.own(request.source or ""), headers={"Accept": "text/html, */*;q=0.5"})
    raise_for_status(response)
    page = web_page.parse(response.content, response.headers.get("content-type", ""))
    lists = event_lists(page)
    if not lists:
        raise FeedIsWebPage(
            "This page shows no events that we can read. Please give the address of the page on which the site's events"
            " are listed."
        )
    events = {str(event.get("id")): _meaning(event) for one in lists for event in objects(one["events"], "events")}
    is_partial = any(one.get("hasMore") is True for one in lists)
    # One list, the earliest first: what it does not show starts after what it shows.
    goes_on = is_partial and len(lists) == 1 and _is_in_order(lists[0]["events"])
    document = {
        "site": _site(response.url),
        "title": page.title,
        "events": [events[key] for key in sorted(events)],
        "is_partial": is_partial and not goes_on,
        "goes_on": goes_on,
    }
    zones = {iana_name(text(event["config"]["timeZoneId"]) or "") for event in events.values()}
    return Feed.of_json(document, timezone=zones.pop() if len(zones) == 1 else None)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    document = json_text.loads(feed)
    rows = Rows(context)
    for event in document["events"]:
        config = event["config"]
        if config.get("scheduleTbd"):
            continue
        with rows.item(uid=event.get("id"), title=event.get("title")):
            slug, start = text(event.get("slug")), starting(config.get("startDate"))
            url = f"{document['site']}/event-details/{slug}" if slug else None
            rows.add(
                uid=required(event.get("id"), "id"),
                start=start,
                end=ending(config.get("endDate"), start),
                zone=text(config.get("timeZoneId")),
                status="cancelled" if str(event.get("status")).upper() in _CANCELLED else None,
                title=text(event.get("title")),
                description=text(event.get("description")),
                location=event["place"],
                url=url,
                online_url=url if event["is_online"] else None,
                online_type="indirect" if event["is_online"] else None,
            )
    if document["is_partial"]:
        message = "The page shows only the next of its events; those that it does not show were left as they were."
        rows.notices.append(Notice("feed_partial", message, keeps_uid=True))
    return rows.parsed(retains_past=RETAINS_PAST, goes_on=document.get("goes_on") is True, title=document["title"])


def event_lists(page: web_page.Page) -> list[dict[str, Any]]:
    """The JSON objects of a page that have an array ``events`` as Wix makes it, empty or not."""
    found: list[dict[str, Any]] = []
    for script in page.scripts("application/json"):
        try:
            document = json_text.loads(script.text.encode("utf-8", "surrogatepass"))
        except CalimportError:
            continue  # of other things on the page
        found += _event_lists(document, _DEPTH, is_of_app=False)
    return found


def _event_lists(value: Any, depth: int, *, is_of_app: bool) -> Iterator[dict[str, Any]]:
    """:param is_of_app: whether an app of the site left this, whose empty array says that there is nothing."""
    if depth == 0:
        return
    if isinstance(value, list):
        for one in value:
            yield from _event_lists(one, depth - 1, is_of_app=is_of_app)
    if not isinstance(value, dict):
        return
    events = value.get("events")
    if isinstance(events, list) and (any(map(_is_event, events)) or (is_of_app and not events)):
        yield value
        return
    for name, one in value.items():
        yield from _event_lists(one, depth - 1, is_of_app=is_of_app or name == "appsWarmupData")


def _is_event(value: Any) -> bool:
    config = member(value, "scheduling", "config")
    has_time = bool(member(config, "startDate") or member(config, "scheduleTbd"))
    return has_time and bool(member(value, "id") and member(value, "title"))


def _is_in_order(events: list[dict[str, Any]]) -> bool:
    """By their starts, which Wix writes in UTC with the same number of digits."""
    starts = [one for event in events if (one := text(member(event, "scheduling", "config", "startDate")))]
    return starts == sorted(starts)


def _meaning(event: dict[str, Any]) -> dict[str, Any]:
    """What of an event means something; the rest are pictures, counts of guests and of tickets left."""
    config = {name: member(event, "scheduling", "config", name) for name in _CONFIG}
    location = event.get("location")
    place = text(member(location, "fullAddress", "formattedAddress")) or text(member(location, "fullAddress"))
    return {name: event.get(name) for name in _EVENT} | {
        "config": config,
        "is_online": str(member(location, "type")).upper() in _ONLINE,
        "place": place or listed(member(location, "name"), member(location, "address")),
    }


def _site(url: str) -> str:
    """Where a site begins: at its host, or, below ``wixsite.com``, at the first part of the path."""
    parts = urlsplit(url)
    first = parts.path.strip("/").partition("/")[0]
    is_shared = (parts.hostname or "").endswith(".wixsite.com")
    return f"{parts.scheme}://{parts.netloc}" + (f"/{first}" if is_shared and first else "")
