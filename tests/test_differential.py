"""Series of every kind through calimport and through recurring-ical-events, an independent expansion.

They agree but for this, where the clause says what we do:

* COUNT counts DTSTART also where the rule does not make it (3.8.5.3: DTSTART is the first instance); there it does not.
* A DTEND gives every instance the same exact length, and hours of a DURATION are exact (3.8.5.3, 3.3.6); there both are
  wall-clock time, so an instance that lasts over a change of the clocks ends an hour apart.
* RECURRENCE-ID and EXDATE name an instant (3.8.4.4, 3.8.5.1); there, also the instances of that day whose local time
  reads as that instant does in UTC, or the other way round.
* An UNTIL that is a date, which 3.3.10 forbids in a series of times, is the later of its midnights in UTC and on the
  clock of the series; there, that in UTC.
* An RDATE that is a date adds to a series of times at the hour of DTSTART (3.8.5.2 forbids it); there, at midnight.
* There, EXRULE (RFC 2445, 4.8.5.2) is not known, and RSCALE with SKIP (RFC 7529, 4.1) an error.

The feeds are made so that they do not meet these differences, or the difference is taken off.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events

from calimport.rfc5545.recurrence import makes_start
from calimport.rfc5545.rules import WEEKDAYS, parse_rule
from calimport.sources.base import ParseContext
from calimport.sources.ics import parse
from calimport.windows import Window

WINDOW = Window(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
PARTS = {
    "YEARLY": (
        *("", "BYMONTH=3,5,11", "BYYEARDAY=60,-200,100", "BYMONTH=4;BYMONTHDAY=1,-1", "BYMONTH=3,6;BYDAY=1SU,-1FR"),
        *("BYDAY=20MO,-20TU", "BYWEEKNO=14,20;BYDAY=TU,FR", "BYMONTH=5,6;BYDAY=MO,TU,WE;BYSETPOS=2,-2"),
    ),
    "MONTHLY": (
        *("", "BYMONTHDAY=31", "BYMONTHDAY=1,15,-1", "BYDAY=2TU,-1FR", "BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1"),
        *("BYMONTHDAY=13;BYDAY=FR", "BYMONTH=3,4,7;BYMONTHDAY=29,30"),
    ),
    "WEEKLY": ("", *(f"BYDAY={','.join(days)}" for days in (("TU",), ("SU", "MO"), ("SA", "WE", "FR")))),
    "DAILY": ("", "BYDAY=MO,WE,FR", "BYMONTH=3,7", "BYMONTHDAY=1,2,30,-3", "BYHOUR=2,9"),
    "HOURLY": ("", "BYDAY=SA,SU", "BYHOUR=1,2,3,20"),
}


def rule(chance: random.Random, start: datetime, *, all_day: bool) -> str:
    freq = chance.choice([one for one in PARTS if not (all_day and one == "HOURLY")])
    part = chance.choice([one for one in PARTS[freq] if not (all_day and "BYHOUR" in one)])
    interval = chance.choice([5, 7, 25] if freq == "HOURLY" else [1, 2, 3])
    parts = [f"FREQ={freq}", f"INTERVAL={interval}", part, f"WKST={chance.choice(list(WEEKDAYS))}"]
    text = ";".join(filter(None, parts))
    match chance.randrange(3):
        case 0 if makes_start(parse_rule(text), start.replace(tzinfo=None), all_day=all_day):
            return f"{text};COUNT={chance.randint(1, 30)}"
        case 1:
            until = start + timedelta(days=chance.randint(0, 600))
            return f"{text};UNTIL={until:%Y%m%d}" if all_day else f"{text};UNTIL={in_utc(until)}"
        case _:
            return text


def dated(name: str, at: datetime, *, all_day: bool, utc: bool = False) -> str:
    if all_day:
        return f"{name};VALUE=DATE:{at:%Y%m%d}"
    zone = str(at.tzinfo)
    return f"{name}:{in_utc(at)}" if utc or zone == "UTC" else f"{name};TZID={zone}:{at:%Y%m%dT%H%M%S}"


def in_utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def feed(seed: int) -> bytes:
    """A series with its exceptions, dates and overrides: some of its own instances, found by us without them."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    zone, all_day = ZoneInfo(chance.choice(ZONES)), chance.random() < 0.3
    year, hour = chance.choice([1999, 2015, 2025, 2025]), chance.choice([0, 1, 2, 3, 9, 23])
    start = datetime(year, chance.randint(1, 12), chance.randint(1, 28), hour, chance.choice([0, 30]), tzinfo=zone)
    master = [dated("DTSTART", start, all_day=all_day)]
    match chance.randrange(3):
        case 0:
            lengths = ["P1D", "P3D"] if all_day else ["PT1H", "PT90M", "P1D", "PT30H", "P1DT2H"]
            master.append(f"DURATION:{chance.choice(lengths)}")
        case 1:
            end = (start.astimezone(UTC) + timedelta(hours=chance.choice([1, 5, 30]))).astimezone(zone)
            if not all_day and clocks_change(start, end, zone.key):
                end = start
            master.append(dated("DTEND", start + timedelta(days=2) if all_day else end, all_day=all_day))
    text = rule(chance, start, all_day=all_day)
    master.append(f"RRULE:{text}")
    for _ in range(chance.choice([0, 0, 1, 2])):
        later = timedelta(days=chance.randint(1, 500), hours=0 if all_day else 5)
        master.append(dated("RDATE", start + later, all_day=all_day))
    overrides = []
    ambiguous = ("HOURLY" in text or "BYHOUR" in text) and zone.key != "UTC"
    named = sorted(str(one["recurrence_id"]) for one in ours(calendar(master)))
    for instance in [] if ambiguous else chance.sample(named, min(len(named), chance.choice([0, 1, 3]))):
        original = datetime.fromisoformat(instance)
        original = original if all_day else original.astimezone(zone)
        if chance.random() < 0.5:
            utc = chance.random() < 0.5
            master.append(dated("EXDATE", original, all_day=all_day, utc=utc))
        else:
            moved = original + (
                timedelta(chance.randint(-40, 40)) if all_day else timedelta(0, 60 * chance.randint(-9999, 9999))
            )
            utc = chance.random() < 0.5
            overrides.append(
                [dated("RECURRENCE-ID", original, all_day=all_day, utc=utc), dated("DTSTART", moved, all_day=all_day)]
            )
    return calendar(master, *overrides)


