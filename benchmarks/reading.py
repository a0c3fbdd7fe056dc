"""From the bytes of a feed to rows for COPY, piece by piece, beside what others take to parse and expand alone."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from benchmarks import feeds
from calimport.icalendar_text import clean, meaning_hash, received
from calimport.normalizing import Meaning, normalize
from calimport.rfc5545.content_lines import read
from calimport.rfc5545.series import expand
from calimport.sources.base import ParseContext
from calimport.sources.ics import feed_timezone
from calimport.sources.ics_changes import changes
from calimport.sources.ics_reading import components_by_uid, typed
from calimport.steps.changed import as_stored
from calimport.steps.mirrors import compressed, decompressed
from calimport.windows import Window

PEERS = Path(__file__).parent / "peers"


class Measured(NamedTuple):
    """Seconds from bytes to lines for COPY, and what came of it."""

    seconds: float
    events: int
    rows: int
    by_reference: int


def ours(content: bytes, window: Window, *, times: int = 5, blocks: bool = True) -> Measured:
    """Bytes as they were fetched to lines for COPY: all that extract and normalize do to them."""
    return best(lambda: _to_lines(content, window, blocks), times)


def changed_alone(before: bytes, after: bytes, window: Window, *, times: int = 5) -> float:
    """Bytes to lines where only some events differ from a version that is stored: extract's part, and normalize's.

    That the events of the version before stand apart is known, as it is after each import; and whether the producer
    rewrites stamps, as it is after one that found such a change: where none are, what a feed means is its bytes, whose
    hash :func:`stored_and_loaded` has.
    """
    kept = received(before)
    stored = compressed(kept)
    seen = changes(kept, received(after), apart=True)
    stamps_stay = seen is not None and seen.stamps_stay

    def once() -> None:
        content = received(after)
        if not stamps_stay:
            meaning_hash(content)
        known = context(content, window)
        found = changes(decompressed(stored), content, apart=True)
        if found is None or as_stored(found.uids) is None:
            raise RuntimeError("all of the feed would be read")
        for feed in (found.before, found.after):
            normalize(feed, kind="ics", context=known, meaning=Meaning())

    return min(timed(once) for _ in range(times))


def stored_and_loaded(content: bytes, *, times: int = 5) -> float:
    """Seconds for what is done to a feed besides, so that it can be read again: its hash, compressed, decompressed."""
    kept = received(content)

    def once() -> None:
        sha256(kept)
        decompressed(compressed(kept))

    return min(timed(once) for _ in range(times))


def parsing_and_expanding(content: bytes, window: Window) -> tuple[float, float]:
    """Seconds of the engine's two parts line by line, without any short cut: parsing, and expanding."""
    cleaned = clean(content)
    known = context(cleaned, window)
    began = time.process_time()
    calendars = read(cleaned.decode())
    groups = [(uid, typed(members, uid)) for uid, members in components_by_uid(calendars, known).near]
    parsed = time.process_time()
    for _, events in groups:
        expand(events, window=window, zone=ZoneInfo(known.timezone), limit=known.max_occurrences)
    return parsed - began, time.process_time() - parsed


def peer(name: str, content: bytes, window: Window, *, python: str = sys.executable, times: int = 3) -> dict[str, Any]:
    """What ``peers/NAME_peer.py`` takes for the same bytes and window; ``{"error": …}`` where it refuses them."""
    with tempfile.NamedTemporaryFile(suffix=".ics") as file:
        file.write(content)
        file.flush()
        arguments = [file.name, window.start.isoformat(), window.end.isoformat(), str(times)]
        command = [python, str(PEERS / f"{name}_peer.py"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["?"])[-1][:60]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def best(work: Callable[[], Measured], times: int) -> Measured:
    return min((work() for _ in range(times)), key=lambda found: found.seconds)


def context(content: bytes, window: Window) -> ParseContext:
    zone = feed_timezone(content)
    return ParseContext(window, feeds.AS_OF, zone or "UTC", "calendar" if zone else "default", 1_000_000)


def _to_lines(content: bytes, window: Window, blocks: bool) -> Measured:
    began = time.process_time()
    kept = received(content)
    meaning_hash(kept)
    known = replace(context(kept, window), blocks=blocks)
    found = normalize(kept, kind="ics", context=known, meaning=Meaning())
    "".join(f"1\t{line}\n" for line in found.lines).encode()
    seconds = time.process_time() - began
    return Measured(seconds, found.parsed.components, len(found.lines), found.parsed.read_by_reference)
