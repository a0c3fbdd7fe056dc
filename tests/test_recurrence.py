"""The recurrence engine against dates worked out by hand: RFC 5545 3.3.10 and 3.8.5.3, RFC 7529 4."""

from datetime import datetime
from itertools import islice

import pytest

from calimport.rfc5545.recurrence import Steps, TooManySteps, starts
from calimport.rfc5545.rules import parse_rule

FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)
EVERY_DAY = "SU,MO,TU,WE,TH,FR,SA"


def days(text: str) -> list[str]:
    """`1997-09 2 9-11, 1998-01 5` as the dates that it lists."""
    found = []
    for month, *numbers in (part.split() for part in text.split(",")):
        for number in numbers:
            low, _, high = number.partition("-")
            found += [f"{month}-{day:02}" for day in range(int(low), int(high or low) + 1)]
    return found


def expand(rule: str, start: str, number: int | None = None, *, until: str | None = None, **options) -> list[str]:
    made = starts(
        parse_rule(rule),
        datetime.fromisoformat(start),
        **{"first": FIRST, "last": LAST, "until": until and datetime.fromisoformat(until), **options},
    )
    return [moment.isoformat(" ", "minutes") for moment in islice(made, number)]


# rule, DTSTART, UNTIL in local time, dates; where neither COUNT nor UNTIL ends the series, the first of its dates
EXAMPLES = [
    ("DAILY;COUNT=10", "1997-09-02", None, "1997-09 2-11"),
    ("DAILY", "1997-09-02", "1997-12-23 19:00", "1997-09 2-30, 1997-10 1-31, 1997-11 1-30, 1997-12 1-23"),
    ("DAILY;INTERVAL=2", "1997-09-02", None, "1997-09 2 4 6 8 10 12 14 16 18 20 22 24 26 28 30, 1997-10 2 4 6"),
    ("DAILY;INTERVAL=10;COUNT=5", "1997-09-02", None, "1997-09 2 12 22, 1997-10 2 12"),
    (
        f"YEARLY;BYMONTH=1;BYDAY={EVERY_DAY}",
        "1998-01-01",
        "2000-01-31 09:00",
        "1998-01 1-31, 1999-01 1-31, 2000-01 1-31",
    ),
    ("DAILY;BYMONTH=1", "1998-01-01", "2000-01-31 09:00", "1998-01 1-31, 1999-01 1-31, 2000-01 1-31"),
    ("WEEKLY;COUNT=10", "1997-09-02", None, "1997-09 2 9 16 23 30, 1997-10 7 14 21 28, 1997-11 4"),
    (
        "WEEKLY",
        "1997-09-02",
        "1997-12-23 19:00",
        "1997-09 2 9 16 23 30, 1997-10 7 14 21 28, 1997-11 4 11 18 25, 1997-12 2 9 16 23",
    ),
    (
        "WEEKLY;INTERVAL=2;WKST=SU",
        "1997-09-02",
        None,
        "1997-09 2 16 30, 1997-10 14 28, 1997-11 11 25, 1997-12 9 23, 1998-01 6 20, 1998-02 3 17",
    ),
    ("WEEKLY;WKST=SU;BYDAY=TU,TH", "1997-09-02", "1997-10-06 20:00", "1997-09 2 4 9 11 16 18 23 25 30, 1997-10 2"),
    ("WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", "1997-09-02", None, "1997-09 2 4 9 11 16 18 23 25 30, 1997-10 2"),
    (
        "WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,WE,FR",
        "1997-09-01",
        "1997-12-23 19:00",
        "1997-09 1 3 5 15 17 19 29, 1997-10 1 3 13 15 17 27 29 31, 1997-11 10 12 14 24 26 28, 1997-12 8 10 12 22",
    ),
    ("WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", "1997-09-02", None, "1997-09 2 4 16 18 30, 1997-10 2 14 16"),
    (
        "MONTHLY;COUNT=10;BYDAY=1FR",
        "1997-09-05",
        None,
        "1997-09 5, 1997-10 3, 1997-11 7, 1997-12 5, 1998-01 2, 1998-02 6, 1998-03 6, 1998-04 3, 1998-05 1, 1998-06 5",
    ),
    ("MONTHLY;BYDAY=1FR", "1997-09-05", "1997-12-23 19:00", "1997-09 5, 1997-10 3, 1997-11 7, 1997-12 5"),
    (
        "MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "1997-09-07",
        None,
        "1997-09 7 28, 1997-11 2 30, 1998-01 4 25, 1998-03 1 29, 1998-05 3 31",
    ),
    (
        "MONTHLY;COUNT=6;BYDAY=-2MO",
        "1997-09-22",
        None,
        "1997-09 22, 1997-10 20, 1997-11 17, 1997-12 22, 1998-01 19, 1998-02 16",
    ),
    (
        "MONTHLY;BYMONTHDAY=-3",
        "1997-09-28",
        None,
        "1997-09 28, 1997-10 29, 1997-11 28, 1997-12 29, 1998-01 29, 1998-02 26",
    ),
    (
        "MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "1997-09-02",
        None,
        "1997-09 2 15, 1997-10 2 15, 1997-11 2 15, 1997-12 2 15, 1998-01 2 15",
    ),
    (
        "MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "1997-09-30",
        None,
        "1997-09 30, 1997-10 1 31, 1997-11 1 30, 1997-12 1 31, 1998-01 1 31, 1998-02 1",
    ),
    (
        "MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "1997-09-10",
        None,
        "1997-09 10-15, 1999-03 10-13",
    ),
    (
        "MONTHLY;INTERVAL=2;BYDAY=TU",
        "1997-09-02",
        None,
        "1997-09 2 9 16 23 30, 1997-11 4 11 18 25, 1998-01 6 13 20 27, 1998-03 3 10 17 24 31",
    ),
    (
        "YEARLY;COUNT=10;BYMONTH=6,7",
        "1997-06-10",
        None,
        "1997-06 10, 1997-07 10, 1998-06 10, 1998-07 10, 1999-06 10, 1999-07 10, 2000-06 10, 2000-07 10, "
        "2001-06 10, 2001-07 10",
    ),
    (
        "YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        "1997-03-10",
        None,
        "1997-03 10, 1999-01 10, 1999-02 10, 1999-03 10, 2001-01 10, 2001-02 10, 2001-03 10, 2003-01 10, 2003-02 10, "
        "2003-03 10",
    ),
    (
        "YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        "1997-01-01",
        None,
        "1997-01 1, 1997-04 10, 1997-07 19, 2000-01 1, 2000-04 9, 2000-07 18, 2003-01 1, 2003-04 10, 2003-07 19, "
        "2006-01 1",
    ),
    ("YEARLY;BYDAY=20MO", "1997-05-19", None, "1997-05 19, 1998-05 18, 1999-05 17"),
    ("YEARLY;BYWEEKNO=20;BYDAY=MO", "1997-05-12", None, "1997-05 12, 1998-05 11, 1999-05 17"),
    (
        "YEARLY;BYMONTH=3;BYDAY=TH",
        "1997-03-13",
        None,
        "1997-03 13 20 27, 1998-03 5 12 19 26, 1999-03 4 11 18 25",
    ),
    (
        "YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "1997-06-05",
        None,
        "1997-06 5 12 19 26, 1997-07 3 10 17 24 31, 1997-08 7 14 21 28, 1998-06 4 11 18 25, 1998-07 2 9 16 23 30, "
        "1998-08 6 13 20 27",
    ),
    # The RFC takes DTSTART, which does not match, away again by EXDATE.
    (
        "MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "1997-09-02",
        None,
        "1997-09 2, 1998-02 13, 1998-03 13, 1998-11 13, 1999-08 13, 2000-10 13",
    ),
    (
        "MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "1997-09-13",
        None,
        "1997-09 13, 1997-10 11, 1997-11 8, 1997-12 13, 1998-01 10, 1998-02 7, 1998-03 7, 1998-04 11, 1998-05 9, "
        "1998-06 13",
    ),
    (
        "YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996-11-05",
        None,
        "1996-11 5, 2000-11 7, 2004-11 2",
    ),
    ("MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04", None, "1997-09 4, 1997-10 7, 1997-11 6"),
    (
        "MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997-09-29",
        None,
        "1997-09 29, 1997-10 30, 1997-11 27, 1997-12 30, 1998-01 29, 1998-02 26, 1998-03 30",
    ),
    ("WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05", None, "1997-08 5 10 19 24"),
    ("WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05", None, "1997-08 5 17 19 31"),
    ("MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007-01-15", None, "2007-01 15 30, 2007-02 15, 2007-03 15 30"),
]

