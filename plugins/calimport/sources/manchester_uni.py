"""``manchester-uni``: a calendar of the University of Manchester, ``https://events.manchester.ac.uk/f3vf/calendar/…``.

One GET of namespaced XML (CalML): each ``event`` has an ``id``, a ``title``, a ``description`` and ``times``, of which
those of type ``local`` are on the clocks of Manchester. A ``date`` without a ``time`` is a whole day.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any, Final
from xml.etree.ElementTree import Element

from calimport import json_text, xml_text
from calimport.errors import FeedUnparsable
from calimport.fetching import Http, raise_for_status
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.sources.elements import attribute, child, children, content, descendants, name
from calimport.sources.loose import listed, required
from calimport.sources.rows import Rows, moment

HOSTS: Final = ("events.manchester.ac.uk",)
RETAINS_PAST: Final = False

_ZONE: Final = "Europe/London"
#: The name or namespace of a document that may hold events, and just now holds none.
_IS_CALENDAR: Final = re.compile("cal|event", re.IGNORECASE)
#: An id is a qualified name, whose prefix each answer may choose; the event's page has `event:` there.
_PAGE_ID: Final = re.compile(r"even(?:t)?:([\w-]+)", re.ASCII)
#: What of a location is written for people; the rest are ids, maps and coordinates.
_OF_A_PLACE: Final = frozenset(
    {"name", "title", "building", "room", "floor", "campus", "address", "street", "city", "town", "postcode"}
)


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """The calendar, with one GET.

    :raises FeedUnparsable: it is not XML, or holds no calendar.
    :raises CalimportError: it cannot be fetched.
    """
    url = http.own(request.source or "")
    response = await http.get(url, headers={"Accept": "application/xml, text/xml;q=0.9, */*;q=0.5"})
    raise_for_status(response)
    root = xml_text.loads(response.content)
    events = [_event(one) for one in descendants(root, "event")]
    if not events and not _IS_CALENDAR.search(root.tag):
        raise FeedUnparsable(detail=f"an XML document <{name(root)}> without events")
    title = listed(content(child(root, "title")))
    return Feed.of_json({"title": title, "events": events}, timezone=_ZONE)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    document = json_text.loads(feed)
    rows = Rows(context)
    for event in document["events"]:
        with rows.item(uid=event["id"], title=event["title"]):
            uid = required(event["id"], "id")
            if not event["times"]:
                raise ValueError("it has no start")
            for times in event["times"]:
                start = _moment(times["start"], "start")
                rows.add(
                    uid=uid,
                    start=start,
                    end=_end(times["end"], start),
                    status="cancelled" if "cancel" in (event["status"] or "").lower() else None,
                    recurrence_id=start if len(event["times"]) > 1 else None,
                    title=event["title"],
                    description=event["description"],
                    location=event["place"],
                    url=event["url"],
                )
    return rows.parsed(retains_past=RETAINS_PAST, title=document["title"])


def _event(event: Element) -> dict[str, Any]:
    found = content(child(event, "id"))
    page = _PAGE_ID.fullmatch(found or "")
    return {
        "id": found,
        "title": content(child(event, "title")),
        "description": content(child(event, "description")),
        "status": content(child(event, "status")),
        "times": [
            {"start": _date_and_time(child(times, "start")), "end": _date_and_time(child(times, "end"))}
            for times in children(event, "times")
            if (attribute(times, "type") or "local") == "local"
        ],
        "place": _place(next(descendants(event, "location"), None)),
        "url": f"https://events.manchester.ac.uk/event/event:{page[1]}" if page else None,
    }


def _date_and_time(element: Element | None) -> list[str | None]:
    """The date and the time of day, at whatever depth they stand."""
    if element is None:
        return [None, None]
    return [content(next(descendants(element, wanted), None)) for wanted in ("date", "time")]


def _place(location: Element | None) -> str | None:
    if location is None:
        return None
    leaves = [one for one in location.iter() if len(one) == 0 and name(one) in _OF_A_PLACE]
    return listed(*(content(one) for one in leaves)) or (listed(content(location)) if len(location) == 0 else None)


def _moment(given: list[str | None], what: str) -> date | datetime:
    """A date, or a time on the clocks of Manchester.

    :raises ValueError: it is neither.
    """
    day, time = given
    return moment(f"{required(day, what)}T{time}" if time else required(day, what))


def _end(given: list[str | None], start: date | datetime) -> date | datetime | None:
    """The exclusive end; None where there is none. The last of whole days is one of them."""
    day, time = given
    if not day:
        return None
    is_timed = isinstance(start, datetime)
    if is_timed and not time:
        return None  # it ends on that day, nobody knows when
    end = _moment([day, time if is_timed else None], "end")
    return end if is_timed else end + timedelta(days=1)