def calendar(*components: list[str]) -> bytes:
    body = [line for lines in components for line in ("BEGIN:VEVENT", "UID:a", *lines, "END:VEVENT")]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *body, "END:VCALENDAR", ""]).encode()


def ours(text: bytes) -> list[dict[str, Any]]:
    parsed = parse(text, ParseContext(WINDOW, WINDOW.start, timezone="UTC", timezone_source="calendar"))
    assert parsed.notices == []
    return parsed.occurrences


def theirs(text: bytes) -> list[tuple[datetime, datetime, str]]:
    """Start, end, and the zone of the start."""
    around = timedelta(days=60)
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text), components=["VEVENT"]).between(
        WINDOW.start - around, WINDOW.end + around
    )
    spans = [
        (instant(one["DTSTART"].dt), instant(one["DTEND"].dt), str(getattr(one["DTSTART"].dt, "tzinfo", None) or ""))
        for one in found
    ]
    return [(start, end, zone) for start, end, zone in spans if WINDOW.holds(start, end)]


def instant(value: date) -> datetime:
    return (
        value.astimezone(UTC)
        if isinstance(value, datetime)
        else datetime(value.year, value.month, value.day, tzinfo=UTC)
    )


def clocks_change(start: datetime, end: datetime, zone: str) -> bool:
    """Whether they do between both, or around the start, which may lie in a gap. Dates have no zone."""
    if not zone:
        return False
    there, around = ZoneInfo(zone), timedelta(hours=6)
    return (start - around).astimezone(there).utcoffset() != (end + around).astimezone(there).utcoffset()


@pytest.mark.parametrize("hundred", range(4))
def test_as_recurring_ical_events(hundred):
    for seed in range(hundred * 100, hundred * 100 + 100):
        text = feed(seed)
        expected = theirs(text)
        found = {(one["start_at"], one["end_at"]) for one in ours(text)}

        # What lasts over a change of the clocks may, by its end, be in the window for the one and not for the other.
        over_a_change = {start for start, end, zone in expected if clocks_change(start, end, zone)}
        assert sorted(span for span in found if span[0] not in over_a_change) == sorted(
            {(start, end) for start, end, _ in expected if start not in over_a_change}
        ), text.decode()
        assert {start for start, _ in found if start >= WINDOW.start} == {
            start for start, _, _ in expected if start >= WINDOW.start
        }, text.decode()
