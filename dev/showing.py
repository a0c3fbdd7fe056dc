"""What `make run` prints of the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from calimport.database import Connection


def newest_run(connection: Connection) -> int:
    """The id of the newest row of ``runs``; 0: none."""
    row = connection.execute("select coalesce(max(id), 0) as id from calimport.runs").fetchone()
    return row["id"] if row else 0


def enabled(connection: Connection) -> list[str]:
    """The names of the calendars that are not paused."""
    rows = connection.execute("select name from calimport.calendars where enabled order by id").fetchall()
    return [row["name"] for row in rows]


def calendars(connection: Connection, *, after_run: int) -> str:
    """One line a calendar, with what the rows of ``runs`` after ``after_run`` did to it."""
    rows = connection.execute(
        """
        select
            calendars.name,
            coalesce(calendars.kind_used, calendars.kind) as kind,
            calendars.state,
            (select count(*) from calimport.events where events.calendar_id = calendars.id) as occurrences,
            runs.outcome,
            runs.inserted,
            runs.updated,
            runs.deleted
        from calimport.calendars
        left join calimport.runs on runs.calendar_id = calendars.id and runs.id > %s
        order by calendars.id, runs.id
        """,
        [after_run],
    ).fetchall()
    header = ["Calendar", "Kind", "State", "Occurrences", "Outcome", "Inserted", "Updated", "Deleted"]
    counts = ["inserted", "updated", "deleted"]
    return _table(
        header,
        [
            [row["name"], row["kind"], row["state"], row["occurrences"], row["outcome"] or "not run"]
            # An unchanged calendar has no plan, and so no counts.
            + [row[count] or 0 if row["outcome"] else "" for count in counts]
            for row in rows
        ],
    )


def changes(connection: Connection, *, after_run: int) -> tuple[int, int]:
    """How many calendars those rows of ``runs`` imported without failing, and how many occurrences they changed."""
    row = connection.execute(
        """
        select
            count(*) filter (where outcome in ('imported', 'unchanged')) as calendars,
            coalesce(sum(inserted + updated + deleted), 0) as changes
        from calimport.runs
        where id > %s
        """,
        [after_run],
    ).fetchone()
    return (row["calendars"], row["changes"]) if row else (0, 0)


def sentences(connection: Connection) -> list[str]:
    """What the calendars' owners would be told: errors and notices."""
    return [
        f"{row['name']}: {row['message']}"
        for row in connection.execute(
            """
            select name, error_message as message, id as calendar_id, 0 as position
            from calimport.calendars
            where error_message is not null
            union all
            select calendars.name, notices.message, calendars.id, notices.id
            from calimport.notices
            inner join calimport.calendars on notices.calendar_id = calendars.id
            order by calendar_id, position
            """
        )
    ]


def upcoming(connection: Connection, *, now: datetime, limit: int = 16) -> str:
    """What comes next, a series once, each at the clock of its own zone."""
    rows = connection.execute(
        """
        with next_of_each as (
            select distinct on (events.calendar_id, events.uid) events.*
            from calimport.events
            where events.start_at >= %s
            order by events.calendar_id, events.uid, events.start_at
        )
        select next_of_each.*, calendars.name as calendar
        from next_of_each
        inner join calimport.calendars on next_of_each.calendar_id = calendars.id
        order by next_of_each.start_at, calendars.id
        limit %s
        """,
        [now, limit],
    ).fetchall()
    return _table(
        ["When", "What", "Where", "Calendar"],
        [
            [
                _when(row),
                (row["summary"] or "(untitled)") + ("" if row["status"] == "confirmed" else f" ({row['status']})"),
                row["online_url"] or row["address"] or "",
                row["calendar"],
            ]
            for row in rows
        ],
    )


def _when(row: dict[str, Any]) -> str:
    if row["all_day"]:
        last = row["end_date"] - timedelta(days=1)
        until = f" to {last:%a %d %b}" if last > row["start_date"] else ""
        return f"{row['start_date']:%a %d %b}{until}"
    zone = ZoneInfo(row["timezone"]) if row["timezone"] else UTC
    start, end = row["start_at"].astimezone(zone), row["end_at"].astimezone(zone)
    return f"{start:%a %d %b %H:%M}" + (f" to {end:%H:%M %Z}" if end > start else f" {start:%Z}")


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, widest: int = 36) -> str:
    cells = [list(header)] + [[_short(str(value), widest) for value in row] for row in rows]
    numbers = [len(cells) > 1 and all(_is_number(value) for value in column[1:]) for column in zip(*cells, strict=True)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            value.rjust(width) if number else value.ljust(width)
            for value, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _is_number(text: str) -> bool:
    return text == "" or text.isdecimal()


def _short(text: str, widest: int) -> str:
    return text if len(text) <= widest else f"{text[: widest - 1]}…"
