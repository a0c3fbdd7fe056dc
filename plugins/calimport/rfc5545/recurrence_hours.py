"""The periods of HOURLY, MINUTELY and SECONDLY rules: every day is one, whatever INTERVAL is (RFC 5545 3.3.10)."""

from collections.abc import Sequence
from datetime import datetime
from math import gcd, lcm
from typing import overload

from calimport.rfc5545.recurrence_days import day_limit
from calimport.rfc5545.recurrence_periods import DAY, NOTHING, Block, Periods, chosen, product_of, repeat_of, seconds_of
from calimport.rfc5545.rules import Rule

UNITS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}
"""Seconds of a period, before INTERVAL."""


def within_days(rule: Rule, start: datetime) -> Periods | None:
    """HOURLY, MINUTELY and SECONDLY: the units of the day that INTERVAL hits and no limit excludes, and in each unit
    the finer parts, which expand."""
    unit = UNITS[rule.freq]
    units = DAY // unit
    hours, minutes = rule.by_hour or range(24), rule.by_minute or range(60)
    if rule.freq == "HOURLY":
        inner: Sequence[int] = product_of((0,), rule.by_minute or (start.minute,), rule.by_second or (start.second,))
        allowed: Sequence[int] | None = rule.by_hour or None
    elif rule.freq == "MINUTELY":
        inner = rule.by_second or (start.second,)
        limited = rule.by_hour or rule.by_minute
        allowed = [hour * 60 + minute for hour in hours for minute in minutes] if limited else None
    else:
        inner = (0,)
        limited = rule.by_hour or rule.by_minute or rule.by_second
        allowed = product_of(hours, minutes, rule.by_second or range(60)) if limited else None
    if rule.by_set_pos:
        inner = [inner[index] for index in chosen(len(inner), rule.by_set_pos)]
    origin, interval = start.toordinal(), rule.interval
    # A unit u of day number d is hit when u ≡ started - d * units (mod interval).
    started = seconds_of(start.time()) // unit
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
            return NOTHING
        first = (started - number * units) % interval
        hit: Sequence[int] = range(first, units, interval) if allowed is None else hits.get(first, ())
        if not hit:
            return NOTHING
        if unit == 1:
            return (day,), hit
        if len(inner) == 1 and isinstance(hit, range):
            return (day,), range(first * unit + inner[0], DAY, interval * unit)
        return (day,), _Product(hit, unit, inner)

    return Periods(
        block,
        lambda day: max(0, day - origin),
        lambda number: origin + number,
        lcm(repeat_of(rule), interval // gcd(interval, units)),
    )


class _Product(Sequence[int]):
    """Seconds of the day: each of `inner` in each of the units. Not a list, because most days are only counted."""

    def __init__(self, units: Sequence[int], unit: int, inner: Sequence[int]) -> None:
        self._units, self._unit, self._inner = units, unit, inner

    def __len__(self) -> int:
        return len(self._units) * len(self._inner)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        number, place = divmod(index, len(self._inner))
        return self._units[number] * self._unit + self._inner[place]


def dates(rule: Rule, start: datetime) -> Periods | None:
    """HOURLY, MINUTELY and SECONDLY of a series of dates: the dates on which the rule has an instance when it runs from
    midnight, each once. RFC 5545 gives such a rule no other meaning, since a date has no hours."""
    if rule.by_set_pos and not chosen(1, rule.by_set_pos):
        return None
    units, interval, origin = DAY // UNITS[rule.freq], rule.interval, start.toordinal()
    passes = day_limit(rule)
    times = (seconds_of(start.time()),)

    def block(number: int) -> Block:
        day = origin + number
        hit = -number * units % interval < units and (passes is None or passes(day))
        return ((day,), times) if hit else NOTHING

    return Periods(
        block,
        lambda day: max(0, day - origin),
        lambda number: origin + number,
        lcm(repeat_of(rule), interval // gcd(interval, units)),
    )
