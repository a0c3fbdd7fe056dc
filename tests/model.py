"""What a calendar's rows ought to be, in plain Python: no part of calimport has a hand in it.

Events are kept simple enough for that: single ones, all-day ones, and weekly series whose instances may be moved,
cancelled or left out. :func:`feed_of` writes them down as iCalendar, :func:`rows_of` says which rows they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: (recurrence_id, start_at, end_at, start_date, end_date, timezone, status, summary, location, place_id, address)
Content = tuple[
    str | None, datetime, datetime, date | None, date | None, str, str, str, str | None, int | None, str | None
]
#: (uid, recurrence_id)
Identity = tuple[str, str | None]
LONDON = "Europe/London"


@dataclass(frozen=True)
class Single:
    """One event. ``clock`` says in which zone its times are: ``UTC``, ``Europe/London``, or none: the calendar's."""

    start: datetime
    minutes: int
    summary: str
    clock: str | None = "UTC"
    location: str | None = None
    status: str = "confirmed"


@dataclass(frozen=True)
class AllDay:
    """One event of whole days."""

    start: date
    days: int
    summary: str


@dataclass(frozen=True)
class Weekly:
    """A series at one hour of London's clocks; some of its instances, by their number, are unlike the others."""

    start: datetime
    count: int
    summary: str
    minutes: int = 60
    left_out: frozenset[int] = frozenset()
    cancelled: frozenset[int] = frozenset()
    #: Number of the instance → hours by which it is moved.
    moved: Mapping[int, int] = field(default_factory=dict)


Event = Single | AllDay | Weekly


@dataclass(frozen=True)
class Place:
    """What a calendar's strategy makes of a location; see ``placing.py`` for the words."""

    strategy: str
    id: int
    address: str

    def of(self, location: str | None) -> tuple[int | None, str | None]:
        if self.strategy == "no_location":
            return None, None
        if self.strategy == "room_number" and location:
            return self.id, f"{location}, {self.address}"
        return self.id, self.address


@dataclass(frozen=True)
class Window:
    start: datetime
    end: datetime

    @classmethod
    def around(cls, as_of: datetime, zone: str, back: int, ahead: int) -> Window:
        """Whole days of the zone."""
        today = as_of.astimezone(ZoneInfo(zone)).date()
        return cls.of_dates(today - timedelta(back), today + timedelta(ahead + 1), zone)

    @classmethod
    def of_dates(cls, start: date, end: date, zone: str) -> Window:
        return cls(_midnight(start, zone), _midnight(end, zone))

    def holds(self, start: datetime, end: datetime) -> bool:
        return start < self.end and (end > self.start or (end == start and start >= self.start))


def rows_of(events: Mapping[str, Event], *, window: Window, zone: str, place: Place) -> dict[Identity, Content]:
    """The rows that a calendar of these events, by their UIDs, has in the window."""
    found = {}
    for uid, event in events.items():
        for content in _occurrences(event, zone, place):
            if window.holds(content[1], content[2]):
                found[uid, content[0]] = content
    return found


def _occurrences(event: Event, zone: str, place: Place) -> Iterable[Content]:
    if isinstance(event, AllDay):
        end = event.start + timedelta(event.days)
        at, until = _midnight(event.start, zone), _midnight(end, zone)
        yield None, at, until, event.start, end, zone, "confirmed", event.summary, None, *place.of(None)
    elif isinstance(event, Single):
        own = event.clock or zone
        at = event.start.replace(tzinfo=ZoneInfo(own)).astimezone(UTC)
        # Its end is written as a time of the clock too, so a change of clocks in between makes it longer or shorter.
        until = (event.start + timedelta(minutes=event.minutes)).replace(tzinfo=ZoneInfo(own)).astimezone(UTC)
        where = event.location, *place.of(event.location)
        yield None, at, until, None, None, own, event.status, event.summary, *where
    else:
        for number in sorted(set(range(event.count)) - event.left_out):
            original = event.start + timedelta(weeks=number)
            local = original + timedelta(hours=event.moved.get(number, 0))
            at = local.replace(tzinfo=ZoneInfo(LONDON)).astimezone(UTC)
            until = at + timedelta(minutes=event.minutes)
            status = "cancelled" if number in event.cancelled else "confirmed"
            yield _original(original), at, until, None, None, LONDON, status, event.summary, None, *place.of(None)


def feed_of(events: Mapping[str, Event], *, unreadable: Iterable[str] = (), stamp: int = 0) -> bytes:
    """The events as iCalendar.

    :param unreadable: UIDs of events that nobody can understand.
    :param stamp: makes bytes that differ and mean the same.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for uid, event in sorted(events.items()):
        for block in _blocks(event):
            if uid in unreadable:
                block = ["DTSTART:soon" if line.startswith("DTSTART") else line for line in block]
            stamped = f"DTSTAMP:{datetime(2026, 1, 1) + timedelta(seconds=stamp):%Y%m%dT%H%M%SZ}"
            lines += ["BEGIN:VEVENT", f"UID:{uid}", stamped, *block, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def _blocks(event: Event) -> Iterable[list[str]]:
    said = [f"SUMMARY:{event.summary}"]
    if isinstance(event, AllDay):
        end = event.start + timedelta(event.days)
        yield [f"DTSTART;VALUE=DATE:{event.start:%Y%m%d}", f"DTEND;VALUE=DATE:{end:%Y%m%d}", *said]
    elif isinstance(event, Single):
        end_at = event.start + timedelta(minutes=event.minutes)
        said += [f"LOCATION:{event.location}"] if event.location else []
        said += [f"STATUS:{event.status.upper()}"] if event.status != "confirmed" else []
        yield [_time("DTSTART", event.start, event.clock), _time("DTEND", end_at, event.clock), *said]
    else:
        length = [f"DURATION:PT{event.minutes}M", *said]
        left_out = [_time("EXDATE", event.start + timedelta(weeks=number), LONDON) for number in sorted(event.left_out)]
        yield [_time("DTSTART", event.start, LONDON), f"RRULE:FREQ=WEEKLY;COUNT={event.count}", *left_out, *length]
        for number in sorted((event.cancelled | event.moved.keys()) - event.left_out):
            original = event.start + timedelta(weeks=number)
            at = original + timedelta(hours=event.moved.get(number, 0))
            status = ["STATUS:CANCELLED"] if number in event.cancelled else []
            yield [_time("RECURRENCE-ID", original, LONDON), _time("DTSTART", at, LONDON), *length, *status]


def _time(name: str, at: datetime, clock: str | None) -> str:
    written = f"{at:%Y%m%dT%H%M%S}"
    return (
        f"{name}:{written}Z"
        if clock == "UTC"
        else f"{name}:{written}"
        if not clock
        else f"{name};TZID={clock}:{written}"
    )


def _original(local: datetime) -> str:
    return f"{local.replace(tzinfo=ZoneInfo(LONDON)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
