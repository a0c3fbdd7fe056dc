"""Which time zone a time of a calendar lies in, and what decided it: a chain of evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from calimport.rfc5545.components import said
from calimport.rfc5545.timezones import Definition, timezone
from calimport.zone_names import How, Reading, clean, iana_name, read_name
from calimport.zone_tables import IANA_ABBREVIATIONS

if TYPE_CHECKING:
    from calimport.rfc5545.content_lines import Component
    from calimport.windows import Window

__all__ = ["Zone", "Zones", "feed_zone", "iana_name"]

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_YEAR: Final = timedelta(days=366)
#: Each that is used costs some milliseconds; a calendar with people in all the world has 40.
_MOST_DEFINITIONS: Final = 200
_LONGEST: Final = timedelta(days=36_525)
_FIRST: Final = datetime(2, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9998, 12, 31, tzinfo=UTC)
_FEED_ZONE: Final = re.compile(r"^(?:X-WR-TIMEZONE|TIMEZONE-ID)(?:;[^:\r\n]*)?:([^\r\n]+)", re.I | re.M)


_MOST_SETTLED: Final = 1000


@dataclass(frozen=True)
class Zone:
    """A zone and why it is this one."""

    tzinfo: tzinfo
    #: IANA name; None where only the calendar's own definition, or an offset, says what the zone is.
    name: str | None
    #: What decided: ``event`` (the TZID), ``vtimezone``, ``calendar`` or ``default``.
    evidence: str
    #: A sentence for the owner where this was a guess, or where two pieces of evidence contradict each other.
    notice: str | None = None


#: Zones by a digest of all that they follow from.
_SETTLED: Final[dict[bytes, Zone]] = {}


class Zones:
    """The zones of one VCALENDAR."""

    def __init__(
        self, timezones: Iterable[Component], calendar_zone: ZoneInfo, calendar_evidence: str, window: Window
    ) -> None:
        """``calendar_evidence``: what gave the calendar its zone, ``calendar`` or ``default``."""
        self._definitions: dict[str, list[Component]] = {}
        for one in islice(timezones, _MOST_DEFINITIONS):
            if (tzid := one.first("TZID")) is not None:
                self._definitions.setdefault(clean(tzid.value).lower(), []).append(one)
        self._calendar = Zone(calendar_zone, calendar_zone.key, calendar_evidence)
        self._window = window
        self._known: dict[str, Zone] = {}

    @property
    def calendar(self) -> Zone:
        """The zone of floating times (RFC 5545, 3.3.5) and of dates."""
        return self._calendar

    def of(self, tzid: str) -> Zone:
        """The zone that ``tzid`` means in this calendar.

        1. A name of IANA's: the database decides. A definition in the calendar that contradicts it in the window is
           a notice: such definitions are written once and grow old, while the database is kept up to date.
        2. A name that leads to IANA's by a rule or a guess: that zone, unless the calendar defines it otherwise.
        3. The calendar's own definition (VTIMEZONE).
        4. The calendar's zone, with a notice.
        """
        if (known := self._known.get(tzid)) is None:
            key = clean(tzid).lower()
            components = self._definitions.get(key, [])
            known = self._known[tzid] = self._known_to_all(tzid, components) if key else self._calendar
        return known

    def _known_to_all(self, tzid: str, components: list[Component]) -> Zone:
        """Thousands of feeds have the same definition, and to understand one takes milliseconds."""
        asked = (tzid, self._calendar, self._window, said(components))
        digest = blake2b(repr(asked).encode("utf-8", "replace"), digest_size=16).digest()
        if (known := _SETTLED.get(digest)) is None:
            if len(_SETTLED) >= _MOST_SETTLED:
                _SETTLED.clear()
            known = _SETTLED[digest] = self._settled(tzid, components)
        return known

    def _settled(self, tzid: str, components: list[Component]) -> Zone:
        reading = self._read(tzid) or _alias(components)
        definition, broken = self._definition(components)
        if definition is not None:
            return self._defined(tzid, definition, reading)
        damage = f" The calendar's own definition of it cannot be used: {broken}." if broken else ""
        if reading is None:
            message = (
                f"The time zone {_shown(tzid)} is not known. Its times were read in {self._calendar.name}.{damage}"
            )
            return replace(self._calendar, notice=message)
        notice = f"{_guessed(tzid, reading)}{damage}" if reading.how is How.GUESS else None
        return Zone(reading.tzinfo, reading.name, "event", notice)

    def _read(self, tzid: str) -> Reading | None:
        reading = read_name(tzid)
        zone = self._calendar.tzinfo
        if reading is not None and reading.how is How.GUESS:
            # Of what CST or IST may mean, the calendar's own zone is the likeliest.
            half_years = (self._window.start, self._window.start + _YEAR / 2)
            if clean(tzid).upper() in {one.astimezone(zone).tzname() for one in half_years}:
                return Reading(zone, self._calendar.name, How.GUESS)
        return reading

    def _definition(self, components: list[Component]) -> tuple[Definition | None, str | None]:
        """The first of them that can be used, or why none can."""
        broken = None
        for component in components:
            try:
                if component.damage:
                    raise ValueError("; ".join(component.damage))  # noqa: TRY301
                definition = timezone(component)
                # A rule that cannot be followed shows itself only where it is.
                definition.transitions(*_span(self._window, _YEAR))
            except ValueError as error:
                broken = broken or str(error)
            else:
                return definition, None
        return None, broken

    def _defined(self, tzid: str, definition: Definition, reading: Reading | None) -> Zone:
        notice = None
        if reading is not None:
            abbreviation = clean(tzid).upper() in IANA_ABBREVIATIONS
            # A constant offset agrees with any zone for half of the year.
            constant = abbreviation or reading.name is None or reading.name == "UTC" or reading.name.startswith("Etc/")
            first, last = _span(self._window, _YEAR if constant else _DAY)
            moment = _difference(definition, reading.tzinfo, first, min(last, definition.ends or last))
            if moment is None:
                return Zone(reading.tzinfo, reading.name, "event")
            otherwise = (
                f"The calendar's own definition of the time zone {_shown(tzid)} says {_clock(moment, definition)}, "
                f"where {reading.name or 'the name'} has {_clock(moment, reading.tzinfo)}."
            )
            if reading.how is How.EXACT and not abbreviation:
                notice = f"{otherwise} The time zone database was used: such definitions are often out of date."
                return Zone(reading.tzinfo, reading.name, "event", notice)
            if reading.how is How.RULE:
                notice = f"{otherwise} The definition was used."
        zone = self._calendar.tzinfo
        # What shows the same time as the calendar's zone for more than two years may bear its name.
        if _difference(definition, zone, *_span(self._window, _YEAR)) is None:
            return Zone(zone, self._calendar.name, "vtimezone", notice)
        return Zone(definition, None, "vtimezone", notice)


def feed_zone(text: str) -> Zone | None:
    """The zone that a feed gives for itself in X-WR-TIMEZONE (Apple, Google, most others) or TIMEZONE-ID.

    It always has an IANA name; None where the feed gives none, or one that is not known. That a feed defines a zone
    (VTIMEZONE) does not say that the calendar lies there: its dates and floating times may be anybody's.
    """
    if (first := text.find("BEGIN:VEVENT")) < 0:
        first = len(text)
    found = _FEED_ZONE.search(text, 0, first)
    # Behind the events it is rare; to look there with the pattern takes a second in a feed of 50 MB.
    if found is None and "\nX-WR-TIMEZONE" in text:
        found = _FEED_ZONE.search(text, first)
    return _named(found[1]) if found else None


def _named(tzid: str) -> Zone | None:
    reading = read_name(tzid)
    if reading is None or reading.name is None:
        return None
    return Zone(reading.tzinfo, reading.name, "calendar", _guessed(tzid, reading) if reading.how is How.GUESS else None)


def _guessed(tzid: str, reading: Reading) -> str:
    return f"The time zone {_shown(tzid)} was taken to be {reading.name}, by a guess."


def _alias(components: list[Component]) -> Reading | None:
    """Another name that a definition gives itself: X-LIC-LOCATION (libical), TZID-ALIAS-OF (RFC 7808, 7.2)."""
    for component in components:
        for name in ("X-LIC-LOCATION", "TZID-ALIAS-OF"):
            given = component.first(name)
            reading = read_name(given.value) if given is not None else None
            if reading is not None and reading.how is not How.GUESS:
                return replace(reading, how=How.RULE)
    return None


def _span(window: Window, margin: timedelta) -> tuple[datetime, datetime]:
    """The window with a margin on both sides, at most a lifetime, and within Python's calendar in any zone."""
    start = max(window.start, _FIRST + margin) - margin
    end = min(window.end, _LAST - margin) + margin
    return start, end if end - start < _LONGEST else start + _LONGEST


def _difference(definition: Definition, other: tzinfo, first: datetime, last: datetime) -> datetime | None:
    """The first instant found in [first, last] at which two zones show different times.

    Looked at are one time of each week and the seconds around each change of the definition's clocks: a change that
    only the other zone has leaves the two apart for weeks.
    """
    if first > last:
        return None
    moments = {last} | {first + number * _WEEK for number in range((last - first) // _WEEK + 1)}
    for onset in definition.transitions(first, last):
        moments |= {onset - timedelta(seconds=1), onset}
    differing = (
        one for one in sorted(moments) if one.astimezone(definition).utcoffset() != one.astimezone(other).utcoffset()
    )
    return next(differing, None)


def _clock(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _shown(tzid: str) -> str:
    return repr(tzid.strip()[:80])
