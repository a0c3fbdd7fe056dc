"""A feed read block by block is what the reference, line by line, makes of it: the same rows, notices and all else."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from calimport.errors import CalimportError
from calimport.icalendar_text import clean
from calimport.normalizing import Meaning, normalize
from calimport.rfc5545.blocks import Block, Layout, Reader, layout
from calimport.sources.base import ParseContext
from calimport.sources.ics import feed_timezone
from calimport.sources.ics_outside import Outside
from calimport.sources.ics_reading import blocks_by_uid
from calimport.sources.ics_skim import Skim
from calimport.windows import Window
from calimport.zones import Zones

CORPUS = Path(__file__).parent / "feeds"
WILD = Path(__file__).parents[2] / "shared" / "feeds"
AS_OF = datetime(2026, 3, 10, 12, tzinfo=UTC)
DECADES = Window(datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
WEEKS = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 18, tzinfo=UTC))


def context(content: bytes, window: Window) -> ParseContext:
    zone = feed_timezone(content)
    return ParseContext(window, AS_OF, zone or "America/New_York", "calendar" if zone else "default", 20_000)


def understood(content: bytes, known: ParseContext) -> dict[str, object]:
    found = normalize(content, kind="ics", context=known, meaning=Meaning())
    return {
        "rows": found.lines,
        "notices": found.notices,
        "title": found.parsed.title,
        "color": found.parsed.color,
        "published_from": found.parsed.published_from,
        "uids": found.parsed.uids,
    }


def same_either_way(content: bytes, *windows: Window) -> None:
    for window in windows:
        known = context(content, window)
        assert understood(content, known) == understood(content, replace(known, blocks=False))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.ics")), ids=lambda path: path.stem)
def test_each_claim_of_the_corpus_holds_either_way(path):
    asked = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    start, end = (datetime.fromisoformat(f"{asked[name][:10]}T00:00:00Z") for name in ("from", "to"))
    try:
        content = clean(path.read_bytes())
    except CalimportError:
        return  # refused before anything is read
    same_either_way(content, Window(start, end))


@pytest.mark.skipif(not WILD.is_dir(), reason="the folder of feeds from the wild is not here")
@pytest.mark.parametrize("path", sorted(WILD.glob("*.ics")), ids=lambda path: path.stem)
def test_feeds_from_the_wild_are_the_same_either_way(path):
    same_either_way(clean(path.read_bytes()), WEEKS, DECADES)


@pytest.mark.skipif(not WILD.is_dir(), reason="the folder of feeds from the wild is not here")
def test_of_the_events_in_feeds_from_the_wild_hardly_any_is_read_by_the_reference():
    shares = {path.stem: read_by_reference(clean(path.read_bytes())) for path in WILD.glob("*.ics")}
    events, slow = (sum(counts) for counts in zip(*shares.values(), strict=True))
    assert events > 4000
    assert slow < 0.01 * events


def read_by_reference(content: bytes) -> tuple[int, int]:
    parsed = normalize(content, kind="ics", context=context(content, WEEKS), meaning=Meaning()).parsed
    return parsed.components, parsed.read_by_reference


#: What programs and people put into feeds, at a random place in one.
DIRT = [
    "", " ", "\t", " folded on", "END:VEVENT", "BEGIN:VEVENT", "END:VALARM", "BEGIN:VALARM", "begin:vevent",
    "END:VCALENDAR", "BEGIN:VCALENDAR", "no colon here", "Price: 5", "DTSTART:20260310T100000Z", "RRULE:FREQ=DAILY",
    " DTSTART:20260310T100000Z", "SEQUENCE:x", "SEQUENCE:", "DTEND:20260230", "EXDATE:20260311T100000Z",
    'X-A;B="c:d":e', "ATTENDEE;CN=a:b:mailto:c@d", "ORGANIZER;CN=x:mailto:a@b", "item1.SUMMARY:x", "UNKNOWN:y",
    "DTSTART;TZID=(UTC+01:00) Amsterdam:20260310T100000", "CATEGORIES:a,b", "CATEGORIES:c", "UID:other",
    "RECURRENCE-ID:20260310T100000Z", "STATUS:CANCELLED", "METHOD:CANCEL", "DURATION:PT1H", "RDATE:20260312T100000Z",
    "DTSTART;TZID=Nowhere/Land:20260310T100000", "SUMMARY;LANGUAGE=en:x: y",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(100))
def test_dirt_anywhere_in_a_feed_is_read_the_same_either_way(seed):
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    text = (CORPUS.parent.parent / "dev" / "samples" / chance.choice(SAMPLES)).read_text(encoding="utf-8")
    lines = re.sub(r"\{[^}]*\}", "20260310T100000", text).replace("\r\n", "\n").split("\n")
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        what = chance.random()
        if what < 0.6:
            lines.insert(at, chance.choice(DIRT))
        elif what < 0.8:
            del lines[at]
        else:
            lines.insert(chance.randrange(len(lines)), lines[at])
    try:
        content = clean("\n".join(lines).encode())
    except CalimportError:
        return
    same_either_way(content, WEEKS, DECADES)


SAMPLES = ["google-export.ics", "outlook-export.ics", "medication.ics", "two-cities.ics", "village-hall.ics"]


def uniform(chance: random.Random, *last: str) -> list[str]:
    """A feed of one program: enough events with the same heads that those outside are not taken apart."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "X-WR-TIMEZONE:Europe/London"]
    for number in range(60):
        month, day = chance.randint(1, 12), chance.randint(1, 28)
        lines += [
            "BEGIN:VEVENT",
            f"DTSTART:2026{month:02}{day:02}T090000Z",
            f"DTEND:2026{month:02}{day:02}T100000Z",
            *(["DTSTAMP:20260101T000000Z"] if number % 3 else []),
            f"UID:event-{number % 58}\\, of many",
            f"DESCRIPTION:What is said of event {number}\\, and is",
            "  folded",
            "SEQUENCE:0",
            "STATUS:CONFIRMED",
            f"SUMMARY:Event {number}",
            *last,
            "END:VEVENT",
        ]
    return [*lines, "END:VCALENDAR", ""]


