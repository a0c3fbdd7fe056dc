"""What a feed may cost: rules without an end, thousands of them, and long lists all finish, and hide no other event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from calimport.rfc5545.recurrence import BUDGET, TooManySteps
from calimport.sources.base import ParseContext, Parsed
from calimport.sources.ics import parse
from calimport.sources.ics_reading import Patience
from calimport.windows import Window

WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
SIXTY = ",".join(map(str, range(60)))
GOOD = "UID:good\nDTSTART:20260110T100000Z"


def parsed(*events: str, most: int = 1000) -> Parsed:
    body = "\n".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT" for event in (*events, GOOD))
    context = ParseContext(WINDOW, WINDOW.start, "UTC", "calendar", max_occurrences=most)
    found = parse(f"BEGIN:VCALENDAR\n{body}\nEND:VCALENDAR\n".encode(), context)
    assert "good" in {row["uid"] for row in found.occurrences}
    return found


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY", "too_many_occurrences"),
        ("DTSTART:16010101T000000Z\nDURATION:P50000W\nRRULE:FREQ=MINUTELY", "too_many_occurrences"),
        (
            f"DTSTART:00010101T000000Z\nRRULE:FREQ=MINUTELY;BYMONTH=1;BYSECOND={SIXTY};COUNT=999999999999",
            "too_many_occurrences",
        ),
        ("DTSTART:99980101T000000Z\nRRULE:FREQ=SECONDLY", None),
        ("DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY;COUNT=1000000000", None),
        ("DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY;INTERVAL=999999999999999", None),
        ("DTSTART:00010101T000000Z\nRRULE:FREQ=HOURLY;INTERVAL=876543;BYYEARDAY=366;BYDAY=MO", None),
        ("DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY;BYSECOND=7;INTERVAL=60", None),
        ("DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY;UNTIL=20251231T235959Z", None),
        ("DTSTART:20200101T000000Z\nRRULE:FREQ=SECONDLY\nEXRULE:FREQ=SECONDLY", "event_unreadable"),
        (
            f"DTSTART:16010101T000000Z\nRRULE:FREQ=MINUTELY\nEXRULE:FREQ=SECONDLY;BYSECOND={SIXTY}",
            "event_unreadable",
        ),
        ("DTSTART:16010101T000000Z" + "\nRRULE:FREQ=SECONDLY;BYSECOND=1;BYMONTH=6" * 2000, "event_unreadable"),
    ],
)
def test_a_rule_that_asks_for_too_much_hides_no_other_event(lines, code):
    found = parsed(f"UID:bad\n{lines}")

    assert [(notice.code, notice.subject, notice.keeps_uid) for notice in found.notices] == (
        [(code, "bad", True)] if code else []
    )


def test_thousands_of_costly_events_share_one_store():
    patience = Patience(WINDOW)
    taken = 0
    for _ in range(5000):
        steps = patience.steps()
        with pytest.raises(TooManySteps):
            steps.take(steps.left + 1)
        taken += steps.taken

    days = (WINDOW.end - WINDOW.start) // timedelta(days=1)
    assert taken <= 4 * BUDGET + 5000 * (1000 + days + 1)


def test_what_any_real_event_takes_is_there_behind_costly_ones():
    costly = "DTSTART:16010101T000000Z\nRRULE:FREQ=DAILY;BYMONTH=3;INTERVAL=7;COUNT=1000000000"
    usual = [
        "DTSTART:19700105T090000Z\nRRULE:FREQ=DAILY",
        "DTSTART:19700105T090000Z\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=900",
        "DTSTART:19700105T090000Z\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=99999",
    ]
    events = [f"UID:costly-{number}\n{costly}" for number in range(300)]

    found = parsed(*events, *(f"UID:usual-{number}\n{lines}" for number, lines in enumerate(usual)))

    assert {row["uid"] for row in found.occurrences} >= {"usual-0", "usual-1", "usual-2"}
    unreadable = {notice.subject for notice in found.notices if notice.code == "event_unreadable"}
    assert "costly-299" in unreadable
    assert all(uid.startswith("costly") for uid in unreadable)


MOMENTS = [datetime(2020, 1, 1) + timedelta(hours=number) for number in range(60_000)]


def test_exceptions_by_the_ten_thousand():
    gone = "\n".join(f"EXDATE;TZID=Europe/Berlin:{at:%Y%m%dT%H%M%S}" for at in MOMENTS)
    found = parsed(f"UID:long\nDTSTART;TZID=Europe/Berlin:20200101T000000\nRRULE:FREQ=HOURLY\n{gone}")
    assert [row["uid"] for row in found.occurrences] == ["good"]
    assert found.notices == []


def test_dates_by_the_ten_thousand():
    dates = ",".join(f"{at:%Y%m%dT%H%M%SZ}" for at in MOMENTS)
    found = parsed(f"UID:long\nDTSTART:20200101T000000Z\nRDATE:{dates}", most=100_000)
    assert sum(row["uid"] == "long" for row in found.occurrences) == 59 * 24


def test_overrides_by_the_ten_thousand():
    overrides = [f"UID:long\nRECURRENCE-ID:{at:%Y%m%dT%H%M%SZ}\nDTSTART:{at:%Y%m%dT%H}3000Z" for at in MOMENTS]
    found = parsed("UID:long\nDTSTART:20200101T000000Z\nRRULE:FREQ=HOURLY", *overrides, most=100_000)
    rows = [row for row in found.occurrences if row["uid"] == "long"]
    assert len(rows) == 59 * 24
    assert {row["start_at"].minute for row in rows} == {30}
