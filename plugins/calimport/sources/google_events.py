"""Google's events as occurrences.

Every item is one dated occurrence, but a recurring event, which :mod:`calimport.sources.google_series` expands into
items for those of its instances that have none of their own. An instance has ``recurringEventId`` and
``originalStartTime``, which is its identity wherever it is moved.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from calimport import reminders
from calimport.errors import FeedUnparsable
from calimport.frame import STATUSES, TRANSPARENCIES, VISIBILITIES
from calimport.sources.base import Notice, ParseContext, Parsed, bounded_uid
from calimport.sources.google_fields import (
    attendee,
    dict_,
    dicts,
    instant_or_none,
    is_number,
    one_of,
    online_url,
    person,
    text,
)
from calimport.sources.google_series import guesses, instances, master, too_often
from calimport.sources.ics_reading import Patience
from calimport.sources.rows import NOT_UNDERSTOOD, too_many, unreadable
from calimport.windows import instant
from calimport.zones import Zones, iana_name

_DAY: Final = timedelta(days=1)
#: From the least private on.
_PRIVACY: Final = ("default", "public", "private", "confidential")
#: What an instance that was cancelled had of its series.
_OF_A_SERIES: Final = (
    *("summary", "description", "location", "colorId", "eventLabelId", "transparency"),
    *("creator", "organizer", "attendees"),
)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    try:
        document = json.loads(feed)
        calendar, colors, events = document["calendar"], document["colors"], document["events"]
        labels = document.get("labels", {})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FeedUnparsable(detail="not a stored feed of Google Calendar") from None
    reader = _Reader(calendar, colors | labels, events, context)
    parsed = Parsed(occurrences=[], title=text(calendar, "summary"), color=reader.color)
    kept: dict[tuple[str, str | None], dict[str, Any]] = {}
    for item in events:
        try:
            rows, notices = reader.occurrences(item)
        except NOT_UNDERSTOOD as error:
            parsed.notices.append(reader.unreadable(item, error))
            continue
        parsed.notices.extend(notices)
        new = {(row["uid"], row["recurrence_id"]) for row in rows} - kept.keys()
        if len(kept) + len(new) > context.max_occurrences:
            parsed.notices.append(too_many(context))
            break
        for row in rows:
            key = row["uid"], row["recurrence_id"]
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
        self.color = text(calendar, "backgroundColor")
        self._context = context
        self._zone = ZoneInfo(context.timezone)
        self._zones = Zones((), self._zone, context.timezone_source, context.window)
        self._patience = Patience(context.window)
        self._default_reminders = dicts(calendar.get("defaultReminders"))
        self._palette = {
            name: text(entry, "background") or text(entry, "backgroundColor")
            for name, entry in colors.items()
            if isinstance(entry, dict)
        }
        self._exceptions: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        # A cancelled instance may carry nothing but its id, series and original start; its series knows the rest.
        self._series_uid: dict[str, str] = {}
        self._series_visibility: dict[str, str] = {}
        self._masters = {text(item, "id"): item for item in events if item.get("recurrence")}
        for item in events:
            uid, visibility = text(item, "iCalUID"), text(item, "visibility")
            series = text(item, "recurringEventId")
            if series:
                self._exceptions[series].append(item)
            series = series or text(item, "id") or ""
            if uid:
                self._series_uid.setdefault(series, uid)
            if visibility in _PRIVACY:
                former = self._series_visibility.get(series, "default")
                self._series_visibility[series] = max(former, visibility, key=_PRIVACY.index)

    def occurrences(self, item: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Notice]]:
        """The item as rows, those in the window: several where it recurs. And what its owner can mend.

        :raises ValueError, TypeError, OverflowError, LookupError, AttributeError: it is not understood.
        """
        if not item.get("recurrence") or text(item, "recurringEventId"):
            row = self.occurrence(item)
            return ([] if row is None else [row]), []
        found, notices = self._expanded(item)
        rows = [self.occurrence(one) for one in found]
        return [row for row in rows if row is not None], notices

    def _expanded(self, item: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Notice]]:
        """The instances in the window that have no item of their own, as items."""
        series, uid = text(item, "id"), self._uid(item)
        if not series:
            raise ValueError("it has no id")
        start_given, end_given = dict_(item.get("start")), dict_(item.get("end"))
        start = self._moment(start_given, "start")
        *_, end = self._span(start, end_given)
        own_zone = iana_name(text(start_given, "timeZone") or "")
        given = master(
            item,
            uid,
            start=start,
            end=end,
            zone=ZoneInfo(own_zone) if own_zone else self._zone,
            zones=self._zones,
            # One that cannot be placed could be any of them, so then the series is left as it is.
            exceptions=[
                self._moment(dict_(one.get("originalStartTime")), "original start")
                for one in self._exceptions.get(series, ())
            ],
        )
        most = max(1, self._context.max_occurrences // 10)
        steps = self._patience.steps()
        found = list(instances(item, given, window=self._context.window, zone=self._zone, limit=most + 1, steps=steps))
        notices = guesses(given, uid, self._name(item))
        if len(found) > most:
            notices.append(too_often(uid, self._name(item), most))
        return found[:most], notices

    def occurrence(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """The item as a row; None where there is none to make of it in this window.

        :raises ValueError, TypeError, OverflowError: it is not understood.
        """
        uid, series = self._uid(item), text(item, "recurringEventId")
        original, start_given, end_given = (dict_(item.get(key)) for key in ("originalStartTime", "start", "end"))
        if item.get("status") == "cancelled":
            if not series and not start_given:
                return None  # "Deleted events are only guaranteed to have the id": it is gone, and so is its row
            if series and not text(item, "iCalUID") and series not in self._series_uid:
                return None  # which rows it would be about is not known
            if series and not start_given:
                item, end_given = self._as_it_was(item, series, original)
            start_given = start_given or original
        if not uid:
            raise ValueError("it has no id")
        start = self._moment(start_given, "start")
        start_at, end_at, end = self._span(start, end_given)
        if not self._context.window.holds(start_at, end_at):
            return None
        all_day = not isinstance(start, datetime)
        timezone, timezone_source = self._timezone(start_given, all_day=all_day)
        call = online_url(item)
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
            "status": one_of(STATUSES, item.get("status"), "confirmed"),
            "summary": text(item, "summary"),
            "description": text(item, "description"),
            "location": text(item, "location"),
            "url": text(item, "htmlLink"),
            "online_url": call,
            "online_type": "direct" if call else None,
            "categories": [],
            "organizer": person(item.get("organizer")),
            "creator": person(item.get("creator")),
            "attendees": [attendee(one) for one in dicts(item.get("attendees"))],
            "visibility": self._visibility(item),
            "transparency": one_of(TRANSPARENCIES, item.get("transparency"), "opaque"),
            "color": self._color(item),
            **self._reminders(item, start_at),
            "sequence": item["sequence"] if is_number(item.get("sequence")) else None,
            "created_at": instant_or_none(item.get("created")),
            "updated_at": instant_or_none(item.get("updated")),
            "is_recurring": series is not None,
            "source_event_id": text(item, "id"),
            "source_series_id": series,
        }

    def _as_it_was(
        self, item: Mapping[str, Any], series: str, original: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """A bare cancelled instance as its series had it, so that whoever reads the row sees what was cancelled."""
        whole = self._masters.get(series)
        if whole is None:
            return item, {}
        was = {name: whole[name] for name in _OF_A_SERIES if name in whole} | dict(item)
        try:
            given, ended = (self._moment(dict_(whole.get(name)), name) for name in ("start", "end"))
            end = self._moment(original, "original start") + (ended - given)
        except NOT_UNDERSTOOD:
            return was, {}
        return was, {"dateTime": end.isoformat()} if isinstance(end, datetime) else {"date": end.isoformat()}

    def unreadable(self, item: Mapping[str, Any], error: Exception) -> Notice:
        """The notice for an item that :meth:`occurrence` raises for. It names the title of no private event."""
        return unreadable(self._uid(item), self._name(item), error)

    def _name(self, item: Mapping[str, Any]) -> str | None:
        return text(item, "summary") if self._visibility(item) in ("default", "public") else None

    def _color(self, item: Mapping[str, Any]) -> str | None:
        """Labels "supersede the index-based colorId"."""
        own = (self._palette.get(text(item, name) or "") for name in ("eventLabelId", "colorId"))
        return next((color for color in own if color), self.color)

    def _uid(self, item: Mapping[str, Any]) -> str:
        """The iCalUID, the series' where the item lacks it, else the id; empty where there is nothing to go by."""
        series = text(item, "recurringEventId") or text(item, "id") or ""
        return bounded_uid(text(item, "iCalUID") or self._series_uid.get(series) or series)

    def _visibility(self, item: Mapping[str, Any]) -> str:
        """Google makes a series as private as its most private instance: a bare instance is as its siblings."""
        series = text(item, "recurringEventId") or text(item, "id") or ""
        return one_of(VISIBILITIES, text(item, "visibility") or self._series_visibility.get(series), "default")

    def _moment(self, given: Mapping[str, Any], what: str) -> date | datetime:
        """A date, or an instant in UTC. A ``dateTime`` may go without offset where ``timeZone`` is given."""
        day, time = text(given, "date"), text(given, "dateTime")
        if day is None and time is None:
            raise ValueError(f"it has no {what}")
        own = iana_name(text(given, "timeZone") or "")
        try:
            if day is not None:
                return date.fromisoformat(day)
            return instant(datetime.fromisoformat(time or ""), ZoneInfo(own) if own else self._zone)
        except NOT_UNDERSTOOD:
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
        own = None if all_day else iana_name(text(start_given, "timeZone") or "")
        return (own, "event") if own else (self._context.timezone, self._context.timezone_source)

    def _reminders(self, item: Mapping[str, Any], start_at: datetime) -> dict[str, Any]:
        """Instants and methods. Of an event without ``reminders``, and of a default that is none, nothing is known."""
        given = dict_(item.get("reminders"))
        uses_default = given.get("useDefault") is True
        chosen = self._default_reminders if uses_default else dicts(given.get("overrides"))
        found = reminders.columns(
            (start_at - timedelta(minutes=one["minutes"]), text(one, "method") or "")
            for one in chosen
            if is_number(one.get("minutes"))
        )
        says_nothing = not found["reminders"] and (uses_default or not given)
        return {**found, "reminder_methods": None} if says_nothing else found


def _recurrence_id(original: date | datetime) -> str:
    return original.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(original, datetime) else original.isoformat()


def _standing(row: Mapping[str, Any]) -> tuple[bool, datetime]:
    """Which of two rows of one identity counts: the one that takes place, then the one changed last."""
    return row["status"] != "cancelled", row["updated_at"] or datetime.min.replace(tzinfo=UTC)
