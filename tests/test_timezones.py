"""VTIMEZONE as tzinfo: literal cases, and the definitions of many zones against the database."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calimport.rfc5545.content_lines import read
from calimport.rfc5545.timezones import Definition, timezone

SECOND = timedelta(seconds=1)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FIRST, LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2040, 12, 31, tzinfo=UTC)
ZONES = [
    "Africa/Cairo", "Africa/Casablanca", "Africa/Monrovia", "America/Anchorage", "America/Argentina/San_Luis",
    "America/Caracas", "America/Chicago", "America/Havana", "America/Los_Angeles", "America/New_York", "America/Nuuk",
    "America/Santiago", "America/Sao_Paulo", "America/St_Johns", "Antarctica/Troll", "Asia/Almaty", "Asia/Gaza",
    "Asia/Jerusalem", "Asia/Kathmandu", "Asia/Pyongyang", "Asia/Tehran",
    "Atlantic/Azores", "Australia/Lord_Howe", "Australia/Sydney", "Europe/Amsterdam", "Europe/Berlin", "Europe/Dublin",
    "Europe/Istanbul", "Europe/Lisbon", "Europe/London", "Europe/Moscow", "Europe/Volgograd", "Pacific/Apia",
    "Pacific/Auckland", "Pacific/Chatham", "Pacific/Easter", "Pacific/Kiritimati", "Pacific/Norfolk",
]  # fmt: skip
#: Their clocks change by one rule for each half of the year, from 2010 to 2040.
RULED = [
    "America/Chicago", "America/Los_Angeles", "America/New_York", "America/Halifax", "Asia/Jerusalem", "Asia/Beirut",
    "Australia/Adelaide", "Australia/Lord_Howe", "Australia/Sydney", "Europe/Athens", "Europe/Berlin", "Europe/London",
    "Pacific/Auckland", "Pacific/Chatham",
]  # fmt: skip
BERLIN = """
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:{start}T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:{start}T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
"""


def defined(observances: str, tzid: str = "Somewhere") -> Definition:
    definition = f"BEGIN:VTIMEZONE\nTZID:{tzid}\n{observances.strip()}\nEND:VTIMEZONE"
    (calendar,) = read(f"BEGIN:VCALENDAR\n{definition}\nEND:VCALENDAR\n")
    return timezone(next(calendar.walk("VTIMEZONE")))


def hours(offset: timedelta | None) -> float:
    assert offset is not None
    return offset / timedelta(hours=1)


def changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Instants in UTC from which the zone shows something else, to the second."""

    def shown(moment: datetime) -> tuple[object, ...]:
        local = moment.astimezone(zone)
        return local.utcoffset(), local.tzname()

    day = timedelta(days=1)
    while start < end:
        low, high = start, start + day
        if shown(low) != shown(high):
            while high - low > SECOND:
                middle = low + (high - low) // 2
                middle = middle.replace(microsecond=0)
                low, high = (low, middle) if shown(middle) != shown(low) else (middle, high)
            yield high
        start += day


def offset_text(offset: timedelta | None) -> str:
    assert offset is not None
    seconds = abs(offset) // SECOND
    text = f"{'-' if offset < timedelta() else '+'}{seconds // 3600:02}{seconds // 60 % 60:02}"
    return text + (f"{seconds % 60:02}" if seconds % 60 else "")


def history(zone: ZoneInfo, moments: list[datetime]) -> str:
    """The zone as lists of dates (RDATE), one observance for each pair of offsets and each name."""
    onsets = defaultdict(list)
    for moment in moments:
        before, after = (moment - SECOND).astimezone(zone), moment.astimezone(zone)
        kind = "DAYLIGHT" if after.dst() else "STANDARD"
        key = kind, offset_text(before.utcoffset()), offset_text(after.utcoffset()), after.tzname()
        onsets[key].append((moment + (before.utcoffset() or timedelta())).strftime("%Y%m%dT%H%M%S"))
    return "\n".join(
        f"BEGIN:{kind}\nDTSTART:{dates[0]}\nTZOFFSETFROM:{before}\nTZOFFSETTO:{after}\nTZNAME:{name}\n"
        f"RDATE:{','.join(dates)}\nEND:{kind}"
        for (kind, before, after, name), dates in onsets.items()
    )


