"""What is true of every feed: windows split, order does not matter, zones shift, the same bytes give the same rows."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from calimport.normalizing import Meaning, normalize
from calimport.sources.base import ParseContext
from calimport.windows import Window

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "UTC")

RULES = st.one_of(
    st.none(),
    st.builds(
        "FREQ={};INTERVAL={}{}{}".format,
        st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")),
        st.integers(1, 4),
        st.sampled_from(
            ("", ";BYDAY=MO,TH", ";BYMONTHDAY=-1,13", ";BYDAY=SU;BYSETPOS=-1", ";BYMONTH=3,10", ";BYHOUR=1,2,23")
        ),
        st.sampled_from(("", ";COUNT=7", ";UNTIL=20260329T010000Z", ";UNTIL=20260315")),
    ),
    st.builds("FREQ=HOURLY;INTERVAL={}".format, st.integers(3, 50)),
)
EVENTS = st.fixed_dictionaries(
    {
        "start": st.datetimes(datetime(2025, 11, 1), datetime(2026, 4, 30)).map(lambda at: at.replace(microsecond=0)),
        "all_day": st.booleans(),
        "length": st.sampled_from(("", "DURATION:PT90M", "DURATION:P1D", "DURATION:P2DT3H")),
        "rule": RULES,
        "excluded": st.lists(st.integers(0, 40), max_size=3),
        "added": st.lists(st.integers(-20, 60), max_size=2),
        # Days after the start at which an instance is taken to be, and hours that it moves by.
        "overrides": st.dictionaries(st.integers(0, 60), st.integers(-200, 200), max_size=2),
    }
)
FEEDS = st.lists(EVENTS, min_size=1, max_size=4)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 5, 30)).map(
    lambda at: at.replace(tzinfo=UTC, microsecond=0)
)


def lines(event: dict[str, Any], uid: str, zone: str | None) -> list[list[str]]:
    """The components of an event: its master and its overrides."""
    all_day = event["all_day"]

    def dated(name: str, at: datetime) -> str:
        if all_day:
            return f"{name};VALUE=DATE:{at:%Y%m%d}"
        return f"{name}:{at:%Y%m%dT%H%M%S}" if zone is None else f"{name};TZID={zone}:{at:%Y%m%dT%H%M%S}"

    start = event["start"]
    length = [event["length"]] if event["length"] else []
    master = [f"UID:{uid}", dated("DTSTART", start), *length]
    if event["rule"]:
        master.append(f"RRULE:{event['rule']}")
        master += [dated("EXDATE", start + timedelta(days=days)) for days in event["excluded"]]
        master += [dated("RDATE", start + timedelta(days=days)) for days in event["added"]]
    components = [master]
    if event["rule"]:
        for days, hours in event["overrides"].items():
            original = start + timedelta(days=days)
            moved = original + timedelta(hours=hours)
            components.append([f"UID:{uid}", dated("RECURRENCE-ID", original), dated("DTSTART", moved), *length])
    return components


def feed(events: list[dict[str, Any]], zone: str | None, shuffled: int | None = None) -> bytes:
    components = [one for number, event in enumerate(events) for one in lines(event, f"event-{number}", zone)]
    if shuffled is not None:
        random.Random(shuffled).shuffle(components)  # noqa: S311 - an order, not a secret
    body = [line for one in components for line in ("BEGIN:VEVENT", *one, "END:VEVENT")]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *body, "END:VCALENDAR", ""]).encode()


def found(text: bytes, start: datetime, end: datetime, zone: str = "UTC") -> set[tuple[Any, ...]]:
    """What identifies a row and says when it is."""
    context = ParseContext(Window(start, end), AS_OF, timezone=zone, timezone_source="calendar")
    table = normalize(text, kind="ics", context=context, meaning=Meaning()).frame
    rows = zip(table["uid"], table["recurrence_id"], table["start_at"], table["end_at"], strict=True)
    return {(uid, None if original != original else original, at, to) for uid, original, at, to in rows}


@given(FEEDS, st.sampled_from(ZONES), st.tuples(MOMENTS, MOMENTS, MOMENTS).map(sorted))
@settings(max_examples=60, deadline=None)
def test_splitting_a_window_splits_the_result(events: list[dict[str, Any]], zone: str, cuts: list[datetime]) -> None:
    first, middle, last = cuts[0], cuts[1] + timedelta(seconds=1), cuts[2] + timedelta(seconds=2)
    text = feed(events, zone)
    assert found(text, first, middle) | found(text, middle, last) == found(text, first, last)


@given(FEEDS, st.sampled_from(ZONES), st.integers())
@settings(max_examples=40, deadline=None)
def test_the_order_of_components_does_not_matter(events: list[dict[str, Any]], zone: str, seed: int) -> None:
    window = START, START + timedelta(days=90)
    assert found(feed(events, zone, shuffled=seed), *window) == found(feed(events, zone), *window)


@given(FEEDS, st.sampled_from(ZONES))
@settings(max_examples=40, deadline=None)
def test_floating_times_lie_in_the_zone_of_the_calendar(events: list[dict[str, Any]], zone: str) -> None:
    window = START, START + timedelta(days=90)
    assert found(feed(events, None), *window, zone) == found(feed(events, zone), *window, zone)


@given(FEEDS, st.integers(-12, 14))
@settings(max_examples=40, deadline=None)
def test_a_zone_of_fixed_offset_shifts_every_time(events: list[dict[str, Any]], hours: int) -> None:
    timed = [event | {"all_day": False, "rule": _without_until(event["rule"])} for event in events]
    # POSIX turns the sign round: Etc/GMT-5 is five hours ahead.
    there, here = feed(timed, f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"), feed(timed, "Etc/GMT")
    offset, end = timedelta(hours=hours), START + timedelta(days=90)
    shifted = found(there, START - offset, end - offset)
    assert {(uid, at + offset, to + offset) for uid, _, at, to in shifted} == {
        (uid, at, to) for uid, _, at, to in found(here, START, end)
    }


@given(FEEDS, st.sampled_from(ZONES))
@settings(max_examples=25, deadline=None)
def test_normalizing_the_same_bytes_again_gives_the_same_frame(events: list[dict[str, Any]], zone: str) -> None:
    context = ParseContext(Window(START, START + timedelta(days=90)), AS_OF, timezone=zone, timezone_source="calendar")
    first, second = (normalize(feed(events, zone), kind="ics", context=context, meaning=Meaning()) for _ in range(2))
    assert first.frame.equals(second.frame)
    assert first.notices == second.notices
    assert not first.frame.duplicated(["uid", "recurrence_id"]).any()


def _without_until(rule: str | None) -> str | None:
    """UNTIL in UTC is an instant that does not shift with the wall clock."""
    return rule and rule.split(";UNTIL")[0]
