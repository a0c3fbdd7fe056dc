"""``python -m benchmarks``: measure and print the tables; with --write, into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import curves, database, feeds, reading

PAGE = feeds.ROOT / "docs" / "performance.md"
PLOT = feeds.ROOT / "docs" / "performance.svg"
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
    yield from pieces(options)
    yield from tables(options)
    yield from growth(options)


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
            others = [
                _ratio(reading.peer(one, content, window, python=options.peers), mine.seconds) for one in _READERS
            ]
            yield (
                f"| {name} | {of_window} | {mine.events} | {mine.rows} | {1e3 * mine.seconds:.1f} |"
                f" {mine.events / mine.seconds:,.0f} | {others[0]} | {others[1]} | {mine.by_reference} |"
            )
    yield ""


_READERS = ("icalendar", "ical")


def next_import(options: argparse.Namespace) -> Iterator[str]:
    number = 1000 if options.quick else 10_000
    yield "### Next import: feeds of which 3 events changed"
    yield ""
    yield "| feed | what the producer rewrites besides | window | events | ms | × icalendar |"
    yield "|---|---|---|---:|---:|---:|"
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
    for name, what, one, other in versions:
        events = other.count(b"BEGIN:VEVENT")
        for of_window, window in (("2 weeks", feeds.WEEKS), ("20 years", feeds.YEARS)):
            seconds = reading.changed_alone(one, other, window)
            ratio = _ratio(reading.peer("icalendar", other, window, python=options.peers, times=1), seconds)
            yield f"| {name} | {what} | {of_window} | {events} | {1e3 * seconds:.1f} | {ratio} |"
    yield ""


def pieces(options: argparse.Namespace) -> Iterator[str]:
    yield "### Pieces, of the 2,000 mixed events over 20 years"
    yield ""
    content = feeds.mixed(2000)
    parsed, expanded = reading.parsing_and_expanding(content, feeds.YEARS)
    slow = reading.ours(content, feeds.YEARS, times=3, blocks=False).seconds
    fast = reading.ours(content, feeds.YEARS, times=3).seconds
    yield "| piece | ms |"
    yield "|---|---:|"
    yield f"| parse, line by line | {1e3 * parsed:.1f} |"
    yield f"| expand | {1e3 * expanded:.1f} |"
    yield f"| bytes to rows, line by line | {1e3 * slow:.1f} |"
    yield f"| bytes to rows, block by block | {1e3 * fast:.1f} |"
    yield ""


def tables(options: argparse.Namespace) -> Iterator[str]:
    known = 20_000 if options.quick else options.rows
    each = known // 10
    yield f"### PostgreSQL: {each:,} staged rows against {known:,}, of which 2% differ"
    yield ""
    yield "| step | seconds | × bare COPY |"
    yield "|---|---:|---:|"
    with database.server() as (address, connection):
        calendar_id = database.fill(connection, known, each)
        lines = database.lines_of(connection, calendar_id)
        seconds = database.measure(connection, calendar_id, lines)
        for name in ("copy", "stage", "diff", "apply"):
            yield f"| {name} | {seconds[name]:.3f} | {seconds[name] / seconds['copy']:.2f} |"
        both = seconds["diff"] + seconds["apply"]
        yield f"| diff and apply | {both:.3f} | {both / seconds['copy']:.2f} |"
        yield ""
        rows = database.sample(500 if options.quick else 5000)
        one_by_one = database.row_by_row(connection, rows)
        merged = database.dlt(options.peers, address, rows)
        mine = (seconds["stage"] + both) / len(lines)
        yield "| rows/s of a feed of which one per cent changed | |"
        yield "|---|---:|"
        yield f"| stage, diff and apply | {1 / mine:,.0f} |"
        yield f"| row by row, as the original container | {len(rows) / one_by_one:,.0f} |"
        by_dlt = f"{len(rows) / merged['seconds']:,.0f}" if "seconds" in merged else merged["error"]
        yield f"| dlt merge | {by_dlt} |"
    yield ""


def growth(options: argparse.Namespace) -> Iterator[str]:
    sizes = (10_000, 20_000) if options.quick else (50_000, 200_000, 800_000)
    found = curves.of_reading()
    found["stored rows"] = curves.of_stored_rows(sizes, 10_000)
    yield "### Growth"
    yield ""
    yield "| what grows | ms by size |"
    yield "|---|---|"
    for name, curve in found.items():
        yield f"| {name} | {', '.join(f'{x:,.0f}: {y:,.1f}' for x, y in curve)} |"
    yield ""
    if options.write:
        PLOT.write_text(curves.svg(found), encoding="utf-8")


def _ratio(other: dict[str, object], seconds: float) -> str:
    taken = other.get("seconds")
    return f"{taken / seconds:.1f}" if isinstance(taken, float) else f"({other.get('error')})"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


main()
