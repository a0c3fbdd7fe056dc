"""The STANDARD and DAYLIGHT parts of a VTIMEZONE (RFC 5545, 3.6.5): offsets, and the onsets at which they begin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from calimport.rfc5545.recurrence import starts
from calimport.rfc5545.rules import Rule, parse_rule
from calimport.rfc5545.values import date_or_time

if TYPE_CHECKING:
    from calimport.rfc5545.content_lines import Component

_TICK: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
#: 3.3.14, and what is written instead: ``+1:00``, ``0100``, ``+1``, ``UTC+01:00``.
_OFFSET: Final = re.compile(
    r"(?:UTC|GMT)?+\s*+([+\-−]?)\s*+(\d\d?)(?::?(\d\d))?(?::?(\d\d))?", re.IGNORECASE | re.ASCII
)
#: Clocks change some times a year; rules that say more cost much and mean nothing.
_FREQUENCIES: Final = frozenset({"YEARLY", "MONTHLY"})


class Period(NamedTuple):
    """What clocks show between two onsets."""

    offset: timedelta
    dst: timedelta
    name: str | None


@dataclass(frozen=True)
class Observance:
    """One STANDARD or DAYLIGHT. Onsets are naive times in UTC; its own wall clock is ahead of that by ``before``."""

    start: datetime
    before: timedelta
    period: Period
    daylight: bool
    #: Each rule with its UNTIL on the wall clock.
    rules: tuple[tuple[Rule, datetime | None], ...]
    dates: tuple[datetime, ...]
    #: Whether DTSTART is an onset.
    starts_itself: bool

    def onsets(self, first: datetime, end: datetime) -> Iterator[datetime]:
        """Onsets in [first, end)."""
        yield from (one for one in self.dates if first <= one < end)
        for rule, until in self.rules:
            yield from self._ruled(rule, until, first, end)

    def latest(self, end: datetime) -> datetime | None:
        """The last onset before ``end``, searched backwards in steps that grow, so that an old zone costs little."""
        found = [one for one in self.dates if one < end]
        begin = shifted(self.start, -self.before)
        for rule, until in self.rules:
            high, span = end if until is None else min(end, shifted(until, _TICK - self.before)), 400 * _DAY
            while high > begin:
                low = max(shifted(high, -span), begin)
                if ruled := list(self._ruled(rule, until, low, high)):
                    found.append(ruled[-1])
                    break
                high, span = low, 4 * span
        return max(found, default=None)

    @property
    def is_endless(self) -> bool:
        return any(rule.count is None and rule.until is None for rule, _ in self.rules)

    def earliest(self) -> datetime | None:
        """The first onset of all; None where ten years from DTSTART have none."""
        begin = shifted(self.start, -self.before)
        return min(self.onsets(begin, shifted(begin, 3660 * _DAY)), default=min(self.dates, default=None))

    def _ruled(self, rule: Rule, until: datetime | None, first: datetime, end: datetime) -> Iterator[datetime]:
        low, high = shifted(first, self.before), shifted(end, self.before - _TICK)
        for onset in starts(rule, self.start, first=low, last=high, until=until):
            if self.starts_itself or onset != self.start:
                yield shifted(onset, -self.before)


def observance(part: Component, before: timedelta, after: timedelta) -> Observance:
    given = part.first("DTSTART")
    if given is not None and given.value.strip():
        start = _wall(given.value)
    elif not part.all("RRULE"):
        start = datetime.min
    else:
        raise ValueError(f"its {part.name} has a rule and no DTSTART")
    rules = [parse_rule(one.value) for one in part.all("RRULE") if one.value.strip()]
    for rule in rules:
        if rule.freq not in _FREQUENCIES or max(map(len, (rule.by_hour, rule.by_minute, rule.by_second))) > 1:
            raise ValueError(f"its {part.name} begins more often than clocks change")
    # 3.6.5 makes DTSTART the first onset. Exchange begins both observances on 1 January; clocks change by the rule.
    starts_itself = not rules or any(_is_by_rule(rule, start) for rule in rules)
    listed = [one for given in part.all("RDATE") for one in given.value.split(",") if one.strip()]
    dates = {shifted(_wall(one.partition("/")[0]), -before) for one in listed}
    if starts_itself and not rules:
        dates.add(shifted(start, -before))
    names = [one.value.strip() for one in part.all("TZNAME")]
    daylight = part.name == "DAYLIGHT"
    return Observance(
        start=start,
        before=before,
        period=Period(after, after - before if daylight else timedelta(), next(filter(None, names), None)),
        daylight=daylight,
        rules=tuple((rule, _until(rule, before)) for rule in rules),
        dates=tuple(sorted(dates)),
        starts_itself=starts_itself,
    )


def offset(part: Component, name: str) -> timedelta | None:
    given = part.first(name)
    if given is None or not given.value.strip():
        return None
    found = _OFFSET.fullmatch(given.value.strip())
    hours, minutes, seconds = (int(one or 0) for one in found.groups()[1:]) if found else (24, 0, 0)
    if found is None or hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"its {name} {given.value.strip()[:40]!r} is no offset")
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return offset if found.group(1) in ("", "+") else -offset


def _wall(text: str) -> datetime:
    """An onset on the clock before it. Some write Z behind it, and mean the clock all the same (3.6.5 forbids it)."""
    text = text.strip()
    # Year 0 is not in Python's calendar; whoever writes it means "always".
    value = date_or_time("0001" + text[4:] if text.startswith("0000") else text, [])
    return value.replace(tzinfo=None) if isinstance(value, datetime) else datetime.combine(value, time())


def _until(rule: Rule, before: timedelta) -> datetime | None:
    """UNTIL is in UTC here (3.3.10), and inclusive."""
    if rule.until is None:
        return None
    if not isinstance(rule.until, datetime):
        return datetime.combine(rule.until, time.max)
    if rule.until.tzinfo is None:
        return rule.until
    return shifted(rule.until.astimezone(UTC).replace(tzinfo=None), before)


def _is_by_rule(rule: Rule, start: datetime) -> bool:
    """Whether DTSTART is among what the rule says: of a series that began an interval earlier it would be a start."""
    if rule.freq != "YEARLY" or start.year <= rule.interval or (start.month, start.day) == (2, 29):
        return True
    earlier = start.replace(year=start.year - rule.interval)
    return start in starts(replace(rule, count=None, until=None), earlier, first=start, last=start)


def shifted(moment: datetime, by: timedelta) -> datetime:
    """``moment + by``, or the end of Python's calendar."""
    try:
        return moment + by
    except OverflowError:
        return datetime.min if by < timedelta() else datetime.max