# Dates alone; RFC 7529 4.1 for SKIP.
DATES = [
    ("MONTHLY;COUNT=4", "2014-01-31", "2014-01 31, 2014-03 31, 2014-05 31, 2014-07 31"),
    ("MONTHLY;COUNT=4;RSCALE=GREGORIAN;SKIP=OMIT", "2014-01-31", "2014-01 31, 2014-03 31, 2014-05 31, 2014-07 31"),
    ("MONTHLY;COUNT=4;RSCALE=GREGORIAN;SKIP=BACKWARD", "2014-01-31", "2014-01 31, 2014-02 28, 2014-03 31, 2014-04 30"),
    ("MONTHLY;COUNT=4;RSCALE=GREGORIAN;SKIP=FORWARD", "2014-01-31", "2014-01 31, 2014-03 1 31, 2014-05 1"),
    ("YEARLY;COUNT=3", "2012-02-29", "2012-02 29, 2016-02 29, 2020-02 29"),
    ("YEARLY;COUNT=3;RSCALE=GREGORIAN;SKIP=FORWARD", "2012-02-29", "2012-02 29, 2013-03 1, 2014-03 1"),
    ("YEARLY;COUNT=3;RSCALE=GREGORIAN;SKIP=BACKWARD", "2012-02-29", "2012-02 29, 2013-02 28, 2014-02 28"),
    # What SKIP moves onto another date of the rule is one instance, and counts once.
    (
        "MONTHLY;BYMONTHDAY=1,30,31;COUNT=8;RSCALE=GREGORIAN;SKIP=FORWARD",
        "2014-01-30",
        "2014-01 30 31, 2014-02 1, 2014-03 1 30 31, 2014-04 1 30",
    ),
    (
        "MONTHLY;BYMONTHDAY=28,30,31;COUNT=6;RSCALE=GREGORIAN;SKIP=BACKWARD",
        "2014-01-30",
        "2014-01 30 31, 2014-02 28, 2014-03 28 30 31",
    ),
    # Counted from the end, a day that is missing lies before the 1st.
    (
        "MONTHLY;BYMONTHDAY=-31;COUNT=4;RSCALE=GREGORIAN;SKIP=FORWARD",
        "2014-03-01",
        "2014-03 1, 2014-04 1, 2014-05 1, 2014-06 1",
    ),
    ("MONTHLY;BYMONTHDAY=-31;COUNT=3;RSCALE=GREGORIAN;SKIP=BACKWARD", "2014-03-01", "2014-03 1 31, 2014-05 1"),
    # SKIP comes before BYDAY: 1 March 2015 is a Sunday, 28 February 2015 a Saturday.
    (
        "YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU;COUNT=2;RSCALE=GREGORIAN;SKIP=FORWARD",
        "2004-02-29",
        "2004-02 29, 2009-03 1",
    ),
    ("YEARLY;BYYEARDAY=366;COUNT=3;RSCALE=GREGORIAN;SKIP=BACKWARD", "2020-12-31", "2020-12 31, 2021-12 31, 2022-12 31"),
    ("YEARLY;BYYEARDAY=366;COUNT=3;RSCALE=GREGORIAN;SKIP=FORWARD", "2020-12-31", "2020-12 31, 2022-01 1, 2023-01 1"),
    ("YEARLY;BYYEARDAY=366;COUNT=2", "2020-12-31", "2020-12 31, 2024-12 31"),
    ("YEARLY;BYYEARDAY=-366,-1;COUNT=3", "2020-01-01", "2020-01 1, 2020-12 31, 2021-12 31"),
    # DTSTART counts, and stands, also where it does not match.
    ("WEEKLY;BYDAY=MO;COUNT=3", "2024-01-03", "2024-01 3 8 15"),
    ("YEARLY;BYMONTH=1;BYMONTHDAY=1;COUNT=2", "2024-05-05", "2024-05 5, 2025-01 1"),
    # BYMONTHDAY and BYDAY without BYMONTH expand to all months, to the whole year.
    ("YEARLY;BYMONTHDAY=31;COUNT=4", "2024-01-31", "2024-01 31, 2024-03 31, 2024-05 31, 2024-07 31"),
    ("YEARLY;BYDAY=-1SU,1MO;COUNT=4", "2024-01-01", "2024-01 1, 2024-12 29, 2025-01 6, 2025-12 28"),
    ("YEARLY;BYDAY=53MO;COUNT=3", "2018-12-31", "2018-12 31, 2024-12 30, 2029-12 31"),
    ("YEARLY;BYMONTH=10;BYDAY=-1SU;COUNT=3", "2023-10-29", "2023-10 29, 2024-10 27, 2025-10 26"),
    # Ordinals and plain weekdays are one list: each adds its days.
    ("MONTHLY;BYDAY=MO,2TU;COUNT=7", "2024-01-01", "2024-01 1 8 9 15 22 29, 2024-02 5"),
    # An ordinal limits where BYMONTHDAY expands.
    ("MONTHLY;BYDAY=2FR;BYMONTHDAY=13;COUNT=3", "2023-10-13", "2023-10 13, 2024-09 13, 2024-12 13"),
    ("MONTHLY;BYDAY=5MO;COUNT=3", "2024-01-29", "2024-01 29, 2024-04 29, 2024-07 29"),
    ("MONTHLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3", "2020-02-29", "2020-02 29, 2024-02 29, 2028-02 29"),
    ("MONTHLY;INTERVAL=12;BYMONTH=3;COUNT=3", "2024-03-05", "2024-03 5, 2025-03 5, 2026-03 5"),
    # Weeks: the set of BYSETPOS is the whole period's, also where DTSTART lies inside.
    ("WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1;COUNT=3", "2024-01-03", "2024-01 3 8 15"),
    ("WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=-1;WKST=WE;COUNT=3", "2024-01-03", "2024-01 3 8 15"),
    ("MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1;COUNT=4", "2024-01-10", "2024-01 10 31, 2024-02 1 29"),
    ("MONTHLY;BYDAY=MO;BYSETPOS=5,-5;COUNT=3", "2024-01-01", "2024-01 1 29, 2024-04 1"),
    ("WEEKLY;BYMONTH=12;BYDAY=SU,MO,TU;COUNT=4", "2024-12-29", "2024-12 29 30 31, 2025-12 1"),
    # Week 1 has four days in the year; its first ones may lie in the year before. DTSTART gives the weekday.
    ("YEARLY;BYWEEKNO=1;BYDAY=MO;COUNT=4", "2024-01-01", "2024-01 1, 2024-12 30, 2025-12 29, 2027-01 4"),
    ("YEARLY;BYWEEKNO=1;COUNT=3", "2024-01-03", "2024-01 3, 2025-01 1, 2025-12 31"),
    ("YEARLY;BYWEEKNO=53;BYDAY=FR,SA;COUNT=4", "2021-01-01", "2021-01 1 2, 2027-01 1 2"),
    ("YEARLY;BYWEEKNO=-1;BYDAY=SU;COUNT=3", "2021-01-03", "2021-01 3, 2022-01 2, 2023-01 1"),
    ("YEARLY;BYWEEKNO=1;BYDAY=SU;WKST=SU;COUNT=3", "2023-01-01", "2023-01 1, 2023-12 31, 2024-12 29"),
    # The year that INTERVAL counts is the one whose weeks are numbered, as in ISO 8601.
    ("YEARLY;INTERVAL=2;BYWEEKNO=1;BYDAY=MO;COUNT=3", "2024-12-30", "2024-12 30, 2027-01 4, 2029-01 1"),
    ("YEARLY;BYWEEKNO=1;BYMONTHDAY=30;COUNT=3", "2024-12-30", "2024-12 30, 2025-12 30, 2030-12 30"),
    ("YEARLY;BYWEEKNO=1,2;BYMONTH=12;BYDAY=TU;COUNT=3", "2024-12-31", "2024-12 31, 2025-12 30, 2030-12 31"),
    # An hourly rule of dates: each date on which it has an instance when it runs from midnight.
    ("HOURLY;COUNT=3", "2024-01-01", "2024-01 1 2 3"),
    ("HOURLY;INTERVAL=36;COUNT=4", "2024-01-01", "2024-01 1 2 4 5"),
    ("MINUTELY;INTERVAL=2880;BYDAY=MO,TU,WE;COUNT=4", "2024-01-01", "2024-01 1 3 9 15"),
    ("HOURLY;INTERVAL=48;BYDAY=MO,WE;BYSETPOS=-1;COUNT=3", "2024-01-01", "2024-01 1 3 15"),
    ("HOURLY;BYDAY=MO;BYSETPOS=2", "2024-01-01", "2024-01 1"),
    ("DAILY;BYHOUR=9,17;BYSETPOS=2;COUNT=3", "2024-01-01", "2024-01 1 2 3"),
]

