"""The recurrence engine against python-dateutil, and against the definition of RFC 5545 3.3.10 written out by days.

Where python-dateutil departs from the RFC, the rule is left to the definition:

* DTSTART that does not match the rule: no instance there; the first one by 3.8.5.3. It is taken off before comparing.
* BYSETPOS in a WEEKLY rule: there, the first week begins at DTSTART; by 3.3.10 the set is that of the whole interval.
* Plain days and days with an ordinal in one BYDAY: there, a day must be both; by 3.3.10 each adds its days.
* BYWEEKNO without BYDAY: there, all days of the week; by 3.3.10 what is not given comes from DTSTART.
* BYWEEKNO with weeks that reach into the neighbouring year: there, INTERVAL and BYSETPOS count by the calendar year of
  each day, and 52, 53 and numbers from the end miss or make up days at the turn of a year; ISO 8601 knows better.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice, product

from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from calimport.rfc5545.recurrence import starts
from calimport.rfc5545.rules import FREQUENCIES, WEEKDAYS, Rule, parse_rule

UNITS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}
SPANS = {
    "SECONDLY": timedelta(hours=2),
    "MINUTELY": timedelta(days=4),
    "HOURLY": timedelta(days=120),
    "DAILY": timedelta(days=800),
    "WEEKLY": timedelta(days=1500),
    "MONTHLY": timedelta(days=2500),
    "YEARLY": timedelta(days=6000),
}


def numbers(low, high, *, signed=False, most=4):
    number = st.integers(low, high)
    return st.lists(number | number.map(lambda n: -n) if signed else number, min_size=1, max_size=most, unique=True)


def listed(name, values):
    return values.map(lambda some: f"{name}={','.join(map(str, some))}")


@st.composite
def rules(draw, freqs=FREQUENCIES):
    freq = draw(st.sampled_from(freqs))
    interval = draw(st.sampled_from([1, 1, 2, 3, 5, 12, 24, 25, 60, 90, 1440, 3601, 86_400]))
    if freq in ("YEARLY", "MONTHLY", "WEEKLY", "DAILY"):
        interval = min(interval, 25)
    parts = [f"FREQ={freq}", f"INTERVAL={interval}", f"WKST={draw(st.sampled_from(list(WEEKDAYS)))}"]
    by = [listed("BYMONTH", numbers(1, 12))]
    if freq == "YEARLY":
        by.append(listed("BYWEEKNO", numbers(1, 53, signed=True)))
    if freq in ("YEARLY", *UNITS):
        by.append(listed("BYYEARDAY", numbers(1, 366, signed=True, most=8)))
    if freq != "WEEKLY":
        by.append(listed("BYMONTHDAY", numbers(1, 31, signed=True)))
    days = st.sampled_from(list(WEEKDAYS))
    if freq in ("MONTHLY", "YEARLY"):
        ordinal = st.sampled_from(["", "", "1", "+2", "-1", "-2", "5", "-5"])
        days = st.builds(lambda number, day: number + day, ordinal, days)
    by += [
        listed("BYDAY", st.lists(days, min_size=1, max_size=4, unique=True)),
        listed("BYHOUR", numbers(0, 23)),
        listed("BYMINUTE", numbers(0, 59)),
        listed("BYSECOND", numbers(0, 59)),
    ]
    chosen = draw(st.lists(st.integers(0, len(by) - 1), max_size=3, unique=True))
    parts += [draw(by[index]) for index in chosen]
    if chosen and draw(st.integers(0, 3)) == 0:
        parts.append(draw(listed("BYSETPOS", numbers(1, 6, signed=True))))
    return parse_rule(";".join(parts)), ";".join(parts)


MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(microsecond=0))


def week(day: date, wkst: int) -> tuple[int, int, int]:
    """(year, number, number from the end): a week belongs to the year in which its fourth day lies."""
    fourth = day - timedelta((day.weekday() - wkst) % 7 - 3)
    final = date(fourth.year, 12, 31)
    final -= timedelta((final.weekday() - fourth.weekday()) % 7)
    number, weeks = ((one.timetuple().tm_yday - 1) // 7 + 1 for one in (fourth, final))
    return fourth.year, number, number - weeks - 1


def filled(rule: Rule, start: datetime) -> Rule:
    """What the rule leaves open comes from DTSTART."""
    given = {}
    if not (rule.by_day or rule.by_month_day or rule.by_year_day):
        if rule.freq == "WEEKLY" or rule.by_week_no:
            given["by_day"] = ((0, start.weekday()),)
        elif rule.freq in ("MONTHLY", "YEARLY"):
            given["by_month_day"] = (start.day,)
            if rule.freq == "YEARLY" and not rule.by_month:
                given["by_month"] = (start.month,)
    if rule.freq not in ("HOURLY", "MINUTELY", "SECONDLY"):
        given["by_hour"] = rule.by_hour or (start.hour,)
    if rule.freq not in ("MINUTELY", "SECONDLY"):
        given["by_minute"] = rule.by_minute or (start.minute,)
    if rule.freq != "SECONDLY":
        given["by_second"] = rule.by_second or (start.second,)
    return replace(rule, **given)


def is_chosen(rule: Rule, day: date) -> bool:
    """Every BY part that speaks of days as its own test of the day."""
    after_month = (day.replace(day=28) + timedelta(4)).replace(day=1)
    of_month, month = day.day, (after_month - timedelta(1)).day
    of_year, year = (one.timetuple().tm_yday for one in (day, date(day.year, 12, 31)))
    ordinals = {0}
    if rule.freq == "MONTHLY" or rule.by_month:
        ordinals |= {(of_month - 1) // 7 + 1, -((month - of_month) // 7) - 1}
    else:
        ordinals |= {(of_year - 1) // 7 + 1, -((year - of_year) // 7) - 1}
    return (
        (not rule.by_month or day.month in rule.by_month)
        and (not rule.by_week_no or not set(week(day, rule.wkst)[1:]).isdisjoint(rule.by_week_no))
        and (not rule.by_year_day or not {of_year, of_year - year - 1}.isdisjoint(rule.by_year_day))
        and (not rule.by_month_day or not {of_month, of_month - month - 1}.isdisjoint(rule.by_month_day))
        and (not rule.by_day or any((ordinal, day.weekday()) in rule.by_day for ordinal in ordinals))
    )


def period(rule: Rule, moment: datetime) -> int:
    """The number of the period, before INTERVAL, that the moment lies in."""
    if rule.freq == "YEARLY":
        return week(moment.date(), rule.wkst)[0] if rule.by_week_no else moment.year
    if rule.freq == "MONTHLY":
        return moment.year * 12 + moment.month
    if rule.freq == "WEEKLY":
        return (moment.toordinal() - 1 - rule.wkst) // 7
    seconds = moment.toordinal() * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second
    return seconds // {"DAILY": 86_400, **UNITS}[rule.freq]


def defined(rule: Rule, start: datetime, end: datetime) -> list[datetime]:
    """The series by definition: all moments that every BY part accepts, by period, of which BYSETPOS takes some."""
    origin, rule = period(rule, start), filled(rule, start)
    sets: dict[int, list[datetime]] = defaultdict(list)
    # The first period may have begun, and the last may end, most of a year away.
    around = timedelta(0 if rule.freq in UNITS else 370)
    for offset in range((end - start + 2 * around).days + 2):
        day = start.date() - around + timedelta(offset)
        if not is_chosen(rule, day):
            continue
        hours = rule.by_hour or range(24)
        if rule.freq in UNITS:
            hours = [
                hour
                for hour in hours
                if start - timedelta(hours=1) < datetime(day.year, day.month, day.day, hour) <= end
            ]
        times = product(hours, rule.by_minute or range(60), rule.by_second or range(60))
        for moment in (datetime(day.year, day.month, day.day, *time) for time in times):
            number = period(rule, moment) - origin
            if number >= 0 and number % rule.interval == 0:
                sets[number].append(moment)
    found = {start}
    for one in sets.values():
        positions = [p - 1 if p > 0 else p for p in rule.by_set_pos if abs(p) <= len(one)]
        found.update(one[p] for p in positions) if rule.by_set_pos else found.update(one)
    return sorted(moment for moment in found if start <= moment <= end)


@settings(max_examples=150, deadline=None)
@given(rules(), MOMENTS, st.booleans())
def test_as_defined(rule_and_text, start, dates):
    rule, _ = rule_and_text
    if dates and rule.freq not in UNITS:
        start = start.replace(hour=0, minute=0, second=0)
        rule = replace(rule, by_hour=(), by_minute=(), by_second=())
    end = start + SPANS[rule.freq]

    assert list(starts(rule, start, first=start, last=end)) == defined(rule, start, end)


@settings(max_examples=200, deadline=None)
@given(rules(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")), MOMENTS)
def test_as_python_dateutil(rule_and_text, start):
    rule, text = rule_and_text
    assume(not rule.ignored)  # python-dateutil reads what is not legal in its own way
    ordinals = [bool(ordinal) for ordinal, _ in rule.by_day]
    assume(not (rule.freq == "WEEKLY" and rule.by_set_pos))
    assume(all(ordinals) or not any(ordinals))
    assume(not rule.by_week_no or (rule.by_day and rule.interval == 1 and not rule.by_set_pos))
    assume(all(2 <= number <= 51 for number in rule.by_week_no))
    ours = list(islice(starts(rule, start, first=start, last=start + timedelta(20_000)), 30))

    assume(len(ours) > 1)  # python-dateutil would look for the second until the year 9999
    theirs = list(islice(rrulestr(text, dtstart=start), len(ours) - 1))
    assert theirs == (ours[:-1] if theirs[0] == start else ours[1:])


@settings(max_examples=200, deadline=None)
@given(rules(), MOMENTS, st.sampled_from(["OMIT", "BACKWARD", "FORWARD"]), st.integers(1, 60), st.data())
def test_windows_are_slices_of_the_series(rule_and_text, start, skip, count, data):
    """Whatever the window, with COUNT or without, the result is that part of the series expanded from DTSTART; so two
    windows side by side hold what one over both holds."""
    rule = replace(rule_and_text[0], rscale="GREGORIAN", skip=skip)
    seconds = int(SPANS[rule.freq].total_seconds())
    end = start + timedelta(seconds=seconds)
    low, high = sorted(data.draw(st.integers(-1000, seconds)) for _ in range(2))
    first, last = start + timedelta(seconds=low), start + timedelta(seconds=high)
    whole = list(starts(rule, start, first=start, last=end))
    counted = replace(rule, count=count)

    assert list(starts(rule, start, first=first, last=last)) == [one for one in whole if first <= one <= last]
    assert list(starts(counted, start, first=first, last=last)) == [
        one for one in whole[:count] if first <= one <= last
    ]
