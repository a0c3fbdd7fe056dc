"""The periods of a rule, numbered from DTSTART's own as 0, and the instances of each (RFC 5545 3.3.10).

A period of a YEARLY, MONTHLY or WEEKLY rule is every INTERVAL-th year, month or week. That of a DAILY rule is every
INTERVAL-th day. Of the finer rules every day is one period here, and holds the hours, minutes or seconds that INTERVAL
hits in it (`recurrence_hours`): so days that a limit excludes cost one step each.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from math import gcd
from typing import NamedTuple

from calimport.rfc5545.recurrence_days import (
    LAST_DAY,
    MONTH_STARTS,
    day_limit,
    is_leap,
    month_days,
    new_year,
    odd_limit,
    week_year,
    year_days,
)
from calimport.rfc5545.rules import Rule

# The Gregorian calendar repeats after 400 years, which are 4,800 months, 20,871 weeks and 146,097 days.
_YEARS, _MONTHS, _WEEKS, _DAYS = 400, 4800, 20_871, 146_097

DAY = 86_400

Block = tuple[Sequence[int], Sequence[int]]
"""Ordinals of days and seconds of the day, both ascending; the instances are their product."""

NOTHING: Block = ((), ())


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


def chosen(size: int, positions: tuple[int, ...]) -> list[int]:
    """The indexes that BYSETPOS leaves of a set of that size."""
    return sorted({p - 1 if p > 0 else size + p for p in positions if abs(p) <= size})


def yearly(rule: Rule, start: datetime, times: Sequence[int]) -> Periods:
    interval = rule.interval
    origin = week_year(start, rule.wkst) if rule.by_week_no else start.year
    kinds: dict[tuple[bool, int], list[int]] = {}
    # A day of a week that lies in the neighbouring year has its number there.
    numbered = day_limit(Rule("DAILY", by_year_day=rule.by_year_day)) if rule.by_week_no else None

    def block(number: int) -> Block:
        year = origin + number * interval
        first = new_year(year)
        kind = is_leap(year), (first - 1) % 7
        if (offsets := kinds.get(kind)) is None:
            offsets = kinds[kind] = year_days(*kind, rule, start)
        days = [first + offset for offset in offsets]
        if numbered is not None:
            days = [day for day in days if 1 <= day <= LAST_DAY and numbered(day)]
        return days, times

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


def monthly(rule: Rule, start: datetime, times: Sequence[int]) -> Periods:
    interval, origin = rule.interval, start.year * 12 + start.month - 1
    passes = odd_limit(rule)
    numbers = rule.by_month_day or (() if rule.by_day else tuple(range(1, 32)) if passes else (start.day,))
    months = rule.by_month
    kinds: dict[tuple[int, int], list[int]] = {}

    def first_and_length(number: int) -> tuple[int, int]:
        year, month = divmod(origin + number * interval, 12)
        starts = MONTH_STARTS[is_leap(year)]
        return new_year(year) + starts[month], starts[month + 1] - starts[month]

    def block(number: int) -> Block:
        if months and (origin + number * interval) % 12 + 1 not in months:
            return NOTHING
        first, length = first_and_length(number)
        kind = length, (first - 1) % 7
        if (offsets := kinds.get(kind)) is None:
            offsets = kinds[kind] = month_days(*kind, numbers, rule.by_day, rule.skip)
        days = [first + offset for offset in offsets]
        return days if passes is None else [day for day in days if passes(day)], times

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


def weekly(rule: Rule, start: datetime, times: Sequence[int]) -> Periods:
    step = 7 * rule.interval
    day = start.toordinal()
    origin = day - (start.weekday() - rule.wkst) % 7
    passes = odd_limit(rule)
    weekdays = {weekday for _, weekday in rule.by_day} or (set(range(7)) if passes else {start.weekday()})
    offsets = sorted((weekday - rule.wkst) % 7 for weekday in weekdays)
    months = rule.by_month

    def block(number: int) -> Block:
        first = origin + number * step
        days = [first + offset for offset in offsets]
        if months:
            days = [day for day in days if 1 <= day <= LAST_DAY and date.fromordinal(day).month in months]
        return days if passes is None else [day for day in days if passes(day)], times

    return Periods(
        block,
        lambda day: max(0, -((origin + 6 - day) // step)),
        lambda number: origin + number * step,
        _WEEKS // gcd(_WEEKS, rule.interval) if months or passes else 1,
        rule.by_set_pos,
    )


def daily(rule: Rule, start: datetime, times: Sequence[int]) -> Periods:
    origin, interval = start.toordinal(), rule.interval
    passes, repeat = day_limit(rule), repeat_of(rule)
    if rule.by_set_pos:
        times = [times[index] for index in chosen(len(times), rule.by_set_pos)]

    def block(number: int) -> Block:
        day = origin + number * interval
        return ((day,), times) if passes is None or passes(day) else NOTHING

    return Periods(
        block,
        lambda day: max(0, -((origin - day) // interval)),
        lambda number: origin + number * interval,
        repeat // gcd(repeat, interval),
    )


def repeat_of(rule: Rule) -> int:
    """After so many days the limits of a daily or finer rule repeat."""
    if rule.by_month or rule.by_month_day or rule.by_year_day or rule.by_week_no:
        return _DAYS
    return 7 if rule.by_day else 1


def seconds_of(of_day: time) -> int:
    return of_day.hour * 3600 + of_day.minute * 60 + of_day.second


def product_of(hours: Sequence[int], minutes: Sequence[int], seconds: Sequence[int]) -> Sequence[int]:
    if len(hours) == len(minutes) == len(seconds) == 1:
        return (hours[0] * 3600 + minutes[0] * 60 + seconds[0],)
    return [hour * 3600 + minute * 60 + second for hour in hours for minute in minutes for second in seconds]
