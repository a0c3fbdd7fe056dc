"""A recurrence rule (RFC 5545 3.3.10, RFC 7529) as a value: read tolerantly, with a sentence for what is not legal."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from calimport.rfc5545.until import read_until, short

WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
FREQUENCIES = ("SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")

# Every legal value of every part, each written once, takes less than a quarter of this.
LONGEST = 65_536
# Many events of a feed have the same rule; longer ones are read each time.
_LONGEST_CACHED = 256

# name of a part: its field, the largest number, whether the smallest is 0, whether it may count from the end
_NUMBERS = {
    "BYSECOND": ("by_second", 60, True, False),
    "BYMINUTE": ("by_minute", 59, True, False),
    "BYHOUR": ("by_hour", 23, True, False),
    "BYMONTHDAY": ("by_month_day", 31, False, True),
    "BYYEARDAY": ("by_year_day", 366, False, True),
    "BYWEEKNO": ("by_week_no", 53, False, True),
    "BYMONTH": ("by_month", 12, False, False),
    "BYSETPOS": ("by_set_pos", 366, False, True),
}
_KNOWN = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "RSCALE", "SKIP", "BYDAY", *_NUMBERS}
# Where RFC 5545 3.3.10 says MUST NOT. Other engines agree on a meaning, that of a limit.
_FORBIDDEN = {
    "BYWEEKNO": frozenset(FREQUENCIES) - {"YEARLY"},
    "BYYEARDAY": frozenset({"DAILY", "WEEKLY", "MONTHLY"}),
    "BYMONTHDAY": frozenset({"WEEKLY"}),
}
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_DAY = re.compile(r"([+-]?[0-9]{1,3})?\s*(MO|TU|WE|TH|FR|SA|SU)")
# Spreadsheets and scripts write whole numbers as COUNT=3.0.
_WHOLE = re.compile(r"\.0*$")
_PREFIX = re.compile(r"\A\s*+(?:RRULE|EXRULE)\s*+:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """A RECUR value (RFC 5545 3.3.10). Lists are ascending and without repeats; an empty one is a part not given."""

    freq: str
    """One of FREQUENCIES."""
    interval: int = 1
    """At least 1."""
    count: int | None = None
    """Number of instances, DTSTART's included; at least 1."""
    until: date | datetime | None = None
    """As written: a date, a naive (local) date-time, or an aware one in UTC; inclusive."""
    wkst: int = 0
    """First day of a week, Monday = 0."""
    by_second: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_hour: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    """(ordinal or 0, weekday with Monday = 0); ordinals only in MONTHLY, and in YEARLY without BYWEEKNO."""
    by_month_day: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    rscale: str | None = None
    """None or "GREGORIAN" (RFC 7529 4.1)."""
    skip: str = "OMIT"
    """What becomes of dates that do not exist: OMIT, BACKWARD or FORWARD (RFC 7529 4.1)."""
    ignored: tuple[str, ...] = ()
    """Sentences, without a full stop, about what was left out or read by a guess."""


def parse_rule(text: str) -> Rule:
    """Read a RECUR value, with whatever the producer put around it.

    What is not legal is left out with a sentence in `ignored` while the meaning stays clear. Raises ValueError, with a
    fragment that says what is wrong, where leaving it out would invent occurrences: no FREQ, an INTERVAL that is no
    positive number, a BY part without one legal value, another calendar than the Gregorian (RFC 7529).
    """
    return _cached(text) if len(text) <= _LONGEST_CACHED else _parsed(text)


@lru_cache(maxsize=4096)
def _cached(text: str) -> Rule:
    return _parsed(text)


def _parsed(text: str) -> Rule:
    if len(text) > LONGEST:
        raise ValueError(f"the recurrence rule is {len(text)} characters long")
    notes: list[str] = []
    if "\\" in text:
        # RECUR is no TEXT and has no escapes (RFC 5545 3.3.10); some Ruby and PHP exporters escape it all the same.
        text = text.replace("\\;", ";").replace("\\,", ",")
    parts = _parts(text, notes)
    if "FREQ" not in parts:
        raise ValueError("the recurrence rule has no FREQ")
    freq = parts["FREQ"]
    if freq not in FREQUENCIES:
        raise ValueError(f"FREQ={short(freq)} is no frequency")
    scale = parts.get("RSCALE")
    if scale not in (None, "GREGORIAN"):
        raise ValueError(f"the recurrence rule counts by the calendar {short(scale)}, only GREGORIAN is supported")
    for name, frequencies in _FORBIDDEN.items():
        if name in parts and freq in frequencies:
            notes.append(f"{name} is not legal with FREQ={freq}; it was read as a limit")
    lists = {field: _numbers(name, parts[name], notes) for name, (field, *_) in _NUMBERS.items() if name in parts}
    days = _days(parts["BYDAY"], notes) if "BYDAY" in parts else ()
    if any(ordinal for ordinal, _ in days) and (freq not in ("MONTHLY", "YEARLY") or "by_week_no" in lists):
        days = tuple(sorted({(0, weekday) for _, weekday in days}))
        notes.append("numbers before the days of BYDAY have no meaning in this rule and were left out")
    if "by_set_pos" in lists and not days and len(lists) == 1:
        del lists["by_set_pos"]
        notes.append("BYSETPOS chooses from another BY part, there is none, and it was left out")
    count, until = _count(parts, notes), (read_until(parts["UNTIL"], notes) if "UNTIL" in parts else None)
    if count is not None and until is not None:
        notes.append("COUNT and UNTIL exclude each other; whichever ends the series first was used")
    return Rule(
        freq=freq,
        interval=_interval(parts),
        count=count,
        until=until,
        wkst=_wkst(parts, notes),
        by_day=days,
        rscale=scale,
        skip=_skip(parts, notes),
        ignored=tuple(notes),
        **lists,
    )


