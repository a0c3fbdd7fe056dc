"""Whatever bytes a feed is: rows that keep what rows promise, or an error of ours."""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calimport import previewing
from calimport.errors import CalimportError
from calimport.icalendar_text import decode
from calimport.normalizing import Meaning, normalize
from calimport.sources.base import ParseContext
from calimport.sources.ics import feed_timezone
from calimport.windows import Window
from tests.test_feed_corpus import CLAIMS, FEEDS
from tests.test_fuzz_reading import mutations

MOST = 200
WINDOWS = [
    Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
    Window(datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)),
    Window(datetime(1, 1, 2, tzinfo=UTC), datetime(2, 1, 1, tzinfo=UTC)),
    Window(datetime(9999, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
]
ZONES = ("UTC", "Europe/London", "Pacific/Apia", "America/New_York")
SOURCES = [(FEEDS / f"{claim}.ics").read_bytes() for claim in CLAIMS if "ten_thousand" not in claim]
CONTEXTS = st.tuples(st.sampled_from(WINDOWS), st.sampled_from(ZONES))

TIMES = st.sampled_from(
    ["20260101T000000Z", "20260329T013000", "20261025T013000", "00010101T000000", "99991231T235959Z", "20260201"]
) | st.from_regex(r"(0001|2026|9999)(0[1-9]|1[0-2])([0-2][0-9]|30)(T[01][0-9][0-5]000Z?)?", fullmatch=True)
NUMBERS = st.sampled_from([-366, -53, -1, 0, 1, 2, 5, 12, 31, 53, 59, 366, 10**9]).map(str)
PARTS = st.one_of(
    st.builds("{}={}".format, st.sampled_from(["INTERVAL", "COUNT", "BYSETPOS"]), NUMBERS),
    st.builds("UNTIL={}".format, TIMES),
    st.builds(
        "BY{}={}".format,
        st.sampled_from(["SECOND", "MINUTE", "HOUR", "MONTHDAY", "YEARDAY", "WEEKNO", "MONTH"]),
        st.lists(NUMBERS, min_size=1, max_size=3).map(",".join),
    ),
    st.builds("BYDAY={}{}".format, st.sampled_from(["", "1", "-1", "53"]), st.sampled_from(["MO", "SU", "FR,SA"])),
    st.sampled_from(["WKST=SU", "RSCALE=GREGORIAN;SKIP=FORWARD", "RSCALE=GREGORIAN;SKIP=BACKWARD", "RSCALE=HEBREW"]),
)
RULES = st.builds(
    "FREQ={};{}".format,
    st.sampled_from(["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.lists(PARTS, max_size=3).map(";".join),
)
PARAMETERS = st.sampled_from(
    ["", "", ";VALUE=DATE", ";TZID=Europe/London", ";TZID=Pacific/Apia", ";TZID=Nowhere", ";RANGE=THISANDFUTURE"]
)
LENGTHS = st.sampled_from(["P1D", "PT1H", "-P1D", "P1DT1H", "P52000W", "PT0S", "P"])
LINES = st.one_of(
    st.builds(
        "{}{}:{}".format,
        st.sampled_from(["DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID", "CREATED"]),
        PARAMETERS,
        TIMES,
    ),
    st.builds("RDATE;VALUE=PERIOD:{}/{}".format, TIMES, TIMES | LENGTHS),
    st.builds("{}:{}".format, st.sampled_from(["RRULE", "EXRULE"]), RULES),
    st.builds("DURATION:{}".format, LENGTHS),
    st.sampled_from(["SEQUENCE:1", "STATUS:CANCELLED", "BEGIN:VALARM\nTRIGGER:-PT15M\nEND:VALARM", "CLASS:PRIVATE"]),
)
COMPONENTS = st.tuples(TIMES, PARAMETERS, st.lists(LINES, max_size=5)).map(
    lambda parts: ["UID:a", f"DTSTART{parts[1]}:{parts[0]}", *parts[2]]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Two feeds of the corpus, lines of one put into the other, and bytes changed."""
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - not for secrets
    lines, others = (chance.choice(SOURCES).splitlines(keepends=True) for _ in range(2))
    for _ in range(chance.randrange(5)):
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(others or [b"\n"]))
    content = bytearray(b"".join(lines))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(content) + 1)
        content[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
    return bytes(content)


@pytest.fixture(autouse=True)
def _no_error_of_python(caplog):
    """An event on which our code failed is quarantined too, but with a log record that says so."""
    caplog.set_level(logging.ERROR)
    yield
    assert caplog.records == []


def check(content: bytes, context: tuple[Window, str]) -> None:
    window, zone = context
    try:
        content = decode(content, max_bytes=1 << 20).encode()
        known = ParseContext(window, window.start, feed_timezone(content) or zone, "default", max_occurrences=MOST)
        found = normalize(content, kind="ics", context=known, meaning=Meaning())
    except CalimportError:
        return
    table = found.frame
    assert len(table) <= MOST
    assert not table.duplicated(["uid", "recurrence_id"]).any()
    for start, end in zip(table["start_at"], table["end_at"], strict=True):
        assert start.utcoffset() == end.utcoffset() == timedelta()
        assert start <= end
        assert window.holds(start, end)
    assert len(previewing.occurrences(table)) == len(table)
    assert all(notice.message for notice in found.notices)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), CONTEXTS)
def test_any_bytes(content, context):
    check(content, context)


@settings(max_examples=150, deadline=None)
@given(mutations() | damaged(), CONTEXTS)
def test_a_feed_that_was_damaged(content, context):
    check(content, context)


@settings(max_examples=250, deadline=None)
@given(st.lists(COMPONENTS, min_size=1, max_size=3), CONTEXTS)
def test_any_series(components, context):
    body = [line for lines in components for line in ("BEGIN:VEVENT", *lines, "END:VEVENT")]
    check("\n".join(["BEGIN:VCALENDAR", *body, "END:VCALENDAR", ""]).encode(), context)
