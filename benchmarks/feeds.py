"""What is measured on: feeds made here, and those from the wild where their folder is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from calimport.windows import Window

ROOT = Path(__file__).parents[1]
WILD = ROOT.parent / "shared" / "feeds"
AS_OF = datetime(2026, 3, 10, 12, tzinfo=UTC)
#: The window of a calendar by default, seven days to either side, and one that holds all events of a feed.
WEEKS = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 18, tzinfo=UTC))
YEARS = Window(datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))


def plain(events: int, changed: frozenset[int] = frozenset(), stamp: str = "20260301T000000Z") -> bytes:
    """Timed events as Google exports them, over a year around the run; the titles of some changed."""
    return _feed(_plain(number, number in changed, stamp) for number in range(events))


def series(events: int, *, since: int = 2025) -> bytes:
    """Weekly and monthly series without an end, begun in a year."""
    rules = ("FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=MONTHLY;BYDAY=2TU", "FREQ=DAILY;INTERVAL=3", "FREQ=YEARLY")
    return _feed(
        f"UID:series-{number}@example.org\nDTSTAMP:20260301T000000Z\n"
        f"DTSTART;TZID=Europe/London:{since}{1 + number % 12:02}{1 + number % 28:02}T{8 + number % 10:02}0000\n"
        f"DURATION:PT1H\nRRULE:{rules[number % 4]}\nSUMMARY:Series {number}"
        for number in range(events)
    )


def mixed(events: int) -> bytes:
    """As offices export them: one in eight a series, one in twenty an instance of its own, some with attendees."""
    return _feed(_mixed(number) for number in range(events))


def wild() -> dict[str, bytes]:
    """Feeds from the wild by name, the large ones first; none where the folder is not there."""
    paths = sorted(WILD.glob("*.ics"), key=lambda path: -path.stat().st_size)
    return {path.stem: path.read_bytes() for path in paths}


def edited(content: bytes) -> bytes:
    """A feed after somebody has changed the titles of three of its events."""
    ends = [found.end() for found in re.finditer(rb"\nSUMMARY[:;][^\r\n]*", content)]
    for at in (ends[-2], ends[len(ends) // 2], ends[len(ends) // 5]):
        content = content[:at] + b" changed" + content[at:]
    return content


def _feed(events: Iterable[str]) -> bytes:
    lines = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    head = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//benchmarks//EN\nX-WR-TIMEZONE:Europe/London"
    return f"{head}\n{lines}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def _plain(number: int, changed: bool, stamp: str) -> str:
    month, day, hour = 1 + number % 12, 1 + number // 12 % 28, 8 + number % 12
    year = 2025 if month > 9 else 2026
    return (
        f"DTSTART;TZID=Europe/London:{year}{month:02}{day:02}T{hour:02}0000\n"
        f"DTEND;TZID=Europe/London:{year}{month:02}{day:02}T{hour:02}4500\n"
        f"DTSTAMP:{stamp}\nUID:{number:08x}4k2j5n@google.com\nCREATED:20250101T000000Z\n"
        f"DESCRIPTION:What is said of event {number}\\, in some words\\, with a link to \n"
        f" https://example.org/events/{number} and a second line.\\nIt goes on for a whil\n e.\n"
        f"LAST-MODIFIED:20250101T000000Z\nLOCATION:Room {number % 40}\\, Town Hall\\, Manchester M2 5DB\n"
        f"SEQUENCE:0\nSTATUS:CONFIRMED\nSUMMARY:{'Changed' if changed else 'Event'} {number}\nTRANSP:OPAQUE"
    )


def _mixed(number: int) -> str:
    text = _plain(number, False, "20260301T000000Z")
    if number % 8 == 0:
        text += "\nRRULE:FREQ=WEEKLY;COUNT=20"
    elif number % 20 == 1 and number % 8 == 1:
        text = text.replace(f"{number:08x}", f"{number - 1:08x}") + "\nRECURRENCE-ID:20260310T100000Z"
    if number % 3 == 0:
        text += (
            "\nORGANIZER;CN=Ann Example:mailto:ann@example.org"
            f"\nATTENDEE;CN=Bo {number % 9};PARTSTAT=ACCEPTED:mailto:bo{number % 9}@example.org"
            "\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nDESCRIPTION:Soon\nEND:VALARM"
        )
    return text
