"""What an answer is: the kinds that may read it, by its first bytes, its Content-Type, and what a page holds and links.

Nothing is fetched here. What a page links comes before what it holds itself: see :mod:`calimport.sources.detecting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote, urlsplit

from calimport.errors import FeedIsWebPage, SourceUnsupported

if TYPE_CHECKING:
    from calimport.fetching import Response
    from calimport.sources.web_page import Page

_SQUARESPACE: Final = re.compile(
    rb"Static\.SQUARESPACE_CONTEXT\s*=|<!-- This is Squarespace|href=[\"']https://images\.squarespace-cdn\.com/?[\"']"
)
_FILE: Final = re.compile(r"\.ics(?:$|\?)|/ical/?$|[?&](?:outlook-)?ical=1|[?&]format=ical", re.IGNORECASE)
#: The first bytes that are looked at; comments of content management systems may fill some hundred of them.
_HEAD: Final = 2048


@dataclass(frozen=True)
class Candidate:
    """A kind that may read what was found, and the address to read, None for the calendar's own."""

    kind: str
    address: str | None = None


@dataclass(frozen=True)
class Look:
    """What a look at an address found: the kinds that may read it, the likeliest first."""

    candidates: list[Candidate]
    #: Feeds that the owner may prefer, where not one of them is a candidate before the page itself.
    suggestions: list[str] = field(default_factory=list)
    #: How many events the page itself describes, as far as the look shows.
    events: int = 0


def by_answer(response: Response) -> Look:
    from calimport.sources import web_page

    content_type = response.headers.get("content-type", "").lower()
    head = response.content[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"BEGIN:VCALENDAR" in head.upper() or not head:
        return Look([Candidate("ics")])
    if web_page.is_html(response.content, content_type):
        return _by_page(response, web_page.parse(response.content, content_type))
    if head[:1] in b"{[":
        return Look([_by_json(response.content)])
    if head[:1] == b"<":
        raise SourceUnsupported(
            "This address gives data for programs (XML) of a kind that we do not know. Please give the address of a"
            " calendar feed."
        )
    return Look([Candidate("ics")])  # which says what is wrong with it


def _by_json(content: bytes) -> Candidate:
    from calimport import json_text
    from calimport.sources.loose import member

    document = json_text.loads(content)
    if member(document, "website", "baseUrl") or isinstance(member(document, "upcoming"), list):
        return Candidate("squarespace")
    raise SourceUnsupported(
        "This address gives data for programs (JSON) of a kind that we do not know. Please give the address of a"
        " calendar feed."
    )


def _by_page(response: Response, page: Page) -> Look:
    from calimport.sources import json_ld, wix

    linked, embedded = _linked_feeds(page, response.url), _embedded_feeds(page, response.url)
    own = []
    lists = wix.event_lists(page)
    if _SQUARESPACE.search(response.content):
        own.append(Candidate("squarespace"))
    if any(generator.lower().startswith("wix") for generator in page.metas("generator")) or lists:
        own.append(Candidate("wix"))
    events, _ = json_ld.read([script.text for script in page.scripts("application/ld+json")], response.url)
    if events:
        own.append(Candidate("ld-json"))
    before = [Candidate("ics", one) for one in linked] if len(linked) == 1 else []
    after = [Candidate("ics", one) for one in embedded] if len(embedded) == 1 and not linked else []
    candidates = [*before, *own, *after]
    if not candidates:
        raise _no_calendar(linked or embedded, _downloads(page, response.url))
    suggestions = [] if before else linked or embedded
    return Look(candidates, suggestions, max(len(events), sum(len(one["events"]) for one in lists)))


def _no_calendar(feeds: list[str], downloads: list[str]) -> FeedIsWebPage:
    if not feeds:
        named = shown(downloads)
        return FeedIsWebPage(
            "This is a web page and not a calendar feed. It links what may be one; if so, please give that address"
            f"{named}."
            if named
            else None
        )
    message = "This is a web page that links several calendar feeds. Please give the address of one of them"
    named = "".join(f"\n{one}" for one in feeds if not _is_private(one))
    return FeedIsWebPage(f"{message}:{named}" if named else f"{message}.")


def _linked_feeds(page: Page, url: str) -> list[str]:
    """The feeds that a page names as its own; else those that it offers to subscribe to.

    A link to an `.ics` file is neither: it is one event to download.
    """
    alternates = [one.get("href") for one in page.links("alternate", "text/calendar") if one.get("href")]
    to_subscribe = [one for one in page.addresses(url) if one.lower().startswith(("webcal:", "webcals:"))]
    return _urls(page.absolute(url, one) for one in alternates) or _urls(to_subscribe)


def _downloads(page: Page, url: str) -> list[str]:
    """The first three links to what is named like an iCalendar file: a calendar, or one event, nobody knows."""
    return [one for one in page.addresses(url) if _FILE.search(one)][:3]


def _embedded_feeds(page: Page, url: str) -> list[str]:
    """The public feeds of the Google calendars that a page shows."""
    return _urls(feed for one in page.frames(url) if (feed := google_feed(one)))


def _urls(addresses: Iterable[str]) -> list[str]:
    """As https URLs, each once; what is no URL is left out."""
    from calimport.fetching import http_url

    found: dict[str, str] = {}
    for one in addresses:
        try:
            url = http_url(one)
        except SourceUnsupported:
            continue
        found.setdefault(url.partition("://")[2], url)
    return list(found.values())


def google_feed(url: str) -> str | None:
    """The public feed of the calendar that a page of Google shows; None where it is no such page, or shows several."""
    from calimport.sources.google_address import calendar_id

    parts = urlsplit(url)
    if parts.hostname != "calendar.google.com" or not (parse_qs(parts.query).keys() & {"src", "cid"}):
        return None
    try:
        found = calendar_id(url)
    except SourceUnsupported:
        return None
    return f"https://calendar.google.com/calendar/ical/{quote(found, safe='')}/public/basic.ics"


def shown(addresses: list[str]) -> str:
    """`: https://…, https://…` for the end of a sentence, without those that are secret; empty where none is left."""
    named = ", ".join(one for one in addresses if not _is_private(one))
    return f": {named}" if named else ""


def _is_private(address: str) -> bool:
    from calimport.addresses import is_private

    return is_private(address)
