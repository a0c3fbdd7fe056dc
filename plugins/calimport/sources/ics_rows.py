"""An occurrence of an iCalendar event as a row of the frame: when it takes place, and when it reminds."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from calimport import reminders
from calimport.frame import MOST
from calimport.rfc5545.values import date_or_time, duration
from calimport.sources.ics_columns import number, said, text
from calimport.windows import instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from calimport.rfc5545.components import Component
    from calimport.rfc5545.series import Occurrence

_UTC: Final = ZoneInfo("UTC")


def rows(
    found: Sequence[Occurrence], uid: str, zone: ZoneInfo, color: str | None, *, since: datetime
) -> list[dict[str, Any]]:
    """The occurrences of one UID. What a component says is read once, however often it takes place.

    :param since: the window's start, an instant in UTC; an alarm of a series for an earlier one is past.
    """
    said_by: dict[int, dict[str, Any]] = {}
    alarms: dict[int, Alarms] = {}
    starts = _starts_of_series(found, zone)
    made = []
    for one in found:
        event: Component = one.event.payload
        if (of_event := said_by.get(id(event))) is None:
            of_event = said_by[id(event)] = said(event.properties, color)
            alarms[id(event)] = Alarms(list(event.walk("VALARM")), starts.get(id(event)), since)
        of_date = when(one, zone)
        made.append({**of_event, "uid": uid, **of_date, **alarms[id(event)].at(of_date["start_at"], of_date["end_at"])})
    return made


def when(one: Occurrence, zone: ZoneInfo) -> dict[str, Any]:
    """The columns that say when an occurrence takes place."""
    start_at, end_at = one.span(zone)
    all_day = one.all_day
    return {
        "recurrence_id": _recurrence_id(one.recurrence_id),
        "start_at": start_at,
        "end_at": end_at,
        "all_day": all_day,
        "start_date": one.start if all_day else None,
        "end_date": one.end if all_day else None,
        "timezone": one.event.timezone,
        "timezone_source": one.event.timezone_source,
        "is_recurring": one.recurrence_id is not None,
    }


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


#: What an event says of reminders that has no alarm.
NO_ALARMS: Final[dict[str, Any]] = {"reminders": [], "reminder_methods": None}


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


class Alarms:
    """The VALARMs of an event (RFC 5545, 3.6.6), read once for all of its dates.

    An alarm at an instant is there once, also in a series (3.8.6.3): it belongs to the first of ``starts`` that is not
    before it. One that was before the window is past, so that it does not move from date to date with the window.

    An alarm that cannot be read reminds of nothing; the event stands. So does one with ACTION:NONE, by which Apple
    says that the calendar's defaults are not wanted.
    """

    def __init__(self, alarms: Sequence[Component], starts: Sequence[datetime] | None, since: datetime) -> None:
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

    def at(self, start: datetime, end: datetime) -> Mapping[str, Any]:
        """``reminders`` and ``reminder_methods`` of a date."""
        if self._says_nothing:
            return NO_ALARMS
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
        given, pause = alarm.first("REPEAT"), alarm.first("DURATION")
        repeats = number(given.value) if given is not None else None
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
