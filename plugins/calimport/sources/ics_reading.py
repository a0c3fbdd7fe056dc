"""The events of an iCalendar text: found one by one where the whole is damaged, their times settled in zones."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import icalendar
from icalendar import Calendar, Event, GloballyUniqueTZIDGuessed

from calimport.errors import FeedUnparsable
from calimport.expansion import start_and_end
from calimport.sources.base import Notice, ParseContext, bounded_uid
from calimport.sources.ics_rows import listed, title
from calimport.windows import instant
from calimport.zones import iana_name

_TIMEZONE: Final = re.compile(r"^BEGIN:VTIMEZONE$.*?^END:VTIMEZONE$", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_BEGIN_EVENT: Final = re.compile(r"^BEGIN:VEVENT$", re.IGNORECASE | re.MULTILINE)
_END_EVENT: Final = re.compile(r"^END:VEVENT$", re.IGNORECASE | re.MULTILINE)
_FOLD: Final = re.compile(r"\n[ \t]")
#: What stands before the events and is told of the calendar.
_HEAD: Final = re.compile(r"^(?:X-WR-CALNAME|NAME|COLOR|X-APPLE-CALENDAR-COLOR)[;:].*$", re.IGNORECASE | re.MULTILINE)
_UID: Final = re.compile(r"^UID(?:;[^:\n]*)?:(.+)$", re.IGNORECASE | re.MULTILINE)
_SUMMARY: Final = re.compile(r"^SUMMARY(?:;[^:\n]*)?:(.+)$", re.IGNORECASE | re.MULTILINE)
#: Without these an event has no time; with one of them damaged its time is not known.
_DATING: Final = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


def read_calendars(text: str) -> tuple[list[Calendar], list[Notice]]:
    """The VCALENDARs of a feed. If one line spoils the whole, each event is read for itself and the bad ones named.

    A component that is never closed swallows, without an error, what stands behind it: so events are counted.
    """
    # Forgets the custom zones of the feed before: two feeds may give one name to two zones.
    icalendar.use_zoneinfo()  # type: ignore[no-untyped-call]
    begins, ends = len(_BEGIN_EVENT.findall(text)), len(_END_EVENT.findall(text))
    with suppress(ValueError, KeyError, IndexError, AttributeError, TypeError):
        calendars = _calendars(text)
        if sum(len(one.walk("VEVENT")) for one in calendars) >= max(begins, ends):
            return calendars, []
    text = _FOLD.sub("", text)
    before, *blocks = _BEGIN_EVENT.split(text)
    head = "\n".join(["BEGIN:VCALENDAR", *_HEAD.findall(before), *filter(_is_readable, _TIMEZONE.findall(text))])
    calendars, notices = [], []
    for block in blocks:
        event, *rest = _END_EVENT.split(block, maxsplit=1)
        try:
            if not rest:
                raise ValueError("it has no end (END:VEVENT)")  # noqa: TRY301
            calendars.append(_event_alone(f"{head}\nBEGIN:VEVENT{event}END:VEVENT\nEND:VCALENDAR"))
        except Exception as error:  # noqa: BLE001 - whatever one event does to the library, the others must import
            uid, title = _UID.search(event), _SUMMARY.search(event)
            notices.append(unreadable(uid.group(1) if uid else "", title.group(1) if title else None, error))
    if ends > begins:
        notices.append(unreadable("", None, ValueError("it has an end (END:VEVENT) and no beginning")))
    return calendars, notices


def _calendars(text: str) -> list[Calendar]:
    with warnings.catch_warnings():
        # That a vendor's prefix is cut off a zone's name is our reading too.
        warnings.simplefilter("ignore", GloballyUniqueTZIDGuessed)
        return [_calendar(one) for one in Calendar.from_ical(text, multiple=True)]


def _event_alone(text: str) -> Calendar:
    found = [one for one in _calendars(text) if one.walk("VEVENT")]
    if len(found) != 1:
        raise ValueError("a part of it has no end")
    return found[0]


def _is_readable(timezone: str) -> bool:
    try:
        return bool(_calendars(f"BEGIN:VCALENDAR\n{timezone}\nEND:VCALENDAR"))
    except Exception:  # noqa: BLE001 - a damaged zone is as good as none: the events that name it say so
        return False


def _calendar(component: Any) -> Calendar:
    if component.name != "VCALENDAR":
        raise FeedUnparsable(detail=f"a {component.name} stands outside of any VCALENDAR")
    return cast("Calendar", component)


def events_by_uid(calendars: list[Calendar]) -> dict[str, list[Event]]:
    """Events by UID, in the feed's order. One without a UID (RFC 5545, 3.8.4.7 demands it) gets one of its content."""
    events: dict[str, list[Event]] = defaultdict(list)
    for calendar in calendars:
        for event in calendar.walk("VEVENT"):
            uid = str(event.get("UID", "")).strip() or _made_up_uid(event)
            events[bounded_uid(uid)].append(cast("Event", event))
    return events


