"""The starts of a recurring series in a range (RFC 5545 3.3.10 and 3.8.5.3, RFC 7529 4), at the cost of the range.

All is counted in wall-clock time of the series: zones, gaps and overlaps of the clock are the caller's. An instance is
one number here, seconds since 31 December of the year 0, so that nothing overflows at the edges of the calendar.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import prod

from calimport.rfc5545.recurrence_days import is_possible
from calimport.rfc5545.recurrence_hours import UNITS, dates, within_days
from calimport.rfc5545.recurrence_periods import (
    DAY,
    Periods,
    chosen,
    daily,
    monthly,
    product_of,
    seconds_of,
    weekly,
    yearly,
)
from calimport.rfc5545.rules import Rule

BUDGET = 500_000
"""Periods (days, for a daily or finer rule) that an event may look at: under a second."""

# Work that a call does before its first period, and what it prepares for all of them.
_OF_A_CALL, _TIMES_OF_A_STEP = 25, 5


class TooManySteps(ValueError):
    """The rule asks for more steps than it is worth. No occurrence after those already given is known."""


class Steps:
    """What may still be looked at, by all calls together that share it."""

    def __init__(self, most: int = BUDGET) -> None:
        self.most = self.left = most

    def take(self, number: int = 1) -> None:
        self.left -= number
        if self.left < 0:
            raise TooManySteps(f"its rules take more than {self.most} steps")

    @property
    def taken(self) -> int:
        return self.most - self.left


def starts(
    rule: Rule,
    start: datetime,
    *,
    first: datetime,
    last: datetime,
    until: datetime | None = None,
    all_day: bool = False,
    steps: Steps | None = None,
) -> Iterator[datetime]:
    """Wall-clock starts (naive, whole seconds) in [first, last], ascending, without repeats.

    `start` is DTSTART. It is always the first instance and counts as one of COUNT (RFC 5545 3.8.2.4, 3.8.5.3), also
    where it does not match the rule, and where UNTIL lies before it. `until` is the rule's UNTIL as wall-clock time of
    the series, inclusive; `rule.until` is not looked at. All date-times are naive.

    `all_day`: a series of dates, whose starts are given at the time of `start`. BYHOUR, BYMINUTE and BYSECOND are
    ignored (RFC 5545 3.3.10). An hourly or finer rule gives each date on which it has an instance when it runs from
    midnight, once; COUNT counts dates.

    The number of starts in the range is the caller's to limit. Raises TooManySteps where more periods (days, for daily
    and finer rules) would have to be looked at than `steps` has left; without it, than BUDGET.
    """
    steps = steps or Steps()
    steps.take(_OF_A_CALL)
    if first <= start <= last:
        yield start
    if until is not None and until < last:
        last = until
    low, high = max(_instant(first) + (first.microsecond > 0), _instant(start) + 1), _instant(last)
    if low > high or rule.count == 1:
        return
    if all_day:
        rule = _of_dates(rule)
    steps.take(_prepared(rule))
    found = _periods(rule, start, all_day=all_day)
    if found is None:
        return
    if found.overlap:
        yield from _overlapping(found, rule.count, _instant(start), low, high, steps)
        return
    number = found.reaching(low // DAY)
    left = -1
    if rule.count is not None:
        left = rule.count - 1 - _before(found, number, _instant(start), rule.count - 1, steps)
        if left <= 0:
            return
    after = _instant(start)
    while found.begin(number) * DAY <= high:
        steps.take()
        days, times = found.block(number)
        number += 1
        if not days or not times:
            continue
        width = len(times)
        indexes = _indexes(found, days, times)
        at = _rank(days, times, indexes, max(after, low - 1))
        if left > 0:
            left -= at - _rank(days, times, indexes, after)
            if left <= 0:
                return
        for index in indexes[at:]:
            instant = days[index // width] * DAY + times[index % width]
            if instant > high:
                return
            yield _moment(instant)
            left -= 1
            if left == 0:
                return


def _overlapping(
    found: Periods, count: int | None, start: int, low: int, high: int, steps: Steps
) -> Iterator[datetime]:
    """The starts after DTSTART of a rule whose SKIP moves dates into the next period: a merge of the periods.

    COUNT is counted from the first of them, so that its cost is the series' age in months or years.
    """
    number = 0 if count is not None else max(0, found.reaching(low // DAY) - 1)
    left = -1 if count is None else count - 1
    before: set[int] = set()
    pending: list[int] = []
    while pending or found.begin(number) * DAY <= high:
        steps.take()
        days, times = found.block(number)
        instants = {
            days[index // len(times)] * DAY + times[index % len(times)] for index in _indexes(found, days, times)
        }
        pending = sorted([*pending, *(instant for instant in instants - before if instant > start)])
        before, number = instants, number + 1
        border = bisect_left(pending, found.begin(number) * DAY)
        ready, pending = pending[:border], pending[border:]
        for instant in ready:
            if instant > high:
                return
            if instant >= low:
                yield _moment(instant)
            left -= 1
            if left == 0:
                return


def _moment(instant: int) -> datetime:
    return datetime.fromordinal(instant // DAY) + timedelta(0, instant % DAY)


def makes_start(rule: Rule, start: datetime, *, all_day: bool = False) -> bool:
    """Whether DTSTART is one of the rule's own instances: only then does an EXRULE take it out (RFC 2445, 4.8.5.2)."""
    found = _periods(_of_dates(rule) if all_day else rule, start, all_day=all_day)
    if found is None:
        return False
    days, times = found.block(0)
    indexes = _indexes(found, days, times)
    return _rank(days, times, indexes, _instant(start)) > _rank(days, times, indexes, _instant(start) - 1)


