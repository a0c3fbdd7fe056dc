"""VTIMEZONE components (RFC 5545, 3.6.5) from the zone database, for a span of time.

Written here and not by the library ``icalendar``, which gives each onset in the time that it leads to, while the RFC
wants it in the time before (3.6.5: "effective start … in terms of the TZOFFSETFROM").
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

#: No zone has ever had two changes of its offset within it that take each other back.
_STEP = timedelta(days=7)
_MARGIN = timedelta(days=370)
#: What every zone can still show with the margin.
_EARLIEST, _LATEST = datetime(3, 1, 1, tzinfo=UTC), datetime(9997, 1, 1, tzinfo=UTC)


def vtimezone(name: str, first: datetime, last: datetime) -> Timezone:
    """The zone ``name`` (IANA) as it is between two instants, and a year on either side."""
    zone = ZoneInfo(name)
    begin = (max(first, _EARLIEST) - _MARGIN).replace(microsecond=0)
    end = (min(last, _LATEST) + _MARGIN).replace(microsecond=0)
    component = Timezone()
    component.add("tzid", name)
    component.add_component(_observance(begin, begin, zone))
    for onset in _onsets(zone, begin, end):
        component.add_component(_observance(onset, onset - timedelta(seconds=1), zone))
    return component


def _onsets(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The instants at which the zone's offset or its name changes, to the second."""
    moment = begin
    while moment < end:
        later = min(moment + _STEP, end)
        if _state(zone, moment) != _state(zone, later):
            low, high = moment, later
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if _state(zone, middle) == _state(zone, moment) else (low, middle)
            yield high
        moment = later


def _observance(onset: datetime, before: datetime, zone: ZoneInfo) -> Any:
    old, new = before.astimezone(zone), onset.astimezone(zone)
    observance = TimezoneDaylight() if new.dst() else TimezoneStandard()
    # The clock of the time before shows this when the new one begins.
    offset = old.utcoffset() or timedelta(0)
    observance.add("dtstart", (onset + offset).replace(tzinfo=None))
    observance.add("tzoffsetfrom", offset)
    observance.add("tzoffsetto", new.utcoffset() or timedelta(0))
    observance.add("tzname", new.tzname() or zone.key)
    return observance


def _state(zone: ZoneInfo, moment: datetime) -> tuple[timedelta | None, str | None]:
    local = moment.astimezone(zone)
    return local.utcoffset(), local.tzname()
