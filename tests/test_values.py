"""Values of dating properties, as the RFC has them and as producers write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from calimport.rfc5545.values import Duration, date_or_time, duration, period


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260105", date(2026, 1, 5)),
        ("20260105T093000", datetime(2026, 1, 5, 9, 30)),
        ("20260105T093000Z", datetime(2026, 1, 5, 9, 30, tzinfo=UTC)),
        # Other forms of ISO 8601, none of which 3.3.5 allows.
        ("2026-01-05", date(2026, 1, 5)),
        ("2026-01-05T09:30:00", datetime(2026, 1, 5, 9, 30)),
        ("2026-01-05 09:30", datetime(2026, 1, 5, 9, 30)),
        ("20260105T0930", datetime(2026, 1, 5, 9, 30)),
        ("20260105T0930Z", datetime(2026, 1, 5, 9, 30, tzinfo=UTC)),
        ("20260105t093000z", datetime(2026, 1, 5, 9, 30, tzinfo=UTC)),
        ("20260105T093000.000Z", datetime(2026, 1, 5, 9, 30, tzinfo=UTC)),
        ("20260105T093000+0200", datetime(2026, 1, 5, 7, 30, tzinfo=UTC)),
        ("2026-01-05T09:30:00-05:00", datetime(2026, 1, 5, 14, 30, tzinfo=UTC)),
        (" 20260105T093000 ", datetime(2026, 1, 5, 9, 30)),
        ("20260105T093060", datetime(2026, 1, 5, 9, 30, 59)),
        ("00010101", date(1, 1, 1)),
        ("99991231T235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_in_every_form_that_leaves_no_doubt(text: str, expected: date | datetime) -> None:
    notes: list[str] = []
    assert date_or_time(text, notes) == expected
    assert type(date_or_time(text, notes)) is type(expected)
    assert notes == []


def test_24_00_is_midnight_of_the_next_day_and_is_told() -> None:
    notes: list[str] = []
    assert date_or_time("20261231T240000", notes) == datetime(2027, 1, 1)
    assert notes == ["24:00 in '20261231T240000' was read as midnight of the next day"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("tomorrow", "'tomorrow' is no date or time"),
        ("20260230", "'20260230' is no day of the calendar"),
        ("00000101", "'00000101' is no day of the calendar"),
        ("20260105T250000", "'20260105T250000' is no time of the day"),
        ("20260105T240001", "'20260105T240001' is no time of the day"),
        ("20260105T09", "'20260105T09' is no date or time"),
        ("20260105T093000+9900", "'20260105T093000+9900' has an offset of more than a day"),
        ("99991231T240000", "'99991231T240000' lies beyond the years 1 to 9999"),
        ("00010101T000000+0100", "'00010101T000000+0100' lies beyond the years 1 to 9999"),
        ("2" * 5000, f"'{'2' * 40}…' is no date or time"),
        ("٢٠٢٦٠١٠٥", "'٢٠٢٦٠١٠٥' is no date or time"),
    ],
)
def test_what_is_no_moment_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        date_or_time(text, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT1H", Duration(0, timedelta(hours=1))),
        ("P1D", Duration(1)),
        ("P1DT2H3M4S", Duration(1, timedelta(hours=2, minutes=3, seconds=4))),
        ("P2W", Duration(14)),
        ("-PT15M", Duration(0, timedelta(minutes=-15))),
        ("-P1DT1H", Duration(-1, timedelta(hours=-1))),
        ("+PT30S", Duration(0, timedelta(seconds=30))),
        ("pt1h", Duration(0, timedelta(hours=1))),
        ("PT0S", Duration()),
    ],
)
def test_a_duration_keeps_days_and_time_apart(text: str, expected: Duration) -> None:
    notes: list[str] = []
    assert duration(text, notes) == expected
    assert notes == []


@pytest.mark.parametrize(
    ("text", "expected", "note"),
    [
        ("P2H", Duration(0, timedelta(hours=2)), "the duration 'P2H' lacks its T before hours, minutes or seconds"),
        ("PT", Duration(), "the duration 'PT' was read as no time"),
    ],
)
def test_a_duration_that_is_a_guess_is_told(text: str, expected: Duration, note: str) -> None:
    notes: list[str] = []
    assert duration(text, notes) == expected
    assert notes == [note]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 hour", "'1 hour' is no duration"),
        ("P1Y", "'P1Y' is no duration"),
        ("", "'' is no duration"),
        ("P999999999D", "the duration 'P999999999D' is longer than a thousand years"),
        (f"P{'9' * 60}W", f"the duration 'P{'9' * 39}…' is longer than a thousand years"),
    ],
)
def test_what_is_no_duration_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        duration(text, [])


def test_a_period_has_an_end_or_a_duration_and_may_be_a_start_alone() -> None:
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert period("20260105T090000Z/20260105T100000Z", []) == (start, datetime(2026, 1, 5, 10, tzinfo=UTC))
    assert period("20260105T090000Z/PT90M", []) == (start, Duration(0, timedelta(minutes=90)))
    assert period("20260105T090000Z", []) == (start, None)
