"""An occurrence of an iCalendar event as a row of the frame, property by property."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from calimport import reminders
from calimport.frame import MOST, STATUSES, TRANSPARENCIES, VISIBILITIES
from calimport.rfc5545.escaping import split_list, unescape
from calimport.rfc5545.values import date_or_time, duration
from calimport.text import richer
from calimport.windows import instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from calimport.rfc5545.content_lines import Component, Property
    from calimport.rfc5545.series import Occurrence

#: PostgreSQL's integer; a SEQUENCE beyond it counts nothing.
_LARGEST_NUMBER: Final = 2**31 - 1
_UTC: Final = ZoneInfo("UTC")


def rows(
    found: Sequence[Occurrence], uid: str, zone: ZoneInfo, color: str | None, *, since: datetime
) -> list[dict[str, Any]]:
    """The occurrences of one UID. What a component says is read once, however often it takes place.

    :param since: the window's start, an instant in UTC; an alarm of a series for an earlier one is past.
    """
    said: dict[int, dict[str, Any]] = {}
    alarms: dict[int, _Alarms] = {}
    starts = _starts_of_series(found, zone)
    made = []
    for one in found:
        event: Component = one.event.payload
        if (of_event := said.get(id(event))) is None:
            of_event = said[id(event)] = _said(event, color)
            alarms[id(event)] = _Alarms(event, starts.get(id(event)), since)
        start_at, end_at = one.span(zone)
        made.append(
            {
                **of_event,
                "uid": uid,
                "recurrence_id": _recurrence_id(one.recurrence_id),
                "start_at": start_at,
                "end_at": end_at,
                "all_day": one.all_day,
                "start_date": one.start if one.all_day else None,
                "end_date": one.end if one.all_day else None,
                "timezone": one.event.timezone,
                "timezone_source": one.event.timezone_source,
                **alarms[id(event)].at(start_at, end_at),
                "is_recurring": one.recurrence_id is not None,
            }
        )
    return made


def _starts_of_series(found: Sequence[Occurrence], zone: ZoneInfo) -> dict[int, list[datetime]]:
    """By component, where it takes place more than once: when each time begins."""
    starts: dict[int, list[datetime]] = {}
    for one in found:
        event: Component = one.event.payload
        if event.components and one.recurrence_id is not None:
            replaced = event.first("RECURRENCE-ID")
            if replaced is None or replaced.parameter("RANGE"):
                starts.setdefault(id(event), []).append(one.span(zone)[0])
    return {component: sorted(found_at) for component, found_at in starts.items()}


def _said(event: Component, color: str | None) -> dict[str, Any]:
    """The columns that are the same for every occurrence of a component."""
    given = event.properties
    return {
        "status": _choice(given, "STATUS", STATUSES, "confirmed"),
        "summary": text(event, "SUMMARY"),
        "description": _description(event),
        "location": text(event, "LOCATION"),
        "url": text(event, "URL"),
        "online_url": _conference(event),
        "online_type": None,
        "categories": [name for one in given.get("CATEGORIES", ()) for name in split_list(one.value)],
        "organizer": _person(event.first("ORGANIZER")),
        "creator": None,
        "attendees": _people(given.get("ATTENDEE", [])),
        "visibility": _choice(given, "CLASS", VISIBILITIES, "default"),
        "transparency": _choice(given, "TRANSP", TRANSPARENCIES, "opaque"),
        "color": text(event, "COLOR") or color,
        "sequence": _number(event, "SEQUENCE"),
        "created_at": _stamp(event, "CREATED"),
        "updated_at": _stamp(event, "LAST-MODIFIED"),
        "source_event_id": None,
        "source_series_id": None,
    }


def _recurrence_id(moment: date | datetime | None) -> str | None:
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return moment.isoformat()


#: The methods of ACTION (3.8.6.1); any other, and none, is as DISPLAY.
_METHODS: Final = {"DISPLAY": "popup", "EMAIL": "email", "AUDIO": "audio"}
#: An alarm that repeats a thousand times is a mistake or worse.
_MOST_REPEATS: Final = 20


class _Trigger(NamedTuple):
    """When an alarm reminds: so long from the start or the end, or at an instant; and again after each pause."""

    method: str
    first: datetime | timedelta
    is_from_end: bool
    pauses: tuple[timedelta, ...]

    def instants(self, start: datetime, end: datetime) -> list[datetime]:
        away = self.first
        first = away if isinstance(away, datetime) else (end if self.is_from_end else start) + away
        return [first + pause for pause in self.pauses]


class _Alarms:
    """The VALARMs of an event (RFC 5545, 3.6.6), read once for all of its dates.

    An alarm at an instant is there once, also in a series (3.8.6.3): it belongs to the first of ``starts`` that is not
    before it. One that was before the window is past, so that it does not move from date to date with the window.

    An alarm that cannot be read reminds of nothing; the event stands. So does one with ACTION:NONE, by which Apple
    says that the calendar's defaults are not wanted.
    """

    def __init__(self, event: Component, starts: Sequence[datetime] | None, since: datetime) -> None:
        alarms = list(event.walk("VALARM")) if event.components else []
        self._says_nothing = not alarms
        #: Those of each date; more than are kept of them say only that there are too many.
        self._relative: dict[_Trigger, None] = {}
        #: The others by the date that they belong to; None: the only one.
        self._absolute: dict[datetime | None, list[_Trigger]] = {}
        for trigger in filter(None, map(_trigger, alarms)):
            if not isinstance(trigger.first, datetime):
                if len(self._relative) <= MOST["reminders"]:
                    self._relative[trigger] = None
            elif starts is None:
                self._absolute.setdefault(None, []).append(trigger)
            elif since <= trigger.first and (start := _first_from(starts, trigger.first)):
                self._absolute.setdefault(start, []).append(trigger)

    def at(self, start: datetime, end: datetime) -> dict[str, Any]:
        """``reminders`` and ``reminder_methods`` of a date."""
        if self._says_nothing:
            return {"reminders": [], "reminder_methods": None}
        found = []
        for trigger in (*self._relative, *self._absolute.get(None, ()), *self._absolute.get(start, ())):
            try:
                found += [(at, trigger.method) for at in trigger.instants(start, end)]
            except OverflowError:  # outside of the years 1 to 9999
                continue
        return reminders.columns(found)


def _first_from(starts: Sequence[datetime], at: datetime) -> datetime | None:
    """The first of ``starts``, which are in order, that is not before ``at``."""
    where = bisect_left(starts, at)
    return starts[where] if where < len(starts) else None


def _trigger(alarm: Component) -> _Trigger | None:
    """The trigger (3.8.6.3), relative to start or end or absolute, and REPEAT times DURATION after it (3.8.6.2)."""
    action = (text(alarm, "ACTION") or "").strip().upper()
    trigger = alarm.first("TRIGGER")
    # An alarm about being somewhere (RFC 9074, 8) has a trigger that says nothing.
    if trigger is None or action == "NONE" or alarm.first("PROXIMITY"):
        return None
    first: datetime | timedelta
    try:
        if trigger.value.lstrip("+-").upper().startswith("P"):
            away = duration(trigger.value, [])
            first = timedelta(away.days) + away.exact
        elif isinstance(at := date_or_time(trigger.value, []), datetime):
            first = instant(at, _UTC)
        else:
            return None
        repeats, pause = _number(alarm, "REPEAT"), alarm.first("DURATION")
        pauses: tuple[timedelta, ...] = (timedelta(),)
        if pause is not None and repeats and repeats > 0:
            each = duration(pause.value, [])
            pauses = tuple(
                count * (timedelta(each.days) + each.exact) for count in range(min(repeats, _MOST_REPEATS) + 1)
            )
    except (ValueError, OverflowError):
        return None
    is_from_end = (trigger.parameter("RELATED") or "").upper() == "END"
    return _Trigger(_METHODS.get(action, "popup"), first, is_from_end, pauses)


def _people(addresses: list[Property]) -> list[dict[str, str | None] | None]:
    """Those that are kept; the others are only counted."""
    kept = addresses[: MOST["attendees"]]
    return [*(_person(one, status=True) for one in kept), *[None] * (len(addresses) - len(kept))]


def _person(address: Property | None, *, status: bool = False) -> dict[str, str | None] | None:
    if address is None:
        return None
    uri = address.value.strip()
    person: dict[str, str | None] = {
        "name": address.parameter("CN"),
        "email": uri[7:] if uri.lower().startswith("mailto:") else None,
    }
    if status:
        person["status"] = (address.parameter("PARTSTAT") or "NEEDS-ACTION").lower()
    return person


def _description(event: Component) -> str | None:
    """The text, or its HTML form where a producer writes one: X-ALT-DESC (Outlook), ALTREP as a data URI (Mozilla)."""
    given = event.first("DESCRIPTION")
    markup = text(event, "X-ALT-DESC")
    if markup is None and given is not None and "ALTREP" in given.parameters.upper():
        kind, _, data = (given.parameter("ALTREP") or "").partition(",")
        markup = unquote(data) if kind.lower().split(";")[0] == "data:text/html" and "base64" not in kind else None
    said = text(event, "DESCRIPTION")
    return richer(said, markup) if markup else said


_CONFERENCES: Final = (
    *("CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL"),
    *("X-MICROSOFT-ONLINEMEETINGCONFLINK", "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK", "X-ZOOM-MEETING-URL"),
)
#: Features of RFC 7986 (6.3) by which one does not take part: a web feed, a chat, the moderator's own entrance.
_NOT_THE_MEETING: Final = frozenset({"FEED", "CHAT", "MODERATOR", "PHONE"})


def _conference(event: Component) -> str | None:
    """The meeting's address, from the property of RFC 7986 (5.11), of Google, of Microsoft, or of Zoom."""
    if event.properties.keys().isdisjoint(_CONFERENCES):
        return None
    for name in _CONFERENCES:
        addresses = [
            (set((given.parameter("FEATURE") or "VIDEO").upper().split(",")) <= _NOT_THE_MEETING, unescape(given.value))
            for given in event.all(name)
            if given.value.lower().startswith(("http://", "https://"))
        ]
        if addresses:
            return min(addresses, key=lambda one: one[0])[1]
    return None


