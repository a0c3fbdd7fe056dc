"""Values of dating properties: DATE, DATE-TIME, DURATION, PERIOD (RFC 5545, 3.3.4 to 3.3.9), as producers write them.

What is read by a guess is said in ``notes``: sentences for the calendar's owner, without a full stop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

#: Basic and extended ISO 8601, seconds or none, ``Z``, an offset or nothing behind. A ``Z`` behind a date says nothing.
_MOMENT: Final = re.compile(
    r"(?P<year>\d{4})[-/]?(?P<month>\d\d)[-/]?(?P<day>\d\d)"
    r"(?:[T ]?(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,]\d+)?)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?|Z)?",
    re.IGNORECASE | re.ASCII,
)
_DURATION: Final = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?P<time>T?(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)",
    re.IGNORECASE | re.ASCII,
)
#: Beyond a few lifetimes a length is a mistake, and Python's arithmetic of dates ends at 9999 years.
_LONGEST: Final = timedelta(days=366 * 1000)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length in two parts: ``days`` are nominal (as long as the day is), ``exact`` is time (RFC 5545, 3.3.6)."""

    days: int = 0
    exact: timedelta = timedelta()

    @property
    def negative(self) -> bool:
        return timedelta(self.days) + self.exact < timedelta()


def date_or_time(text: str, notes: list[str]) -> date | datetime:
    """A DATE or DATE-TIME by its form, whatever ``VALUE`` declares: a date, a naive date-time, or an aware one in UTC.

    :raises ValueError: it is no moment; the message is a fragment for the calendar's owner.
    """
    # The forms of nearly every value of nearly every feed.
    try:
        if len(text) == 8 and text.isdigit():
            return date.fromisoformat(text)
        digits = text[:8] + text[9:15]
        if text[8:9] == "T" and len(digits) == 14 and digits.isdigit() and text[15:] in ("", "Z"):
            return datetime.fromisoformat(text)
    except ValueError:
        pass  # read again below, with what is known of mistakes
    try:
        return _unusual(text.strip().rstrip(";,"), notes)
    except OverflowError:
        raise ValueError(f"{_short(text)} lies beyond the years 1 to 9999") from None


def _unusual(text: str, notes: list[str]) -> date | datetime:
    if not text:
        raise ValueError("it is empty")
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{_short(text)} is no date or time")
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise ValueError(f"{_short(text)} is no day of the calendar") from None
    if found["hour"] is None:
        return day
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    moment = _time_of_day(day, hour, minute, second, text, notes)
    zone = (found["zone"] or "").upper()
    if not zone:
        return moment
    if zone == "Z":
        return moment.replace(tzinfo=UTC)
    # DATE-TIME has no form with an offset (3.3.5); those that write one mean it.
    digits = zone.replace(":", "")
    offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5]))
    if offset >= timedelta(days=1):
        raise ValueError(f"{_short(text)} has an offset of more than a day")
    return moment.replace(tzinfo=timezone(-offset if digits[0] == "-" else offset)).astimezone(UTC)


def _time_of_day(day: date, hour: int, minute: int, second: int, text: str, notes: list[str]) -> datetime:
    """24:00 is the next day's midnight (ISO 8601); second 60 is a leap second, which no zone database counts."""
    if hour == 24 and minute == 0 and second == 0:
        notes.append(f"24:00 in {_short(text)} was read as midnight of the next day")
        return datetime(day.year, day.month, day.day) + timedelta(days=1)
    if second == 60:
        second = 59  # as 3.3.12 recommends to those that know no leap seconds
    try:
        return datetime(day.year, day.month, day.day, hour, minute, second)
    except ValueError:
        raise ValueError(f"{_short(text)} is no time of the day") from None


def duration(text: str, notes: list[str]) -> Duration:
    """A DURATION (3.3.6). A missing ``T``, which several producers forget before hours, is read as if it stood there.

    :raises ValueError: it is none, or longer than a thousand years.
    """
    found = _DURATION.fullmatch(text.strip())
    parts = ("weeks", "days", "hours", "minutes", "seconds")
    if found is None or len(text) > 100:
        raise ValueError(f"{_short(text)} is no duration")
    if not any(found[part] for part in parts):
        if text.strip().upper().lstrip("+-") not in ("P", "PT"):
            raise ValueError(f"{_short(text)} is no duration")
        notes.append(f"the duration {_short(text)} was read as no time")
    if any(found[part] for part in parts[2:]) and not found["time"].upper().startswith("T"):
        notes.append(f"the duration {_short(text)} lacks its T before hours, minutes or seconds")
    numbers = {part: int(found[part] or 0) for part in parts}
    try:
        exact = timedelta(hours=numbers["hours"], minutes=numbers["minutes"], seconds=numbers["seconds"])
        days = numbers["weeks"] * 7 + numbers["days"]
        if timedelta(days=days) + exact > _LONGEST:
            raise OverflowError  # noqa: TRY301
    except OverflowError:
        raise ValueError(f"the duration {_short(text)} is longer than a thousand years") from None
    return Duration(-days, -exact) if found["sign"] == "-" else Duration(days, exact)


def period(text: str, notes: list[str]) -> tuple[date | datetime, date | datetime | Duration | None]:
    """A PERIOD (3.3.9): a start and its end or duration. A value without a slash is a start alone.

    :raises ValueError: one of its parts is neither.
    """
    start, slash, end = text.partition("/")
    if not slash:
        return date_or_time(start, notes), None
    stop = end.strip()
    if stop[:1].upper() == "P" or stop[1:2].upper() == "P":
        return date_or_time(start, notes), duration(stop, notes)
    return date_or_time(start, notes), date_or_time(stop, notes)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
