"""Google's events as occurrences.

Google expands series itself (``singleEvents=true``), so every item is one dated occurrence. An instance of a series has
``recurringEventId`` and ``originalStartTime``, which is its identity wherever it is moved.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from calimport.errors import FeedUnparsable
from calimport.frame import STATUSES, TRANSPARENCIES, VISIBILITIES
from calimport.sources.base import Notice, ParseContext, Parsed, bounded_uid
from calimport.sources.rows import too_many, unreadable
from calimport.windows import instant
from calimport.zones import iana_name

_DAY: Final = timedelta(days=1)
#: What an event can make Python say when its values are not what Google documents.
_NOT_UNDERSTOOD: Final = (ValueError, TypeError, OverflowError)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    try:
        document = json.loads(feed)
        calendar, colors, events = document["calendar"], document["colors"], document["events"]
    except (ValueError, KeyError, TypeError):
        raise FeedUnparsable(detail="not a stored feed of Google Calendar") from None
    reader = _Reader(calendar, colors, events, context)
    parsed = Parsed(occurrences=[], title=_text(calendar, "summary"), color=reader.color)
    kept: dict[tuple[str, str | None], dict[str, Any]] = {}
    for item in events:
        try:
            row = reader.occurrence(item)
        except _NOT_UNDERSTOOD as error:
            parsed.notices.append(reader.unreadable(item, error))
            continue
        if row is None:
            continue
        key = row["uid"], row["recurrence_id"]
        if key not in kept and len(kept) == context.max_occurrences:
            parsed.notices.append(too_many(context))
            break
        # An event that was deleted and imported again is there twice, once as cancelled.
        kept[key] = max(kept.get(key, row), row, key=_standing)
    parsed.occurrences.extend(kept.values())
    return parsed


class _Reader:
    """One feed's items as rows, with what they share: the calendar, the palette, and their series."""

    def __init__(
        self,
        calendar: Mapping[str, Any],
        colors: Mapping[str, Any],
        events: Iterable[Mapping[str, Any]],
        context: ParseContext,
    ) -> None:
        self.color = _text(calendar, "backgroundColor")
        self._context = context
        self._zone = ZoneInfo(context.timezone)
        self._default_reminders = _dicts(calendar.get("defaultReminders"))
        self._palette = {name: _text(entry, "background") for name, entry in colors.items() if isinstance(entry, dict)}
        # A cancelled instance may carry nothing but its id, series and original start; its siblings know the rest.
        self._series_uid: dict[str, str] = {}
        self._series_visibility: dict[str, str] = {}
        for item in events:
            series, uid, visibility = (_text(item, key) for key in ("recurringEventId", "iCalUID", "visibility"))
            if series and uid:
                self._series_uid.setdefault(series, uid)
            if series and visibility:
                self._series_visibility.setdefault(series, visibility)

    def occurrence(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """The item as a row; None where there is none to make of it in this window.

        :raises ValueError, TypeError, OverflowError: it is not understood.
        """
        uid, series = self._uid(item), _text(item, "recurringEventId")
        original, start_given, end_given = (_dict(item.get(key)) for key in ("originalStartTime", "start", "end"))
        if cancelled := item.get("status") == "cancelled":
            if not series and not start_given:
                return None  # "Deleted events are only guaranteed to have the id": it is gone, and so is its row
            if series and not _text(item, "iCalUID") and series not in self._series_uid:
                return None  # which rows it would be about is not known
            start_given = start_given or original
        if not uid:
            raise ValueError("it has no id")
        start = self._moment(start_given, "start")
        start_at, end_at, end = self._span(start, end_given)
        # Where a cancelled instance has lost its end, only Google knew that it reaches into the window.
        belongs = self._context.window.holds(start_at, end_at)
        if not belongs and not (cancelled and not end_given and start_at < self._context.window.end):
            return None
        all_day = not isinstance(start, datetime)
        timezone, timezone_source = self._timezone(start_given, all_day=all_day)
        online_url = _online_url(item)
        return {
            "uid": uid,
            "recurrence_id": _recurrence_id(self._moment(original, "original start")) if series else None,
            "start_at": start_at,
            "end_at": end_at,
            "all_day": all_day,
            "start_date": start if all_day else None,
            "end_date": end if all_day else None,
            "timezone": timezone,
            "timezone_source": timezone_source,
            "status": _one_of(STATUSES, item.get("status"), "confirmed"),
            "summary": _text(item, "summary"),
            "description": _text(item, "description"),
            "location": _text(item, "location"),
            "url": _text(item, "htmlLink"),
            "online_url": online_url,
            "online_type": "direct" if online_url else None,
            "categories": [],
            "organizer": _person(item.get("organizer")),
            "creator": _person(item.get("creator")),
            "attendees": [_attendee(attendee) for attendee in _dicts(item.get("attendees"))],
            "visibility": self._visibility(item),
            "transparency": _one_of(TRANSPARENCIES, item.get("transparency"), "opaque"),
            "color": self._palette.get(_text(item, "colorId") or "") or self.color,
            "reminders": self._reminders(_dict(item.get("reminders")), start_at),
            "sequence": item["sequence"] if _is_number(item.get("sequence")) else None,
            "created_at": _instant_or_none(item.get("created")),
            "updated_at": _instant_or_none(item.get("updated")),
            "is_recurring": series is not None,
            "source_event_id": _text(item, "id"),
            "source_series_id": series,
        }

    def unreadable(self, item: Mapping[str, Any], error: Exception) -> Notice:
        """The notice for an item that :meth:`occurrence` raises for. It names the title of no private event."""
        uid = self._uid(item)
        shown = self._visibility(item) in ("default", "public")
        return unreadable(uid, _text(item, "summary") if shown else None, error)

    def _uid(self, item: Mapping[str, Any]) -> str:
        """The iCalUID, the series' where the item lacks it, else the id; empty where there is nothing to go by."""
        series = _text(item, "recurringEventId")
        return bounded_uid(_text(item, "iCalUID") or self._series_uid.get(series or "") or _text(item, "id") or "")

    def _visibility(self, item: Mapping[str, Any]) -> str:
        """Google makes a series as private as its most private instance: a bare instance is as its siblings."""
        series = self._series_visibility.get(_text(item, "recurringEventId") or "")
        return _one_of(VISIBILITIES, _text(item, "visibility") or series, "default")

    def _moment(self, given: Mapping[str, Any], what: str) -> date | datetime:
        """A date, or an instant in UTC. A ``dateTime`` may go without offset where ``timeZone`` is given."""
        day, time = _text(given, "date"), _text(given, "dateTime")
        if day is None and time is None:
            raise ValueError(f"it has no {what}")
        own = iana_name(_text(given, "timeZone") or "")
        try:
            if day is not None:
                return date.fromisoformat(day)
            return instant(datetime.fromisoformat(time or ""), ZoneInfo(own) if own else self._zone)
        except _NOT_UNDERSTOOD:
            raise ValueError(f"its {what} {day or time!r} is no date or time") from None

    def _span(self, start: date | datetime, end_given: Mapping[str, Any]) -> tuple[datetime, datetime, date | datetime]:
        """Start and end as instants, and the end as given. Before the start it is read as no end, as everywhere here.

        An all-day event lasts at least a day.
        """
        end = self._moment(end_given, "end") if end_given else start
        if isinstance(start, datetime) != isinstance(end, datetime):
            raise ValueError("of its start and end one is a date and the other a time")
        end = max(end, start) if isinstance(start, datetime) else max(end, start + _DAY)
        return instant(start, self._zone), instant(end, self._zone), end

    def _timezone(self, start_given: Mapping[str, Any], *, all_day: bool) -> tuple[str, str]:
        own = None if all_day else iana_name(_text(start_given, "timeZone") or "")
        return (own, "event") if own else (self._context.timezone, self._context.timezone_source)

    def _reminders(self, given: Mapping[str, Any], start_at: datetime) -> list[datetime]:
        chosen = self._default_reminders if given.get("useDefault") is True else _dicts(given.get("overrides"))
        minutes = {one["minutes"] for one in chosen if _is_number(one.get("minutes"))}
        return sorted(start_at - timedelta(minutes=before) for before in minutes)


def _recurrence_id(original: date | datetime) -> str:
    return original.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(original, datetime) else original.isoformat()


def _online_url(item: Mapping[str, Any]) -> str | None:
    """The address of the video call; ``hangoutLink`` is what Google wrote before it had ``conferenceData``."""
    for point in _dicts(_dict(item.get("conferenceData")).get("entryPoints")):
        uri = _text(point, "uri")
        if point.get("entryPointType") == "video" and uri:
            return uri
    return _text(item, "hangoutLink")


def _person(given: Any) -> dict[str, str | None] | None:
    person = {"name": _text(_dict(given), "displayName"), "email": _text(_dict(given), "email")}
    return person if any(person.values()) else None


def _attendee(given: Mapping[str, Any]) -> dict[str, str | None]:
    status = _text(given, "responseStatus") or "needs-action"
    return {
        "name": _text(given, "displayName"),
        "email": _text(given, "email"),
        # Google's words are iCalendar's but for one letter (RFC 5545, 3.2.12).
        "status": {"needsAction": "needs-action"}.get(status, status),
    }


def _standing(row: Mapping[str, Any]) -> tuple[bool, datetime]:
    """Which of two rows of one identity counts: the one that takes place, then the one changed last."""
    return row["status"] != "cancelled", row["updated_at"] or datetime.min.replace(tzinfo=UTC)


def _instant_or_none(value: Any) -> datetime | None:
    try:
        return instant(datetime.fromisoformat(value), ZoneInfo("UTC"))
    except _NOT_UNDERSTOOD:
        return None


def _one_of(known: tuple[str, ...], value: Any, default: str) -> str:
    return value if value in known else default


def _text(given: Mapping[str, Any], name: str) -> str | None:
    """A text that says something, or None."""
    value = given.get(name)
    return value if isinstance(value, str) and value.strip() else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    """Whether it is an int32, as the API declares its numbers; JSON's ``true`` is an int to Python."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
