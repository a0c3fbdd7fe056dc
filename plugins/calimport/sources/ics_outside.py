"""Which components have no part in a window, told by the days that they name, without understanding them.

Most events of a feed lie outside of the window, and to know that takes two comparisons. What is to be said of such an
event all the same (that it cannot be understood, that its zone was guessed) must not be lost: one of which anything
might be said is left to be read.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from calimport.rfc5545 import clocks
from calimport.rfc5545.components import Property
from calimport.rfc5545.rules import parse_rule
from calimport.rfc5545.values import date_or_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calimport.rfc5545.blocks import Block, Shape
    from calimport.rfc5545.components import Component
    from calimport.sources.ics_skim import Passed
    from calimport.windows import Window
    from calimport.zones import Zones

#: More than lies between a day as it is written and any instant that it may mean, the day after it included.
_MARGIN: Final = timedelta(days=3)
#: With any of these, a start and an end do not say how long an instance is, …
_LENGTHS: Final = ("DURATION", "RDATE")
_DATED: Final = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE")
#: Days are compared as they are written, which has sense where years have four digits; the edges are left to others.
_FIRST, _LAST = "00100101", "99900101"


class _Deciding(NamedTuple):
    """The lines of a shape whose values decide, by their numbers; the end is the start where there is none."""

    start: int
    end: int
    original: int | None
    sequence: int | None
    rule: int | None
    #: The lines of EXDATE.
    excluded: tuple[int, ...]
    #: Whether there is an EXRULE, of which something may be said although the event is outside.
    has_exclusion_rule: bool


class _Days(NamedTuple):
    """The days that a component names; an end before the start is no end."""

    start: str
    end: str
    original: str | None
    rule: str | None
    has_exclusion_rule: bool

    @property
    def length(self) -> timedelta:
        return date.fromisoformat(self.end) - date.fromisoformat(self.start)


class Outside:
    """The components of one feed that lie outside of the window."""

    def __init__(self, window: Window, zones: Zones, as_of: datetime) -> None:
        #: UIDs that are outside as a whole and begin after the run's time, and those of which a part that is outside
        #: begins before it.
        self.ahead: set[str] = set()
        self.begun: set[str] = set()
        self._zones = zones
        self._before = _written(clocks.earlier(window.start, _MARGIN).date())
        self._after = _written(clocks.later(window.end, _MARGIN).date())
        self._behind = _written(clocks.earlier(as_of, _MARGIN).date())
        self._ahead = _written(clocks.later(as_of, _MARGIN).date())
        self._lines: dict[int, _Deciding | None] = {}
        self._days: dict[str, str] = {}
        self._numbers: dict[str, bool] = {}
        self._singles: list[tuple[str, Callable[[], Component]]] = []

    def left(self, uid: str, blocks: list[Block]) -> list[Block]:
        """Of the components of one UID those that have to be read."""
        if len(blocks) == 1:
            days = self._days_of(blocks[0])
            if days is None or not self._has_no_part(days):
                return blocks
            if days.start > self._ahead:
                self.ahead.add(uid)
            if days.rule is None and days.original is None:
                self._singles.append((days.end, blocks[0].component))
            return []
        every = [days for block in blocks if (days := self._days_of(block)) is not None]
        masters = [days for days in every if days.original is None]
        # An event without a rule is a series all the same where it has instances, and its row says so.
        if len(every) < len(blocks) or any(days.rule is None for days in masters):
            return blocks
        early = _earlier(self._before, max((days.length for days in masters), default=timedelta()))
        if all(self._is_outside(days, early) for days in every):
            if all(days.start > self._ahead for days in every):
                self.ahead.add(uid)
            return []
        # The first one names the event in what is said of it.
        left = [blocks[0]]
        for block, days in zip(blocks[1:], every[1:], strict=True):
            if days.original is None or not self._is_far(days, days.original, early):
                left.append(block)
            elif days.start < self._behind:
                self.begun.add(uid)
        return left

    def shows_all_by_days(self, shape: Shape) -> bool:
        """Whether of an event of this shape, the only one of its UID, the days of its start and end tell all."""
        lines = self._deciding(shape)
        if lines is None or lines.excluded or lines.has_exclusion_rule:
            return False
        return lines.original is None and lines.rule is None

    def days_outside(self, start: str, end: str | None) -> tuple[str, str] | None:
        """The days between which a single event lies, if it has no part in the window; None: it may have."""
        days = start, max(start, end or start)
        if self._behind <= start <= self._ahead or not (start > self._after or days[1] < self._before):
            return None
        return days if all(map(self._day, days)) else None

    def passed_over(self, passed: Sequence[Passed], component: Callable[[int], Component]) -> None:
        """What was found outside by its days alone, with the UIDs as they are meant; ``component`` reads one."""
        if passed:
            self.ahead.update(uid for uid, (start, _), _ in passed if start > self._ahead)
            last = _with_margin(min(end for _, (_, end), _ in passed))
            self._singles += [(end, partial(component, number)) for _, (_, end), number in passed if end <= last]

    def oldest(self) -> list[Component]:
        """Of the single events that were outside those of which one ends first."""
        if not self._singles:
            return []
        last = _with_margin(min(day for day, _ in self._singles))
        return [component() for day, component in self._singles if day <= last]

    def _has_no_part(self, days: _Days) -> bool:
        """Whether an event, with all that its rule makes, lies outside."""
        if days.has_exclusion_rule or self._behind <= days.start <= self._ahead:
            return False
        if days.start > self._after:
            return True
        return days.end < self._before and (days.rule is None or self._has_ended(days))

    def _is_outside(self, days: _Days, early: str) -> bool:
        """Whether one of several components is, be it a series or an instance."""
        return self._has_no_part(days) if days.original is None else self._is_far(days, days.original, early)

    def _is_far(self, days: _Days, original: str, early: str) -> bool:
        """Whether neither an override nor the instance whose place it takes has a part in the window."""
        if self._behind <= days.start <= self._ahead:
            return False
        return (days.end < self._before and original < early) or (days.start > self._after and original > self._after)

    def _has_ended(self, days: _Days) -> bool:
        until = parse_rule(days.rule).until if days.rule else None
        if until is None:
            return False
        try:
            return _written((until.date() if isinstance(until, datetime) else until) + days.length) < self._before
        except OverflowError:
            return False

    def _days_of(self, block: Block) -> _Days | None:
        """None where anything but these days may have to be said of the component."""
        shape = block.shape
        if shape is None:
            return None
        try:
            lines = self._lines[id(shape)]
        except KeyError:
            lines = self._lines[id(shape)] = self._deciding(shape)
        if lines is None:
            return None
        start, end = self._day(block.value(lines.start)), self._day(block.value(lines.end))
        original = self._day(block.value(lines.original)) if lines.original is not None else None
        rule = block.value(lines.rule) if lines.rule is not None else None
        if not start or not end or original == "":
            return None
        if lines.sequence is not None and not self._is_number(block.value(lines.sequence)):
            return None
        if rule is not None and not _is_plain(rule):
            return None
        for number in lines.excluded:
            if not all(map(self._day, block.value(number).split(","))):
                return None
        return _Days(start, max(start, end), original, rule, lines.has_exclusion_rule)

    def _deciding(self, shape: Shape) -> _Deciding | None:
        first = shape.first
        if "DTSTART" not in first or not first.keys().isdisjoint(_LENGTHS):
            return None
        names = [head.name for head in shape.heads]
        if names.count("RRULE") > 1 or ("RRULE" in first and "RECURRENCE-ID" in first):
            return None
        for head in shape.heads:
            if head.parameters and head.name in _DATED and not self._is_certain(head.parameters):
                return None
        start = first["DTSTART"]
        return _Deciding(
            start,
            first.get("DTEND", start),
            first.get("RECURRENCE-ID"),
            first.get("SEQUENCE"),
            first.get("RRULE"),
            tuple(number for number, name in enumerate(names) if name == "EXDATE"),
            "EXRULE" in first,
        )

    def _is_certain(self, parameters: str) -> bool:
        given = Property("DTSTART", parameters, "")
        tzid = given.parameter("TZID")
        return given.parameter("RANGE") is None and (not tzid or self._zones.of(tzid).notice is None)

    def _day(self, value: str) -> str:
        """The day that a date or a time names; empty where it is not certain which, or close to an edge of time."""
        try:
            return self._days[value]
        except KeyError:
            found = self._days[value] = _day(value)
            return found

    def _is_number(self, value: str) -> bool:
        try:
            return self._numbers[value]
        except KeyError:
            found = self._numbers[value] = _is_number(value)
            return found


def _day(value: str) -> str:
    notes: list[str] = []
    try:
        date_or_time(value, notes)
    except ValueError:
        return ""
    day = value[:8]
    return day if not notes and day.isdigit() and _FIRST < day < _LAST else ""


def _is_number(value: str) -> bool:
    try:
        int(value)
    except ValueError:
        return False
    return True


def _is_plain(rule: str) -> bool:
    try:
        return not parse_rule(rule).ignored
    except ValueError:
        return False


def _earlier(day: str, length: timedelta) -> str:
    try:
        return _written(date.fromisoformat(day) - length)
    except OverflowError:
        return _FIRST


def _with_margin(day: str) -> str:
    return _written(date.fromisoformat(day) + _MARGIN)


def _written(day: date) -> str:
    return day.isoformat().replace("-", "")
