"""``ics``: an iCalendar feed (RFC 5545) at an http, https or webcal address, read with one GET."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast
from zoneinfo import ZoneInfo

from calimport.connections import read_connection
from calimport.errors import CredentialsMissing, FeedUnparsable
from calimport.fetching import Http, raise_for_status
from calimport.frame import STATUSES, TRANSPARENCIES, VISIBILITIES
from calimport.icalendar_text import decode, meaning_hash
from calimport.sources.base import Feed, FetchRequest, Notice, ParseContext, Parsed
from calimport.windows import instant
from calimport.zones import iana_name

if TYPE_CHECKING:
    from icalendar import Calendar, Component, Event

    from calimport.expansion import Occurrence

_FEED_ZONE: Final = re.compile(r"^(?:X-WR-TIMEZONE|TIMEZONE-ID)(?:;[^:\n]*)?:(.+)$", re.IGNORECASE | re.MULTILINE)
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


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """GET the feed, conditionally where validators are known.

    :raises CalimportError: it cannot be fetched, is no calendar, or is not whole.
    """
    url, headers = _address(request)
    headers["Accept"] = "text/calendar, text/plain;q=0.8, */*;q=0.5"
    if etag := request.validators.get("etag"):
        headers["If-None-Match"] = etag
    if last_modified := request.validators.get("last_modified"):
        headers["If-Modified-Since"] = last_modified
    requests_before, bytes_before = http.requests, http.bytes_received
    response = await http.get(url, headers=headers)
    raise_for_status(response)
    requests, received = http.requests - requests_before, http.bytes_received - bytes_before
    if response.status == 304:
        validators = dict(request.validators)
        return Feed(None, None, validators=validators, requests=requests, bytes_received=received)
    text = decode(
        response.content,
        content_type=response.headers.get("content-type", ""),
        max_bytes=http.settings.max_decompressed_bytes,
    )
    given = {"etag": response.headers.get("etag"), "last_modified": response.headers.get("last-modified")}
    return Feed(
        content=text.encode(),
        meaning_hash=meaning_hash(text),
        timezone=feed_timezone(text),
        validators={name: value for name, value in given.items() if value},
        requests=requests,
        bytes_received=received,
    )


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: not even the calendar around the events can be read.
    """
    from calimport.expansion import expand

    zone = ZoneInfo(context.timezone)
    calendars, notices = _read(feed.decode())
    color = _first(calendars, "COLOR", "X-APPLE-CALENDAR-COLOR")
    rows: list[dict[str, Any]] = []
    events_by_uid = _by_uid(calendars)
    published_from = context.as_of
    for uid, events in events_by_uid.items():
        try:
            for event in events:
                _check_dates(event)
                notices += _settle_zones(event, uid, context)
            room = context.max_occurrences - len(rows)
            found = expand(events, window=context.window, zone=zone, limit=room + 1)
            if len(found) > room:
                notices.append(_too_many(context))
                break
            rows += [_row(one, uid, zone, color) for one in found]
            published_from = min(published_from, *_single_ends(events, zone), context.as_of)
        except Exception as error:  # noqa: BLE001 - whatever one event does to a library, the others must import
            notices.append(_unreadable(uid, _title(events[0]), error))
    return Parsed(
        occurrences=rows,
        notices=notices,
        title=_first(calendars, "X-WR-CALNAME", "NAME"),
        color=color,
        published_from=published_from,
        uids=frozenset(events_by_uid),
    )


def feed_timezone(text: str) -> str | None:
    """The IANA zone that a feed gives for itself (X-WR-TIMEZONE), if it is one."""
    found = _FEED_ZONE.search(text)
    return iana_name(found.group(1)) if found else None


