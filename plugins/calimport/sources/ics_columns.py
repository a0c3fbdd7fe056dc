"""What an iCalendar event says, as columns of the frame: the same for each of its dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from calimport.frame import MOST, STATUSES, TRANSPARENCIES, VISIBILITIES
from calimport.rfc5545.components import Property
from calimport.rfc5545.escaping import split_list, unescape
from calimport.rfc5545.values import date_or_time
from calimport.text import richer
from calimport.windows import instant

if TYPE_CHECKING:
    from datetime import datetime

    from calimport.rfc5545.blocks import Block, Head, Shape
    from calimport.rfc5545.components import Component

_Properties = Mapping[str, Sequence[Property]]

#: PostgreSQL's integer; a SEQUENCE beyond it counts nothing.
_LARGEST_NUMBER: Final = 2**31 - 1
_UTC: Final = ZoneInfo("UTC")
#: The spelling of Microsoft's and others' exports.
_SPELLINGS: Final = {"canceled": "cancelled"}
#: Features of RFC 7986 (6.3) by which one does not take part: a web feed, a chat, the moderator's own entrance.
_NOT_THE_MEETING: Final = frozenset({"FEED", "CHAT", "MODERATOR", "PHONE"})
_CONFERENCES: Final = (
    *("CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL"),
    *("X-MICROSOFT-ONLINEMEETINGCONFLINK", "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK", "X-ZOOM-MEETING-URL"),
)
_NOTHING_SAID: Final = {"online_type": None, "creator": None, "source_event_id": None, "source_series_id": None}


def said(given: _Properties, color: str | None) -> dict[str, Any]:
    """The columns that follow from what a component says.

    :param color: of events that have none.
    """
    found = {
        column: read(lines[0].value) if (lines := given.get(name)) else without
        for column, (name, read, without) in _OF_A_VALUE.items()
    }
    found |= {column: read(given) for column, (_, read) in _OF_LINES.items()}
    found["color"] = found["color"] or color
    return found | _NOTHING_SAID


class Saying:
    """:func:`said` for all events of one shape: which line says what is found out once."""

    def __init__(self, shape: Shape) -> None:
        self._without = said({}, None)
        #: Column, line, where its value begins, and how it is read: of texts as by :func:`_meant`.
        self._texts: list[tuple[str, int, int]] = []
        self._values: list[tuple[str, int, int, Callable[[str], Any]]] = []
        self._lines: list[tuple[Head, int, int]] = []
        self._of_lines: list[tuple[str, Callable[[_Properties], Any]]] = []
        one_value = {column: (name, read) for column, (name, read, _) in _OF_A_VALUE.items()}
        for column, (names, read) in _OF_LINES.items():
            numbers = [number for number, head in enumerate(shape.heads) if head.name in names]
            if column == "description" and [shape.heads[one] for one in numbers] == [("DESCRIPTION", "")]:
                one_value[column] = "DESCRIPTION", _meant
            elif numbers:
                self._lines += [(shape.heads[number], number, shape.begins[number]) for number in numbers]
                self._of_lines.append((column, read))
        for column, (name, read_value) in one_value.items():
            if (at := shape.first.get(name)) is None:
                continue
            if read_value is _meant:
                self._texts.append((column, at, shape.begins[at]))
            else:
                self._values.append((column, at, shape.begins[at], read_value))

    def row(self, block: Block, color: str | None) -> dict[str, Any]:
        """The columns that follow from what an event of this shape says."""
        found, lines = self._without.copy(), block.lines
        for column, number, begin in self._texts:
            value = lines[number][begin:]
            found[column] = (unescape(value) if "\\" in value else value) or None
        for column, number, begin, read in self._values:
            found[column] = read(lines[number][begin:])
        if self._of_lines:
            given: dict[str, list[Property]] = {}
            for (name, parameters), number, begin in self._lines:
                given.setdefault(name, []).append(Property(name, parameters, lines[number][begin:]))
            for column, read_lines in self._of_lines:
                found[column] = read_lines(given)
        found["color"] = found["color"] or color
        return found


def first(calendars: Sequence[Component], *names: str) -> str | None:
    values = (text(calendar, name) for calendar in calendars for name in names)
    return next((value for value in values if value), None)


def text(component: Component, name: str) -> str | None:
    """The first value of a property of TEXT, unescaped; None where it says nothing."""
    found = component.properties.get(name)
    return _meant(found[0].value) if found else None


def number(value: str) -> int | None:
    """An integer that PostgreSQL can store; None of any other text."""
    try:
        found = int(value)
    except ValueError:
        return None
    return None if abs(found) > _LARGEST_NUMBER else found


def _meant(value: str) -> str | None:
    return unescape(value) or None


def _uri(value: str) -> str | None:
    """A URI has no escapes (RFC 5545, 3.3.13)."""
    return value or None


@lru_cache(maxsize=1024)
def _stamp(value: str) -> datetime | None:
    """CREATED and LAST-MODIFIED are in UTC (3.8.7), also where the producer forgot to say so."""
    try:
        return instant(date_or_time(value, []), _UTC)
    except (ValueError, OverflowError):
        return None


def _one_of(choices: tuple[str, ...], default: str) -> Callable[[str], str]:
    @lru_cache(maxsize=256)
    def chosen(value: str) -> str:
        value = unescape(value).strip().lower()
        value = _SPELLINGS.get(value, value)
        return value if value in choices else default

    return chosen


def _categories(given: _Properties) -> list[str]:
    return [name for one in given.get("CATEGORIES", ()) for name in split_list(one.value)]


def _organizer(given: _Properties) -> dict[str, str | None] | None:
    addresses = given.get("ORGANIZER")
    return _person(addresses[0]) if addresses else None


def _attendees(given: _Properties) -> list[dict[str, str | None] | None]:
    """Those that are kept; the others are only counted."""
    addresses = given.get("ATTENDEE", ())
    kept = addresses[: MOST["attendees"]]
    people = [_person(one) | {"status": (one.parameter("PARTSTAT") or "NEEDS-ACTION").lower()} for one in kept]
    return [*people, *[None] * (len(addresses) - len(kept))]


def _person(address: Property) -> dict[str, str | None]:
    uri = address.value.strip()
    return {
        "name": address.parameter("CN"),
        "email": uri[7:] if uri.lower().startswith("mailto:") else None,
    }


def _description(given: _Properties) -> str | None:
    """The text, or its HTML form where a producer writes one: X-ALT-DESC (Outlook), ALTREP as a data URI (Mozilla)."""
    told, other = given.get("DESCRIPTION"), given.get("X-ALT-DESC")
    markup = _meant(other[0].value) if other else None
    if markup is None and told and "ALTREP" in told[0].parameters.upper():
        kind, _, data = (told[0].parameter("ALTREP") or "").partition(",")
        markup = unquote(data) if kind.lower().split(";")[0] == "data:text/html" and "base64" not in kind else None
    plain = _meant(told[0].value) if told else None
    return richer(plain, markup) if markup else plain


def _conference(given: _Properties) -> str | None:
    """The meeting's address, from the property of RFC 7986 (5.11), of Google, of Microsoft, or of Zoom."""
    if given.keys().isdisjoint(_CONFERENCES):
        return None
    for name in _CONFERENCES:
        addresses = [
            (set((one.parameter("FEATURE") or "VIDEO").upper().split(",")) <= _NOT_THE_MEETING, unescape(one.value))
            for one in given.get(name, ())
            if one.value.lower().startswith(("http://", "https://"))
        ]
        if addresses:
            return min(addresses, key=lambda one: one[0])[1]
    return None


