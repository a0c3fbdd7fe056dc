"""The days that a rule chooses in a month and in a year (RFC 5545 3.3.10, table and notes on page 44; RFC 7529 4.1).

A day is an offset from the first of its month or year. What a month chooses depends only on its length and the weekday
of its first day, what a year chooses only on whether it is a leap year and on the weekday of its first day.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

from calimport.rfc5545.rules import Rule

MONTH_STARTS = (
    (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365),
    (0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366),
)
LAST_DAY = date.max.toordinal()

# A day that SKIP moved out of its month is the 1st or the 31st of a month of 31 days, the fifth of its weekday there
# from one end; out of its year, the 1st of January or the 31st of December, the 53rd.
_LAST_IN_MONTH, _LAST_IN_YEAR = 5, 53

Days = tuple[tuple[int, int], ...]


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def new_year(year: int) -> int:
    """The proleptic Gregorian ordinal of 1 January, also of years that `datetime.date` does not reach."""
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400 + 1


def month_days(length: int, weekday: int, numbers: tuple[int, ...], days: Days, skip: str) -> list[int]:
    """Offsets that BYMONTHDAY (`numbers`) and BYDAY (`days`) choose in a month whose 1st is that weekday.

    BYDAY limits where BYMONTHDAY is present, and expands otherwise. SKIP may give the offset -1 or `length`.
    """
    if not numbers:
        return sorted(_expand(length, weekday, days))
    chosen = _numbered(numbers, length, skip)
    if days:
        chosen = {day for day in chosen if _limits(day, length, weekday, days, _LAST_IN_MONTH)}
    return sorted(chosen)


def year_days(leap: bool, weekday: int, rule: Rule, start: date) -> list[int]:
    """Offsets that a yearly rule chooses in a year whose 1 January is that weekday, DTSTART filling what is not given.

    Weeks of BYWEEKNO are whole: the offsets of week 1 may begin at -3, and those of the last may end 3 days after the
    year, because RFC 5545 expands the year to its weeks and numbers weeks as ISO 8601 does.
    """
    starts = MONTH_STARTS[leap]
    length = starts[12]
    months = rule.by_month or range(1, 13)
    if rule.by_week_no:
        return _days_of_weeks(starts, weekday, rule, start)
    if rule.by_year_day:
        chosen = {day for day in _numbered(rule.by_year_day, length, rule.skip) if _month(day, starts) in months}
        if rule.by_month_day:
            chosen = {day for day in chosen if _is_month_day(day, starts, rule.by_month_day)}
    elif rule.by_month_day:
        chosen = _in_months(months, starts, rule.by_month_day, rule.skip)
    elif not rule.by_day:
        return sorted(_in_months(rule.by_month or (start.month,), starts, (start.day,), rule.skip))
    elif rule.by_month:
        return [
            starts[month - 1] + day
            for month in months
            for day in sorted(_expand(_length(starts, month), (weekday + starts[month - 1]) % 7, rule.by_day))
        ]
    else:
        return sorted(_expand(length, weekday, rule.by_day))
    if rule.by_day:
        chosen = {day for day in chosen if _limits_in_year(day, starts, weekday, rule)}
    return sorted(chosen)


def week_year(day: date, wkst: int) -> int:
    """The year to whose numbered weeks a day belongs; a neighbour of its own year in a few days around 1 January."""
    ordinal = day.toordinal()
    for year in (day.year + 1, day.year):
        first = new_year(year)
        if ordinal >= first + _first_week((first - 1) % 7, wkst):
            return year
    return day.year - 1


def day_limit(rule: Rule) -> Callable[[int], bool] | None:
    """The test of a day (an ordinal) by the limits of a daily or finer rule; None where every day passes."""
    weekdays = {weekday for _, weekday in rule.by_day}
    months, month_numbers, year_numbers = set(rule.by_month), set(rule.by_month_day), set(rule.by_year_day)
    if not (months or month_numbers or year_numbers or rule.by_week_no):
        return (lambda ordinal: (ordinal - 1) % 7 in weekdays) if weekdays else None

    def passes(ordinal: int) -> bool:
        if weekdays and (ordinal - 1) % 7 not in weekdays:
            return False
        day = date.fromordinal(ordinal)
        if months and day.month not in months:
            return False
        if month_numbers and day.day not in month_numbers:
            length = _length(MONTH_STARTS[is_leap(day.year)], day.month)
            if day.day - length - 1 not in month_numbers:
                return False
        if rule.by_week_no and not _is_in_week(day, rule):
            return False
        if not year_numbers:
            return True
        of_year = ordinal - date(day.year, 1, 1).toordinal() + 1
        return of_year in year_numbers or of_year - 366 - is_leap(day.year) in year_numbers

    return passes


def odd_limit(rule: Rule) -> Callable[[int], bool] | None:
    """The test of a day by parts that are not legal in a weekly or monthly rule, where they limit; None without any."""
    month_numbers = rule.by_month_day if rule.freq == "WEEKLY" else ()
    if not (month_numbers or rule.by_year_day or rule.by_week_no):
        return None
    limits = replace(rule, by_day=(), by_month=(), by_month_day=month_numbers)
    passes = day_limit(limits)
    return passes and (lambda ordinal: 1 <= ordinal <= LAST_DAY and passes(ordinal))


def _is_in_week(day: date, rule: Rule) -> bool:
    first, after = (
        new_year(year) + _first_week((new_year(year) - 1) % 7, rule.wkst)
        for year in (week_year(day, rule.wkst), week_year(day, rule.wkst) + 1)
    )
    week = (day.toordinal() - first) // 7 + 1
    return week in rule.by_week_no or week - (after - first) // 7 - 1 in rule.by_week_no


def is_possible(rule: Rule) -> bool:
    """Whether BYMONTH and BYMONTHDAY have a day in common in any year."""
    if not (rule.by_month and rule.by_month_day) or rule.skip != "OMIT":
        return True
    nearest = min(map(abs, rule.by_month_day))
    return any(nearest <= _length(MONTH_STARTS[1], month) for month in rule.by_month)


def _length(starts: tuple[int, ...], month: int) -> int:
    return starts[month] - starts[month - 1]


def _month(day: int, starts: tuple[int, ...]) -> int:
    return (bisect_right(starts, day) - 1) % 12 + 1


def _numbered(numbers: tuple[int, ...], length: int, skip: str) -> set[int]:
    chosen = set()
    for number in numbers:
        day = number - 1 if number > 0 else length + number
        if 0 <= day < length:
            chosen.add(day)
        elif skip == "FORWARD":
            chosen.add(length if number > 0 else 0)
        elif skip == "BACKWARD":
            chosen.add(length - 1 if number > 0 else -1)
    return chosen


def _in_months(months: Iterable[int], starts: tuple[int, ...], numbers: tuple[int, ...], skip: str) -> set[int]:
    return {starts[month - 1] + day for month in months for day in _numbered(numbers, _length(starts, month), skip)}


def _expand(length: int, weekday: int, days: Days) -> set[int]:
    chosen: set[int] = set()
    for ordinal, day in days:
        every = range((day - weekday) % 7, length, 7)
        if ordinal == 0:
            chosen.update(every)
        elif abs(ordinal) <= len(every):
            chosen.add(every[ordinal - 1 if ordinal > 0 else ordinal])
    return chosen


def _limits(day: int, length: int, weekday: int, days: Days, most: int) -> bool:
    of_week = (weekday + day) % 7
    if day < 0:
        forward, backward = most, 1
    elif day >= length:
        forward, backward = 1, most
    else:
        forward, backward = day // 7 + 1, (length - 1 - day) // 7 + 1
    return any((ordinal, of_week) in days for ordinal in (0, forward, -backward))


def _limits_in_year(day: int, starts: tuple[int, ...], weekday: int, rule: Rule) -> bool:
    """Ordinals count in the month where BYMONTH is present, and in the year otherwise."""
    if not rule.by_month or not 0 <= day < starts[12]:
        return _limits(day, starts[12], weekday, rule.by_day, _LAST_IN_YEAR)
    month = _month(day, starts)
    first = starts[month - 1]
    return _limits(day - first, _length(starts, month), (weekday + first) % 7, rule.by_day, _LAST_IN_MONTH)


def _is_month_day(day: int, starts: tuple[int, ...], numbers: tuple[int, ...]) -> bool:
    # A day outside the year is in the January after it or in the December before it, both of 31 days.
    day = day - starts[12] if day >= starts[12] else day
    starts = MONTH_STARTS[0] if day < 0 else starts
    month = _month(day % starts[12], starts)
    number = day % starts[12] - starts[month - 1] + 1
    return number in numbers or number - _length(starts, month) - 1 in numbers


def _days_of_weeks(starts: tuple[int, ...], weekday: int, rule: Rule, start: date) -> list[int]:
    chosen = _weeks(starts[12], weekday, rule)
    of_week = {day for _, day in rule.by_day}
    if rule.by_month_day:
        chosen = {day for day in chosen if _is_month_day(day, starts, rule.by_month_day)}
    if not (of_week or rule.by_year_day or rule.by_month_day):
        of_week = {start.weekday()}
    return sorted(
        day
        for day in chosen
        if (not of_week or (weekday + day) % 7 in of_week)
        and (not rule.by_month or _month(day, starts) in rule.by_month)
    )


def _weeks(length: int, weekday: int, rule: Rule) -> set[int]:
    """The days of BYWEEKNO's weeks."""
    first = _first_week(weekday, rule.wkst)
    weeks = (length + _first_week((weekday + length) % 7, rule.wkst) - first) // 7
    chosen: set[int] = set()
    for number in rule.by_week_no:
        week = number if number > 0 else weeks + 1 + number
        if 1 <= week <= weeks:
            chosen.update(range(first + (week - 1) * 7, first + week * 7))
    return chosen


def _first_week(weekday: int, wkst: int) -> int:
    """The offset of week 1, the first with at least four days in the year, where 1 January is that weekday."""
    before = -((weekday - wkst) % 7)
    return before if before >= -3 else before + 7