def _address(request: FetchRequest) -> tuple[str, dict[str, str]]:
    """URL and headers; a private URL is the ``url`` of its connection's extra, its login goes as Basic auth."""
    if request.connection_id is None:
        return request.source or "", {}
    connection = read_connection(request.connection_id)
    url = request.source or connection.extra.get("url")
    if not url:
        raise CredentialsMissing(
            f"The connection {request.connection_id} holds no address: put it into its extra, as "
            '{"url": "https://…"}.'
        )
    headers = {}
    if connection.login:
        credentials = b64encode(f"{connection.login}:{connection.password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    return url, headers


def _read(text: str) -> tuple[list[Calendar], list[Notice]]:
    """The VCALENDARs of a feed. If one line spoils the whole, each event is read for itself and the bad ones named.

    A component that is never closed swallows, without an error, what stands behind it: so events are counted.
    """
    import icalendar

    icalendar.use_zoneinfo()  # type: ignore[no-untyped-call]  # forgets the custom zones of the feed before: two feeds may give one name to two zones
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
            notices.append(_unreadable(uid.group(1) if uid else "", title.group(1) if title else None, error))
    if ends > begins:
        notices.append(_unreadable("", None, ValueError("it has an end (END:VEVENT) and no beginning")))
    return calendars, notices


def _calendars(text: str) -> list[Calendar]:
    from icalendar import Calendar

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


def _by_uid(calendars: list[Calendar]) -> dict[str, list[Event]]:
    """Events by UID, in the feed's order. One without a UID (RFC 5545, 3.8.4.7 demands it) gets one of its content."""
    events: dict[str, list[Event]] = defaultdict(list)
    for calendar in calendars:
        for event in calendar.walk("VEVENT"):
            uid = str(event.get("UID", "")).strip() or _made_up_uid(event)
            events[uid].append(cast("Event", event))
    return events


def _made_up_uid(event: Any) -> str:
    parts = [str(one.to_ical()) for name in ("DTSTART", "DTEND", "SUMMARY") for one in _listed(event, name)]
    return f"calimport-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:32]}"


def _check_dates(event: Event) -> None:
    """:raises ValueError: a property that says when the event is could not be read."""
    for name, message in event.errors:
        if name in _DATING:
            raise ValueError(f"{name}: {message}")
    if "DTSTART" not in event:
        raise ValueError("it has no start (DTSTART)")


def _settle_zones(event: Event, uid: str, context: ParseContext) -> list[Notice]:
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
        f"The event {_title(event)!r} names a time zone that is not known: {unknown!r}. "
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


def _row(one: Occurrence, uid: str, zone: ZoneInfo, color: str | None) -> dict[str, Any]:
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
        "summary": _text(event, "SUMMARY"),
        "description": _text(event, "DESCRIPTION"),
        "location": _text(event, "LOCATION"),
        "url": _text(event, "URL"),
        "online_url": _conference(event),
        "online_type": "direct" if _conference(event) else None,
        "categories": [str(category) for category in event.categories if str(category)],
        "organizer": _person(event.get("ORGANIZER")),
        "creator": None,
        "attendees": [_person(one, status=True) for one in _listed(event, "ATTENDEE")],
        "visibility": _choice(event, "CLASS", VISIBILITIES, "default"),
        "transparency": _choice(event, "TRANSP", TRANSPARENCIES, "opaque"),
        "color": _text(event, "COLOR") or color,
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
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
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
        for value in _listed(event, name):
            if str(value).lower().startswith(("http://", "https://")):
                return str(value)
    return None


def _single_ends(events: list[Event], zone: ZoneInfo) -> list[datetime]:
    """Ends of single events. Those of a series say nothing of how much of its past the source publishes."""
    from calimport.expansion import start_and_end

    singles = [event for event in events if not {"RRULE", "RDATE", "RECURRENCE-ID"} & set(event)]
    return [instant(start_and_end(event)[1], zone) for event in singles]


def _unreadable(uid: str, title: str | None, error: Exception) -> Notice:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    message = f"The event {title or uid or 'without a name'!r} could not be understood and was left as it was: {reason}"
    return Notice("event_unreadable", message, subject=uid, keeps_uid=True)


def _too_many(context: ParseContext) -> Notice:
    message = f"The calendar has more than {context.max_occurrences} dates in the window; the rest were left out."
    return Notice("too_many_occurrences", message, keeps_uid=True)


def _first(calendars: list[Calendar], *names: str) -> str | None:
    values = (_text(calendar, name) for calendar in calendars for name in names)
    return next((value for value in values if value), None)


def _title(event: Event) -> str | None:
    return _text(event, "SUMMARY")


def _text(event: Component, name: str) -> str | None:
    values = _listed(event, name)
    return str(values[0]) or None if values else None


def _number(event: Event, name: str) -> int | None:
    value = event.get(name)
    return int(value) if value is not None and not isinstance(value, list) else None


def _stamp(event: Event, name: str) -> datetime | None:
    value = getattr(event.get(name), "dt", None)
    return instant(value, ZoneInfo("UTC")) if isinstance(value, date) else None


def _choice(event: Event, name: str, choices: tuple[str, ...], default: str) -> str:
    value = (_text(event, name) or "").strip().lower()
    return value if value in choices else default


def _listed(event: Component, name: str) -> list[Any]:
    value = event.get(name, [])
    return value if isinstance(value, list) else [value]
