"""Occurrences as an iCalendar feed (RFC 5545), written with the library ``icalendar``.

Each occurrence is a VEVENT of its own. An instance of a series keeps the series' UID and has its RECURRENCE-ID; there
is no rule, since what is stored is what the rule gave. Times lie in the event's own zone, whose VTIMEZONE is written,
so that a client shows what the owner wrote. People are left out: a client would take the feed for an invitation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar import Alarm, Calendar, Event, vDDDTypes, vText, vUri

from calimport import __version__, text
from calimport.vtimezone_writing import vtimezone

#: Where a row says nothing of its own age. DTSTAMP is required, and the clock's time would change every answer.
_NO_STAMP: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Markdown's escapes, which a client that knows no Markdown would show.
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
#: What no escape makes fit for a value that is no TEXT (RFC 5545, 3.3.13).
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_CLASSES: Final = {"public": "PUBLIC", "private": "PRIVATE", "confidential": "CONFIDENTIAL"}


def write(rows: Iterable[Mapping[str, Any]], *, name: str, timezone: str | None) -> bytes:
    """A feed of these rows (the frame's columns and ``calendar_id``), in their order.

    :param timezone: the calendar's own zone (IANA); None: it has none.
    """
    calendar = Calendar()
    calendar.add("prodid", f"-//calimport//calimport {__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", name)
    calendar.add("name", name)
    if timezone:
        calendar.add("x-wr-timezone", timezone)
    spans: dict[str, tuple[datetime, datetime]] = {}
    uids: dict[tuple[str, str | None], int] = {}
    html = cache(text.html)
    for row in rows:
        # Two calendars may hold the same event: in one feed each needs an identity of its own.
        first = uids.setdefault((row["uid"], row["recurrence_id"]), row["calendar_id"])
        uid = row["uid"] if first == row["calendar_id"] else f"{row['uid']}-{row['calendar_id']}"
        calendar.add_component(_event(row, uid, html))
        if not row["all_day"] and _zone(row["timezone"]):
            first, last = spans.get(row["timezone"], (row["start_at"], row["end_at"]))
            spans[row["timezone"]] = (min(first, row["start_at"]), max(last, row["end_at"]))
    # Before the events: not every reader looks for them behind.
    calendar.subcomponents[:0] = [vtimezone(name, *span) for name, span in sorted(spans.items())]
    written: bytes = calendar.to_ical()
    return written


def _event(row: Mapping[str, Any], uid: str, html: Any) -> Event:
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", row["updated_at"] or row["created_at"] or _NO_STAMP)
    if row["recurrence_id"]:
        event.add("recurrence-id", _recurrence_id(row["recurrence_id"]))
    if row["all_day"]:
        event.add("dtstart", row["start_date"])
        event.add("dtend", row["end_date"])
    else:
        event.add("dtstart", _local(row["start_at"], row["timezone"]))
        event.add("dtend", _local(row["end_at"], row["timezone"]))
    for name in ("summary", "location"):
        if row[name]:
            event.add(name, row[name])
    for name in ("url", "color"):
        if row[name]:
            event.add(name, _CONTROL.sub("", row[name]))
    if row["description"]:
        event.add("description", _ESCAPED.sub(r"\1", row["description"]))
        event.add("x-alt-desc", vText(html(row["description"]).replace("\n", "")), parameters={"FMTTYPE": "text/html"})
    if row["online_url"]:
        event.add("conference", vUri(_CONTROL.sub("", row["online_url"])), parameters={"VALUE": "URI"})
    if row["categories"]:
        event.add("categories", row["categories"])
    event.add("status", row["status"].upper())
    event.add("transp", row["transparency"].upper())
    if row["visibility"] in _CLASSES:
        event.add("class", _CLASSES[row["visibility"]])
    for name, column in (("sequence", "sequence"), ("created", "created_at"), ("last-modified", "updated_at")):
        if row[column] is not None:
            event.add(name, row[column])
    for instant in row["reminders"]:
        event.add_component(_alarm(instant, row["summary"]))
    return event


def _alarm(instant: datetime, summary: str | None) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary or "Reminder")
    alarm.add("trigger", vDDDTypes(instant.astimezone(UTC)), parameters={"VALUE": "DATE-TIME"})
    return alarm


def _recurrence_id(written: str) -> date | datetime:
    if len(written) == 10:
        return date.fromisoformat(written)
    return datetime.fromisoformat(written)


def _local(instant: datetime, timezone: str | None) -> datetime:
    """The instant in the event's zone; in UTC where it has none, or where its wall clock shows that time twice."""
    zone = _zone(timezone)
    if zone is None or not 1 < instant.year < 9999:
        return instant.astimezone(UTC)
    local = instant.astimezone(zone)
    return instant.astimezone(UTC) if local.fold else local


@cache
def _zone(name: str | None) -> ZoneInfo | None:
    """The zone; None for UTC, and for one that this machine's zone data has not."""
    try:
        return ZoneInfo(name) if name and name != "UTC" else None
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None