TIMES = [
    ("HOURLY;INTERVAL=3;UNTIL=19970902T170000Z", "1997-09-02 09:00", "09-02 09:00 12:00"),
    ("MINUTELY;INTERVAL=15;COUNT=6", "1997-09-02 09:00", "09-02 09:00 09:15 09:30 09:45 10:00 10:15"),
    ("MINUTELY;INTERVAL=90;COUNT=4", "1997-09-02 09:00", "09-02 09:00 10:30 12:00 13:30"),
    ("DAILY;BYHOUR=9,16;BYMINUTE=0,40;COUNT=6", "1997-09-02 09:00", "09-02 09:00 09:40 16:00 16:40, 09-03 09:00 09:40"),
    (
        "MINUTELY;INTERVAL=20;BYHOUR=9,16;COUNT=7",
        "1997-09-02 09:00",
        "09-02 09:00 09:20 09:40 16:00 16:20 16:40, 09-03 09:00",
    ),
    ("DAILY;BYHOUR=8,12,18;BYSETPOS=-1,1;COUNT=4", "1997-09-02 12:00", "09-02 12:00 18:00, 09-03 08:00 18:00"),
    (
        "WEEKLY;BYDAY=TU,TH;BYHOUR=8,18;BYSETPOS=2,3;COUNT=4",
        "1997-09-02 18:00",
        "09-02 18:00, 09-04 08:00, 09-09 18:00, 09-11 08:00",
    ),
    ("HOURLY;BYMINUTE=0,30;BYSETPOS=-1;COUNT=3", "1997-09-02 09:15", "09-02 09:15 09:30 10:30"),
    ("HOURLY;INTERVAL=5;BYHOUR=9,14;COUNT=4", "1997-09-02 09:00", "09-02 09:00 14:00, 09-07 09:00 14:00"),
    ("HOURLY;INTERVAL=24;BYMONTHDAY=-1;COUNT=2", "1997-09-30 09:30", "09-30 09:30, 10-31 09:30"),
    ("MINUTELY;INTERVAL=1000;COUNT=3", "1997-09-02 09:00", "09-02 09:00, 09-03 01:40 18:20"),
    ("SECONDLY;INTERVAL=43201;BYDAY=TU,TH;BYMINUTE=0;COUNT=3", "1997-09-02 09:00", "09-02 09:00 21:00, 09-04 09:00"),
    ("DAILY;BYMINUTE=30;COUNT=2", "1997-09-02 09:00", "09-02 09:00 09:30"),
    ("SECONDLY;BYSECOND=60;BYMINUTE=59;COUNT=3", "1997-09-02 09:00", "09-02 09:00 09:59 10:59"),
]


