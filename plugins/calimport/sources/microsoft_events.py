"""Events of Microsoft Graph as occurrences.

Graph expands series itself. A series' master is no occurrence; an occurrence that is as its series says carries hardly
more than its times, an exception carries everything.

https://learn.microsoft.com/graph/api/resources/event
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from calimport.errors import FeedUnparsable
from calimport.sources.base import ParseContext, Parsed
from calimport.sources.loose import listed, member, text, texts
from calimport.sources.rows import Rows
from calimport.windows import instant
from calimport.zones import iana_name

#: What is a master's own, and no word about its occurrences.
_OF_MASTER: Final = frozenset(
    {"id", "type", "start", "end", "iCalUId", "originalStart", "recurrence", "seriesMasterId", "occurrenceId"}
)
#: Outlook tells its other users that ``personal`` is nobody's concern, as ``private``.
_VISIBILITY: Final = {"personal": "private", "private": "private", "confidential": "confidential"}
_ANSWERS: Final = {
    "accepted": "accepted",
    "declined": "declined",
    "organizer": "accepted",
    "tentativelyAccepted": "tentative",
}


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    try:
        document = json.loads(feed)
        calendar, events = document["calendar"], document["events"]
        masters = {item["id"]: item for item in events if item.get("type") == "seriesMaster"}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FeedUnparsable(detail="not a stored feed of Microsoft Graph") from None
    color = text(member(calendar, "hexColor"))
    rows = Rows(context)
    for item in events:
        if item["id"] in masters:
            continue
        series = text(item.get("seriesMasterId"))
        master = masters.get(series, {})
        whole = {name: value for name, value in master.items() if name not in _OF_MASTER} | item
        uid = text(master.get("iCalUId")) or series if series else text(item.get("iCalUId")) or item["id"]
        shown = None if whole.get("sensitivity") in _VISIBILITY else text(whole.get("subject"))
        with rows.item(uid=uid, title=shown):
            rows.add(uid=uid, color=color, source_series_id=series, **_fields(whole, series, context))
    return rows.parsed(retains_past=True, title=text(member(calendar, "name")), color=color)


def _fields(item: Mapping[str, Any], series: str | None, context: ParseContext) -> dict[str, Any]:
    """What :func:`calimport.sources.rows.row` takes.

    :raises ValueError: it has no times, or they are none.
    """
    if series and "subject" not in item:
        raise ValueError("its series cannot be read")
    zone = text(item.get("originalStartTimeZone"))
    own = ZoneInfo((zone and iana_name(zone)) or "UTC")
    start: date | datetime = _moment(item, "start")
    end: date | datetime = _moment(item, "end") if item.get("end") else start
    original: date | datetime | None = None
    if series:
        given = text(item.get("originalStart"))
        original = instant(datetime.fromisoformat(given), ZoneInfo("UTC")) if given else start
    if item.get("isAllDay") is True:
        start, end = _day(start, own), _day(end, own)
        original = _day(original, own) if original else None
    return {
        "start": start,
        "end": end,
        "recurrence_id": original,
        "zone": zone,
        "status": _status(item),
        "title": text(item.get("subject")),
        "description": text(member(item, "body", "content")),
        "location": _location(item),
        "url": text(item.get("webLink")),
        "online_url": text(member(item, "onlineMeeting", "joinUrl")) or text(item.get("onlineMeetingUrl")),
        "categories": texts(item.get("categories")),
        "organizer": _person(item.get("organizer")),
        "attendees": [_attendee(one) for one in item.get("attendees") or [] if _person(one)],
        "visibility": _VISIBILITY.get(item.get("sensitivity", ""), "default"),
        "transparency": "transparent" if item.get("showAs") == "free" else "opaque",
        "reminders": _reminders(item, instant(start, ZoneInfo(context.timezone))),
        "created_at": _stamp(item, "createdDateTime"),
        "updated_at": _stamp(item, "lastModifiedDateTime"),
        "source_event_id": item["id"],
    }


def _moment(item: Mapping[str, Any], name: str) -> datetime:
    """A ``dateTimeTimeZone`` as an instant in UTC. Its zone is the one that was asked for, or a name of Windows'."""
    given = text(member(item, name, "dateTime"))
    if given is None:
        raise ValueError(f"it has no {name}")
    name_of_zone = text(member(item, name, "timeZone")) or "UTC"
    zone = iana_name(name_of_zone)
    if zone is None:
        raise ValueError(f"the time zone {name_of_zone[:40]!r} of its {name} is not known")
    try:
        return instant(datetime.fromisoformat(given), ZoneInfo(zone))
    except ValueError:
        raise ValueError(f"its {name} {given[:40]!r} is no date or time") from None


def _day(moment: date | datetime, zone: ZoneInfo) -> date:
    """The date that begins at this instant, in the event's own zone or, as Graph mostly writes it, in UTC."""
    if not isinstance(moment, datetime):
        return moment
    local = moment.astimezone(zone)
    return moment.date() if moment.astimezone(UTC).time() == time() != local.time() else local.date()


def _status(item: Mapping[str, Any]) -> str:
    if item.get("isCancelled") is True:
        return "cancelled"
    return "tentative" if item.get("showAs") == "tentative" else "confirmed"


def _location(item: Mapping[str, Any]) -> str | None:
    """All places with their addresses; ``location`` is the first of ``locations``."""
    places = item.get("locations") or [item.get("location")]
    found = [
        listed(
            member(one, "displayName"),
            *(member(one, "address", name) for name in ("street", "city", "state", "postalCode", "countryOrRegion")),
        )
        for one in places
    ]
    return "; ".join(dict.fromkeys(one for one in found if one)) or None


def _person(given: Any) -> dict[str, str | None] | None:
    name, email = (text(member(given, "emailAddress", key)) for key in ("name", "address"))
    return {"name": name, "email": email} if name or email else None


def _attendee(given: Any) -> dict[str, str | None]:
    answer = text(member(given, "status", "response")) or ""
    return {**(_person(given) or {}), "status": _ANSWERS.get(answer, "needs-action")}


def _reminders(item: Mapping[str, Any], start: datetime) -> list[datetime] | None:
    """The one reminder that Graph knows; none where it is off, None where nothing is said of it."""
    minutes = item.get("reminderMinutesBeforeStart")
    if not isinstance(item.get("isReminderOn"), bool):
        return None
    if not item["isReminderOn"] or not isinstance(minutes, int) or isinstance(minutes, bool):
        return []
    return [start - timedelta(minutes=minutes)]


def _stamp(item: Mapping[str, Any], name: str) -> datetime | None:
    given = text(item.get(name))
    try:
        return instant(datetime.fromisoformat(given), ZoneInfo("UTC")) if given else None
    except ValueError:
        return None
