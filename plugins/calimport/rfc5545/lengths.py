"""How long an event and each instance of it lasts (RFC 5545, 3.6.1 and 3.8.5.3)."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import Final, cast

from calimport.rfc5545 import clocks
from calimport.rfc5545.events import Event
from calimport.rfc5545.values import Duration

_DAY: Final = timedelta(days=1)
_NOTHING: Final = timedelta()


def end(event: Event, start: date | datetime, wall: datetime) -> date | datetime:
    """The end of an instance of ``event`` that starts at ``start``, which the wall clock calls ``wall``.

    A DTEND gives every instance the same exact length, a DURATION the same nominal one (3.8.5.3). Without either a time
    has no length and a date is one day (3.6.1). An end before the start is read as no end.
    """
    if not isinstance(start, datetime):
        return clocks.day_later(start, days(event))
    if (same := exact(event)) is not None:
        return clocks.later(start, same)
    given, zone = cast("Duration", event.duration), cast("datetime", event.start).tzinfo
    try:
        after_days = clocks.utc((wall + timedelta(given.days)).replace(tzinfo=zone))
        return max(start, clocks.later(after_days, given.exact))
    except OverflowError:
        return clocks.LAST


def exact(event: Event) -> timedelta | None:
    """The length of every instance of a timed event; None where that depends on the clocks, and of dates."""
    is_nominal = event.duration is not None and event.duration.days
    return None if event.all_day or is_nominal else length(event)


def length(event: Event) -> timedelta:
    """The exact length of a timed event, the whole days of one of dates; never negative."""
    if event.all_day:
        return timedelta(days=days(event))
    if event.duration is not None:
        return max(_NOTHING, timedelta(event.duration.days) + event.duration.exact)
    if event.end is None:
        return _NOTHING
    return max(_NOTHING, clocks.utc(cast("datetime", event.end)) - clocks.utc(cast("datetime", event.start)))


def days(event: Event) -> int:
    """Days of an event of dates, at least one; hours of a DURATION count for the day they reach into."""
    if event.duration is not None:
        return max(1, event.duration.days - (-event.duration.exact // _DAY))
    if event.end is None:
        return 1
    return max(1, (event.end - event.start).days)


def period_end(end: date | datetime | Duration, wall: datetime, zone: tzinfo) -> datetime:
    """The end of an RDATE that is a PERIOD and starts at ``wall``."""
    start = clocks.utc(wall.replace(tzinfo=zone))
    if isinstance(end, Duration):
        after_days = clocks.utc(clocks.later(wall, timedelta(end.days)).replace(tzinfo=zone))
        return max(start, clocks.later(after_days, end.exact))
    return max(
        start,
        clocks.utc(end) if isinstance(end, datetime) else clocks.utc(clocks.at_midnight(end).replace(tzinfo=zone)),
    )