def ruled(zone: ZoneInfo, moments: list[datetime], dtstart: str | None) -> str:
    """The zone as one rule for each half of the year: the weekday of a month that lies within certain seven days."""
    walls = defaultdict(list)
    for moment in moments:
        before, after = (moment - SECOND).astimezone(zone), moment.astimezone(zone)
        kind = "DAYLIGHT" if after.dst() else "STANDARD"
        key = kind, offset_text(before.utcoffset()), offset_text(after.utcoffset())
        walls[key].append(moment.replace(tzinfo=None) + (before.utcoffset() or timedelta()))
    text = []
    for (kind, before_text, after_text), onsets in walls.items():
        (month,), (weekday,) = {one.month for one in onsets}, {one.weekday() for one in onsets}
        first = min(one.day for one in onsets)
        days = ",".join(str(first + number) for number in range(7))
        start = f"{dtstart or onsets[0].strftime('%Y%m%d')}T{onsets[0]:%H%M%S}"
        rule = f"FREQ=YEARLY;BYMONTH={month};BYDAY={WEEKDAYS[weekday]};BYMONTHDAY={days}"
        text.append(
            f"BEGIN:{kind}\nDTSTART:{start}\nTZOFFSETFROM:{before_text}\nTZOFFSETTO:{after_text}\n"
            f"RRULE:{rule}\nEND:{kind}"
        )
    return "\n".join(text)


def differences(found: Definition, zone: ZoneInfo, moments: list[datetime]) -> list[tuple[object, ...]]:
    """Where two zones differ around those instants: from UTC, and from the wall clock in both folds."""
    differing: list[tuple[object, ...]] = []
    for moment in (one + by for one in moments for by in (-3600 * SECOND, -SECOND, 0 * SECOND, SECOND, 3600 * SECOND)):
        ours, theirs = moment.astimezone(found), moment.astimezone(zone)
        if (ours.replace(tzinfo=None), ours.fold) != (theirs.replace(tzinfo=None), theirs.fold):
            differing.append(("from UTC", moment, ours, theirs))
        for fold in (0, 1):
            wall = theirs.replace(tzinfo=None, fold=fold)
            ours_there, theirs_there = wall.replace(tzinfo=found), wall.replace(tzinfo=zone)
            if ours_there.utcoffset() != theirs_there.utcoffset():
                differing.append(("on the wall", wall, fold, ours_there, theirs_there))
        for by in (timedelta(minutes=-30), timedelta(minutes=30)):
            wall = (theirs + by).replace(tzinfo=None, fold=0)
            if wall.replace(tzinfo=found).utcoffset() != wall.replace(tzinfo=zone).utcoffset():
                differing.append(("near", wall))
    return differing


@pytest.mark.parametrize("name", ZONES)
def test_the_whole_history_of_a_zone_as_the_database_has_it(name: str) -> None:
    zone = ZoneInfo(name)
    moments = list(changes(zone, FIRST, LAST))
    found = defined(history(zone, moments))
    assert differences(found, zone, moments) == []
    names = [moment.astimezone(zone).tzname() for moment in moments]
    assert [moment.astimezone(found).tzname() for moment in moments] == names
    assert found.transitions(FIRST, LAST) == moments


@pytest.mark.parametrize("dtstart", [None, "16010101", "19700101", "00010101", "00000101"])
@pytest.mark.parametrize("name", RULED)
def test_rules_as_the_database_has_them(name: str, dtstart: str | None) -> None:
    zone = ZoneInfo(name)
    moments = list(changes(zone, datetime(2014, 1, 2, tzinfo=UTC), LAST))
    found = defined(ruled(zone, moments, dtstart))
    assert differences(found, zone, moments) == []
    assert found.transitions(moments[0], LAST) == moments