def _periods(rule: Rule, start: datetime, *, all_day: bool) -> Periods | None:
    """The periods of a rule that starts at `start`; None where it never matches anything."""
    if not is_possible(rule):
        return None
    if rule.freq in UNITS:
        return dates(rule, start) if all_day else within_days(rule, start)
    if all_day:
        times: Sequence[int] = (seconds_of(start.time()),)
    else:
        times = product_of(
            rule.by_hour or (start.hour,), rule.by_minute or (start.minute,), rule.by_second or (start.second,)
        )
    return {"YEARLY": yearly, "MONTHLY": monthly, "WEEKLY": weekly, "DAILY": daily}[rule.freq](rule, start, times)


def _before(found: Periods, number: int, start: int, most: int, steps: Steps) -> int:
    """How many instances after `start` the periods before `number` have; perhaps less where there are `most`."""
    if number == 0:
        return 0
    days, times = found.block(0)
    indexes = _indexes(found, days, times)
    total = len(indexes) - _rank(days, times, indexes, start)
    cycles, rest = divmod(number - 1, found.cycle)
    counted = of_rest = 0
    for period in range(1, (found.cycle if cycles else rest) + 1):
        if total + counted >= most:
            return most
        steps.take()
        days, times = found.block(period)
        indexes = _indexes(found, days, times)
        counted += len(indexes)
        if period == rest:
            of_rest = counted
    return total + counted * cycles + of_rest if cycles else total + counted


def _prepared(rule: Rule) -> int:
    """Steps that the times of day are worth, of which there is a list for each call."""
    lists = rule.by_hour, rule.by_minute, rule.by_second
    if not any(lists):
        return 0
    # A limit that is not given lets all pass.
    every = {"SECONDLY": (24, 60, 60), "MINUTELY": (24, 60, 1)}.get(rule.freq, (1, 1, 1))
    return prod(len(given) or number for given, number in zip(lists, every, strict=True)) // _TIMES_OF_A_STEP


def _indexes(found: Periods, days: Sequence[int], times: Sequence[int]) -> Sequence[int]:
    size = len(days) * len(times)
    return chosen(size, found.positions) if found.positions else range(size)


def _rank(days: Sequence[int], times: Sequence[int], indexes: Sequence[int], instant: int) -> int:
    """How many of the chosen instances are not after the instant."""
    day, second = divmod(instant, DAY)
    whole = bisect_left(days, day)
    rank = whole * len(times)
    if whole < len(days) and days[whole] == day:
        rank += bisect_right(times, second)
    return bisect_left(indexes, rank)


def _instant(moment: datetime) -> int:
    return moment.toordinal() * DAY + moment.hour * 3600 + moment.minute * 60 + moment.second


def _of_dates(rule: Rule) -> Rule:
    rule = replace(rule, by_hour=(), by_minute=(), by_second=())
    chooses = rule.by_month or rule.by_week_no or rule.by_year_day or rule.by_month_day or rule.by_day
    return rule if chooses else replace(rule, by_set_pos=())
