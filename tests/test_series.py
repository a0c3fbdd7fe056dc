"""What one UID gives where its parts meet: exceptions, masters, ranges, kinds of value, the edges of the calendar.

The corpus (``tests/feeds``) has the single parts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from calimport.rfc5545.content_lines import read
from calimport.rfc5545.events import event
from calimport.rfc5545.recurrence import Steps, TooManySteps
from calimport.rfc5545.series import Occurrence, expand
from calimport.windows import Window
from calimport.zones import Zones

WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
BERLIN = "DTSTART;TZID=Europe/Berlin:2026"


def made(*components: str, window: Window = WINDOW, steps: Steps | None = None) -> list[Occurrence]:
    """The occurrences of components, each written as its lines with a space between them."""
    zone = ZoneInfo("Europe/Berlin")
    zones = Zones([], zone, "calendar", window)
    lines = [line for one in components for line in ("BEGIN:VEVENT", *one.split(), "END:VEVENT")]
    events = [event(component, "a", zones) for component in read("\n".join(lines))[0].walk("VEVENT")]
    return expand(events, window=window, zone=zone, limit=1000, steps=steps)


def spans(*components: str, window: Window = WINDOW) -> list[str]:
    """``start/end``, in the shortest ISO form, by start."""
    return sorted(f"{short(one.start)}/{short(one.end)}" for one in made(*components, window=window))


def short(moment: object) -> str:
    return str(moment).replace(":00+00:00", "Z").replace(" ", "T")


@pytest.mark.parametrize(
    ("components", "expected"),
    [
        pytest.param(
            ["DTSTART:20260105T090000Z RRULE:FREQ=DAILY;COUNT=3 EXRULE:FREQ=DAILY;COUNT=1"],
            ["2026-01-06T09:00Z/2026-01-06T09:00Z", "2026-01-07T09:00Z/2026-01-07T09:00Z"],
            id="an EXRULE that makes DTSTART takes it (RFC 2445, 4.8.5.2)",
        ),
        pytest.param(
            ["DTSTART:20260105T090000Z RRULE:FREQ=DAILY;COUNT=3 EXRULE:FREQ=WEEKLY;BYDAY=TU"],
            ["2026-01-05T09:00Z/2026-01-05T09:00Z", "2026-01-07T09:00Z/2026-01-07T09:00Z"],
            id="an EXRULE that does not make DTSTART leaves it",
        ),
        pytest.param(
            ["DTSTART;VALUE=DATE:20260105 RRULE:FREQ=DAILY;COUNT=4 EXRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20260107"],
            ["2026-01-06/2026-01-07", "2026-01-08/2026-01-09"],
            id="an EXRULE of dates with UNTIL",
        ),
        pytest.param(
            ["DTSTART:20260105T090000Z RRULE:FREQ=DAILY;COUNT=3 EXRULE:FREQ=DAILY EXRULE:FREQ=SECONDLY"],
            [],
            id="two EXRULEs",
        ),
        pytest.param(
            [
                "DTSTART:20260105T090000Z RRULE:FREQ=DAILY;COUNT=2",
                "DTSTART:20260106T090000Z RRULE:FREQ=DAILY;COUNT=2",
            ],
            [
                "2026-01-05T09:00Z/2026-01-05T09:00Z",
                "2026-01-06T09:00Z/2026-01-06T09:00Z",
                "2026-01-07T09:00Z/2026-01-07T09:00Z",
            ],
            id="two masters that share an instance give it once",
        ),
        pytest.param(
            [
                "DTSTART:20260105T090000Z RRULE:FREQ=DAILY;COUNT=3 SEQUENCE:1",
                "DTSTART:20260301T090000Z SEQUENCE:2",
            ],
            ["2026-03-01T09:00Z/2026-03-01T09:00Z"],
            id="of two masters the one of the higher SEQUENCE stands (RFC 5546, 2.1.5)",
        ),
        pytest.param(
            [
                "DTSTART:20260105T090000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=2",
                "DTSTART:20260105T090000Z DURATION:PT2H RRULE:FREQ=DAILY;COUNT=2",
            ],
            ["2026-01-05T09:00Z/2026-01-05T11:00Z", "2026-01-06T09:00Z/2026-01-06T11:00Z"],
            id="of two masters with one start the later in the feed stands",
        ),
        pytest.param(
            [
                f"{BERLIN}0327T100000 RRULE:FREQ=DAILY;COUNT=4",
                "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260328T100000"
                " DTSTART;TZID=America/New_York:20260328T080000 DURATION:PT1H",
            ],
            [
                "2026-03-27T09:00Z/2026-03-27T09:00Z",
                "2026-03-28T12:00Z/2026-03-28T13:00Z",
                "2026-03-29T12:00Z/2026-03-29T13:00Z",
                "2026-03-30T12:00Z/2026-03-30T13:00Z",
            ],
            id="THISANDFUTURE into another zone keeps that zone's wall clock (3.8.4.4)",
        ),
        pytest.param(
            [
                f"{BERLIN}0105T100000 DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=3",
                "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260112T100000 DTSTART;VALUE=DATE:20260113",
            ],
            ["2026-01-05T09:00Z/2026-01-05T10:00Z", "2026-01-13/2026-01-14", "2026-01-20/2026-01-21"],
            id="THISANDFUTURE from times to dates",
        ),
        pytest.param(
            [
                "DTSTART;VALUE=DATE:20260105 RRULE:FREQ=WEEKLY;COUNT=3",
                "RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20260112"
                " DTSTART;TZID=Europe/Berlin:20260112T100000 DURATION:PT1H",
            ],
            ["2026-01-05/2026-01-06", "2026-01-12T09:00Z/2026-01-12T10:00Z", "2026-01-19T09:00Z/2026-01-19T10:00Z"],
            id="THISANDFUTURE from dates to times",
        ),
        pytest.param(
            [
                f"{BERLIN}0105T100000 DTEND;TZID=Europe/Berlin:20260105T120000 RRULE:FREQ=DAILY;COUNT=2",
                "RECURRENCE-ID:20260106T090000Z STATUS:CANCELLED",
            ],
            ["2026-01-05T09:00Z/2026-01-05T11:00Z", "2026-01-06T09:00Z/2026-01-06T11:00Z"],
            id="an override without DTSTART lies, and lasts, as its instance",
        ),
        pytest.param(
            ["DTSTART;VALUE=DATE:20260105 DURATION:P2D RDATE;VALUE=DATE:20260201", "RECURRENCE-ID;VALUE=DATE:20260201"],
            ["2026-01-05/2026-01-07", "2026-02-01/2026-02-03"],
            id="the same of dates",
        ),
        pytest.param(
            [
                "DTSTART:20260105T090000Z RDATE:20260201T090000Z",
                "RECURRENCE-ID;VALUE=DATE:20260201 DTEND;VALUE=DATE:20260203",
            ],
            ["2026-01-05T09:00Z/2026-01-05T09:00Z", "2026-02-01T09:00Z/2026-02-03T00:00Z"],
            id="an override of a date, without DTSTART, with an end that is a date, in a series of times",
        ),
        pytest.param(
            [
                "DTSTART;VALUE=DATE:20260105 RDATE;VALUE=DATE:20260201",
                "RECURRENCE-ID:20260201T000000Z DTEND:20260203T000000Z",
            ],
            ["2026-01-05/2026-01-06", "2026-02-01/2026-02-02"],
            id="an override of a time, without DTSTART, in a series of dates: the length is that of the series",
        ),
        pytest.param(
            ["DTSTART;VALUE=DATE:20260105 RDATE;VALUE=DATE:20260201", "RECURRENCE-ID;VALUE=DATE:20260201 DURATION:P3D"],
            ["2026-01-05/2026-01-06", "2026-02-01/2026-02-04"],
            id="an override without DTSTART may give its own length",
        ),
        pytest.param(
            [
                "DTSTART:20260105T090000Z RDATE:20260201T150000Z,20260202T150000Z",
                "RECURRENCE-ID;VALUE=DATE:20260201 DTSTART:20260201T180000Z",
            ],
            [
                "2026-01-05T09:00Z/2026-01-05T09:00Z",
                "2026-02-01T18:00Z/2026-02-01T18:00Z",
                "2026-02-02T15:00Z/2026-02-02T15:00Z",
            ],
            id="a DATE names the RDATE of that day",
        ),
        pytest.param(
            [
                f"{BERLIN}0327T100000 DURATION:PT1H"
                " RDATE;TZID=Europe/Berlin;VALUE=PERIOD:20260328T120000/P1D,20260328T150000/PT24H"
                " RDATE;VALUE=PERIOD:20260401T120000Z/20260401T123000Z"
            ],
            [
                "2026-03-27T09:00Z/2026-03-27T10:00Z",
                "2026-03-28T11:00Z/2026-03-29T10:00Z",
                "2026-03-28T14:00Z/2026-03-29T14:00Z",
                "2026-04-01T12:00Z/2026-04-01T12:30Z",
            ],
            id="PERIODs have their own lengths, days nominal and hours exact (3.3.6, 3.3.9)",
        ),
        pytest.param(
            [
                "DTSTART:20260105T090000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=2"
                " RDATE;VALUE=PERIOD:20260106T090000Z/PT3H,20260106T090000Z/PT3H"
            ],
            ["2026-01-05T09:00Z/2026-01-05T10:00Z", "2026-01-06T09:00Z/2026-01-06T12:00Z"],
            id="a PERIOD says more of its instance than a rule that makes it too",
        ),
    ],
)
def test_of_one_uid(components, expected):
    assert spans(*components) == expected


# Before its first law a zone has the mean time of its town: Berlin is 53 minutes ahead of UTC, Apia 12½ hours.
FIRST_DAYS = Window(datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 4, tzinfo=UTC))
LAST_DAYS = Window(datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    ("window", "component", "expected"),
    [
        (FIRST_DAYS, "DTSTART:00010101T000000Z RRULE:FREQ=DAILY", ["0001-01-01", "0001-01-02", "0001-01-03"]),
        (FIRST_DAYS, "DTSTART;VALUE=DATE:00010103 RRULE:FREQ=DAILY", ["0001-01-03", "0001-01-04"]),
        (FIRST_DAYS, "DTSTART;TZID=Pacific/Apia:00010102T000000", ["0001-01-01"]),
        (LAST_DAYS, "DTSTART:99991229T120000Z RRULE:FREQ=DAILY", ["9999-12-30", "9999-12-31"]),
        (LAST_DAYS, "DTSTART;VALUE=DATE:99991229 RRULE:FREQ=DAILY", ["9999-12-30", "9999-12-31"]),
        (LAST_DAYS, "DTSTART;TZID=Pacific/Honolulu:99991230T100000 RRULE:FREQ=DAILY", ["9999-12-30", "9999-12-31"]),
        (LAST_DAYS, "DTSTART:99991230T120000Z RRULE:FREQ=YEARLY", ["9999-12-30"]),
    ],
)
def test_the_edges_of_the_calendar(window, component, expected):
    assert sorted(str(one.start)[:10] for one in made(component, window=window)) == expected


@pytest.mark.parametrize(
    ("component", "end"),
    [
        ("DTSTART:99991231T000000Z DURATION:P30D", "9999-12-31T23:59:59+00:00"),
        ("DTSTART:99991231T000000Z DURATION:PT300H", "9999-12-31T23:59:59+00:00"),
        ("DTSTART:99991231T000000Z RDATE;VALUE=PERIOD:99991231T000000Z/P30D", "9999-12-31T23:59:59+00:00"),
        ("DTSTART;VALUE=DATE:99991231 DURATION:P30D", "9999-12-31"),
        ("DTSTART;TZID=Pacific/Honolulu:99991231T000000 DURATION:P1W", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_an_end_beyond_9999_is_the_end_of_the_calendar(component, end):
    (one,) = made(component, window=LAST_DAYS)
    assert one.end.isoformat() == end


@pytest.mark.parametrize(
    ("component", "span"),
    [
        ("DTSTART:99991231 DTEND:99991231T235959Z", "9999-12-31/9999-12-31"),
        ("DTSTART:99991230 DTEND:99991231T120000", "9999-12-30/9999-12-31"),
        ("RECURRENCE-ID:99991231T235959Z", "9999-12-31T23:59:59+00:00/9999-12-31T23:59:59+00:00"),
    ],
)
def test_what_lies_beyond_9999_in_another_zone_is_its_end(component, span):
    series = "DTSTART;TZID=Pacific/Kiritimati:99990101T000000 RDATE:99990101T000000Z"
    window = Window(LAST_DAYS.start, datetime.max.replace(tzinfo=UTC))
    assert spans(*([series, component] if component.startswith("REC") else [component]), window=window) == [span]


@pytest.mark.parametrize("moved", ["DTSTART:99991231T000000Z", "DTSTART;VALUE=DATE:99991231"])
def test_what_is_moved_beyond_9999_is_in_no_window_before(moved):
    ranged = f"RECURRENCE-ID;RANGE=THISANDFUTURE:20260106T090000Z {moved}"
    assert spans("DTSTART:20260105T090000Z RRULE:FREQ=DAILY", ranged) == ["2026-01-05T09:00Z/2026-01-05T09:00Z"]


@pytest.mark.parametrize(
    "components",
    [
        pytest.param(["DTSTART:20200101T000000Z RRULE:FREQ=SECONDLY EXRULE:FREQ=SECONDLY"], id="all is excluded"),
        pytest.param(
            [
                "DTSTART:20200101T000000Z RRULE:FREQ=SECONDLY",
                "RECURRENCE-ID;RANGE=THISANDFUTURE:20200101T000000Z DTSTART:90000101T000000Z",
            ],
            id="all is moved out of the window",
        ),
        pytest.param(["DTSTART:16010101T000000Z RRULE:FREQ=DAILY;BYMONTH=3;COUNT=1000000000"], id="all is counted"),
        pytest.param(
            ["DTSTART:20200101T000000Z " + "RRULE:FREQ=HOURLY;INTERVAL=25;BYMONTHDAY=31 " * 500], id="many rules"
        ),
    ],
)
def test_what_gives_nothing_and_has_no_end_stops_by_its_steps(components):
    steps = Steps(20_000)

    with pytest.raises(TooManySteps, match="more than 20000 steps"):
        made(*components, steps=steps)

    assert steps.left < 0


def test_the_limit_stops_before_the_steps_do():
    assert len(made("DTSTART:00010101T000000Z RRULE:FREQ=SECONDLY", steps=Steps(2000))) == 1000