def _made_up_uid(event: Any) -> str:
    parts = [str(one.to_ical()) for name in ("DTSTART", "DTEND", "SUMMARY") for one in listed(event, name)]
    return f"calimport-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:32]}"


def check_dates(event: Event) -> None:
    """:raises ValueError: a property that says when the event is could not be read."""
    for name, message in event.errors:
        if name in _DATING:
            raise ValueError(f"{name}: {message}")
    if "DTSTART" not in event:
        raise ValueError("it has no start (DTSTART)")


def settle_zones(event: Event, uid: str, context: ParseContext) -> list[Notice]:
    """Put floating times, and times in a zone that nobody knows, into the calendar's zone. Notes what decided."""
    unknown = None
    evidence, name = _evidence(event["DTSTART"], context)
    event["X-CALIMPORT-ZONE"], event["X-CALIMPORT-EVIDENCE"] = name or "", evidence
    for prop in _dated(event):
        parts = prop.dt if isinstance(prop.dt, tuple) else (prop.dt,)
        if all(not isinstance(part, datetime) or part.tzinfo for part in parts):
            continue
        tzid = prop.params.get("TZID")
        known = iana_name(tzid) if tzid else context.timezone
        unknown = unknown or (tzid if known is None else None)
        zone = ZoneInfo(known or context.timezone)
        settled = tuple(
            part.replace(tzinfo=zone) if isinstance(part, datetime) and part.tzinfo is None else part for part in parts
        )
        prop.dt = settled if isinstance(prop.dt, tuple) else settled[0]
    if unknown is None:
        return []
    message = (
        f"The event {title(event)!r} names a time zone that is not known: {unknown!r}. "
        f"Its times were read in {context.timezone}."
    )
    return [Notice("timezone_unknown", message, subject=uid)]


def _evidence(start: Any, context: ParseContext) -> tuple[str, str | None]:
    """What decided the zone of a start, and the IANA name it has (a VTIMEZONE's own zone may have none)."""
    moment, tzid = start.dt, start.params.get("TZID")
    if not isinstance(moment, datetime):
        return context.timezone_source, context.timezone
    if moment.tzinfo is None:
        known = iana_name(tzid) if tzid else None
        return ("event", known) if known else (context.timezone_source, context.timezone)
    if isinstance(moment.tzinfo, ZoneInfo):
        return "event", moment.tzinfo.key
    if tzid:
        return ("event", found) if (found := iana_name(tzid)) else ("vtimezone", None)
    return "event", "UTC"


def _dated(event: Event) -> Iterator[Any]:
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if name in event:
            yield event[name]
    for name in ("EXDATE", "RDATE"):
        given = event.get(name, [])
        for dates in given if isinstance(given, list) else [given]:
            for one in dates.dts:
                if "TZID" in dates.params:
                    one.params["TZID"] = dates.params["TZID"]
                yield one


def single_ends(events: list[Event], zone: ZoneInfo) -> list[datetime]:
    """Ends of single events. Those of a series say nothing of how much of its past the source publishes."""
    singles = [event for event in events if not {"RRULE", "RDATE", "RECURRENCE-ID"} & set(event)]
    return [instant(start_and_end(event)[1], zone) for event in singles]


def unreadable(uid: str, title: str | None, error: Exception) -> Notice:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    message = f"The event {title or uid or 'without a name'!r} could not be understood and was left as it was: {reason}"
    return Notice("event_unreadable", message, subject=bounded_uid(uid), keeps_uid=True)