def first(calendars: Sequence[Component], *names: str) -> str | None:
    values = (text(calendar, name) for calendar in calendars for name in names)
    return next((value for value in values if value), None)


#: Properties whose value is a URI and so has no escapes (RFC 5545, 3.3.13).
_URIS: Final = frozenset({"URL"})


def text(component: Component, name: str) -> str | None:
    """The first value of a property, unescaped; None where it says nothing."""
    found = component.properties.get(name)
    if not found:
        return None
    value = found[0].value
    return (value if name in _URIS else unescape(value)) or None


def _number(event: Component, name: str) -> int | None:
    given = event.first(name)
    try:
        value = None if given is None else int(given.value)
    except ValueError:
        return None
    return None if value is None or abs(value) > _LARGEST_NUMBER else value


def _stamp(event: Component, name: str) -> datetime | None:
    """CREATED and LAST-MODIFIED are in UTC (3.8.7), also where the producer forgot to say so."""
    given = event.first(name)
    try:
        return None if given is None else instant(date_or_time(given.value, []), _UTC)
    except (ValueError, OverflowError):
        return None


#: The spelling of Microsoft's and others' exports.
_SPELLINGS: Final = {"canceled": "cancelled"}


def _choice(given: Mapping[str, list[Property]], name: str, choices: tuple[str, ...], default: str) -> str:
    found = given.get(name)
    return _chosen(found[0].value, choices, default) if found else default


@lru_cache(maxsize=256)
def _chosen(value: str, choices: tuple[str, ...], default: str) -> str:
    value = unescape(value).strip().lower()
    value = _SPELLINGS.get(value, value)
    return value if value in choices else default
