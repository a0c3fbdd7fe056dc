"""What a source found about an occurrence, as a row of the frame, with one treatment of times for all of them.

A source that lists dated events needs no more than this::

    rows = Rows(context)
    for item in document["events"]:
        with rows.item(uid=item["id"], title=item.get("name")):
            rows.add(uid=item["id"], start=moment(item["start"]), end=moment(item["end"]), title=item.get("name"))
    return rows.parsed(retains_past=RETAINS_PAST)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from calimport.frame import STATUSES, TRANSPARENCIES, VISIBILITIES
from calimport.reminders import METHODS
from calimport.sources.base import Notice, ParseContext, Parsed, bounded_uid, quoted
from calimport.windows import instant
from calimport.zones import iana_name

_DAY: Final = timedelta(days=1)
#: What an item can make Python say when its values are not what the provider documents.
NOT_UNDERSTOOD: Final = (ValueError, TypeError, OverflowError, LookupError, AttributeError)


def row(
    context: ParseContext,
    *,
    uid: str,
    start: date | datetime,
    end: date | datetime | None = None,
    recurrence_id: date | datetime | None = None,
    zone: str | None = None,
    status: str | None = None,
    title: str | None = None,
    description: str | None = None,
    location: str | None = None,
    url: str | None = None,
    online_url: str | None = None,
    online_type: str | None = None,
    categories: Sequence[str] = (),
    organizer: dict[str, str | None] | None = None,
    creator: dict[str, str | None] | None = None,
    attendees: Sequence[dict[str, str | None]] = (),
    visibility: str | None = None,
    transparency: str | None = None,
    color: str | None = None,
    reminders: Sequence[datetime] | None = None,
    sequence: int | None = None,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
    is_recurring: bool | None = None,
    source_event_id: str | None = None,
    source_series_id: str | None = None,
) -> dict[str, Any] | None:
    """A row of the frame; None where the occurrence lies outside of the window.

    :param start: a date is all-day; a naive date-time lies in ``zone``, else in the calendar's zone.
    :param end: exclusive; without one, or before the start, there is no end: no length, or one day where all-day.
    :param recurrence_id: the original start of an instance of a series.
    :param zone: the event's own zone by any name; one that nobody knows is as none.
    :param status, visibility, transparency: words of the frame; another word is as none.
    :param description: may be HTML.
    :param reminders: instants, ascending and each once; None where the source says nothing of any, so that the
        calendar's defaults apply.
    :param is_recurring: default: whether there is a recurrence id.
    :raises ValueError: there is no UID, or of start and end one is a date and the other a time.
    :raises OverflowError: the time lies outside of the years 1 to 9999.
    """
    if not uid:
        raise ValueError("it has no id")
    own = iana_name(zone) if zone else None
    lies_in, calendar_zone = ZoneInfo(own or context.timezone), ZoneInfo(context.timezone)
    all_day = not isinstance(start, datetime)
    end = start if end is None else end
    if isinstance(end, datetime) is all_day:
        raise ValueError("of its start and end one is a date and the other a time")
    if all_day:
        end = max(end, start + _DAY)
        start_at, end_at = instant(start, calendar_zone), instant(end, calendar_zone)
    else:
        start_at = instant(start, lies_in)
        end_at = max(instant(end, lies_in), start_at)
    if not context.window.holds(start_at, end_at):
        return None
    is_own = own is not None and not all_day
    return {
        "uid": bounded_uid(uid),
        "recurrence_id": _recurrence_id(recurrence_id, lies_in),
        "start_at": start_at,
        "end_at": end_at,
        "all_day": all_day,
        "start_date": start if all_day else None,
        "end_date": end if all_day else None,
        "timezone": own if is_own else context.timezone,
        "timezone_source": "event" if is_own else context.timezone_source,
        "status": _one_of(STATUSES, status, "confirmed"),
        "summary": title or None,
        "description": description or None,
        "location": location or None,
        "url": url or None,
        "online_url": online_url or None,
        "online_type": (online_type or "direct") if online_url else None,
        "categories": list(categories),
        "organizer": organizer,
        "creator": creator,
        "attendees": list(attendees),
        "visibility": _one_of(VISIBILITIES, visibility, "default"),
        "transparency": _one_of(TRANSPARENCIES, transparency, "opaque"),
        "color": color,
        "reminders": list(reminders or ()),
        "reminder_methods": None if reminders is None else [METHODS[0]] * len(reminders),
        "sequence": sequence,
        "created_at": created_at,
        "updated_at": updated_at,
        "is_recurring": recurrence_id is not None if is_recurring is None else is_recurring,
        "source_event_id": source_event_id,
        "source_series_id": source_series_id,
    }


def moment(text: str) -> date | datetime:
    """A date, or a date-time with or without an offset, as ISO 8601 writes them.

    :raises ValueError: it is neither.
    """
    text = text.strip()
    try:
        return date.fromisoformat(text) if len(text) in (8, 10) else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no date or time") from None


def unreadable(uid: str, title: str | None, error: Exception) -> Notice:
    """The notice for an item that was not understood; rows of its UID are not taken as gone."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    name = title or uid or "without a name"
    message = f"The event {quoted(name)} could not be understood and was left as it was: {reason}"
    return Notice("event_unreadable", message, subject=bounded_uid(uid), keeps_uid=True)