@pytest.mark.parametrize(("rule", "start", "until", "dates"), EXAMPLES)
def test_examples_of_rfc_5545(rule, start, until, dates):
    expected = [f"{date} 09:00" for date in days(dates)]
    number = None if until or "COUNT" in rule else len(expected)

    assert expand(f"FREQ={rule}", f"{start} 09:00", number, until=until) == expected


@pytest.mark.parametrize(("rule", "start", "dates"), DATES)
def test_dates(rule, start, dates):
    assert expand(f"FREQ={rule}", start, all_day=True) == [f"{date} 00:00" for date in days(dates)]


@pytest.mark.parametrize(("rule", "start", "times"), TIMES)
def test_times(rule, start, times):
    until = "1997-09-02 13:00" if "UNTIL" in rule else None  # 17:00 UTC in New York

    expected = [f"1997-{day} {time}" for day, *of_day in map(str.split, times.split(",")) for time in of_day]
    assert expand(f"FREQ={rule}", start, until=until) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2024-01-01 09:00", "2024-01-15 09:00", ["2024-01-01 09:00", "2024-01-08 09:00", "2024-01-15 09:00"]),
        ("2024-01-01 09:01", "2024-01-15 08:59", ["2024-01-08 09:00"]),
        ("2024-01-02 00:00", "2024-01-03 00:00", []),
        ("2023-01-01 00:00", "2023-12-31 23:00", []),
        ("2024-01-10 00:00", "2024-01-09 00:00", []),
        ("2024-01-08 09:00:00.000001", "2024-01-15 08:59:59.999999", []),
    ],
)
def test_both_ends_of_the_range_belong_to_it(first, last, expected):
    limits = {"first": datetime.fromisoformat(first), "last": datetime.fromisoformat(last)}

    assert expand("FREQ=WEEKLY", "2024-01-01 09:00", **limits) == expected


