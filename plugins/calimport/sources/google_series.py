"""Google's recurring events expanded here, into items such as ``singleEvents=true`` would list.

https://developers.google.com/workspace/calendar/api/concepts/events-calendars#recurring_events
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from calimport.rfc5545.components import Component, Property
from calimport.rfc5545.content_lines import read
from calimport.rfc5545.events import Event, event
from calimport.rfc5545.recurrence import Steps
from calimport.rfc5545.series import Occurrence, expand
from calimport.sources.base import Notice, bounded_uid, quoted
from calimport.windows import Window
from calimport.zones import Zones

#: All that a ``recurrence`` may hold.
_RECURRENCE: Final = ("RRULE", "EXRULE", "RDATE", "EXDATE")
#: What a series that was split off an older one has behind the older one's id; ids of instances go without.
_SPLIT_OFF: Final = re.compile(r"_R\d{8}(T\d{6})?$")
_EID: Final = re.compile(r"(?<=[?&]eid=)[\w-]+")


def master(
    item: Mapping[str, Any],
    uid: str,
    *,
    start: date | datetime,
    end: date | datetime,
    zone: ZoneInfo,
    zones: Zones,
    exceptions: Iterable[date | datetime],
) -> Event:
    """A recurring event as the expansion takes it, without the instances that have an item of their own.

    :param start: a date, or an aware time; so too ``end`` and ``exceptions``, the original starts.
    :param zone: whose wall clock the series follows.
    :raises ValueError: its ``recurrence`` is not understood.
    """
    lines = item["recurrence"]
    if not isinstance(lines, list) or not all(isinstance(line, str) and not set("\r\n") & set(line) for line in lines):
        raise ValueError("its recurrence is no list of lines")
    (calendar,) = read("\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""]))
    (given,) = calendar.walk("VEVENT")
    component = Component("VEVENT", 1, damage=given.damage, repairs=given.repairs)
    component.properties = {name: given.all(name) for name in _RECURRENCE if given.all(name)}
    if not component.properties:
        raise ValueError("its recurrence is no rule and no date")
    component.properties["DTSTART"] = [
        Property("DTSTART", f"TZID={zone.key}", f"{start.astimezone(zone):%Y%m%dT%H%M%S}")
        if isinstance(start, datetime)
        else Property("DTSTART", "VALUE=DATE", f"{start:%Y%m%d}")
    ]
    found = event(component, uid, zones)
    found.start = start.astimezone(zone) if isinstance(start, datetime) else start
    found.end = end
    found.exdates += tuple(one for one in exceptions if isinstance(one, datetime) is isinstance(start, datetime))
    return found


def instances(
    item: Mapping[str, Any], series: Event, *, window: Window, zone: ZoneInfo, limit: int, steps: Steps
) -> Iterator[dict[str, Any]]:
    """The instances in ``window``, each as an item of its own; at most ``limit``.

    :raises calimport.rfc5545.recurrence.TooManySteps: the rules would cost more than ``steps``.
    """
    shared = {name: value for name, value in item.items() if name != "recurrence"}
    for one in expand([series], window=window, zone=zone, limit=limit, steps=steps):
        yield shared | _own(item, one)


def guesses(series: Event, uid: str, name: str | None) -> list[Notice]:
    """What of a series was read by a guess.

    :param name: its title, where it is not private.
    """
    notices = []
    if notes := list(dict.fromkeys(series.notes)):
        message = f"The event {quoted(name or uid)} was read with a guess: {'; '.join(notes)[:500]}."
        notices.append(Notice("event_guessed", message, subject=uid, keeps_uid=series.incomplete))
    for tzid, zone in series.doubtful_zones.items():
        code = "timezone_unknown" if zone.evidence in ("calendar", "default") else "timezone_guessed"
        notices.append(Notice(code, zone.notice or "", subject=bounded_uid(tzid)))
    return notices


def too_often(uid: str, name: str | None, most: int) -> Notice:
    message = f"The event {quoted(name or uid)} has more than {most} dates in the window; the rest were left out."
    return Notice("too_many_occurrences", message, subject=uid, keeps_uid=True)


def _own(item: Mapping[str, Any], one: Occurrence) -> dict[str, Any]:
    identity = f"{_SPLIT_OFF.sub('', item['id'])}_{_basic(one.recurrence_id)}"
    own: dict[str, Any] = {
        "id": identity,
        "recurringEventId": item["id"],
        "originalStartTime": _moment(one.recurrence_id),
        "start": _moment(one.start, item["start"]),
        "end": _moment(one.end),
    }
    link = item.get("htmlLink")
    return own | {"htmlLink": _link(link, item["id"], identity)} if isinstance(link, str) else own


def _basic(original: date | datetime | None) -> str:
    return f"{original:%Y%m%dT%H%M%SZ}" if isinstance(original, datetime) else f"{original:%Y%m%d}"


def _moment(moment: date | datetime | None, master: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A date, or an instant in UTC, as the API gives them; with the zone of the series, where it has one."""
    if not isinstance(moment, datetime):
        return {"date": str(moment)}
    own = {"timeZone": master["timeZone"]} if master and "timeZone" in master else {}
    return {"dateTime": moment.isoformat(), **own}


def _link(link: str, series: str, instance: str) -> str:
    """The page of an instance. The ``eid`` of such an address is the event's id and its calendar's, in base64."""
    return _EID.sub(lambda found: _eid(found.group(), series, instance), link)


def _eid(value: str, series: str, instance: str) -> str:
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except (binascii.Error, ValueError):
        return value
    named, space, calendar = text.partition(" ")
    if named != series or not space:
        return value
    return base64.urlsafe_b64encode(f"{instance} {calendar}".encode()).decode().rstrip("=")