@pytest.mark.parametrize("start", ["16010101", "19700101", "00010101", "20100101", "20240101"])
@pytest.mark.parametrize(
    ("wall", "fold", "expected", "name"),
    [
        ((2026, 1, 15, 12, 0), 0, 1, "CET"),
        ((2026, 3, 29, 1, 59), 0, 1, "CET"),
        ((2026, 3, 29, 2, 0), 0, 1, "CET"),  # 2:00 to 3:00 does not exist: the offset before it (RFC 5545, 3.3.5)
        ((2026, 3, 29, 2, 59), 0, 1, "CET"),
        ((2026, 3, 29, 2, 30), 1, 2, "CEST"),
        ((2026, 3, 29, 3, 0), 0, 2, "CEST"),
        ((2026, 10, 25, 1, 59), 0, 2, "CEST"),
        ((2026, 10, 25, 2, 30), 0, 2, "CEST"),  # twice: the first
        ((2026, 10, 25, 2, 30), 1, 1, "CET"),
        ((2026, 10, 25, 3, 0), 0, 1, "CET"),
        ((9999, 7, 1, 0, 0), 0, 2, "CEST"),
    ],
)
def test_gaps_and_overlaps(start: str, wall: tuple[int, ...], fold: int, expected: float, name: str) -> None:
    moment = datetime(*wall, fold=fold, tzinfo=defined(BERLIN.format(start=start)))  # type: ignore[misc,arg-type]
    assert (hours(moment.utcoffset()), moment.tzname()) == (expected, name)
    assert hours(moment.dst()) == expected - 1


@pytest.mark.parametrize(
    ("observances", "moment", "expected"),
    [
        pytest.param("BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0530\nTZOFFSETTO:+0530\nEND:STANDARD",
                     datetime(2026, 7, 1), 5.5, id="only STANDARD"),
        pytest.param("BEGIN:DAYLIGHT\nDTSTART:20000101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:DAYLIGHT",
                     datetime(2026, 1, 1), 2, id="only DAYLIGHT"),
        pytest.param("BEGIN:DAYLIGHT\nDTSTART:20000101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:DAYLIGHT",
                     datetime(1999, 12, 31, 23, 59), 1, id="before the first onset: TZOFFSETFROM"),
        pytest.param(BERLIN.format(start="20240101"), datetime(2024, 1, 15), 1,
                     id="both begin on 1 January, where the rules do not change the clocks"),
        pytest.param("BEGIN:STANDARD\nTZOFFSETTO:-0300\nEND:STANDARD", datetime(2026, 1, 1), -3, id="no DTSTART"),
        pytest.param("BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:-0300\nEND:STANDARD",
                     datetime(1960, 1, 1), -3, id="no TZOFFSETFROM"),
        pytest.param(BERLIN.format(start="19700101").replace("TZOFFSETFROM:+0100\n", ""),
                     datetime(2026, 3, 29, 2, 30), 1, id="no TZOFFSETFROM: the other observance's offset"),
        pytest.param(BERLIN.format(start="19700101") + "BEGIN:STANDARD\nDTSTART:20260601T000000\nTZOFFSETFROM:+0200\n"
                     "TZOFFSETTO:+0030\nEND:STANDARD", datetime(2026, 7, 1), 0.5, id="a third observance"),
        pytest.param(BERLIN.format(start="19700101").replace("-1SU", "-1SU;UNTIL=20260101T000000Z"),
                     datetime(2030, 7, 1), 1, id="UNTIL: the last that began stays"),
        pytest.param(BERLIN.format(start="20250330").replace("BYDAY=-1SU", "BYDAY=-1SU;COUNT=1", 1),
                     datetime(2026, 7, 1), 1, id="COUNT"),
        pytest.param(BERLIN.format(start="19700101").replace("-1SU", "-1SU;UNTIL=20260329T010000Z", 1),
                     datetime(2026, 7, 1), 2, id="UNTIL in UTC is inclusive"),
        pytest.param(BERLIN.format(start="19700101").replace("-1SU", "-1SU;UNTIL=20260329T005959Z", 1),
                     datetime(2026, 7, 1), 1, id="UNTIL a second earlier"),
        pytest.param("BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0300\nEND:STANDARD\n"
                     "BEGIN:DAYLIGHT\nDTSTART:16010101T000000\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0400\nEND:DAYLIGHT",
                     datetime(2026, 7, 1), 3, id="both at once: STANDARD"),
        pytest.param("BEGIN:STANDARD\nDTSTART:20260101T000000Z\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0400\nEND:STANDARD",
                     datetime(2026, 1, 1), 3, id="Z behind DTSTART: the wall clock; midnight to one does not exist"),
        pytest.param("BEGIN:STANDARD\nDTSTART:20260101\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0400\nEND:STANDARD",
                     datetime(2026, 1, 1, 1), 4, id="DTSTART a date"),
        pytest.param("BEGIN:STANDARD\nDTSTART:20200101T000000\nRDATE:20260101T000000,20260301T000000\n"
                     "TZOFFSETFROM:+0000\nTZOFFSETTO:+0400\nEND:STANDARD",
                     datetime(2021, 1, 1), 4, id="RDATE and DTSTART"),
    ],
)  # fmt: skip
def test_unusual_definitions(observances: str, moment: datetime, expected: float) -> None:
    assert hours(moment.replace(tzinfo=defined(observances)).utcoffset()) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("+0100", 3600), ("-0330", -12600), ("+053028", 19828), ("+01:00", 3600), ("+1:00", 3600), ("0100", 3600),
        ("+1", 3600), ("-05", -18000), ("+100", 3600), ("UTC+01:00", 3600), (" +0100 ", 3600), ("-0000", 0),
        ("−0100", -3600), ("-00:44:30", -2670),
    ],
)  # fmt: skip
def test_offsets(given: str, expected: int) -> None:
    found = defined(f"BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:{given}\nTZOFFSETTO:{given}\nEND:STANDARD")
    assert datetime(2026, 1, 1, tzinfo=found).utcoffset() == timedelta(seconds=expected)


