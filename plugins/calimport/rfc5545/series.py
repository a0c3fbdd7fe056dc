"""The occurrences in a window of all events that share one UID (RFC 5545, 3.8.4.4, 3.8.5).

The recurrence set is what DTSTART, RRULE and RDATE make without EXDATE and EXRULE. An override stands in the place of
the instance that its RECURRENCE-ID names, compared as an instant, in whatever zone it is written; one whose instance is
not in the set stands for itself, unless an EXDATE took that instance out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import chain, islice
from typing import Final, TypeAlias, cast
from zoneinfo import ZoneInfo

from calimport.rfc5545 import clocks, lengths
from calimport.rfc5545.events import Date, Event
from calimport.rfc5545.recurrence import Steps, makes_start, starts
from calimport.rfc5545.rules import Rule
from calimport.rfc5545.values import Duration
from calimport.windows import Window

#: To move an instance takes as long as so many periods of its rule.
_OF_A_MOVE: Final = 5
_DAY: Final = timedelta(days=1)
_NOTHING: Final = timedelta()
#: The original start of an instance: its identity. A date in a series of dates, an instant in UTC in one of times.
Original: TypeAlias = date | datetime


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One dated instance. ``start`` and ``end`` are both dates (end exclusive) or both instants in UTC."""

    event: Event
    start: date | datetime
    end: date | datetime
    #: None for a single event.
    recurrence_id: Original | None

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, datetime)

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The instants in UTC that it lies between; a date lies in ``zone``."""
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            return self.start, self.end
        return clocks.midnight(self.start, zone), clocks.midnight(self.end, zone)


def expand(
    events: Sequence[Event], *, window: Window, zone: ZoneInfo, limit: int, steps: Steps | None = None
) -> list[Occurrence]:
    """The occurrences in ``window`` of the events of one UID, in no order.

    :param events: masters and overrides in the feed's order.
    :param zone: where dates lie.
    :param limit: no more than this many; the caller tells by the length that there were more.
    :param steps: what all rules together may cost; None: what an event may.
    :raises calimport.rfc5545.recurrence.TooManySteps: they would cost more.
    """
    if len(events) == 1 and events[0].recurrence_id is None and not events[0].recurs:
        one = single(events[0])
        return [one][:limit] if window.holds(*one.span(zone)) else []
    masters = _masters([event for event in events if event.recurrence_id is None])
    overrides = [event for event in events if event.recurrence_id is not None]
    if masters:
        found = _of_masters(masters, overrides, window, zone, steps or Steps())
    else:
        latest = {_original(cast("Original", one.recurrence_id)): one for one in _by_sequence(overrides)}
        found = (_occurrence(one, original) for original, one in latest.items())
    return list(islice((one for one in found if window.holds(*one.span(zone))), limit))


def single_span(event: Event, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Where the event itself lies, its series apart: instants in UTC."""
    return single(event).span(zone)


def single(event: Event) -> Occurrence:
    """The event itself, its series apart."""
    return _occurrence(event, None)


def _of_masters(
    masters: list[Event], overrides: list[Event], window: Window, zone: ZoneInfo, steps: Steps
) -> Iterator[Occurrence]:
    """The overrides belong to the first master that recurs; two masters may not give one instance twice."""
    owner = next((master for master in masters if master.recurs), masters[0])
    seen: set[Original] = set()
    for master in sorted(masters, key=lambda master: master is not owner):
        series = _Series(master, overrides if master is owner else [], window, zone, steps)
        yield from series.occurrences(seen)


