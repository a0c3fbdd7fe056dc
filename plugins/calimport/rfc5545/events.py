"""A VEVENT as typed times and rules: what :mod:`calimport.rfc5545.series` expands.

An :class:`Event` knows nothing of where it came from, so that other sources than iCalendar can make one too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from calimport.rfc5545.rules import Rule, parse_rule
from calimport.rfc5545.values import Duration, date_or_time, duration, period

if TYPE_CHECKING:
    from calimport.rfc5545.content_lines import Component, Property
    from calimport.zones import Zone, Zones

_T = TypeVar("_T")

#: Lists of dates have commas between them (RFC 5545, 3.1.1); some scripts write semicolons.
_LIST: Final = re.compile("[,;]")
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = time()


@dataclass(frozen=True, slots=True)
class Date:
    """One RDATE: a start, and where it was a PERIOD its own end or duration."""

    start: date | datetime
    end: date | datetime | Duration | None = None


@dataclass(slots=True)
class Event:
    """One component: a single event, the master of a series, or an override of one instance.

    Times are dates, or aware; the wall clock of a series is that of ``start``'s zone.
    """

    uid: str
    start: date | datetime
    #: DTEND as given, in the kind of ``start``; None: see ``duration``.
    end: date | datetime | None = None
    #: DURATION as given.
    duration: Duration | None = None
    rules: tuple[Rule, ...] = ()
    exclusion_rules: tuple[Rule, ...] = ()
    rdates: tuple[Date, ...] = ()
    exdates: tuple[date | datetime, ...] = ()
    recurrence_id: date | datetime | None = None
    #: RECURRENCE-ID;RANGE=THISANDFUTURE: what it says is true of all later instances too (RFC 5545, 3.8.4.4).
    this_and_future: bool = False
    sequence: int = 0
    #: The override gave no start of its own: it is that of the instance, and so is the length.
    start_is_original: bool = False
    #: IANA name of the start's zone, None where there is none, and what decided it (``frame``: ``timezone_source``).
    timezone: str | None = None
    timezone_source: str = "event"
    #: What the source wants back with each occurrence.
    payload: Any = None
    #: Sentences for the owner about what was read by a guess, without full stop.
    notes: list[str] = field(default_factory=list)
    #: Dates of the series are missing, because they could not be read: what is not there is not gone.
    incomplete: bool = False
    #: Zones that were guessed, contradicted or not found, by what the feed calls them.
    doubtful_zones: dict[str, Zone] = field(default_factory=dict)

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, datetime)

    @property
    def recurs(self) -> bool:
        return bool(self.rules or self.rdates)


def event(component: Component, uid: str, zones: Zones) -> Event:
    """The typed form of a VEVENT.

    :raises ValueError: when it is cannot be said for certain; the message is a fragment for the calendar's owner.
    """
    if component.damage:
        raise ValueError("; ".join(component.damage))
    return _Reader(component, uid, zones).read()


class _Reader:
    """One VEVENT being read."""

    def __init__(self, component: Component, uid: str, zones: Zones) -> None:
        self.component = component
        self.zones = zones
        self.event = Event(uid=uid, start=date.min, payload=component, notes=list(component.repairs))

    def read(self) -> Event:
        event, component = self.event, self.component
        start = component.first("DTSTART")
        recurrence_id = component.first("RECURRENCE-ID")
        given = start if start is not None and start.value.strip() else recurrence_id
        if given is None:
            raise ValueError("it has no start (DTSTART)")
        self._start(given)
        event.start_is_original = given is recurrence_id
        if recurrence_id is not None and recurrence_id.value.strip():
            event.recurrence_id = self._moment(recurrence_id)
            event.this_and_future = (recurrence_id.parameter("RANGE") or "").upper() == "THISANDFUTURE"
        self._length()
        if not component.properties.keys().isdisjoint(("RRULE", "RDATE", "EXDATE", "EXRULE")):
            event.rules = tuple(self._rules("RRULE"))
            event.exclusion_rules = tuple(self._rules("EXRULE"))
            event.rdates = tuple(self._rdates())
            event.exdates = tuple(self._exdates())
        event.sequence = self._sequence()
        return event

    def _start(self, given: Property) -> None:
        """The start and its zone, which floating values of the other properties share."""
        event = self.event
        value = self._value(given)
        if not isinstance(value, datetime):
            event.start = value
            event.timezone, event.timezone_source = self.zones.calendar.name, self.zones.calendar.evidence
            return
        if value.tzinfo is not None:
            # A TZID must not be applied to a time in UTC (3.2.19), so a series of such times repeats in UTC.
            event.start, event.timezone = value, "UTC"
            return
        zone = self._zone(given) or self.zones.calendar
        event.start = value.replace(tzinfo=zone.tzinfo)
        event.timezone, event.timezone_source = zone.name, zone.evidence

    def _length(self) -> None:
        event, component = self.event, self.component
        end = component.first("DTEND")
        if end is not None and end.value.strip():
            try:
                event.end = self._end(self._moment(end))
            except ValueError as error:
                event.notes.append(f"{error}, and was read as no end")
            else:
                return
        if (given := component.first("DURATION")) is not None and given.value.strip():
            try:
                event.duration = _named("DURATION", duration, given.value, event.notes)
            except ValueError as error:
                event.notes.append(f"{error}, and was read as no end")

    def _end(self, end: date | datetime) -> date | datetime:
        """The end in the kind of the start: a date counts from midnight, a time counts for the day it reaches into."""
        start = self.event.start
        if not isinstance(start, datetime):
            if isinstance(end, datetime):
                try:
                    return _date_after(end.astimezone(self.zones.calendar.tzinfo) if end.tzinfo is UTC else end)
                except OverflowError:  # on the last day of all
                    return end.date()
            return end
        return end if isinstance(end, datetime) else datetime.combine(end, _MIDNIGHT, start.tzinfo)

    def _rules(self, name: str) -> Iterator[Rule]:
        for given in self.component.all(name):
            if not given.value.strip():
                continue
            rule = _named(name, parse_rule, given.value)
            self.event.notes.extend(f"{name}: {sentence}" for sentence in rule.ignored)
            yield rule

    def _rdates(self) -> Iterator[Date]:
        for given in self.component.all("RDATE"):
            for text in filter(None, map(str.strip, _LIST.split(given.value))):
                try:
                    start, end = _named("RDATE", period, text, self.event.notes)
                except ValueError as error:
                    self.event.notes.append(f"{error}, and was left out")
                    self.event.incomplete = True
                    continue
                settled = end if end is None or isinstance(end, Duration) else self._settled(end, given)
                yield Date(self._settled(start, given), settled)

    def _exdates(self) -> Iterator[date | datetime]:
        for given in self.component.all("EXDATE"):
            for text in filter(None, map(str.strip, _LIST.split(given.value))):
                yield self._settled(_named("EXDATE", period, text, self.event.notes)[0], given)

    def _sequence(self) -> int:
        given = self.component.first("SEQUENCE")
        try:
            return 0 if given is None else int(given.value)
        except ValueError:
            self.event.notes.append(f"its SEQUENCE {given.value[:40] if given else ''!r} is no number and counts as 0")
            return 0

    def _moment(self, given: Property) -> date | datetime:
        return self._settled(self._value(given), given)

    def _value(self, given: Property) -> date | datetime:
        try:
            value = date_or_time(given.value, self.event.notes)
        except ValueError as error:
            raise ValueError(f"{given.name}: {error}") from None
        # Midnight that is declared a DATE is one (several exporters write T000000 behind every date).
        if (
            isinstance(value, datetime)
            and given.parameters
            and value.time() == _MIDNIGHT
            and (given.parameter("VALUE") or "").upper() == "DATE"
        ):
            return value.date()
        return value

    def _settled(self, value: date | datetime, given: Property) -> date | datetime:
        """``value`` aware: in its TZID's zone; without one, in the zone of the event's start."""
        if not isinstance(value, datetime) or value.tzinfo is not None:
            return value
        zone = self._zone(given)
        if zone is not None:
            return value.replace(tzinfo=zone.tzinfo)
        start = self.event.start
        return value.replace(tzinfo=start.tzinfo if isinstance(start, datetime) else self.zones.calendar.tzinfo)

    def _zone(self, given: Property) -> Zone | None:
        tzid = given.parameter("TZID") if given.parameters else None
        if not tzid:
            return None
        zone = self.zones.of(tzid)
        if zone.notice:
            self.event.doubtful_zones[tzid] = zone
        return zone


def _named(name: str, read: Callable[..., _T], *arguments: Any) -> _T:
    """What ``read`` gives; what it raises names the property."""
    try:
        return read(*arguments)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _date_after(moment: datetime) -> date:
    """The exclusive end date of what lasts until ``moment``."""
    return moment.date() if moment.time() == _MIDNIGHT else moment.date() + _DAY