def _parts(text: str, notes: list[str]) -> dict[str, str]:
    parts: dict[str, str] = {}
    unknown: list[str] = []
    empty: set[str] = set()
    repeated: set[str] = set()
    for part in _PREFIX.sub("", text.strip().strip('"'), count=1).upper().split(";"):
        name, _, value = part.partition("=")
        name, value = name.strip(), value.strip().strip('"').strip()
        if not name and not value:
            continue
        if name not in _KNOWN:
            unknown.append(name)
        elif not value:
            # Producers that fill a template leave parts empty that they do not use.
            empty.add(name)
        else:
            if parts.get(name, value) != value:
                repeated.add(name)
            parts[name] = value
    if unknown:
        notes.append(f"{short(', '.join(unknown))} is no part of a recurrence rule and was left out")
    notes += [f"{name} has no value and was left out" for name in sorted(empty - parts.keys())]
    notes += [f"{name} stands more than once; the last was used" for name in sorted(repeated)]
    return parts


def _numbers(name: str, value: str, notes: list[str]) -> tuple[int, ...]:
    _, largest, zero, negative = _NUMBERS[name]
    numbers: set[int] = set()
    illegal: list[str] = []
    for text in filter(None, map(str.strip, value.split(","))):
        number = int(text) if _NUMBER.fullmatch(text) else largest + 1
        if (-largest if negative else 0) <= number <= largest and (number != 0 or zero):
            numbers.add(number)
        else:
            illegal.append(text)
    _report(name, numbers, illegal, notes)
    if name == "BYSECOND" and 60 in numbers:
        # RFC 5545 3.3.12: without leap seconds, 60 is equivalent to 59.
        numbers = numbers - {60} | {59}
        notes.append("BYSECOND=60 was read as 59, because there are no leap seconds here")
    return tuple(sorted(numbers))


def _days(value: str, notes: list[str]) -> tuple[tuple[int, int], ...]:
    days: set[tuple[int, int]] = set()
    illegal: list[str] = []
    for text in filter(None, map(str.strip, value.split(","))):
        match = _DAY.fullmatch(text)
        if match and (match[1] is None or 1 <= abs(int(match[1])) <= 53):
            days.add((int(match[1] or 0), WEEKDAYS[match[2]]))
        else:
            illegal.append(text)
    _report("BYDAY", days, illegal, notes)
    return tuple(sorted(days))


def _report(name: str, legal: set[int] | set[tuple[int, int]], illegal: list[str], notes: list[str]) -> None:
    if not legal:
        raise ValueError(f"{name}={short(','.join(illegal))} has no legal value")
    if illegal:
        notes.append(f"{short(','.join(illegal))} is not legal in {name} and was left out")


def _interval(parts: dict[str, str]) -> int:
    text = _WHOLE.sub("", parts.get("INTERVAL", "1"))
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise ValueError(f"INTERVAL={short(text)} is no positive number")
    return int(text)


def _count(parts: dict[str, str], notes: list[str]) -> int | None:
    text = parts.get("COUNT")
    if text is None:
        return None
    text = _WHOLE.sub("", text)
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"COUNT={short(text)} is no number")
    count = int(text)
    if count < 0:
        # Some producers write COUNT=-1 for a series without an end.
        notes.append(f"COUNT={count} was read as a series without an end")
        return None
    if count == 0:
        # DTSTART is the first instance whatever the rule says (RFC 5545 3.8.5.3).
        notes.append("COUNT=0 was read as 1, the start alone")
    return max(1, count)


def _wkst(parts: dict[str, str], notes: list[str]) -> int:
    text = parts.get("WKST", "MO")
    if text not in WEEKDAYS:
        notes.append(f"WKST={short(text)} is no weekday; weeks start on Monday")
    return WEEKDAYS.get(text, 0)


def _skip(parts: dict[str, str], notes: list[str]) -> str:
    skip = parts.get("SKIP", "OMIT")
    if skip not in ("OMIT", "BACKWARD", "FORWARD"):
        notes.append(f"SKIP={short(skip)} is not known and was left out")
        return "OMIT"
    if "SKIP" in parts and "RSCALE" not in parts:
        # RFC 7529 4.1: SKIP must not stand without RSCALE.
        notes.append(f"SKIP={skip} has no meaning without RSCALE and was left out")
        return "OMIT"
    return skip
