"""Wall clocks and UTC at the edges of the calendar: what lies beyond the years 1 to 9999 is their end.

"Wall" is a naive date-time, what the clock of a zone shows.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from calimport.windows import instant

#: The longest leap of a zone's clock is a day: Samoa changed sides of the date line.
LEAP: Final = timedelta(days=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC, microsecond=0)
_NOTHING: Final = timedelta()


def at_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    try:
        return instant(day, zone)
    except OverflowError:  # the zone's midnight of the first or the last day of all
        return FIRST if day.year == 1 else LAST


def utc(moment: datetime) -> datetime:
    """``moment`` in UTC; what lies beyond the years 1 to 9999 there is their end."""
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return FIRST if moment.year == 1 else LAST


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def wall(moment: datetime, zone: tzinfo) -> datetime:
    return in_zone(moment, zone).replace(tzinfo=None)


def later(moment: datetime, length: timedelta) -> datetime:
    try:
        return moment + length
    except OverflowError:
        return LAST


def day_later(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max


def earlier(moment: datetime, length: timedelta) -> datetime:
    try:
        return moment - length
    except OverflowError:
        return FIRST


def wall_around(moment: datetime, zone: tzinfo, leap: timedelta) -> datetime:
    """``moment`` on the wall clock of ``zone``; ``leap`` further where the clock is changed within a day of it."""
    try:
        if (moment - LEAP).astimezone(zone).utcoffset() == (moment + LEAP).astimezone(zone).utcoffset():
            return moment.astimezone(zone).replace(tzinfo=None)
        return moment.astimezone(zone).replace(tzinfo=None) + leap
    except OverflowError:
        return datetime.min if moment.year < 5000 else datetime.max.replace(microsecond=0)


def day_meant(moment: datetime, zone: ZoneInfo) -> date:
    """The day that a time means where a date is due: the day of its own zone.

    A time in UTC stands for a day of the calendar's zone, but midnight in UTC, as many write a date, for its own day.
    """
    if moment.tzinfo is UTC and moment.time() != time.min:
        return wall(moment, zone).date()
    return moment.date()


def is_midnight(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether a time stands for a day: it is midnight where it is written, or in the calendar's zone."""
    return time.min in (moment.time(), wall(moment, zone).time())