def test_until_is_inclusive_and_spares_the_start():
    assert expand("FREQ=DAILY", "2024-01-01 09:00", until="2024-01-02 09:00") == [
        "2024-01-01 09:00",
        "2024-01-02 09:00",
    ]
    assert expand("FREQ=DAILY", "2024-01-01 09:00", until="2023-01-02 09:00") == ["2024-01-01 09:00"]
    assert expand("FREQ=DAILY;COUNT=2", "2024-01-01 09:00", until="2024-06-01 09:00") == [
        "2024-01-01 09:00",
        "2024-01-02 09:00",
    ]


FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")


@pytest.mark.parametrize("freq", FREQUENCIES)
@pytest.mark.parametrize("part", ["", ";BYDAY=MO,TU,WE,TH,FR,SA,SU", ";BYMONTH=1,12", ";INTERVAL=999999999999999999"])
def test_the_edges_of_the_calendar(freq, part):
    """The years 1 and 9999 (Python's) are years like any other, and nothing lies beyond them."""
    early = expand(f"FREQ={freq}{part}", "0001-01-01 00:00", last=datetime(1, 12, 31), number=3)
    late = expand(f"FREQ={freq}{part}", "9999-12-31 23:59", first=datetime(9999, 12, 31), number=3)

    assert early[0] == "0001-01-01 00:00"
    assert late[0] == "9999-12-31 23:59"
    assert early == sorted(early)
    assert all(moment >= "9999-12-31 23:59" for moment in late)


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("DAILY;COUNT=9999", "0001-01-01 00:00", []),
        ("DAILY;COUNT=739617", "0001-01-01 00:00", ["2026-01-01 00:00"]),
        ("WEEKLY;COUNT=105661;BYDAY=MO", "0001-01-01 00:00", ["2026-01-05 00:00"]),
        ("MONTHLY;COUNT=24301", "0001-01-01 00:00", ["2026-01-01 00:00"]),
        ("YEARLY;COUNT=2026", "0001-01-01 00:00", ["2026-01-01 00:00"]),
        ("SECONDLY;COUNT=1767225601", "1970-01-01 00:00", ["2026-01-01 00:00"]),
        ("SECONDLY;COUNT=1767225600", "1970-01-01 00:00", []),
        ("YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=999", "0001-01-01 00:00", []),
    ],
)
def test_count_far_from_the_start(rule, start, expected):
    """0001-01-01 is day 1 and a Monday; 2026-01-01 is day 739,617 and 1,767,225,600 seconds after 1970."""
    window = {"first": datetime(2026, 1, 1), "last": datetime(2026, 1, 7)}

    assert expand(f"FREQ={rule}", start, **window) == expected


