"""Occurrences of one event in a window: the one narrow place where the recurrence engine is called.

The engine is `recurring-ical-events`; nothing outside this module knows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, cast
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from calimport.windows import Window, instant

_DAY = timedelta(days=1)
#: The engine looks some days around what it is asked for, and there is no day before the first.
_FIRST, _LAST = datetime(1, 2, 1, tzinfo=UTC), datetime(9999, 12, 1, tzinfo=UTC)
#: Rules that step by less than a day; each step costs the engine some microseconds, wanted or not.
_STEPS = {"SECONDLY": timedelta(seconds=1), "MINUTELY": timedelta(minutes=1), "HOURLY": timedelta(hours=1)}
_MOST_STEPS = 500_000


@dataclass(frozen=True)
class Occurrence:
    """One dated instance. ``start`` and ``end`` are both dates (end exclusive) or both aware."""

    component: Event
    start: date | datetime
    end: date | datetime
    #: The original start in the series, in the form of the series; None for a single event.
    recurrence_id: date | datetime | None

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, datetime)

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The UTC instants it lies between; a date lies in ``zone``."""
        return instant(self.start, zone), instant(self.end, zone)


def expand(components: Sequence[Event], *, window: Window, zone: ZoneInfo, limit: int) -> list[Occurrence]:
    """The occurrences in ``window`` of the components that share one UID.

    :param components: masters and overrides, no floating times among them.
    :param zone: where dates lie.
    :param limit: no more than this many; the caller tells by the length that there were more.
    :raises ValueError, TypeError, KeyError: the engine cannot make sense of the components.
    """
    masters = _masters([component for component in components if "RECURRENCE-ID" not in component])
    overrides = [component for component in components if "RECURRENCE-ID" in component]
    if len(masters) == 1 and not overrides and not _recurs(masters[0]):
        found: Iterator[Occurrence] = iter([_occurrence(masters[0], None)])
    else:
        found = _series(masters, overrides, window)
    return list(islice((one for one in found if window.holds(*one.span(zone))), limit))


def start_and_end(component: Event) -> tuple[date | datetime, date | datetime]:
    """Start and end of a component: DTEND, else DTSTART and DURATION, else a day or no time (RFC 5545, 3.6.1).

    An end before the start is read as no end; an all-day event lasts at least a day.
    """
    start: date | datetime = _value(component, "DTSTART")
    end: date | datetime
    if "DTEND" in component:
        end = _value(component, "DTEND")
    elif "DURATION" in component:
        end = start + _value(component, "DURATION")
    else:
        end = start
    if not isinstance(start, datetime):
        end = end.date() if isinstance(end, datetime) else end
        return start, max(end, start + _DAY)
    if not isinstance(end, datetime):
        end = datetime.combine(end, time(), start.tzinfo)
    return start, max(end, start, key=lambda moment: moment.astimezone(UTC))


def _series(masters: list[Event], overrides: list[Event], window: Window) -> Iterator[Occurrence]:
    """Occurrences of each master; the overrides belong to the first that recurs, else stand for themselves."""
    owner = next((master for master in masters if _recurs(master)), None)
    for master in masters:
        if master is owner:
            yield from _recurring(master, overrides, window)
        else:
            # Two events of one UID, neither of them recurring: the producer's mistake, told apart by their start.
            yield _occurrence(master, _value(master, "DTSTART"))
    if owner is None:
        for override in overrides:
            yield _occurrence(override, _value(override, "RECURRENCE-ID"))


def _recurring(master: Event, overrides: list[Event], window: Window) -> Iterator[Occurrence]:
    import recurring_ical_events

    calendar = Calendar()
    for component in (master, *overrides):
        _check_rules(component, window)
        calendar.add_component(component)
    # A day more on each side: the engine places dates in no zone.
    query = recurring_ical_events.of(calendar, components=["VEVENT"])
    for component in query.between(max(window.start, _FIRST) - _DAY, min(window.end, _LAST) + _DAY):
        yield _occurrence(component, _value(component, "RECURRENCE-ID"))


def _check_rules(master: Event, window: Window) -> None:
    """:raises ValueError: a rule stands still, on which the engine would too, or takes too many steps to the window."""
    given = cast("Any", master).get("RRULE", [])
    start = instant(_value(master, "DTSTART"), ZoneInfo("UTC"))
    for rule in given if isinstance(given, list) else [given]:
        frequency, interval, count, until = (
            next(iter(rule.get(name, [])), None) for name in ("FREQ", "INTERVAL", "COUNT", "UNTIL")
        )
        interval = 1 if interval is None else int(interval)
        if interval < 1:
            raise ValueError(f"RRULE: its INTERVAL is {interval}, so that it never moves on")
        step = _STEPS.get(str(frequency).upper())
        if step is None:
            continue
        end = window.end if until is None else min(window.end, instant(until, ZoneInfo("UTC")))
        if min((end - start) / step / interval, count or float("inf")) > _MOST_STEPS:
            raise ValueError(f"RRULE: {frequency} since {start:%Y-%m-%d} are more dates than we can count")


def _occurrence(component: Event, recurrence_id: Any) -> Occurrence:
    start, end = start_and_end(component)
    return Occurrence(component, start, end, recurrence_id)


def _masters(components: list[Event]) -> list[Event]:
    """The components that count: the highest SEQUENCE, and of those with one start the last."""
    highest = max((_sequence(component) for component in components), default=0)
    by_start = {_value(component, "DTSTART"): component for component in components if _sequence(component) == highest}
    return list(by_start.values())


def _sequence(component: Event) -> int:
    return int(cast("Any", component).get("SEQUENCE", 0))


def _value(component: Event, name: str) -> Any:
    """The Python value of a property: icalendar's types do not say which properties have one."""
    return cast("Any", component)[name].dt


def _recurs(component: Event) -> bool:
    return "RRULE" in component or "RDATE" in component
