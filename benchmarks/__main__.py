"""``python -m benchmarks``: measure and print the tables; with --write, into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks import calendars, curves, database, feeds, reading, through_steps
from calimport.windows import Window

PAGE = feeds.ROOT / "docs" / "performance.md"
PLOT = feeds.ROOT / "docs" / "performance.svg"
READERS = ("icalendar", "ical")
#: Ratios are taken so often, to show how well they repeat.
ROUNDS = 3
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--peers", default=sys.executable, help="the Python that has the peers installed")
    parser.add_argument("--rows", type=int, default=2_000_000, help="in the table, a tenth of which is compared")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md and docs/performance.svg")
    options = parser.parse_args()
    found = []
    for line in report(options):
        print(line, flush=True)
        found.append(line)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{chr(10).join(found)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def report(options: argparse.Namespace) -> Iterator[str]:
    """The lines of the measured part of docs/performance.md."""
    yield f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, {platform.system()}."
    yield ""
    yield from first_import(options)
    yield from next_import(options)
    yield from steps(options)
    yield from pieces(options)
    yield from tables(options)
    found: dict[str, curves.Curve] = {}
    yield from whole_cycle(options, found)
    yield from growth(options, found)


def first_import(options: argparse.Namespace) -> Iterator[str]:
    some = 1000 if options.quick else 10_000
    made = {f"{some} events, as Google": feeds.plain(some), "2,000 events, mixed": feeds.mixed(2000)}
    yield "### First import: bytes to rows for COPY, beside parsing and expanding alone"
    yield ""
    yield "| feed | window | events | rows | ms | events/s | × icalendar | × ical | line by line |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    wild = dict(list(feeds.wild().items())[: 2 if options.quick else 12])
    for name, content in (made | wild).items():
        for of_window, window in (("2 weeks", feeds.WEEKS), ("20 years", feeds.YEARS)):
            mine = reading.ours(content, window)
            found = _beside(partial(_seconds, content, window), content, window, options)
            best = min(found.own)
            yield (
                f"| {name} | {of_window} | {mine.events} | {mine.rows} | {1e3 * best:.1f} |"
                f" {mine.events / best:,.0f} | {_ratios(found)} | {mine.by_reference} |"
            )
    yield ""


def next_import(options: argparse.Namespace) -> Iterator[str]:
    number = 1000 if options.quick else 10_000
    yield "### Next import: feeds of which 3 events changed"
    yield ""
    yield "| feed | what the producer rewrites besides | window | events | ms | × icalendar | × ical | stored, ms |"
    yield "|---|---|---|---:|---:|---:|---:|---:|"
    before, changed = feeds.plain(number), frozenset({3, number // 2, number - 9})
    versions = [
        (f"{number} events, as Google", "nothing", before, feeds.plain(number, changed)),
        (
            f"{number} events, as Google",
            "DTSTAMP of all events",
            before,
            feeds.plain(number, changed, "20260310T000000Z"),
        ),
    ]
    wild = list(feeds.wild().items())[: 2 if options.quick else 12]
    versions += [(name, "nothing", content, feeds.edited(content)) for name, content in wild]
    of_wild: dict[str, list[Beside]] = {"2 weeks": [], "20 years": []}
    for name, what, one, other in versions:
        events = other.count(b"BEGIN:VEVENT")
        stored = 1e3 * reading.stored_and_loaded(other)
        for of_window, window in (("2 weeks", feeds.WEEKS), ("20 years", feeds.YEARS)):
            found = _beside(partial(_seconds_changed, one, other, window), other, window, options)
            yield (
                f"| {name} | {what} | {of_window} | {events} | {1e3 * min(found.own):.1f} | {_ratios(found)} |"
                f" {stored:.1f} |"
            )
            if (name, one) in wild:
                of_wild[of_window].append(found)
    for of_window, several in of_wild.items():
        together = " | ".join(_together(several, name) for name in READERS)
        own = 1e3 * sum(min(one.own) for one in several)
        yield f"| all {len(several)} from the wild | nothing | {of_window} | | {own:.1f} | {together} | |"
    yield ""


def steps(options: argparse.Namespace) -> Iterator[str]:
    wild = dict(list(feeds.wild().items())[: 2 if options.quick else 12])
    if not wild:
        return
    yield f"### Through the steps: {len(wild)} feeds from the wild, to staged rows in PostgreSQL"
    yield ""
    yield "CPU of our process, for storing and every statement too, beside parsing and expanding alone."
    yield ""
    yield "| import | window | `extract`, ms | `normalize`, ms | × icalendar, `normalize` alone | both |"
    yield "|---|---|---:|---:|---:|---:|"
    for of_window, days in (("2 weeks", 7), ("20 years", 3650)):
        window = through_steps.window(days)
        others: list[float] = []
        found: dict[str, list[through_steps.Steps]] = {"first": [], "next, 3 events of each changed": []}
        for _ in range(1 if options.quick else ROUNDS):
            peers = [
                reading.peer("icalendar", content, window, python=options.peers, times=_times(content))
                for content in wild.values()
            ]
            others.append(sum(one["seconds"] for one in peers))
            for several, one in zip(found.values(), through_steps.imports(wild, feeds.edited, days), strict=True):
                several.append(one)
        for name, several in found.items():
            best = min(several, key=sum)
            alone = _spread(others, [one.normalize for one in several])
            both = _spread(others, list(map(sum, several)))
            yield (
                f"| {name} | {of_window} | {1e3 * best.extract:.1f} | {1e3 * best.normalize:.1f} | {alone} | {both} |"
            )
    yield ""


def pieces(options: argparse.Namespace) -> Iterator[str]:
    yield "### Pieces, of the 2,000 mixed events over 20 years"
    yield ""
    content, window = feeds.mixed(2000), feeds.YEARS
    parsed, expanded = (1e3 * one for one in reading.parsing_and_expanding(content, window))
    slow = 1e3 * reading.ours(content, window, times=3, blocks=False).seconds
    fast = 1e3 * reading.ours(content, window, times=3).seconds
    others = [reading.peer(name, content, window, python=options.peers) for name in READERS]
    parse = " | ".join(_ms(one, "parse") for one in others)
    expand = " | ".join(_ms(one, "expand") for one in others)
    whole = " | ".join(_ms(one, "seconds") for one in others)
    yield "| piece | ms | icalendar and recurring-ical-events, ms | ical, ms |"
    yield "|---|---:|---:|---:|"
    yield f"| parse, line by line | {parsed:.1f} | {parse} |"
    yield f"| expand | {expanded:.1f} | {expand} |"
    yield f"| bytes to rows, line by line | {slow:.1f} | {whole} |"
    yield f"| bytes to rows, block by block | {fast:.1f} | {whole} |"
    yield ""


def tables(options: argparse.Namespace) -> Iterator[str]:
    known = 20_000 if options.quick else options.rows
    each = known // 10
    yield f"### PostgreSQL: {each:,} staged rows against {known:,}, of which 2% differ"
    yield ""
    yield "Each three times, with other calendars; seconds of the best, and log (WAL) and updates in place (HOT) of it."
    yield ""
    yield "| staged | copy | stage | diff | apply | diff and apply × COPY | MB logged, each step | HOT |"
    yield "|---|---:|---:|---:|---:|---|---|---:|"
    best = []
    for rows in (each, 100):
        with database.server() as (_, connection):
            ids = database.fill(connection, known, rows)
            many = each // rows
            found = [database.measure(connection, ids[n * many : (n + 1) * many]) for n in range(3)]
            one = min(found, key=lambda measured: measured.ratio)
            best.append(one)
            seconds = " | ".join(f"{one.seconds[name]:.3f}" for name in _STEPS)
            ratios = ", ".join(f"{measured.ratio:.2f}" for measured in found)
            logged = ", ".join(f"{one.logged[name] / 1e6:.1f}" for name in _STEPS)
            yield f"| {many:,} × {rows:,} | {seconds} | {ratios} | {logged} | {one.in_place:.0%} |"
    yield ""
    with database.server() as (address, connection):
        (calendar_id,) = database.fill(connection, 20_000, 20_000)
        sizes = database.staging_sizes(connection, calendar_id, cycles=10 if options.quick else 50)
        first, most, last = (f"{size / 1e6:.0f} MB" for size in (sizes[0], max(sizes), sizes[-1]))
        yield f"Staging and clearing 20,000 rows {len(sizes)} times on end, while autovacuum looks every second: the"
        yield f"table had {first} after the first time, {most} at most, {last} after the last."
        yield ""
        rows_of_feed = database.sample(500 if options.quick else 5000)
        one_by_one = database.row_by_row(connection, rows_of_feed)
        merged = database.dlt(options.peers, address, rows_of_feed)
    mine = sum(best[0].seconds[name] for name in _STEPS[1:]) / best[0].rows
    yield "| rows/s of a feed of which one per cent changed | |"
    yield "|---|---:|"
    yield f"| stage, diff and apply | {1 / mine:,.0f} |"
    yield f"| row by row, as the original container | {len(rows_of_feed) / one_by_one:,.0f} |"
    by_dlt = f"{len(rows_of_feed) / merged['seconds']:,.0f}" if "seconds" in merged else merged["error"]
    yield f"| dlt merge | {by_dlt} |"
    yield ""


_STEPS = ("copy", "stage", "diff", "apply")


def whole_cycle(options: argparse.Namespace, found: dict[str, curves.Curve]) -> Iterator[str]:
    """The whole cycle by the number of calendars; into `found` go its curves."""
    sizes = (20, 60) if options.quick else (100, 1000, 10_000)
    yield "### The whole cycle: fetch to committed rows, calendars of 5 events, without a scheduler, in one process"
    yield ""
    yield "| calendars | from nothing, s | all unchanged, s | one in 100 changed, s | rows one by one, s | × |"
    yield "|---:|---:|---:|---:|---:|---:|"
    done = []
    for one in calendars.cycles(sizes):
        done.append(one)
        peer = f"{one.peer:.1f} | {one.peer / one.changed:.1f}" if one.peer is not None else "not measured | "
        yield f"| {one.calendars:,} | {one.nothing:.1f} | {one.unchanged:.1f} | {one.changed:.1f} | {peer} |"
    yield ""
    found["calendars, from nothing"] = [(one.calendars, 1e3 * one.nothing) for one in done]
    found["calendars, one in 100 changed"] = [(one.calendars, 1e3 * one.changed) for one in done]


def growth(options: argparse.Namespace, found: dict[str, curves.Curve]) -> Iterator[str]:
    sizes = (10_000, 20_000) if options.quick else (50_000, 200_000, 800_000)
    found |= curves.of_reading()
    found["stored rows, of which 10,000 are compared"] = curves.of_stored_rows(sizes, 10_000)
    yield "### Growth"
    yield ""
    yield "| what grows | ms by size | times the size | times the cost |"
    yield "|---|---|---:|---:|"
    for name, curve in found.items():
        (size, cost), (most, highest) = curve[0], curve[-1]
        by_size = ", ".join(f"{x:,.0f}: {y:,.1f}" for x, y in curve)
        yield f"| {name} | {by_size} | {most / size:.0f} | {highest / cost:.1f} |"
    yield ""
    if options.write:
        PLOT.write_text(curves.svg(found), encoding="utf-8")


class Beside(NamedTuple):
    """Seconds of each round: ours, and by peer its own, or why it does not read the feed."""

    own: list[float]
    others: dict[str, list[float]]
    errors: dict[str, str]


def _times(content: bytes) -> int:
    """How often each measures in a round, of which the best counts."""
    return 2 if len(content) > 1_000_000 else 5


def _seconds(content: bytes, window: Window) -> float:
    return reading.ours(content, window, times=_times(content)).seconds


def _seconds_changed(before: bytes, after: bytes, window: Window) -> float:
    return reading.changed_alone(before, after, window, times=_times(after))


def _beside(mine: Callable[[], float], content: bytes, window: Window, options: argparse.Namespace) -> Beside:
    found = Beside([], {name: [] for name in READERS}, {})
    for _ in range(1 if options.quick else ROUNDS):
        found.own.append(mine())
        for name in READERS:
            if name not in found.errors:
                other = reading.peer(name, content, window, python=options.peers, times=_times(content))
                if "error" in other:
                    found.errors[name] = _refused(other)
                else:
                    found.others[name].append(other["seconds"])
    return found


def _ratios(found: Beside) -> str:
    """How many times ours each peer takes."""
    return " | ".join(found.errors.get(name) or _spread(found.others[name], found.own) for name in READERS)


def _together(several: list[Beside], name: str) -> str:
    """The same for all feeds that the peer reads."""
    read = [one for one in several if name not in one.errors]
    others = [sum(seconds) for seconds in zip(*(one.others[name] for one in read), strict=True)]
    return _spread(others, [sum(seconds) for seconds in zip(*(one.own for one in read), strict=True)])


def _spread(others: list[float], own: list[float]) -> str:
    ratios = [other / mine for other, mine in zip(others, own, strict=True)]
    middle = f"{median(ratios):.1f}"
    return middle if len(ratios) == 1 else f"{middle} ({min(ratios):.1f}–{max(ratios):.1f})"


def _refused(other: dict[str, Any]) -> str:
    """The exception's class."""
    return f"({other['error'].partition(':')[0].rpartition('.')[2]})"


def _ms(other: dict[str, Any], piece: str) -> str:
    if "error" in other:
        return _refused(other)
    seconds = other["seconds"] - other["parse"] if piece == "expand" else other[piece]
    return f"{1e3 * seconds:.1f}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


main()
