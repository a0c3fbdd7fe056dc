"""An occurrence of an iCalendar event as a row of the frame, property by property."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from calimport.frame import STATUSES, TRANSPARENCIES, VISIBILITIES
from calimport.windows import instant

if TYPE_CHECKING:
    from icalendar import Calendar, Component, Event

    from calimport.expansion import Occurrence

#: PostgreSQL's integer; a SEQUENCE beyond it counts nothing.
_LARGEST_NUMBER: Final = 2**31 - 1


def row(one: Occurrence, uid: str, zone: ZoneInfo, color: str | None) -> dict[str, Any]:
    event = one.component
    start_at, end_at = one.span(zone)
    return {
        "uid": uid,
        "recurrence_id": _recurrence_id(one.recurrence_id),
        "start_at": start_at,
        "end_at": end_at,
        "all_day": one.all_day,
        "start_date": one.start if one.all_day else None,
        "end_date": one.end if one.all_day else None,
        "timezone": str(event.get("X-CALIMPORT-ZONE", "")) or None,
        "timezone_source": str(event["X-CALIMPORT-EVIDENCE"]),
        "status": _choice(event, "STATUS", STATUSES, "confirmed"),
        "summary": text(event, "SUMMARY"),
        "description": text(event, "DESCRIPTION"),
        "location": text(event, "LOCATION"),
        "url": text(event, "URL"),
        "online_url": _conference(event),
        "online_type": "direct" if _conference(event) else None,
        "categories": [str(category) for category in event.categories if str(category)],
        "organizer": _person(event.get("ORGANIZER")),
        "creator": None,
        "attendees": [_person(one, status=True) for one in listed(event, "ATTENDEE")],
        "visibility": _choice(event, "CLASS", VISIBILITIES, "default"),
        "transparency": _choice(event, "TRANSP", TRANSPARENCIES, "opaque"),
        "color": text(event, "COLOR") or color,
        "reminders": _reminders(event, start_at, end_at),
        "sequence": _number(event, "SEQUENCE"),
        "created_at": _stamp(event, "CREATED"),
        "updated_at": _stamp(event, "LAST-MODIFIED"),
        "is_recurring": one.recurrence_id is not None,
        "source_event_id": None,
        "source_series_id": None,
    }


def _recurrence_id(moment: date | datetime | None) -> str | None:
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return moment.isoformat()


def _reminders(event: Event, start: datetime, end: datetime) -> list[datetime]:
    """Instants of the event's VALARMs (RFC 5545, 3.6.6): absolute, or relative to the start or the end."""
    instants = set()
    for alarm in event.walk("VALARM"):
        trigger = alarm.get("TRIGGER")
        if trigger is None:
            continue
        if isinstance(trigger.dt, timedelta):
            instants.add((end if trigger.params.get("RELATED", "").upper() == "END" else start) + trigger.dt)
        elif isinstance(trigger.dt, datetime):
            instants.add(instant(trigger.dt, ZoneInfo("UTC")))
    return sorted(instants)


def _person(address: Any, *, status: bool = False) -> dict[str, str | None] | None:
    if address is None:
        return None
    uri = str(address)
    parameters = getattr(address, "params", {})
    person: dict[str, str | None] = {
        "name": parameters.get("CN"),
        "email": uri[7:] if uri.lower().startswith("mailto:") else None,
    }
    if status:
        person["status"] = parameters.get("PARTSTAT", "NEEDS-ACTION").lower()
    return person


def _conference(event: Event) -> str | None:
    """The meeting's address, from the property of RFC 7986 (5.11), of Google, or of Microsoft."""
    for name in ("CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL"):
        for value in listed(event, name):
            if str(value).lower().startswith(("http://", "https://")):
                return str(value)
    return None


def first(calendars: list[Calendar], *names: str) -> str | None:
    values = (text(calendar, name) for calendar in calendars for name in names)
    return next((value for value in values if value), None)


def title(event: Event) -> str | None:
    return text(event, "SUMMARY")


def text(event: Component, name: str) -> str | None:
    values = listed(event, name)
    return str(values[0]) or None if values else None


def _number(event: Event, name: str) -> int | None:
    value = event.get(name)
    if value is None or isinstance(value, list) or abs(int(value)) > _LARGEST_NUMBER:
        return None
    return int(value)


def _stamp(event: Event, name: str) -> datetime | None:
    value = getattr(event.get(name), "dt", None)
    return instant(value, ZoneInfo("UTC")) if isinstance(value, date) else None


def _choice(event: Event, name: str, choices: tuple[str, ...], default: str) -> str:
    value = (text(event, name) or "").strip().lower()
    return value if value in choices else default


def listed(event: Component, name: str) -> list[Any]:
    value = event.get(name, [])
    return value if isinstance(value, list) else [value]
