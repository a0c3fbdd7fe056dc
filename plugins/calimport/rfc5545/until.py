"""UNTIL of a recurrence rule as producers write it (RFC 5545 3.3.10)."""

import calendar
import re
from datetime import UTC, date, datetime, timedelta

_UNTIL = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:[T ]?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:\.[0-9]+)?)?)?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_LEGAL_UNTIL = re.compile(r"[0-9]{8}(?:T[0-9]{6}Z?)?")


def read_until(text: str, notes: list[str]) -> date | datetime:
    """A date, a local (naive) time or a UTC time; a guess adds its sentence to `notes`. ValueError: it is no date.

    A day that its month does not have is its last day; a time with an offset is turned into UTC.
    """
    match = _UNTIL.fullmatch(text)
    if not match:
        raise ValueError(f"UNTIL={short(text)} is no date")
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not (year and 1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(f"UNTIL={short(text)} is no date")
    last_day = calendar.monthrange(year, month)[1]
    if day > last_day or match[4] == "24" or not _LEGAL_UNTIL.fullmatch(text):
        notes.append(f"UNTIL={short(text)} is not written as RFC 5545 asks and was read by a guess")
    until = date(year, month, min(day, last_day))
    if match[4] is None:
        return until
    return _until_time(until, int(match[4]), int(match[5]), int(match[6] or 0), match[7], text)


def _until_time(day: date, hour: int, minute: int, second: int, zone: str | None, text: str) -> datetime:
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        raise ValueError(f"UNTIL={short(text)} is no time")
    until = datetime(day.year, day.month, day.day)
    offset = timedelta()
    if zone not in (None, "Z"):
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    try:
        until += timedelta(hours=hour, minutes=minute, seconds=min(second, 59)) - offset
    except OverflowError:
        # The first or the last hours of the calendar: no series ends between them and its edge.
        until = datetime.max.replace(microsecond=0) if day.year > 1 else datetime.min
    return until.replace(tzinfo=UTC) if zone else until


def short(text: str) -> str:
    """A value as a sentence can bear it."""
    return text if len(text) <= 40 else text[:39] + "…"