class _Series:
    """A master and the overrides of its instances."""

    def __init__(self, master: Event, overrides: list[Event], window: Window, zone: ZoneInfo, steps: Steps) -> None:
        self.master, self.window, self.zone, self.steps = master, window, zone, steps
        self.all_day, self.length = master.all_day, lengths.exact(master)
        self.wall_zone = zone if self.all_day else cast("tzinfo", cast("datetime", master.start).tzinfo)
        self.start = self.wall(master.start)
        #: A DATE takes every instance of that day out of a series of times, as most producers mean it.
        self.excluded_days = {one for one in master.exdates if not isinstance(one, datetime)}
        self.excluded = {
            self.original(one)
            for one in master.exdates
            if isinstance(one, datetime) and (not self.all_day or clocks.is_midnight(one, zone))
        }
        self.exclusion_rules = [(rule, self._until(rule)) for rule in master.exclusion_rules]
        #: A rule that ends before DTSTART makes nothing: so producers write a series that was removed whole.
        self.rules = [
            (rule, until)
            for rule in self._counted(master.rules)
            if (until := self._until(rule)) is None or until >= self.start
        ]
        self.overrides: dict[Original, Event] = {}
        ranges: dict[Original, Event] = {}
        for override in _by_sequence(overrides):
            original = self._instance_of(cast("Original", override.recurrence_id))
            if override.start_is_original:
                override = self._with_length(override, original)
            if override.this_and_future:
                ranges[original] = override
                self.overrides.setdefault(original, override)
            else:
                self.overrides[original] = override
        self.ranges = sorted(ranges.items(), key=lambda item: _comparable(item[0]))
        self._range_starts = [_comparable(original) for original, _ in self.ranges]

    def occurrences(self, seen: set[Original]) -> Iterator[Occurrence]:
        """:param seen: the instances that are there already, of whatever master; grows by those of this one."""
        for original, override in self.overrides.items():
            if not self.is_excluded(original) and not self._is_outdated(original, override):
                seen.add(original)
                yield _occurrence(override, original)
        for original, wall, rdate in self.instances():
            if original in seen or original in self.overrides or self.is_excluded(original):
                self.steps.take()
                continue
            seen.add(original)
            yield self._instance(original, wall, rdate)

    def instances(self) -> Iterator[tuple[Original, datetime, Date | None]]:
        """The recurrence set around the window: identity, wall clock, and the RDATE it comes from."""
        # A PERIOD says more of its instance than a rule that makes it too.
        for rdate in self.master.rdates:
            original = self._rdate(rdate)
            yield original, self.wall(original), rdate
        first, last = self._bounds()
        ended = self.master.rules and not self.rules and not self.master.rdates
        walls = chain.from_iterable(self._starts(rule, until, first, last) for rule, until in self.rules)
        for wall in walls if ended else chain((self.start,), walls):
            yield self.original_of_wall(wall), wall, None

    def _starts(self, rule: Rule, until: datetime | None, first: datetime, last: datetime) -> Iterator[datetime]:
        return starts(rule, self.start, first=first, last=last, until=until, all_day=self.all_day, steps=self.steps)

    def _counted(self, rules: Sequence[Rule]) -> Sequence[Rule]:
        """DTSTART counts in the COUNT of its rule, and of several not in those that do not make it."""
        making = [makes_start(rule, self.start, all_day=self.all_day) for rule in rules] if len(rules) > 1 else []
        if not any(making):
            return rules
        return [
            rule if made or rule.count is None else replace(rule, count=rule.count + 1)
            for rule, made in zip(rules, making, strict=True)
        ]

    def _until(self, rule: Rule) -> datetime | None:
        """UNTIL on the wall clock of the series, inclusive. A DATE is a midnight, as nearly all other engines read it.

        Some take that of UTC and some that of the series. The later one leaves out nothing that somebody shows.
        """
        until = rule.until
        if until is None:
            return None
        if isinstance(until, datetime):
            if until.tzinfo is None:
                return until
            if self.all_day:
                return clocks.at_midnight(clocks.day_meant(until, self.zone))
            return clocks.wall(until, self.wall_zone)
        midnight = clocks.at_midnight(until)
        return midnight if self.all_day else max(midnight, clocks.wall(midnight.replace(tzinfo=UTC), self.wall_zone))

    def _bounds(self) -> tuple[datetime, datetime]:
        """The wall-clock starts whose occurrences can touch the window, however long they are or far they move."""
        later, earlier = lengths.length(self.master), _NOTHING
        # Nominal days may be longer than 24 hours, and other zones change at other times.
        loose = self.ranges or (self.master.duration is not None and self.master.duration.days)
        for original, override in self.ranges:
            moved = self.wall_of(override.start) - self.wall(original)
            later = max(later, lengths.length(override) + moved)
            earlier = max(earlier, -moved)
        slack = clocks.LEAP if loose else _NOTHING
        return (
            clocks.wall_around(clocks.earlier(self.window.start, later + slack), self.wall_zone, -clocks.LEAP),
            clocks.wall_around(clocks.later(self.window.end, earlier + slack), self.wall_zone, clocks.LEAP),
        )

    def _instance(self, original: Original, wall: datetime, rdate: Date | None) -> Occurrence:
        at = bisect_right(self._range_starts, _comparable(original)) - 1
        if at >= 0:
            # What is moved out of the window has no other bound.
            self.steps.take(_OF_A_MOVE)
            since, override = self.ranges[at]
            return self._moved(override, original, wall, wall - self.wall(since))
        if rdate is not None and rdate.end is not None and isinstance(original, datetime):
            return Occurrence(self.master, original, lengths.period_end(rdate.end, wall, self.wall_zone), original)
        if self.length is not None and isinstance(original, datetime):
            return Occurrence(self.master, original, clocks.later(original, self.length), original)
        return Occurrence(self.master, original, lengths.end(self.master, original, wall), original)

    def _moved(self, override: Event, original: Original, wall: datetime, later: timedelta) -> Occurrence:
        """A later instance of a THISANDFUTURE override: as far from it, on the wall clock, as their originals are."""
        if not isinstance(override.start, datetime):
            day = clocks.day_later(override.start, later.days)
            return Occurrence(override, day, lengths.end(override, day, clocks.at_midnight(day)), original)
        wall = clocks.later(override.start.replace(tzinfo=None), later).replace(tzinfo=None)
        start = clocks.utc(wall.replace(tzinfo=override.start.tzinfo))
        return Occurrence(override, start, lengths.end(override, start, wall), original)

    def _with_length(self, override: Event, original: Original) -> Event:
        """An override that names its instance and no start of its own begins, and lasts, as its instance would."""
        master = self.master
        gives_length = override.end is not None or override.duration is not None
        if self.all_day:
            if gives_length and override.all_day:
                return replace(override, start=original)
            return replace(override, start=original, end=None, duration=Duration(days=lengths.days(master)))
        start = clocks.in_zone(cast("datetime", original), self.wall_zone)
        if gives_length:
            end = override.end
            if end is not None and not isinstance(end, datetime):
                end = clocks.at_midnight(end).replace(tzinfo=self.wall_zone)
            return replace(override, start=start, end=end)
        return replace(override, start=start, duration=master.duration or Duration(exact=lengths.length(master)))

    def is_excluded(self, original: Original) -> bool:
        if original in self.excluded:
            return True
        if self.excluded_days and self.wall(original).date() in self.excluded_days:
            return True
        return any(self._is_made(rule, until, self.wall(original)) for rule, until in self.exclusion_rules)

    def _is_outdated(self, original: Original, override: Event) -> bool:
        """Whether an override was the master itself, before a later revision ended the series ahead of it (3.8.7.4)."""
        if not override.rules or override.sequence >= self.master.sequence:
            return False
        wall = self.wall(original)
        made = any(any(self._starts(rule, until, wall, wall)) for rule, until in self.rules)
        return not made and all(self._rdate(rdate) != original for rdate in self.master.rdates)

    def _is_made(self, rule: Rule, until: datetime | None, wall: datetime) -> bool:
        if wall == self.start:
            return makes_start(rule, wall, all_day=self.all_day)
        return any(self._starts(rule, until, wall, wall))

    def _rdate(self, rdate: Date) -> Original:
        """A DATE among times is at the hour of DTSTART."""
        if not self.all_day and not isinstance(rdate.start, datetime):
            return self.original_of_wall(datetime.combine(rdate.start, self.start.time()))
        return self.original(rdate.start)

    def _instance_of(self, recurrence_id: Original) -> Original:
        """The instance that a RECURRENCE-ID names. A DATE in a series of times names the instance of that day."""
        if self.all_day or isinstance(recurrence_id, datetime):
            return self.original(recurrence_id)
        first, last = clocks.at_midnight(recurrence_id), datetime.combine(recurrence_id, time(23, 59, 59))
        made = (wall for rule, until in self.rules for wall in islice(self._starts(rule, until, first, last), 1))
        added = (self.wall(self._rdate(rdate)) for rdate in self.master.rdates)
        for wall in chain((self.start,), made, added):
            if first <= wall <= last:
                return self.original_of_wall(wall)
        return self.original_of_wall(datetime.combine(recurrence_id, self.start.time()))

    def original(self, value: date | datetime) -> Original:
        """``value`` as the identity of an instance of this series: a date of a series of dates, else an instant."""
        if self.all_day:
            return clocks.day_meant(value, self.zone) if isinstance(value, datetime) else value
        return clocks.utc(value) if isinstance(value, datetime) else self.original_of_wall(clocks.at_midnight(value))

    def original_of_wall(self, wall: datetime) -> Original:
        return wall.date() if self.all_day else clocks.utc(wall.replace(tzinfo=self.wall_zone))

    def wall(self, value: date | datetime) -> datetime:
        """``value`` on the wall clock of the series."""
        if not isinstance(value, datetime):
            return clocks.at_midnight(value)
        return value.replace(tzinfo=None) if value.tzinfo is self.wall_zone else clocks.wall(value, self.wall_zone)

    def wall_of(self, value: date | datetime) -> datetime:
        """``value`` on its own wall clock."""
        return value.replace(tzinfo=None) if isinstance(value, datetime) else clocks.at_midnight(value)