@pytest.mark.parametrize(
    "rule",
    [
        "YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "DAILY;BYMONTH=2,4;BYMONTHDAY=31",
        "SECONDLY;BYMONTH=2;BYMONTHDAY=-31",
        "HOURLY;INTERVAL=2;BYHOUR=1,3,5",
        "MINUTELY;INTERVAL=1440;BYHOUR=9",
        "SECONDLY;INTERVAL=60;BYSECOND=1",
        "MONTHLY;BYDAY=MO;BYSETPOS=6",
        "DAILY;BYHOUR=9;BYSETPOS=2",
        "YEARLY;BYYEARDAY=1;BYMONTH=3",
    ],
)
def test_a_rule_that_never_matches_ends(rule):
    assert expand(f"FREQ={rule}", "2024-01-01 00:00", last=datetime(2200, 1, 1)) == ["2024-01-01 00:00"]


@pytest.mark.parametrize(
    "rule",
    [
        "HOURLY;INTERVAL=25;BYDAY=MO",
        "HOURLY;INTERVAL=25;BYDAY=MO;COUNT=999999",
        "DAILY;INTERVAL=2;BYMONTH=3;COUNT=99999",
    ],
)
def test_a_rule_that_costs_more_than_its_budget_says_so(rule):
    window = {"first": datetime(2026, 1, 1), "last": datetime(2029, 1, 1)}

    with pytest.raises(TooManySteps, match=r"more than 200 steps"):
        expand(f"FREQ={rule}", "1970-01-01 00:00", steps=Steps(200), **window)


