"""The window: the half-open interval ``[start, end)`` of occurrences that a run owns.

A regular run's window runs from midnight to midnight in the calendar's zone and covers at least ``days_back`` before
and ``days_ahead`` after the run's time. Whole days have a reason: a window that crept forward by five minutes at every
run would make each unchanged feed worth expanding again; so it is worth it once a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from calimport.errors import ConfigurationError


class Window(NamedTuple):
    """Half-open ``[start, end)``, both aware, in UTC."""

    start: datetime
    end: datetime

    def holds(self, start: datetime, end: datetime) -> bool:
        """Whether an occurrence belongs: it overlaps the window, or has no length and starts in it."""
        if start == end:
            return self.start <= start < self.end
        return start < self.end and end > self.start


@dataclass(frozen=True)
class WindowRequest:
    """A window as it is asked for, before the calendar's zone is known.

    ``start`` and ``end`` are dates (midnight in the calendar's zone) or aware instants; where one is missing it comes
    from ``as_of``, ``days_back`` and ``days_ahead``.
    """

    as_of: datetime
    days_back: int = 7
    days_ahead: int = 7
    start: date | datetime | None = None
    end: date | datetime | None = None

    def resolve(self, timezone: str) -> Window:
        """The window in a calendar of this zone (an IANA name).

        :raises ConfigurationError: it would end before it starts, or lies outside of the years 1 to 9999.
        """
        zone = ZoneInfo(timezone)
        try:
            today = self.as_of.astimezone(zone).date()
            start = today - timedelta(days=self.days_back) if self.start is None else self.start
            # The last day counts whole: an event six days and 23 hours ahead lies within seven days.
            end = today + timedelta(days=self.days_ahead + 1) if self.end is None else self.end
            window = Window(instant(start, zone), instant(end, zone))
        except OverflowError:
            raise ConfigurationError("The window must lie within the years 1 to 9999.") from None
        if window.end <= window.start:
            raise ConfigurationError(f"The window must end after it starts: {start} to {end}.")
        return window


def instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    """``value`` as an instant in UTC; a date or a naive date-time lies in ``zone``."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return value.astimezone(UTC)


def parse_moment(text: str) -> date | datetime:
    """A window's bound as people write it: ``2026-11-22``, or an instant such as ``2026-11-22T10:00:00Z``.

    :raises ConfigurationError: it is neither, or an instant without its offset.
    """
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is neither a date (2026-11-22) nor an instant (2026-11-22T10:00:00Z)."
        raise ConfigurationError(message) from None
    if moment.tzinfo is None:
        raise ConfigurationError(f"{text!r} needs an offset or Z at its end: without one the instant is not known.")
    return moment
