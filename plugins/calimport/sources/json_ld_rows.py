"""schema.org's events (:mod:`calimport.sources.json_ld`) as occurrences.

https://schema.org/Event, https://schema.org/EventStatusType, https://schema.org/EventAttendanceModeEnumeration
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from typing import Any, Final

from calimport.online import best
from calimport.sources.address_lines import address_line
from calimport.sources.base import ParseContext
from calimport.sources.json_ld import first, names, types
from calimport.sources.loose import text
from calimport.sources.rows import Rows, moment

#: OutSavvy writes `2025-06-01T11:00:00:00+01:00`.
_TWICE_SECONDS: Final = re.compile(r"(T\d\d:\d\d:\d\d):\d\d(?=$|[Z+-])")
#: `2025-6-1 9:00`, as templates write it.
_SHORT: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:T|\s+)(\d{1,2})(:\d.*)?)?", re.ASCII)
_STATUSES: Final = {
    "eventcancelled": "cancelled",
    "eventcanceled": "cancelled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    # No new date is known yet.
    "eventpostponed": "tentative",
    "postponed": "tentative",
}
_ONLINE_MODES: Final = frozenset({"onlineeventattendancemode", "mixedeventattendancemode", "online", "mixed"})
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31}\d{0,2});")
_DAY: Final = timedelta(days=1)


def rows(events: list[dict[str, Any]], context: ParseContext) -> Rows:
    """All that take place in the window. One that cannot be understood becomes a notice, and then nothing is gone.

    The UID is the address with the start, since the dates of one event share its address. An event that was moved
    (EventRescheduled) keeps the start it had.
    """
    found = Rows(context)
    known: dict[str, tuple[str, str]] = {}
    for event in sorted(events, key=lambda one: (str(one.get("url")), _names_its_past(one), str(one.get("name")))):
        title = first(event.get("name"))
        with found.item(uid="", title=title):
            start, end = _span(event)
            uid = _uid(event, start, title or "", known)
            place, online = _whereabouts(event)
            found.add(
                uid=uid,
                start=start,
                end=end,
                status=next((_STATUSES[one] for one in _lower(event.get("eventStatus")) if one in _STATUSES), None),
                title=title,
                description=_prose(first(event.get("description"))),
                location=place,
                url=event["url"],
                online_url=online,
                online_type=_online_type(online),
                organizer=_organizer(event.get("organizer")),
                categories=_categories(event.get("keywords")),
                source_event_id=event["url"],
            )
    return found


def _prose(description: str | None) -> str | None:
    """A text, or HTML: some sites (The Events Calendar for WordPress) escape the HTML of a description once more."""
    if description is None or "<" in description:
        return description
    return _ENTITY.sub(lambda found: unescape(found.group()), description)


def when(value: Any) -> date | datetime:
    """A date, or a date-time with or without an offset.

    :raises ValueError: it is neither.
    """
    given = first(value) or ""
    if not given:
        raise ValueError("it has no start")
    try:
        return moment(_TWICE_SECONDS.sub(r"\1", given))
    except ValueError:
        short = _SHORT.fullmatch(given)
        if not short:
            raise
        year, month, day, hour, rest = short.groups()
        padded = f"{year}-{int(month):02}-{int(day):02}"
        return moment(f"{padded}T{int(hour):02}{(rest or ':00').replace(' ', '')}" if hour else padded)


def _span(event: dict[str, Any]) -> tuple[date | datetime, date | datetime | None]:
    """Start and end, both dates or both times; the end of dates is exclusive here, and the last day on the page."""
    start = when(event.get("startDate"))
    try:
        end = when(event["endDate"]) if event.get("endDate") else None
    except ValueError:
        end = None  # an optional field
    if end is None:
        return start, None
    if not isinstance(start, datetime):
        return start, (end.date() if isinstance(end, datetime) else end) + _DAY
    if isinstance(end, datetime):
        return start, end if (start.tzinfo is None) == (end.tzinfo is None) else end.replace(tzinfo=start.tzinfo)
    if end <= start.date():
        return start, None
    return start, datetime.combine(end + _DAY, time(), tzinfo=start.tzinfo)


def _uid(event: dict[str, Any], start: date | datetime, title: str, known: dict[str, tuple[str, str]]) -> str:
    """The address and the start; where another event has both already, its own start, then its name too."""
    stamp = _stamp(start)
    moved_from = _moved_from(event)
    candidates = [f"{event['url']} {_stamp(moved_from)}"] if moved_from else []
    candidates += [f"{event['url']} {stamp}", f"{event['url']} {stamp} {title}"]
    for uid in candidates:
        if known.setdefault(uid, (stamp, title)) == (stamp, title):
            return uid
    return candidates[-1]


def _moved_from(event: dict[str, Any]) -> date | datetime | None:
    if "eventrescheduled" not in _lower(event.get("eventStatus")):
        return None
    try:
        return when(event.get("previousStartDate"))
    except ValueError:
        return None


def _names_its_past(event: dict[str, Any]) -> bool:
    """Whether its UID may be that of another: those that have it by right come first."""
    return _moved_from(event) is not None


def _stamp(start: date | datetime) -> str:
    if isinstance(start, datetime) and start.tzinfo:
        return start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return start.isoformat()


def _whereabouts(event: dict[str, Any]) -> tuple[str | None, str | None]:
    """The place as text, and where to join online."""
    given = event.get("location")
    places: list[str] = []
    link: str | None = None
    is_online = False
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, dict) and "VirtualLocation" in types(one):
            is_online = True
            link = link or _http(first(one.get("url"))) or _http(text(one.get("@id")))
        elif isinstance(one, dict):
            places.append(_place(one) or "")
        elif found := text(one):
            places.append(found)
    modes = _lower(event.get("eventAttendanceMode"))
    has_moved = "eventmovedonline" in _lower(event.get("eventStatus"))
    is_online = is_online or has_moved or not _ONLINE_MODES.isdisjoint(modes)
    place = "; ".join(dict.fromkeys(one for one in places if one)) or None
    return None if has_moved else place, (link or event["url"]) if is_online else None


def _place(place: dict[str, Any]) -> str | None:
    """A Place with a PostalAddress or a text as its address, or a PostalAddress alone."""
    name, address = first(place.get("name")), place.get("address")
    if isinstance(address, list):
        address = next((one for one in address if one), None)
    if text(address):
        return address_line(name, text(address))
    parts = address if isinstance(address, dict) else place
    street, box, town, region, code, country = (
        first(parts.get(key))
        for key in (
            *("streetAddress", "postOfficeBoxNumber", "addressLocality"),
            *("addressRegion", "postalCode", "addressCountry"),
        )
    )
    return address_line(name, street, box, towns=(town, region), postcode=code, country=country)


def _online_type(link: str | None) -> str | None:
    """Of a link to no known host of meetings nobody knows whether it is more than a page."""
    if link is None:
        return None
    known = best(link)
    return known.type if known else "indirect"


def _organizer(given: Any) -> dict[str, str | None] | None:
    one = given[0] if isinstance(given, list) and given else given
    if not isinstance(one, dict):
        return {"name": text(one), "email": None} if text(one) else None
    name, email = first(one.get("name")), first(one.get("email"))
    return {"name": name, "email": email} if name or email else None


def _categories(given: Any) -> list[str]:
    words = given if isinstance(given, list) else (first(given) or "").split(",")
    return list(dict.fromkeys(word.strip() for one in words if (word := first(one)) and word.strip()))


def _http(value: str | None) -> str | None:
    return value if value and value.lower().startswith(("http://", "https://")) else None


def _lower(value: Any) -> list[str]:
    return [one.casefold() for one in names(value)]