def _masters(masters: list[Event]) -> list[Event]:
    """The masters that count: those of the highest SEQUENCE, and of one start the last.

    Several of one SEQUENCE are a producer's mistake. Their instances are told apart by their starts.
    """
    highest = max((master.sequence for master in masters), default=0)
    latest = {_original(master.start): master for master in masters if master.sequence == highest}
    return list(latest.values())


def _by_sequence(overrides: list[Event]) -> list[Event]:
    """In the order in which a later one replaces an earlier one of the same instance."""
    return sorted(overrides, key=lambda override: override.sequence)


def _occurrence(event: Event, original: Original | None) -> Occurrence:
    start = event.start
    if not isinstance(start, datetime):
        return Occurrence(event, start, lengths.end(event, start, clocks.at_midnight(start)), original)
    at = clocks.utc(start)
    if event.duration is None and isinstance(event.end, datetime):
        # As lengths.end() has it, without asking zones twice.
        return Occurrence(event, at, max(at, clocks.utc(event.end)), original)
    return Occurrence(event, at, lengths.end(event, at, start.replace(tzinfo=None)), original)


def _original(value: date | datetime) -> Original:
    return clocks.utc(value) if isinstance(value, datetime) else value


def _comparable(original: Original) -> datetime:
    """Dates and instants in one order; within one series there is one kind of them."""
    return original if isinstance(original, datetime) else clocks.at_midnight(original).replace(tzinfo=UTC)
