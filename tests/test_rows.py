"""Rows of a source's items: times, the window, and what cannot be understood."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from calimport import frame
from calimport.sources.base import ParseContext
from calimport.sources.rows import Rows, moment, row
from calimport.windows import Window

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


def context(zone: str = "Europe/London", *, limit: int = 1000) -> ParseContext:
    window = Window(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    return ParseContext(window, NOW, timezone=zone, timezone_source="calendar", max_occurrences=limit)


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=UTC)


NAIVE = datetime(2026, 6, 10, 19)
EAST = timezone(timedelta(hours=3))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"start": NAIVE}, (utc(10, 18), utc(10, 18), "Europe/London", "calendar")),
        ({"start": NAIVE, "zone": "America/New_York"}, (utc(10, 23), utc(10, 23), "America/New_York", "event")),
        ({"start": NAIVE, "zone": "Nowhere/Else"}, (utc(10, 18), utc(10, 18), "Europe/London", "calendar")),
        (
            {"start": NAIVE.replace(tzinfo=EAST), "end": NAIVE + timedelta(hours=1)},
            (utc(10, 16), utc(10, 19), "Europe/London", "calendar"),
        ),
        ({"start": utc(10, 18), "end": utc(10, 17)}, (utc(10, 18), utc(10, 18), "Europe/London", "calendar")),
        ({"start": date(2026, 6, 10)}, (utc(9, 23), utc(10, 23), "Europe/London", "calendar")),
        (
            {"start": date(2026, 6, 10), "end": date(2026, 6, 12), "zone": "America/New_York"},
            (utc(9, 23), utc(11, 23), "Europe/London", "calendar"),
        ),
    ],
    ids=["naive", "own zone", "unknown zone", "offset", "end before start", "a day", "days have no zone of their own"],
)
def test_where_an_occurrence_lies(given, expected):
    found = row(context(), uid="one", **given)

    assert found is not None
    assert tuple(found[name] for name in ("start_at", "end_at", "timezone", "timezone_source")) == expected
    assert found["all_day"] is (type(given["start"]) is date)


@pytest.mark.parametrize(
    ("start", "end", "belongs"),
    [
        (datetime(2026, 5, 31, 23, tzinfo=UTC), datetime(2026, 6, 1, 1, tzinfo=UTC), True),
        (datetime(2026, 5, 31, 23, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC), False),
        (datetime(2026, 6, 1, tzinfo=UTC), None, True),
        (datetime(2026, 7, 1, tzinfo=UTC), None, False),
    ],
)
def test_only_the_window_has_rows(start, end, belongs):
    assert (row(context(), uid="one", start=start, end=end) is not None) is belongs


def test_a_row_has_every_column_that_a_source_gives():
    found = row(
        context(), uid="one", start=NAIVE, recurrence_id=NAIVE, status="postponed", online_url="https://a.example"
    )

    assert found is not None
    of_the_calendar = {"activity_type", "place_id", "address", "content_hash"}
    assert set(frame.NAMES) - found.keys() == of_the_calendar
    assert {name: found[name] for name in ("recurrence_id", "status", "online_type", "is_recurring", "summary")} == {
        "recurrence_id": "2026-06-10T18:00:00Z",
        "status": "confirmed",
        "online_type": "direct",
        "is_recurring": True,
        "summary": None,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-10", date(2026, 6, 10)),
        ("2026-06-10T19:00:00", NAIVE),
        ("2026-06-10 19:00", NAIVE),
        (" 2026-06-10T18:00:00Z ", utc(10, 18)),
        ("2026-06-10T19:00:00.000+01:00", utc(10, 18)),
    ],
)
def test_moments(text, expected):
    assert moment(text) == expected


def test_what_cannot_be_understood_is_named_and_the_others_stand():
    rows = Rows(context())
    for uid, start in (
        ("good", "2026-06-10"),
        ("bad", "soon"),
        ("mixed", None),
        ("past", "2026-05-01"),
        ("ahead", "2099-08-01"),
    ):
        with rows.item(uid=uid, title=uid.title()):
            rows.add(uid=uid, start=moment(start), title=uid.title())

    parsed = rows.parsed(retains_past=False, title="Club")

    assert [one["uid"] for one in parsed.occurrences] == ["good"]
    assert [(one.code, one.subject, one.keeps_uid) for one in parsed.notices] == [
        ("event_unreadable", "bad", True),
        ("event_unreadable", "mixed", True),
    ]
    assert parsed.notices[0].message == (
        "The event 'Bad' could not be understood and was left as it was: 'soon' is no date or time"
    )
    # Of what lies ahead alone, nothing is known of its past.
    assert (parsed.published_from, parsed.uids, parsed.title) == (NOW, {"good", "past"}, "Club")


def test_a_source_that_retains_its_past_is_judged_by_all_of_it():
    parsed = Rows(context()).parsed(retains_past=True)

    assert (parsed.published_from, parsed.uids) == (None, frozenset())


def test_a_list_that_goes_on_proves_nothing_from_its_last_start_on():
    rows = Rows(context())
    for uid, start, zone in (
        ("a", utc(10, 18), None),
        ("b", datetime(2027, 1, 1, 19), "Europe/Berlin"),
        ("c", NAIVE, None),
    ):
        rows.add(uid=uid, start=start, zone=zone)

    # One that lies outside of the window counts too.
    assert rows.parsed(retains_past=False, goes_on=True).published_until == datetime(2027, 1, 1, 18, tzinfo=UTC)
    assert rows.parsed(retains_past=False).published_until is None
    assert Rows(context()).parsed(retains_past=False, goes_on=True).published_until == NOW


def test_the_later_of_two_rows_of_one_identity_counts():
    rows = Rows(context())
    for title in ("First", "Second"):
        rows.add(uid="one", start=NAIVE, title=title)

    assert [one["summary"] for one in rows.parsed(retains_past=True).occurrences] == ["Second"]


def test_more_than_the_limit_is_said_once():
    rows = Rows(context(limit=2))
    for number in range(5):
        rows.add(uid=str(number), start=NAIVE)

    parsed = rows.parsed(retains_past=True)

    assert ([one["uid"] for one in parsed.occurrences], [one.code for one in parsed.notices]) == (
        ["0", "1"],
        ["too_many_occurrences"],
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"uid": "", "start": NAIVE}, "it has no id"),
        ({"uid": "one", "start": NAIVE, "end": date(2026, 6, 11)}, "one is a date and the other a time"),
        ({"uid": "one", "start": date(2026, 6, 11), "end": NAIVE}, "one is a date and the other a time"),
    ],
)
def test_what_is_no_occurrence(fields, message):
    with pytest.raises(ValueError, match=message):
        row(context(), **fields)
