"""The periods of a rule, numbered from DTSTART's own as 0, and the instances of each (RFC 5545 3.3.10).

A period of a YEARLY, MONTHLY or WEEKLY rule is every INTERVAL-th year, month or week. That of a DAILY rule is every
INTERVAL-th day. Of the finer rules every day is one period here, and holds the hours, minutes or seconds that INTERVAL
hits in it: so days that a limit excludes cost one step each.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from math import gcd, lcm
from typing import NamedTuple

from calimport.rfc5545.recurrence_days import (
    LAST_DAY,
    MONTH_STARTS,
    day_limit,
    is_leap,
    is_possible,
    month_days,
    new_year,
    week_year,
    year_days,
)
from calimport.rfc5545.rules import Rule

# The Gregorian calendar repeats after 400 years, which are 4,800 months, 20,871 weeks and 146,097 days.
_YEARS, _MONTHS, _WEEKS, _DAYS = 400, 4800, 20_871, 146_097

DAY = 86_400
_UNITS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}

Block = tuple[Sequence[int], Sequence[int]]
"""Ordinals of days and seconds of the day, both ascending; the instances are their product."""

_NOTHING: Block = ((), ())


class Periods(NamedTuple):
    block: Callable[[int], Block]
    """The instances of a period, before `positions`."""
    reaching: Callable[[int], int]
    """A period such that none before it has an instance on that day or later."""
    begin: Callable[[int], int]
    """A day such that the period has no instance before it."""
    cycle: int
    """After so many periods the numbers of instances repeat."""
    positions: tuple[int, ...] = ()
    """BYSETPOS, where it is not yet applied."""
    overlap: bool = False
    """Whether SKIP can move a date into the neighbouring period."""


def periods(rule: Rule, start: datetime, *, all_day: bool) -> Periods | None:
    """The periods of a rule that starts at `start`; None where it never matches anything."""
    if not is_possible(rule):
        return None
    if rule.freq in _UNITS:
        return _dates(rule, start) if all_day else _within_days(rule, start)
    if all_day:
        times: Sequence[int] = (_seconds(start.time()),)
    else:
        times = _product(
            rule.by_hour or (start.hour,), rule.by_minute or (start.minute,), rule.by_second or (start.second,)
        )
    return {"YEARLY": _yearly, "MONTHLY": _monthly, "WEEKLY": _weekly, "DAILY": _daily}[rule.freq](rule, start, times)


def chosen(size: int, positions: tuple[int, ...]) -> list[int]:
    """The indexes that BYSETPOS leaves of a set of that size."""
    return sorted({p - 1 if p > 0 else size + p for p in positions if abs(p) <= size})


def _yearly(rule: Rule, start: datetime, times: Sequence[int]) -> Periods:
    interval = rule.interval
    origin = week_year(start, rule.wkst) if rule.by_week_no else start.year
    kinds: dict[tuple[bool, int], list[int]] = {}

    def block(number: int) -> Block:
        year = origin + number * interval
        first = new_year(year)
        kind = is_leap(year), (first - 1) % 7
        if (offsets := kinds.get(kind)) is None:
            offsets = kinds[kind] = year_days(*kind, rule, start)
        return [first + offset for offset in offsets], times

    # Weeks and skipped dates reach at most three days into the neighbouring year.
    def reaching(day: int) -> int:
        return max(0, -((origin - date.fromordinal(max(1, day - 3)).year) // interval))

    return Periods(
        block,
        reaching,
        lambda number: new_year(origin + number * interval) - 3,
        _YEARS // gcd(_YEARS, interval),
        rule.by_set_pos,
        rule.skip != "OMIT",
    )


def _monthly(rule: Rule, start: datetime, times: Sequence[int]) -> Periods:
    interval, origin = rule.interval, start.year * 12 + start.month - 1
    numbers = rule.by_month_day or (() if rule.by_day else (start.day,))
    months = rule.by_month
    kinds: dict[tuple[int, int], list[int]] = {}

    def first_and_length(number: int) -> tuple[int, int]:
        year, month = divmod(origin + number * interval, 12)
        starts = MONTH_STARTS[is_leap(year)]
        return new_year(year) + starts[month], starts[month + 1] - starts[month]

    def block(number: int) -> Block:
        if months and (origin + number * interval) % 12 + 1 not in months:
            return _NOTHING
        first, length = first_and_length(number)
        kind = length, (first - 1) % 7
        if (offsets := kinds.get(kind)) is None:
            offsets = kinds[kind] = month_days(*kind, numbers, rule.by_day, rule.skip)
        return [first + offset for offset in offsets], times

    def reaching(day: int) -> int:
        before = date.fromordinal(max(1, day - 1))
        return max(0, -((origin - before.year * 12 - before.month + 1) // interval))

    return Periods(
        block,
        reaching,
        lambda number: first_and_length(number)[0] - 1,
        _MONTHS // gcd(_MONTHS, interval),
        rule.by_set_pos,
        rule.skip != "OMIT",
    )


def _weekly(rule: Rule, start: datetime, times: Sequence[int]) -> Periods:
    step = 7 * rule.interval
    day = start.toordinal()
    origin = day - (start.weekday() - rule.wkst) % 7
    weekdays = {weekday for _, weekday in rule.by_day} or {start.weekday()}
    offsets = sorted((weekday - rule.wkst) % 7 for weekday in weekdays)
    months = rule.by_month

    def block(number: int) -> Block:
        first = origin + number * step
        days = [first + offset for offset in offsets]
        if months:
            days = [day for day in days if 1 <= day <= LAST_DAY and date.fromordinal(day).month in months]
        return days, times

    return Periods(
        block,
        lambda day: max(0, -((origin + 6 - day) // step)),
        lambda number: origin + number * step,
        _WEEKS // gcd(_WEEKS, rule.interval) if months else 1,
        rule.by_set_pos,
    )


def _daily(rule: Rule, start: datetime, times: Sequence[int]) -> Periods:
    origin, interval = start.toordinal(), rule.interval
    passes, repeat = day_limit(rule), _repeat(rule)
    if rule.by_set_pos:
        times = [times[index] for index in chosen(len(times), rule.by_set_pos)]

    def block(number: int) -> Block:
        day = origin + number * interval
        return ((day,), times) if passes is None or passes(day) else _NOTHING

    return Periods(
        block,
        lambda day: max(0, -((origin - day) // interval)),
        lambda number: origin + number * interval,
        repeat // gcd(repeat, interval),
    )


def _within_days(rule: Rule, start: datetime) -> Periods | None:
    """HOURLY, MINUTELY and SECONDLY: the units of the day that INTERVAL hits and no limit excludes, and in each unit
    the finer parts, which expand."""
    unit = _UNITS[rule.freq]
    units = DAY // unit
    hours, minutes = rule.by_hour or range(24), rule.by_minute or range(60)
    if rule.freq == "HOURLY":
        inner: Sequence[int] = _product((0,), rule.by_minute or (start.minute,), rule.by_second or (start.second,))
        allowed: Sequence[int] | None = rule.by_hour or None
    elif rule.freq == "MINUTELY":
        inner = rule.by_second or (start.second,)
        limited = rule.by_hour or rule.by_minute
        allowed = [hour * 60 + minute for hour in hours for minute in minutes] if limited else None
    else:
        inner = (0,)
        limited = rule.by_hour or rule.by_minute or rule.by_second
        allowed = _product(hours, minutes, rule.by_second or range(60)) if limited else None
    if rule.by_set_pos:
        inner = [inner[index] for index in chosen(len(inner), rule.by_set_pos)]
    origin, interval = start.toordinal(), rule.interval
    # A unit u of day number d is hit when u ≡ started - d * units (mod interval).
    started = _seconds(start.time()) // unit
    hits: dict[int, list[int]] = {}
    if allowed is not None:
        divisor = gcd(interval, units)
        for number in allowed:
            if (number - started) % divisor == 0:
                hits.setdefault(number % interval, []).append(number)
    if not inner or (allowed is not None and not hits):
        return None
    passes = day_limit(rule)

    def block(number: int) -> Block:
        day = origin + number
        if passes is not None and not passes(day):
            return _NOTHING
        first = (started - number * units) % interval
        hit: Sequence[int] = range(first, units, interval) if allowed is None else hits.get(first, ())
        if not hit:
            return _NOTHING
        if unit == 1:
            return (day,), hit
        if len(inner) == 1 and isinstance(hit, range):
            return (day,), range(first * unit + inner[0], DAY, interval * unit)
        return (day,), [number * unit + second for number in hit for second in inner]

    return Periods(
        block,
        lambda day: max(0, day - origin),
        lambda number: origin + number,
        lcm(_repeat(rule), interval // gcd(interval, units)),
    )


def _dates(rule: Rule, start: datetime) -> Periods:
    """HOURLY, MINUTELY and SECONDLY of a series of dates: the dates on which the rule has an instance when it runs from
    midnight, each once. RFC 5545 gives such a rule no other meaning, since a date has no hours."""
    units, interval, origin = DAY // _UNITS[rule.freq], rule.interval, start.toordinal()
    passes = day_limit(rule)
    times = (_seconds(start.time()),)

    def block(number: int) -> Block:
        day = origin + number
        hit = -number * units % interval < units and (passes is None or passes(day))
        return ((day,), times) if hit else _NOTHING

    return Periods(
        block,
        lambda day: max(0, day - origin),
        lambda number: origin + number,
        lcm(_repeat(rule), interval // gcd(interval, units)),
    )


def _repeat(rule: Rule) -> int:
    """After so many days the limits of a daily or finer rule repeat."""
    if rule.by_month or rule.by_month_day or rule.by_year_day:
        return _DAYS
    return 7 if rule.by_day else 1


def _seconds(of_day: time) -> int:
    return of_day.hour * 3600 + of_day.minute * 60 + of_day.second


def _product(hours: Sequence[int], minutes: Sequence[int], seconds: Sequence[int]) -> Sequence[int]:
    if len(hours) == len(minutes) == len(seconds) == 1:
        return (hours[0] * 3600 + minutes[0] * 60 + seconds[0],)
    return [hour * 3600 + minute * 60 + second for hour in hours for minute in minutes for second in seconds]
