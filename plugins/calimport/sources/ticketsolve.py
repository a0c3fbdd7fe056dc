"""``ticketsolve``: the shows of a box office, ``https://VENUE.ticketsolve.com/shows.xml``.

A ``show`` has a name, a description, an address and ``events``, its performances: each is an occurrence. A performance
has the time at which the house opens and says whether there are places left, but not when it ends. When many people
buy, the site sends everybody through the waiting room of another host, and back.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any, Final
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element

from calimport import json_text, xml_text
from calimport.errors import FeedIsWebPage, FeedUnparsable, QuotaExceeded
from calimport.fetching import Http, Response, raise_for_status
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.sources.elements import child, children, content, descendants, name
from calimport.sources.loose import listed, required, starting
from calimport.sources.rows import Rows

#: The box office's own address, and where that leads.
HOSTS: Final[tuple[str, ...]] = ()
RETAINS_PAST: Final = False

#: Times have an offset as a rule; the box offices are British and Irish, whose clocks agree.
_ZONE: Final = "Europe/London"
_IS_PAGE: Final = re.compile(rb"\s*+(?:\xef\xbb\xbf)?+\s*+<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
#: The name of a document that may hold shows, and just now holds none.
_IS_LIST: Final = re.compile("show|venue|event|ticket|feed")
_BLANKS: Final = re.compile(r"(?<!\s)\s++(?=[+-]\d\d:?\d\d$)|(?<!\s)\s*+(?=UTC$)")


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """The list of shows, with one GET and what it leads through.

    :raises QuotaExceeded: the way ends in a waiting room.
    :raises FeedIsWebPage: the box office has no list of shows.
    :raises CalimportError: it cannot be fetched.
    """
    url = http.own(request.source or "")
    if not urlsplit(url).path.endswith(".xml"):
        url = urljoin(url, "/shows.xml")
    response = await http.get(url, headers={"Accept": "application/xml, text/xml;q=0.9, */*;q=0.5"})
    raise_for_status(response)
    if _IS_PAGE.match(response.content):
        raise _no_list(response, url)
    root = xml_text.loads(response.content)
    shows = [_show(one, venue) for one, venue in _shows(root, None)]
    if not shows and not _IS_LIST.search(name(root)):
        raise FeedUnparsable(detail=f"an XML document <{name(root)}> without shows")
    return Feed.of_json({"shows": shows}, timezone=_ZONE)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The performances in the window. One that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    rows = Rows(context)
    for show in json_text.loads(feed)["shows"]:
        for performance in show["performances"]:
            uid = "-".join(one for one in (show["id"], performance["id"]) if one)
            with rows.item(uid=uid, title=show["title"]):
                start = starting(performance["start"])
                rows.add(
                    uid=required(uid, "id"),
                    start=start,
                    # Performances without ids of their own are told apart by their time.
                    recurrence_id=None if performance["id"] else start,
                    status="cancelled" if performance["is_cancelled"] else None,
                    title=show["title"],
                    description=_description(show),
                    location=performance["place"],
                    url=show["url"],
                    is_recurring=len(show["performances"]) > 1,
                    source_event_id=performance["id"],
                    source_series_id=show["id"],
                )
    return rows.parsed(retains_past=RETAINS_PAST)


def _no_list(response: Response, asked: str) -> Exception:
    if urlsplit(response.url).hostname != urlsplit(asked).hostname:
        return QuotaExceeded(
            "The box office has a queue of visitors just now, in which we do not wait. We shall try again later.",
            detail=f"the waiting room of {urlsplit(response.url).hostname}",
        )
    return FeedIsWebPage("This is a web page and not the list of a box office's shows. Please check the address.")


def _shows(element: Element, venue: str | None) -> list[tuple[Element, str | None]]:
    """Every show, with the name of the venue that it stands in, if any."""
    found: list[tuple[Element, str | None]] = []
    for one in element:
        if name(one) == "show":
            found.append((one, venue))
        else:
            inner = content(child(one, "name")) if name(one) == "venue" else None
            found += _shows(one, inner or venue)
    return found


def _show(show: Element, venue: str | None) -> dict[str, Any]:
    url = child(show, "url")
    if url is None:  # those with a size are pictures
        url = next((one for one in descendants(show, "url") if not one.attrib), None)
    return {
        "id": show.get("id") or content(child(show, "id")),
        "title": content(child(show, "name")),
        "description": content(child(show, "description")),
        "url": content(url),
        "performances": [
            _performance(event, _place(event) or _place(show) or venue)
            for events in children(show, "events")
            for event in children(events, "event")
        ],
    }


def _performance(event: Element, place: str | None) -> dict[str, Any]:
    start = content(child(event, "opening_time_iso")) or content(child(event, "date_time_iso"))
    return {
        "id": event.get("id") or content(child(event, "id")),
        "start": _iso(start) if start else None,
        "is_cancelled": "cancel" in (content(child(event, "status")) or "").lower(),
        "place": place,
    }


def _place(element: Element) -> str | None:
    venue = child(element, "venue")
    if venue is None:
        return content(child(element, "venue_name"))
    return listed(content(child(venue, "name")), content(child(venue, "address"))) or listed(content(venue))


def _iso(time: str) -> str:
    """ISO 8601 without the blank before the offset, nor a zone by its name."""
    return _BLANKS.sub("", time).replace("UTC", "Z")


def _description(show: dict[str, Any]) -> str | None:
    """The text, and under it the address of the tickets, as a paragraph where the text is HTML."""
    description: str | None = show["description"]
    url: str | None = show["url"]
    if not url:
        return description
    if description and "<" in description:
        return f"{description}<p>Tickets: {escape(url)}</p>"
    return "\n\n".join(one for one in (description, f"Tickets: {url}") if one)
