"""Occurrences as text: a table for people, JSON Lines and CSV for programs.

Titles and places are written by strangers: they must not command the terminal that shows them, nor the spreadsheet
that opens them.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from calimport.frame import NAMES
from calimport.logs import printable
from calimport.sources.base import Notice

#: Line ends to Python and JavaScript, and yet nothing that JSON escapes: one line must stay one line.
_LINE_ENDS: Final = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
#: What a spreadsheet takes for the begin of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_MARKS: Final = {"confirmed": "", "tentative": "?", "cancelled": "x"}
_HEADINGS: Final = ("START", "END", "ZONE", "", "TITLE", "LOCATION")
_GAP: Final = 2
_LEAST_TITLE: Final = 16
_LEAST_LOCATION: Final = 8
#: Where the width is not known, as in a pipe.
_WIDTH: Final = 120


def json_line(value: Any) -> str:
    """``value`` as JSON, without any character that ends a line."""
    return json.dumps(value, ensure_ascii=False).translate(_LINE_ENDS)


def json_lines(occurrences: list[dict[str, Any]]) -> str:
    return "".join(f"{json_line(occurrence)}\n" for occurrence in occurrences)


def csv_text(occurrences: list[dict[str, Any]]) -> str:
    """A header and a line per occurrence; lists and objects are JSON, and no cell is a formula."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    names = ("start", "end", *NAMES)
    writer.writerow(names)
    writer.writerows([_cell(occurrence[name]) for name in names] for occurrence in occurrences)
    return written.getvalue()


def table(occurrences: list[dict[str, Any]], width: int | None = None) -> str:
    """Aligned lines as wide as the terminal at most; times as the clocks in the event's own zone show them."""
    width = width or shutil.get_terminal_size((_WIDTH, 24)).columns
    rows = [_HEADINGS, *(_row(occurrence) for occurrence in occurrences)]
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    room = width - sum(widths[:-2]) - _GAP * (len(widths) - 1)
    widths[-1] = min(widths[-1], max(_LEAST_LOCATION, room // 3, room - widths[-2]))
    widths[-2] = min(widths[-2], max(_LEAST_TITLE, room - widths[-1]))
    return "".join(f"{_line(row, widths)}\n" for row in rows)


def notice_line(notice: Notice) -> str:
    return printable(f"{notice.code}: {notice.message}" + (f" [{notice.subject}]" if notice.subject else ""))


def when(row: Mapping[str, Any]) -> str:
    """When a row of ``events`` is, in a line of a list: a date, or the instant in UTC."""
    return f"{row['start_date']}       " if row["all_day"] else f"{row['start_at']:%Y-%m-%d %H:%MZ}"


def changes(rows: Iterable[Mapping[str, Any]], total: int) -> None:
    """A line for each change of a plan, and how many more there are."""
    printed = 0
    for row in rows:
        mark = "!" if row["held"] else {"insert": "+", "update": "~", "delete": "-"}[row["action"]]
        columns = f"  ({', '.join(row['changed_columns'])})" if row["changed_columns"] else ""
        click.echo(f"  {mark} {when(row)}  {printable(row['summary'] or 'untitled')}{columns}")
        printed += 1
    if total > printed:
        click.echo(f"  … and {total - printed} more")


def display_width(text: str) -> int:
    """The columns that ``text`` takes in a terminal: Chinese takes two a character, a combining accent none."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    # A bare carriage return begins a row to some programs, and Python's writer does not put it in quotes.
    return (f"'{value}" if value.startswith(_FORMULA) else value).replace("\r", "\n")


def _row(occurrence: dict[str, Any]) -> tuple[str, ...]:
    texts = (*_when(occurrence), _MARKS[occurrence["status"]], occurrence["summary"], occurrence["location"])
    return tuple(printable(text or "") for text in texts)


def _when(occurrence: dict[str, Any]) -> tuple[str, str, str]:
    """Start, end and zone. An all-day event shows its last day, which is the one before its exclusive end."""
    if occurrence["all_day"]:
        last = (date.fromisoformat(occurrence["end"]) - timedelta(days=1)).isoformat()
        return occurrence["start"], "all day" if last == occurrence["start"] else last, occurrence["timezone"] or ""
    zone = ZoneInfo(occurrence["timezone"] or "UTC")
    start, end = (datetime.fromisoformat(occurrence[name]).astimezone(zone) for name in ("start", "end"))
    shown_end = end.strftime("%H:%M") if end.date() == start.date() else end.strftime("%Y-%m-%d %H:%M")
    return start.strftime("%Y-%m-%d %H:%M"), shown_end, zone.key


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [_fitted(text, width) for text, width in zip(row, widths, strict=True)]
    return (" " * _GAP).join(cells).rstrip()


def _fitted(text: str, width: int) -> str:
    """``text`` in exactly ``width`` columns, with an ellipsis where it is cut."""
    taken = display_width(text)
    if taken <= width:
        return text + " " * (width - taken)
    kept, taken = "", 0
    for character in text:
        if taken + _columns(character) > width - 1:
            break
        kept, taken = kept + character, taken + _columns(character)
    return f"{kept}…" + " " * (width - 1 - taken)
