"""RECUR values (RFC 5545 3.3.10, RFC 7529 4.1) as producers write them: what is read, left out and refused."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from calimport.rfc5545.rules import LONGEST, Rule, parse_rule

LEGAL = [
    ("FREQ=WEEKLY", Rule("WEEKLY")),
    ("freq=weekly;Interval=2;wkst=su", Rule("WEEKLY", interval=2, wkst=6)),
    (" FREQ = DAILY ; COUNT = 3 ;", Rule("DAILY", count=3)),
    (";;COUNT=3;;FREQ=DAILY;;", Rule("DAILY", count=3)),
    ("RRULE:FREQ=DAILY", Rule("DAILY")),
    (" rrule: FREQ=DAILY", Rule("DAILY")),
    ("FREQ=DAILY;COUNT=3;COUNT=3", Rule("DAILY", count=3)),
    ('FREQ=WEEKLY;BYDAY="MO,TU"', Rule("WEEKLY", by_day=((0, 0), (0, 1)))),
    ("FREQ=WEEKLY;BYDAY=SU, MO,MO,", Rule("WEEKLY", by_day=((0, 0), (0, 6)))),
    ("FREQ=MONTHLY;BYDAY=1MO,+1MO,-2SU,FR", Rule("MONTHLY", by_day=((-2, 6), (0, 4), (1, 0)))),
    ("FREQ=YEARLY;BYDAY=53MO,-53 SU", Rule("YEARLY", by_day=((-53, 6), (53, 0)))),
    ("FREQ=MONTHLY;BYMONTHDAY=31,-31,+1,01", Rule("MONTHLY", by_month_day=(-31, 1, 31))),
    ("FREQ=YEARLY;BYYEARDAY=366,-366;BYMONTH=12,1", Rule("YEARLY", by_year_day=(-366, 366), by_month=(1, 12))),
    ("FREQ=YEARLY;BYWEEKNO=53,-53;BYDAY=MO", Rule("YEARLY", by_week_no=(-53, 53), by_day=((0, 0),))),
    (
        "FREQ=DAILY;BYHOUR=23,0;BYMINUTE=59,0;BYSECOND=59,0;BYSETPOS=-1",
        Rule("DAILY", by_hour=(0, 23), by_minute=(0, 59), by_second=(0, 59), by_set_pos=(-1,)),
    ),
    ("RSCALE=gregorian;FREQ=MONTHLY;SKIP=forward", Rule("MONTHLY", rscale="GREGORIAN", skip="FORWARD")),
    ("FREQ=DAILY;UNTIL=20240131", Rule("DAILY", until=date(2024, 1, 31))),
    ("FREQ=DAILY;UNTIL=20240131T123000", Rule("DAILY", until=datetime(2024, 1, 31, 12, 30))),
    ("FREQ=DAILY;UNTIL=20240131T123000Z", Rule("DAILY", until=datetime(2024, 1, 31, 12, 30, tzinfo=UTC))),
    ("FREQ=DAILY;UNTIL=20240131t235960z", Rule("DAILY", until=datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC))),
]

ODD = "is not legal with"
GUESSED = "is not written as RFC 5545 asks and was read by a guess"
TOLERATED = [
    ("FREQ=DAILY;BYFOO=1;X-BAR=2", Rule("DAILY"), "BYFOO, X-BAR is no part of a recurrence rule and was left out"),
    ("FREQ=DAILY;nonsense", Rule("DAILY"), "NONSENSE is no part of a recurrence rule and was left out"),
    ("FREQ=DAILY;COUNT=", Rule("DAILY"), "COUNT has no value and was left out"),
    ("FREQ=DAILY;COUNT=2;COUNT=4", Rule("DAILY", count=4), "COUNT stands more than once; the last was used"),
    ("FREQ=DAILY;COUNT=-1", Rule("DAILY"), "COUNT=-1 was read as a series without an end"),
    ("FREQ=DAILY;COUNT=0", Rule("DAILY", count=1), "COUNT=0 was read as 1, the start alone"),
    (
        "FREQ=DAILY;COUNT=2;UNTIL=20240101",
        Rule("DAILY", count=2, until=date(2024, 1, 1)),
        "COUNT and UNTIL exclude each other; whichever ends the series first was used",
    ),
    ("FREQ=DAILY;WKST=XX", Rule("DAILY"), "WKST=XX is no weekday; weeks start on Monday"),
    (
        "FREQ=MONTHLY;BYMONTHDAY=0,1,32,-32,x",
        Rule("MONTHLY", by_month_day=(1,)),
        "0,32,-32,X is not legal in BYMONTHDAY and was left out",
    ),
    ("FREQ=DAILY;BYHOUR=9,24", Rule("DAILY", by_hour=(9,)), "24 is not legal in BYHOUR and was left out"),
    ("FREQ=YEARLY;BYMONTH=5,5L", Rule("YEARLY", by_month=(5,)), "5L is not legal in BYMONTH and was left out"),
    (
        "FREQ=WEEKLY;BYDAY=MO,54TU,XX",
        Rule("WEEKLY", by_day=((0, 0),)),
        "54TU,XX is not legal in BYDAY and was left out",
    ),
    (
        "FREQ=DAILY;BYSECOND=30,60",
        Rule("DAILY", by_second=(30, 59)),
        "BYSECOND=60 was read as 59, because there are no leap seconds here",
    ),
    (
        "FREQ=WEEKLY;BYDAY=1MO,-1MO,2TU",
        Rule("WEEKLY", by_day=((0, 0), (0, 1))),
        "numbers before the days of BYDAY have no meaning in this rule and were left out",
    ),
    (
        "FREQ=YEARLY;BYWEEKNO=2;BYDAY=1MO",
        Rule("YEARLY", by_week_no=(2,), by_day=((0, 0),)),
        "numbers before the days of BYDAY have no meaning in this rule and were left out",
    ),
    (
        "FREQ=WEEKLY;BYMONTHDAY=1",
        Rule("WEEKLY", by_month_day=(1,)),
        f"BYMONTHDAY {ODD} FREQ=WEEKLY; it was read as a limit",
    ),
    ("FREQ=DAILY;BYYEARDAY=1", Rule("DAILY", by_year_day=(1,)), f"BYYEARDAY {ODD} FREQ=DAILY; it was read as a limit"),
    (
        "FREQ=MONTHLY;BYYEARDAY=1",
        Rule("MONTHLY", by_year_day=(1,)),
        f"BYYEARDAY {ODD} FREQ=MONTHLY; it was read as a limit",
    ),
    ("FREQ=HOURLY;BYWEEKNO=9", Rule("HOURLY", by_week_no=(9,)), f"BYWEEKNO {ODD} FREQ=HOURLY; it was read as a limit"),
    (
        "FREQ=DAILY;BYSETPOS=1",
        Rule("DAILY"),
        "BYSETPOS chooses from another BY part, there is none, and it was left out",
    ),
    ("FREQ=DAILY;SKIP=FORWARD", Rule("DAILY"), "SKIP=FORWARD has no meaning without RSCALE and was left out"),
    (
        "FREQ=DAILY;SKIP=SIDEWAYS;RSCALE=GREGORIAN",
        Rule("DAILY", rscale="GREGORIAN"),
        "SKIP=SIDEWAYS is not known and was left out",
    ),
    ("FREQ=DAILY;UNTIL=2024-01-31", Rule("DAILY", until=date(2024, 1, 31)), f"UNTIL=2024-01-31 {GUESSED}"),
    ("FREQ=DAILY;UNTIL=20240131Z", Rule("DAILY", until=date(2024, 1, 31)), f"UNTIL=20240131Z {GUESSED}"),
    ("FREQ=DAILY;UNTIL=20230230", Rule("DAILY", until=date(2023, 2, 28)), f"UNTIL=20230230 {GUESSED}"),
    (
        "FREQ=DAILY;UNTIL=20240131T1230",
        Rule("DAILY", until=datetime(2024, 1, 31, 12, 30)),
        f"UNTIL=20240131T1230 {GUESSED}",
    ),
    (
        "FREQ=DAILY;UNTIL=2024-01-31 12:30:00",
        Rule("DAILY", until=datetime(2024, 1, 31, 12, 30)),
        f"UNTIL=2024-01-31 12:30:00 {GUESSED}",
    ),
    (
        "FREQ=DAILY;UNTIL=20240131T123000+0200",
        Rule("DAILY", until=datetime(2024, 1, 31, 10, 30, tzinfo=UTC)),
        f"UNTIL=20240131T123000+0200 {GUESSED}",
    ),
    (
        "FREQ=DAILY;UNTIL=20240131T240000",
        Rule("DAILY", until=datetime(2024, 2, 1)),
        f"UNTIL=20240131T240000 {GUESSED}",
    ),
    (
        "FREQ=DAILY;UNTIL=99991231T235959-0500",
        Rule("DAILY", until=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        f"UNTIL=99991231T235959-0500 {GUESSED}",
    ),
]

REFUSED = [
    ("", "the recurrence rule has no FREQ"),
    ("INTERVAL=2", "the recurrence rule has no FREQ"),
    ("FREQ=", "the recurrence rule has no FREQ"),
    ("FREQ=FORTNIGHTLY", "FREQ=FORTNIGHTLY is no frequency"),
    ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is no positive number"),
    ("FREQ=DAILY;INTERVAL=-1", "INTERVAL=-1 is no positive number"),
    ("FREQ=DAILY;INTERVAL=two", "INTERVAL=TWO is no positive number"),
    ("FREQ=DAILY;INTERVAL=٢", "INTERVAL=٢ is no positive number"),
    ("FREQ=DAILY;INTERVAL=" + "9" * 5000, f"INTERVAL={'9' * 39}… is no positive number"),
    ("FREQ=DAILY;COUNT=few", "COUNT=FEW is no number"),
    ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL=TOMORROW is no date"),
    ("FREQ=DAILY;UNTIL=00000000", "UNTIL=00000000 is no date"),
    ("FREQ=DAILY;UNTIL=20241301", "UNTIL=20241301 is no date"),
    ("FREQ=DAILY;UNTIL=20240101T250000", "UNTIL=20240101T250000 is no time"),
    ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY=32 has no legal value"),
    ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24 has no legal value"),
    ("FREQ=YEARLY;BYMONTH=5L", "BYMONTH=5L has no legal value"),
    ("FREQ=WEEKLY;BYDAY=,", "BYDAY= has no legal value"),
    ("FREQ=WEEKLY;BYDAY=0MO", "BYDAY=0MO has no legal value"),
    (
        "RSCALE=CHINESE;FREQ=YEARLY",
        "the recurrence rule counts by the calendar CHINESE, only GREGORIAN is supported",
    ),
    ("FREQ=DAILY;BYHOUR=" + "1," * LONGEST, f"the recurrence rule is {18 + 2 * LONGEST} characters long"),
]


@pytest.mark.parametrize(("text", "rule"), LEGAL)
def test_legal_rules(text, rule):
    assert parse_rule(text) == rule


@pytest.mark.parametrize(("text", "rule", "note"), TOLERATED)
def test_what_is_not_legal_is_left_out_with_a_sentence(text, rule, note):
    assert parse_rule(text) == replace(rule, ignored=(note,))


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_would_invent_occurrences_is_refused(text, reason):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        parse_rule(text)


def test_a_hostile_rule_leaves_little_behind():
    text = "FREQ=DAILY;" + ";".join(f"Z{number}=1;BYHOUR=1,{number}" for number in range(25, 3000))

    assert len(parse_rule(text).ignored) == 3
    assert max(map(len, parse_rule(text).ignored)) < 120