def too_many(context: ParseContext) -> Notice:
    """The notice for a calendar with more occurrences than are imported."""
    message = f"The calendar has more than {context.max_occurrences} dates in the window; the rest were left out."
    return Notice("too_many_occurrences", message, keeps_uid=True)


class Rows:
    """The rows of one feed, one item after the other: what cannot be understood is named, and the others stand."""

    def __init__(self, context: ParseContext) -> None:
        self.notices: list[Notice] = []
        self._context = context
        self._rows: dict[tuple[str, str | None], dict[str, Any]] = {}
        self._uids: set[str] = set()
        self._is_full = False
        self._last_start: datetime | None = None

    @contextmanager
    def item(self, *, uid: Any, title: Any = None) -> Iterator[None]:
        """An item's code runs in here; where it fails, the item becomes a notice and its rows stay as they were."""
        uid, title = (str(one) if one else "" for one in (uid, title))
        try:
            yield
        except NOT_UNDERSTOOD as error:
            self.notices.append(unreadable(uid, title, error))

    def add(self, *, uid: str, **fields: Any) -> None:
        """One occurrence, as :func:`row` takes it. One of the same identity takes the place of the former."""
        found = row(self._context, uid=uid, **fields)
        starts = instant(fields["start"], ZoneInfo(iana_name(fields.get("zone") or "") or self._context.timezone))
        self._last_start = max(self._last_start or starts, starts)
        if starts < self._context.as_of:
            self._uids.add(bounded_uid(uid))
        if found is None or self._is_full:
            return
        key = found["uid"], found["recurrence_id"]
        if key not in self._rows and len(self._rows) == self._context.max_occurrences:
            self._is_full = True
            self.notices.append(too_many(self._context))
            return
        self._rows[key] = found

    def parsed(
        self, *, retains_past: bool, goes_on: bool = False, title: str | None = None, color: str | None = None
    ) -> Parsed:
        """All that was found.

        :param retains_past: where False, the absence of an occurrence that ended before the run proves nothing.
        :param goes_on: whether there may be more, that start after the last that was added.
        """
        return Parsed(
            occurrences=list(self._rows.values()),
            notices=self.notices,
            title=title,
            color=color,
            published_from=None if retains_past else self._context.as_of,
            uids=frozenset() if retains_past else frozenset(self._uids),
            published_until=(self._last_start or self._context.as_of) if goes_on else None,
        )


def _recurrence_id(original: date | datetime | None, zone: ZoneInfo) -> str | None:
    """The identity of an instance: a UTC instant, or a date."""
    if original is None:
        return None
    if not isinstance(original, datetime):
        return original.isoformat()
    return instant(original, zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _one_of(known: tuple[str, ...], value: str | None, default: str) -> str:
    return value if value in known else default
