"""``outsavvy``: an organiser on OutSavvy, ``https://www.outsavvy.com/organiser/NAME``.

The organiser's page links the live events; each event's page describes its dates in JSON-LD. Some organisers' pages do
that themselves, for events that they do not link.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from calimport.completeness import part
from calimport.errors import FeedNotFound, FeedTooLarge, FeedTruncated, FeedUnparsable, RequestNotRecorded
from calimport.fetching import Http, Response, raise_for_status
from calimport.json_text import canonical
from calimport.sources import json_ld, ld_json, web_page
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed

HOSTS: Final = ("www.outsavvy.com", "outsavvy.com")
RETAINS_PAST: Final = False

_ZONE: Final = "Europe/London"
#: The id of the element that holds what can still be booked; the past ones follow in another.
_LIVE: Final = "live_events"


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """The organiser's page and the page of each live event, or an error.

    :raises FeedNotFound: OutSavvy knows no such organiser.
    :raises FeedUnparsable: the page is not an organiser's.
    :raises FeedTruncated: the page ends before its end.
    :raises FeedIncomplete: the page of an event cannot be had, or describes none.
    :raises CalimportError: the organiser's page cannot be fetched.
    """
    page, response = await _organiser(http.own(request.source or ""), http)
    links = _links(page, response.url)
    if len(links) > http.settings.max_pages:
        raise FeedTooLarge(detail=f"{len(links)} pages of events")
    scripts = [one.text for one in page.scripts("application/ld+json")]
    own, _ = json_ld.read(scripts, response.url)
    if not links and not own and _LIVE not in page.ids:
        raise FeedUnparsable("This page lists no events of an organiser on OutSavvy. Please check the address.")
    events = [one for one in own if one["url"] not in links]
    damaged = 0
    for number, link in enumerate(links, start=1):
        try:
            with part(f"event page {number}"):
                found = await _described(link, http)
        except RequestNotRecorded:
            if not own:
                raise
            # A recording of an organiser's page that describes its events itself.
            events += [one for one in own if one["url"] == link]
            continue
        events += found["events"]
        damaged += found["damaged"] or not found["events"]
    document = {"title": ld_json.title(page), "events": sorted(events, key=canonical), "damaged": damaged}
    return replace(Feed.of_json(document), timezone=_ZONE)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """As :func:`calimport.sources.ld_json.parse`."""
    return ld_json.parse(feed, context)


async def _organiser(url: str, http: Http) -> tuple[web_page.Page, Response]:
    response = await http.get(url, headers=ld_json.ACCEPT)
    try:
        raise_for_status(response)
    except FeedNotFound as error:
        raise FeedNotFound(
            "OutSavvy has no such organiser any more: it was deleted or renamed. Please give its new address.",
            detail=error.detail,
        ) from error
    page = web_page.parse(response.content, response.headers.get("content-type", ""))
    if not page.is_whole:
        raise FeedTruncated(detail="the organiser's page does not end")
    return page, response


def _links(page: web_page.Page, url: str) -> list[str]:
    """The addresses of the live events' pages; of all events where the page does not set the live ones apart."""
    found = page.addresses(url, within=_LIVE if _LIVE in page.ids else None)
    return [one for one in found if urlsplit(one).hostname in HOSTS and "/event/" in urlsplit(one).path.lower()]


async def _described(url: str, http: Http) -> dict[str, Any]:
    response = await http.get(url, headers=ld_json.ACCEPT)
    raise_for_status(response)
    return ld_json.described(web_page.parse(response.content, response.headers.get("content-type", "")), response)