REMINDED = ["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", "END:VALARM"]


@pytest.mark.parametrize("seed", range(150))
def test_dirt_in_an_event_outside_of_the_window_is_not_passed_over(seed):
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    lines = uniform(chance, *(REMINDED * (seed % 3)))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(3, len(lines))
        what = chance.random()
        if what < 0.4:
            lines.insert(at, chance.choice([*DIRT, "end:valarm"]))
        elif what < 0.5:
            del lines[at]
        elif what < 0.6:
            lines.insert(chance.randrange(len(lines)), lines[at])
        else:
            # A character of a value that somebody mistyped, in an event that is like the others for the rest.
            where = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:where] + chance.choice("0139T:;,\\ \tZ\u00a0é") + lines[at][where + 1 :]
    try:
        content = clean("\n".join(lines).encode())
    except CalimportError:
        return
    same_either_way(content, WEEKS, Window(WEEKS.start, WEEKS.start + timedelta(days=1)))


def any_event(chance: random.Random, uid: int) -> list[str]:
    """An event, a series or an instance, somewhere around the window and the run; some are a year away."""
    day = AS_OF + timedelta(days=chance.choice([-400, -30, 0, 30, 400]) + chance.randint(-9, 9))
    zone, behind = chance.choice([("", "Z"), (";TZID=Europe/London", ""), (";TZID=Pacific/Apia", ""), ("", "")])

    def on(days: int) -> str:
        return f"{day + timedelta(days=days):%Y%m%dT%H%M%S}{behind}"

    until = f"UNTIL={day + timedelta(days=chance.choice([-3, 7, 30, 380])):%Y%m%d}"
    lines = [
        f"UID:u{uid}",
        *chance.choice([[f"DTSTART{zone}:{on(0)}"], [f"DTSTART;VALUE=DATE:{day:%Y%m%d}"]]),
        *chance.choice([[], ["DURATION:PT3H"], [f"DTEND{zone}:{on(0)}"], [f"DTEND{zone}:{on(2)}"]]),
        *chance.choice([[], [], [f"RRULE:FREQ=WEEKLY;{until}"], ["RRULE:FREQ=WEEKLY;COUNT=3"]]),
        *chance.choice([[], [], [f"RECURRENCE-ID{zone}:{on(chance.choice([-7, 0, 7]))}"]]),
        *chance.choice([[], [], [f"EXDATE{zone}:{on(7)},{on(14)}", f"EXDATE{zone}:{on(21)}"], ["EXDATE:2026"]]),
        *chance.choice([[], [], ["EXRULE:FREQ=WEEKLY;COUNT=2"], [f"RDATE{zone}:{on(3)}"]]),
        *chance.choice([[], ["SEQUENCE:1"], ["SEQUENCE:x"]]),
        *chance.choice(
            [[], ["DESCRIPTION:Of it\\, and more"], ['DESCRIPTION;ALTREP="data:text/html,<b>It</b> is":It']]
        ),
        *chance.choice([[], ["CLASS:PRIVATE"], ["COLOR:red", "CATEGORIES:a\\,b,c", "URL:https://example.org"]]),
        *chance.choice([[], ["ATTENDEE;CN=Bo:mailto:bo@example.org", "ATTENDEE:mailto:x@example.org"]]),
        *chance.choice([[], ["BEGIN:VALARM", "TRIGGER:-PT5M", "END:VALARM"]]),
        *chance.choice([[], ["CREATED:20250101T000000", "STATUS:CANCELED", "TRANSP:TRANSPARENT"]]),
    ]
    return ["BEGIN:VEVENT", *lines, f"SUMMARY:{uid}", "END:VEVENT"]


@pytest.mark.parametrize("seed", range(150))
def test_events_of_any_kind_around_the_window_are_the_same_either_way(seed):
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    events = [line for _ in range(12) for line in any_event(chance, chance.randint(1, 8))]
    same_either_way(clean(feed("X-WR-TIMEZONE:Europe/London", "COLOR:blue", *events)), WEEKS, DECADES)


