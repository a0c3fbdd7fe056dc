"""Which kind of source reads an address: by the address, else by what it answers.

The order: the form of the address; then what came, by its first bytes and its Content-Type: iCalendar, JSON, XML, HTML.
A web page that links one calendar feed to subscribe to is read through that feed, which says more than the page; else
by the events that it holds itself, as Squarespace, as Wix, as JSON-LD, in this order; else through the calendar that it
embeds. Several feeds are the owner's choice, not ours.

A link is only a promise: a feed that is not there, or that holds nothing where the page describes events, is not the
page's calendar, and the page's own events are read. But never in the place of a feed that was read before: what fails
today would replace every row.

What was found by a look stands in the feed's validators, so that the next fetch asks for the events straight away. We
look anew when that fails, and with every full fetch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from calimport import sources
from calimport.errors import (
    CalimportError,
    FeedInvalid,
    FeedIsWebPage,
    FeedRefused,
    RequestNotRecorded,
    SourceUnsupported,
)
from calimport.sources.base import Feed, FetchRequest, Notice

if TYPE_CHECKING:
    from calimport.fetching import Http, Response
    from calimport.sources.web_page import Page

AUTO: Final = "auto"

#: Host, without ``www.``, and path of providers' addresses; the first that matches names the kind.
ADDRESSES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("eventbrite", r"eventbrite\.[a-z]{2,3}(\.[a-z]{2})?/o/([^/]*-)?\d+/?$"),
        (
            "meetup",  # but for the pages of the site itself
            r"meetup\.com/([a-z]{2}(-[a-z0-9]{2,4})?/)?"
            r"(?!(find|home|topics|cities|help|login|register|about|apps|pro|blog|lp|media|start|events|messages|account)\b)"
            r"[\w-]{3,}(/events(/ical)?)?/?$",
        ),
        ("outsavvy", r"outsavvy\.com/organiser/[^/]+/?$"),
        ("residentadvisor", r"ra\.co/(clubs|promoters)/\d+"),
        ("squarespace", r"[^/]+\.squarespace\.com/[^/]+/?$"),
        ("ticketsolve", r"[^/.]+\.ticketsolve\.com(/|$)"),
        ("ticketsource", r"ticketsource\.(co\.uk|com|eu|us)/[^/]+/?$"),
        ("tickettailor", r"tickettailor\.com/events/[^/]+/?$"),
        ("wix", r"[^/]+\.wixsite\.com(/|$)"),
        ("manchester-uni", r"events\.manchester\.ac\.uk/f3vf/calendar/"),
        ("ics", r"calendar\.google\.com/calendar/ical/"),
        ("ics", r"outlook\.(office365|live)\.com/owa/calendar/"),
        ("ics", r"ics\.teamup\.com/feed/"),
        ("ics", r".+\.ics$"),
    )
)
_GOOGLE_ID: Final = re.compile(r"primary|[^\s/@]+@(group\.calendar\.google\.com|[^\s/@]+)")
_GOOGLE_PAGE: Final = re.compile(r"/calendar/?(u/\d+/?)?((r|embed|render)\b.*)?")
_SQUARESPACE: Final = re.compile(
    rb"Static\.SQUARESPACE_CONTEXT\s*=|<!-- This is Squarespace|href=[\"']https://images\.squarespace-cdn\.com/?[\"']"
)
#: What a linked feed says that is none, and goes on being none.
_NO_FEED: Final = (FeedInvalid, FeedRefused, SourceUnsupported, RequestNotRecorded)
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


def by_address(source: str | None, *, connection_id: str | None = None) -> str | None:
    """The kind that reads ``source`` by its form alone; None where only its answer tells. Nothing is fetched.

    :raises SourceUnsupported: no kind reads an address of this form.
    """
    if source is None:
        return "ics"  # a private feed's URL, held by its connection
    if connection_id and _GOOGLE_ID.fullmatch(source):
        return "google"
    parts = urlsplit(source)
    if parts.hostname == "calendar.google.com" and _GOOGLE_PAGE.fullmatch(parts.path):
        if connection_id:
            return "google"
        raise SourceUnsupported(_of_google(source))
    scheme = parts.scheme.lower()
    if scheme in ("webcal", "webcals") and parts.hostname:
        return "ics"
    if scheme not in ("http", "https") or not parts.hostname:
        raise SourceUnsupported()
    named = parts.hostname.removeprefix("www.") + parts.path
    return next((kind for kind, pattern in ADDRESSES if pattern.match(named)), None)


async def fetch(kind: str, request: FetchRequest, http: Http) -> tuple[str, Feed]:
    """One complete fetch of one calendar, and the kind that read it.

    :param kind: ``auto``, or the kind that is configured, which is then not questioned.
    :raises CalimportError: no kind reads it, or the one that does could not.
    """
    known = by_address(request.source, connection_id=request.connection_id) if kind == AUTO else kind
    detected = _detected(request.validators)
    if known is not None:
        if detected:  # the validators may be those of another address
            request = replace(request, validators={})
        return known, await sources.fetch(known, request, http)
    if detected:
        try:
            return await _read(Candidate(detected["kind"], detected.get("address")), request, http, detected)
        except (FeedInvalid, FeedRefused, SourceUnsupported):
            request = replace(request, validators={})  # it is something else by now
    look = await _look(request, http)
    failed = (detected or {}).get("address")
    first_error: CalimportError | None = None
    for candidate in look.candidates:
        found: dict[str, Any] = {"kind": candidate.kind}
        if candidate.address:
            found["address"] = candidate.address
        elif look.suggestions:
            found["better_feeds"] = look.suggestions
        try:
            used, feed = await _read(candidate, replace(request, validators={}), http, found)
        except _NO_FEED as error:
            if candidate.address == failed if candidate.address else not isinstance(error, FeedIsWebPage):
                raise
            first_error = first_error or error  # what else the page offers may be its calendar
            continue
        if candidate.address and look.events and feed.content and b"BEGIN:VEVENT" not in feed.content.upper():
            continue
        return used, feed
    raise first_error or FeedIsWebPage()


def notices(validators: Mapping[str, Any]) -> list[Notice]:
    """What the owner should know of how a calendar was found, from the validators of its feed."""
    detected = _detected(validators) or {}
    better = detected.get("better_feeds") or []
    if address := detected.get("address"):
        message = f"The page links a calendar feed, which is read in the page's place{_shown([address])}."
    elif len(better) == 1:
        message = f"The page links a calendar feed, which may say more. Please give that address{_shown(better)}."
    elif better:
        message = (
            "The page links several calendar feeds, which may say more than the page itself. If you mean one of them,"
            f" please give its address{_shown(better)}."
        )
    else:
        return []
    return [Notice("better_feed", message)]


async def _read(
    candidate: Candidate, request: FetchRequest, http: Http, detected: Mapping[str, Any]
) -> tuple[str, Feed]:
    from calimport.fetching import http_url
    from calimport.hosts import origin

    at = request
    if candidate.address:
        is_own = request.source is not None and origin(candidate.address) == origin(http_url(request.source))
        # What a page links gets the calendar's sign-in only where the page itself does.
        at = replace(request, source=candidate.address, connection_id=request.connection_id if is_own else None)
    feed = await sources.fetch(candidate.kind, at, http)
    return candidate.kind, replace(feed, validators={**feed.validators, "detected": dict(detected)})


async def _look(request: FetchRequest, http: Http) -> Look:
    """Ask the address what it is.

    The answer is kept for the source that reads it.

    :raises CalimportError: it cannot be fetched, or no kind reads what came.
    """
    from calimport.fetching import raise_for_status
    from calimport.sources.ics import address

    http.restrict(())
    configured, auth = address(request)
    url = http.own(configured)
    accept = "text/calendar, text/html;q=0.9, application/xml;q=0.8, application/json;q=0.8, */*;q=0.5"
    response = await http.get(url, headers={"Accept": accept}, auth=auth)
    if auth and "calendar-access" in response.headers.get("dav", ""):
        return Look([Candidate("caldav")])  # RFC 4791, 5.1
    raise_for_status(response)
    http.keep(url, response)
    return _by_answer(response)


def _by_answer(response: Response) -> Look:
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
        raise _no_calendar(linked or embedded)
    suggestions = [] if before else linked or embedded
    return Look(candidates, suggestions, max(len(events), sum(len(one["events"]) for one in lists)))


def _no_calendar(feeds: list[str]) -> FeedIsWebPage:
    if not feeds:
        return FeedIsWebPage()
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


def _of_google(source: str) -> str:
    feed = google_feed(source)
    which = f" instead: {feed}" if feed else ", which its settings name (public address in iCal format)"
    return (
        f"This is the page of a Google calendar and not its feed. If the calendar is public, please give the feed's"
        f" address{which}. If it is not, it needs a connection to Google."
    )


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


def _detected(validators: Mapping[str, Any]) -> dict[str, Any] | None:
    found = validators.get("detected")
    return found if isinstance(found, dict) and found.get("kind") in sources.MODULES else None


def _shown(addresses: list[str]) -> str:
    named = ", ".join(one for one in addresses if not _is_private(one))
    return f": {named}" if named else ""


def _is_private(address: str) -> bool:
    from calimport.addresses import is_private

    return is_private(address)