@pytest.mark.parametrize(
    ("observances", "message"),
    [
        ("X-NOTHING:1", "it has neither STANDARD nor DAYLIGHT"),
        ("BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\nEND:STANDARD", "its STANDARD has no TZOFFSETTO"),
        ("BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:CET\nEND:STANDARD", "its TZOFFSETTO 'CET' is no offset"),
        ("BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+2400\nEND:STANDARD",
         "its TZOFFSETTO '+2400' is no offset"),
        ("BEGIN:STANDARD\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY\nEND:STANDARD", "its STANDARD has a rule and no DTSTART"),
        ("BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0100\nRRULE:FREQ=SECONDLY\nEND:STANDARD",
         "its STANDARD begins more often than clocks change"),
        ("BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0100\nRRULE:BYDAY=1SU\nEND:STANDARD",
         "the recurrence rule has no FREQ"),
        ("BEGIN:STANDARD\nTZOFFSETTO:+0100\nEND:STANDARD\n" * 1001, "it has 1001 observances"),
        ("BEGIN:STANDARD\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY\nEND:STANDARD\n" * 101, "it has 101 rules"),
    ],
)  # fmt: skip
def test_what_is_no_definition_says_why(observances: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        defined(observances)


def test_clocks_that_change_all_the_time() -> None:
    daily = "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0100\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU\nEND:STANDARD"
    with pytest.raises(ValueError, match=r"^its clocks change more than 50 times in 2026$"):
        datetime(2026, 1, 1, tzinfo=defined(daily)).utcoffset()


def test_equal_definitions_are_equal() -> None:
    berlin = BERLIN.format(start="19700101")
    assert defined(berlin) == defined(berlin)
    assert hash(defined(berlin)) == hash(defined(berlin))
    assert defined(berlin) != defined(berlin, tzid="Elsewhere")
    assert defined(berlin) != defined(BERLIN.format(start="16010101"))


def test_a_time_of_no_moment() -> None:
    found = defined(BERLIN.format(start="19700101"))
    assert (found.utcoffset(None), found.dst(None), found.tzname(None)) == (None, None, None)