def test_ended_series_are_not_read_for_their_overrides_and_exdates():
    ended = ["DTSTART:20240109T100000Z", "DTEND:20240109T110000Z", "RRULE:FREQ=WEEKLY;UNTIL=20240601T000000Z"]
    content = feed(
        *["BEGIN:VEVENT", "UID:a", *ended, "EXDATE:20240116T100000Z,20240123T100000Z", "END:VEVENT"],
        *["BEGIN:VEVENT", "UID:b", *ended, "END:VEVENT"],
        *["BEGIN:VEVENT", "UID:b", "RECURRENCE-ID:20240116T100000Z", "DTSTART:20240117T100000Z", "END:VEVENT"],
        *["BEGIN:VEVENT", "UID:c", *ended, "EXDATE:2024", "END:VEVENT"],
    )
    assert [uid for uid, _ in blocks_by_uid(layout(content), context(content, WEEKS), None).near] == ["c"]
    same_either_way(content, WEEKS)


def test_an_event_without_a_rule_is_a_series_where_an_instance_far_away_says_so():
    moved = ["BEGIN:VEVENT", "UID:a", "RECURRENCE-ID:20270310T100000Z", "DTSTART:20270310T110000Z", "END:VEVENT"]
    content = feed(*EVENT, *moved)
    found = normalize(content, kind="ics", context=context(content, WEEKS), meaning=Meaning())
    assert found.columns["recurrence_id"] == ["2026-03-10T10:00:00Z"]
    same_either_way(content, WEEKS)


def test_a_single_event_is_a_row_straight_from_its_lines():
    content = feed(*EVENT, *EVENT[:1], "UID:b", *EVENT[2:4], "RRULE:FREQ=DAILY;COUNT=2", *EVENT[4:])
    near = dict(blocks_by_uid(layout(content), context(content, WEEKS), "red").near)
    assert (near["a"].row["summary"], near["a"].row["color"], near["a"].start.hour) == ("A", "red", 10)
    assert [component.name for component, _ in near["b"]] == ["VEVENT"]


@pytest.mark.parametrize("last", [[], REMINDED, REMINDED * 2])
def test_events_outside_of_the_window_are_passed_over_where_many_are_alike(last):
    content = clean("\n".join(uniform(random.Random(1), *last)).encode())  # noqa: S311 - it has to be repeatable
    found = layout(content)
    skim = Skim(outside := Outside(WEEKS, Zones([], ZoneInfo("UTC"), "default", WEEKS), AS_OF))
    reader = Reader(found)
    read = 0
    for number, (body, line) in enumerate(found.events):
        if not skim.passes(text := body.decode(), number):
            skim.learn(reader.read(text, line), text)
            read += 1
    assert len(skim.passed) + read == 60
    assert len(skim.passed) > 20
    assert outside.ahead == set()


def feed(*lines: str) -> bytes:
    return "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""]).encode()


EVENT = ["BEGIN:VEVENT", "UID:a", "DTSTART:20260310T100000Z", "SUMMARY:A", "END:VEVENT"]


def blocks_of(laid_out: Layout) -> list[Block] | None:
    """All events of a feed; None where one of them is not only its own affair."""
    reader = Reader(laid_out)
    found = [reader.read(body.decode(), line) for body, line in laid_out.events]
    return None if reader.is_lost else found


def test_a_clean_event_is_not_read_until_something_is_asked_of_it():
    found = blocks_of(layout(feed(*EVENT, *EVENT)))
    assert [(block.line, block.shape is None, block.read) for block in found] == [
        (3, False, None),
        (8, False, None),
    ]
    assert found[1].component().first("SUMMARY").value == "A"


def test_an_event_that_is_not_clean_is_read_by_the_reference_and_its_sentences_name_the_feeds_lines():
    found = blocks_of(layout(feed(*EVENT, *EVENT[:3], "SEQUENCE:", *EVENT[3:])))
    assert [block.shape is None for block in found] == [False, True]
    assert found[1].component().repairs == ["line 11 has an empty SEQUENCE, read as none"]


@pytest.mark.parametrize(
    "content",
    [
        feed(*EVENT) * 2,
        feed("BEGIN:VEVENT", *EVENT),
        feed(*EVENT, " folded on"),
        feed(*EVENT, "SUMMARY:behind"),
        feed(*EVENT).replace(b"SUMMARY:A", b"SUMMARY:A\n BEGIN:VEVENT"),
        feed(*EVENT).replace(b"SUMMARY:A", b"begin:vcalendar"),
        feed("DTSTART:20260310T100000Z", *EVENT),
    ],
)
def test_a_feed_in_which_dirt_may_reach_over_the_ends_of_events_is_read_as_a_whole(content):
    laid_out = layout(content)
    assert laid_out is None or blocks_of(laid_out) is None
    same_either_way(content, WEEKS)
