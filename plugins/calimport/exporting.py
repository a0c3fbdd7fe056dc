"""Exports: what a calendar, a user's calendars or a place hold, as an iCalendar feed, JSON or CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, or_, select

from calimport import frame, windows
from calimport.errors import ConfigurationError
from calimport.store.owners import Owners, theirs
from calimport.store.refusals import FilterInvalid, StoreNotFound
from calimport.store.tables import calendars, places, shown, users

#: What can be exported → its table, and the column of ``shown`` that says that a row is of it.
SCOPES: Final = {
    "calendar": (calendars, shown.c.calendar_id),
    "user": (users, shown.c.user_id),
    "place": (places, shown.c.place_id),
}
#: Format → media type.
FORMATS: Final = {
    "ics": "text/calendar; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
}


@dataclass(frozen=True)
class Export:
    """The rows of one export: the columns of :data:`calimport.store.tables.shown`, by start and UID."""

    name: str
    #: The calendar's zone (IANA); of a user or a place None.
    timezone: str | None
    rows: Sequence[Mapping[str, Any]]
    #: When a row or the name last changed, where that is known: for a calendar.
    changed_at: datetime | None


def load(
    connection: Connection,
    scope: str,
    id: int,
    *,
    owners: Owners,
    start: str | None = None,
    end: str | None = None,
) -> Export:
    """What there is of a calendar, a user or a place; cancelled occurrences too, with that status.

    :param owners: whose occurrences.
    :param start: only what ends after this date (midnight in the calendar's zone, else UTC) or instant.
    :param end: only what starts before it.
    :raises StoreNotFound: there is no such calendar, user or place, or it is none of these owners'.
    :raises FilterInvalid: a bound is neither a date nor an instant.
    """
    table, column = SCOPES[scope]
    found = connection.execute(select(table).where(table.c.id == id)).mappings().first()
    if found is None or not _is_theirs(scope, found, owners):
        raise StoreNotFound(f"There is no {scope} {id}.")
    timezone = (found["timezone"] or found["feed_timezone"]) if scope == "calendar" else None
    wanted = select(shown).where(column == id, *theirs(owners)).order_by(shown.c.start_at, shown.c.uid, shown.c.id)
    zone = ZoneInfo(timezone or "UTC")
    if start is not None:
        begin = _instant(start, zone)
        wanted = wanted.where(or_(shown.c.end_at > begin, shown.c.start_at >= begin))
    if end is not None:
        wanted = wanted.where(shown.c.start_at < _instant(end, zone))
    changes = [found["changed_at"], found["configured_at"]] if scope == "calendar" else []
    return Export(
        name=found["name"],
        timezone=timezone,
        rows=connection.execute(wanted).mappings().all(),  # type: ignore[arg-type]  # a RowMapping is a Mapping[str, …]
        changed_at=max((one for one in changes if one is not None), default=None),
    )


def find(connection: Connection, scope: str, name: str) -> int:
    """The id of the calendar, user or place of this name.

    :raises StoreNotFound: there is none.
    """
    table, _ = SCOPES[scope]
    found = connection.execute(select(table.c.id).where(table.c.name == name)).scalar()
    if found is None:
        raise StoreNotFound(f"There is no {scope} named {name!r}.")
    return int(found)


def render(export: Export, form: str) -> bytes:
    """The export in one of :data:`FORMATS`. JSON and CSV have the occurrences as ``preview`` prints them."""
    if form == "ics":
        from calimport.icalendar_writing import write

        return write(export.rows, name=export.name, timezone=export.timezone)
    # Imported here: a preview can fetch, and what only answers requests for feeds need not.
    from calimport.previewing import in_order, to_json

    rows = in_order([{name: to_json(row[name]) for name in frame.NAMES} for row in export.rows])
    if form == "json":
        return json.dumps({"name": export.name, "occurrences": rows}, ensure_ascii=False).encode()
    from calimport.cli.printing import csv_text

    return csv_text(rows).encode()


def _is_theirs(scope: str, found: Mapping[Any, Any], owners: Owners) -> bool:
    """Whether it is for them to see; a place is nobody's, and only what takes place there may be."""
    return owners is None or scope == "place" or found["id" if scope == "user" else "user_id"] in owners


def _instant(given: str, zone: ZoneInfo) -> datetime:
    try:
        moment: date | datetime = windows.parse_moment(given)
        return windows.instant(moment, zone)
    except ConfigurationError as error:
        raise FilterInvalid(str(error)) from None
    except OverflowError:
        raise FilterInvalid(f"{given!r} lies outside of the years 1 to 9999.") from None
