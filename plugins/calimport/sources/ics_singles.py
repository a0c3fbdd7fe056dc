"""Single events as rows straight from their lines: most events of most feeds.

Where no other component has its UID and no rule makes more dates of it, an event is one row, and which line says what
is the same for all events of its shape. Of whatever anything has to be said to the owner is left to ``ics_reading.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from calimport.rfc5545.components import Component, Property
from calimport.rfc5545.events import event
from calimport.rfc5545.series import single
from calimport.sources.ics_columns import Saying
from calimport.sources.ics_rows import NO_ALARMS, Alarms, when

if TYPE_CHECKING:
    from datetime import datetime

    from calimport.rfc5545.blocks import Block, Shape
    from calimport.sources.base import ParseContext
    from calimport.sources.ics_outside import Outside
    from calimport.zones import Zones

#: With any of these, an event may be more than one row, or not its own.
_OF_SERIES: Final = ("RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID")
#: What of an event's lines says when it is, and whether that is certain.
_OF_TIME: Final = ("DTSTART", "DTEND", "DURATION", "SEQUENCE")


class Single(NamedTuple):
    """One event."""

    #: None: it lies outside of the window.
    row: dict[str, Any] | None
    start: datetime
    end: datetime


class _When(NamedTuple):
    """When all events are that have the same lines about it."""

    columns: dict[str, Any]
    is_near: bool


class _Plan(NamedTuple):
    """Which lines of a shape say what."""

    saying: Saying
    of_time: Callable[[Sequence[str]], object]
    numbers: tuple[int, ...]


class Singles:
    """The single events of one feed."""

    def __init__(self, context: ParseContext, zones: Zones, outside: Outside, color: str | None) -> None:
        """:param color: of events that have none."""
        self._context, self._zones, self._outside, self._color = context, zones, outside, color
        self._zone = ZoneInfo(context.timezone)
        self._plans: dict[int, _Plan | None] = {}
        self._times: dict[object, _When | None] = {}
        self._alarms: dict[tuple[int, ...], Alarms] = {}

    def of(self, uid: str, block: Block) -> Single | None:
        """The only component of a UID; None where it is for others to understand, or to pass over by its days."""
        shape = block.shape
        if shape is None:
            return None
        try:
            plan = self._plans[id(shape)]
        except KeyError:
            make = _known_plan if shape.is_short else _plan
            plan = self._plans[id(shape)] = make(shape)
        if plan is None:
            return None
        lines = plan.of_time(block.lines)
        try:
            found = self._times[lines]
        except KeyError:
            found = self._times[lines] = self._when(block, plan.numbers)
        if found is None:
            return None
        times, is_near = found
        start, end = times["start_at"], times["end_at"]
        if not is_near:
            return Single(None, start, end)
        row = plan.saying.row(block, self._color)
        row.update(times)
        row["uid"] = uid
        if block.alarms:
            row.update(self._alarms_of(block).at(start, end))
        return Single(row, start, end)

    def _alarms_of(self, block: Block) -> Alarms:
        """Most events of a feed have the same alarms, which stand for themselves and were read once."""
        key = tuple(map(id, block.alarms))
        if (found := self._alarms.get(key)) is None:
            found = self._alarms[key] = Alarms(block.alarms, None, self._context.window.start)
        return found

    def _when(self, block: Block, numbers: Sequence[int]) -> _When | None:
        assert block.shape is not None  # noqa: S101 - it is clean
        given = {block.shape.heads[number].name: (block.shape.heads[number], block.value(number)) for number in numbers}
        end = given.get("DTEND")
        if self._outside.days_outside(given["DTSTART"][1][:8], end[1][:8] if end else None):
            return None
        component = Component("VEVENT", block.line)
        for head, value in given.values():
            component.properties[head.name] = [Property(*head, value)]
        try:
            one = event(component, "", self._zones)
        except ValueError:
            return None
        if one.notes or one.doubtful_zones:
            return None
        columns = when(single(one), self._zone)
        is_near = self._context.window.holds(columns["start_at"], columns["end_at"])
        return _When(columns | NO_ALARMS, is_near)


def _plan(shape: Shape) -> _Plan | None:
    first = shape.first
    if "DTSTART" not in first or not first.keys().isdisjoint(_OF_SERIES):
        return None
    numbers = tuple(first[name] for name in _OF_TIME if name in first)
    return _Plan(Saying(shape), itemgetter(*numbers), numbers)


#: The same for all feeds of one program.
_known_plan = lru_cache(maxsize=256)(_plan)