def test_skip_with_bysetpos_gives_both_months_what_they_choose_of_the_day_they_share():
    rule = parse_rule("FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD;BYMONTHDAY=1,31;BYHOUR=9,10;BYSETPOS=1,-1;COUNT=6")
    start = datetime(2014, 1, 31, 10)
    # February chooses 1 February 09:00 and, for its 31st, 1 March 10:00; March chooses 1 March 09:00.
    expected = [
        start,
        datetime(2014, 2, 1, 9),
        datetime(2014, 3, 1, 9),
        datetime(2014, 3, 1, 10),
        datetime(2014, 3, 31, 10),
        datetime(2014, 4, 1, 9),
    ]
    assert list(starts(rule, start, first=start, last=datetime(2015, 1, 1))) == expected
    assert list(starts(rule, start, first=datetime(2014, 3, 1, 10), last=datetime(2015, 1, 1))) == expected[3:]


def test_byyearday_counts_in_the_year_of_the_day_and_not_of_its_week():
    rule = parse_rule("FREQ=YEARLY;BYWEEKNO=1;BYYEARDAY=-1,1")
    # Week 1 of 2026 begins on 29 December 2025, that of 2027 on 4 January, that of 2028 on 3 January.
    found = starts(rule, datetime(2025, 12, 31, 9), first=datetime(2025, 1, 1), last=datetime(2029, 12, 31))
    assert list(found) == [
        datetime(2025, 12, 31, 9),
        datetime(2026, 1, 1, 9),
        datetime(2029, 1, 1, 9),
    ]
