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
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

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
from calimport.sources.looking import Candidate, Look, by_answer, google_feed, shown

if TYPE_CHECKING:
    from calimport.fetching import Http

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
#: What a linked feed says that is none, and goes on being none.
_NO_FEED: Final = (FeedInvalid, FeedRefused, SourceUnsupported, RequestNotRecorded)


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
        message = f"The page links a calendar feed, which is read in the page's place{shown([address])}."
    elif len(better) == 1:
        message = f"The page links a calendar feed, which may say more. Please give that address{shown(better)}."
    elif better:
        message = (
            "The page links several calendar feeds, which may say more than the page itself. If you mean one of them,"
            f" please give its address{shown(better)}."
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
    return by_answer(response)


def _of_google(source: str) -> str:
    feed = google_feed(source)
    which = f" instead: {feed}" if feed else ", which its settings name (public address in iCal format)"
    return (
        f"This is the page of a Google calendar and not its feed. If the calendar is public, please give the feed's"
        f" address{which}. If it is not, it needs a connection to Google."
    )


def _detected(validators: Mapping[str, Any]) -> dict[str, Any] | None:
    found = validators.get("detected")
    return found if isinstance(found, dict) and found.get("kind") in sources.MODULES else None