#: Columns that follow from the first value of one property: its name, how it is read, and what holds without it.
_OF_A_VALUE: Final[Mapping[str, tuple[str, Callable[[str], Any], Any]]] = {
    "status": ("STATUS", _one_of(STATUSES, "confirmed"), "confirmed"),
    "summary": ("SUMMARY", _meant, None),
    "location": ("LOCATION", _meant, None),
    "url": ("URL", _uri, None),
    "visibility": ("CLASS", _one_of(VISIBILITIES, "default"), "default"),
    "transparency": ("TRANSP", _one_of(TRANSPARENCIES, "opaque"), "opaque"),
    "color": ("COLOR", _meant, None),
    "sequence": ("SEQUENCE", number, None),
    "created_at": ("CREATED", _stamp, None),
    "updated_at": ("LAST-MODIFIED", _stamp, None),
}
#: Columns that follow from more: the names of the properties, and how they are read together.
_OF_LINES: Final[Mapping[str, tuple[Sequence[str], Callable[[_Properties], Any]]]] = {
    "description": (("DESCRIPTION", "X-ALT-DESC"), _description),
    "online_url": (_CONFERENCES, _conference),
    "categories": (("CATEGORIES",), _categories),
    "organizer": (("ORGANIZER",), _organizer),
    "attendees": (("ATTENDEE",), _attendees),
}
