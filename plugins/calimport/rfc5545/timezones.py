"""A VTIMEZONE (RFC 5545, 3.6.5) as tzinfo.

Each STANDARD and DAYLIGHT part is an observance: an offset that begins at its onsets. What is in force at a time is
the observance with the latest onset before it. Onsets are worked out for a year when it is first asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from calimport.rfc5545.observances import Observance, Period, observance, offset, shifted

if TYPE_CHECKING:
    from calimport.rfc5545.content_lines import Component

_DAY: Final = timedelta(days=1)
#: The whole history of a zone in single observances has some 250, of which some 30 have rules.
_MOST_OBSERVANCES: Final = 1000
_MOST_RULES: Final = 100
#: The most that the database has in a year is six.
_MOST_ONSETS: Final = 50


def timezone(component: Component) -> Definition:
    """The zone that a VTIMEZONE defines; equal for equal definitions.

    :raises ValueError: it defines none; the message is a fragment for the calendar's owner.
    """
    parts = [part for part in component.components if part.name in ("STANDARD", "DAYLIGHT")]
    if not parts:
        raise ValueError("it has neither STANDARD nor DAYLIGHT")
    if len(parts) > _MOST_OBSERVANCES:
        raise ValueError(f"it has {len(parts)} observances")
    if (rules := sum(len(part.all("RRULE")) for part in parts)) > _MOST_RULES:
        raise ValueError(f"it has {rules} rules")
    offsets = [offset(part, "TZOFFSETTO") for part in parts]
    observances = []
    for part, after in zip(parts, offsets, strict=True):
        if after is None:
            raise ValueError(f"its {part.name} has no TZOFFSETTO")
        before = offset(part, "TZOFFSETFROM")
        if before is None:
            # Of two observances each follows the other; of one nothing is before it.
            others = [other for other in offsets if other is not None and other != after]
            before = others[0] if len(set(others)) == 1 else after
        observances.append(observance(part, before, after))
    tzid = component.first("TZID")
    return Definition(tzid.value.strip() if tzid else "", tuple(observances))


class _Year(NamedTuple):
    """The onsets around one year, and the periods before, between and after them."""

    utc: list[datetime]
    #: The same as wall clock times by fold: in a gap the offset before it, in an overlap the first (3.3.5, PEP 495).
    walls: tuple[list[datetime], list[datetime]]
    periods: list[Period]


class Definition(tzinfo):
    """The zone of a VTIMEZONE."""

    def __init__(self, tzid: str, observances: tuple[Observance, ...]) -> None:
        self._tzid, self._observances = tzid, observances
        self._years: dict[int, _Year] = {}
        onsets = [(onset, index) for index, one in enumerate(observances) if (onset := one.earliest()) is not None]
        first = observances[min(onsets)[1]] if onsets else observances[0]
        names = (one.period.name for one in observances if one.period.offset == first.before)
        #: Before the first onset the clocks show what it changes them from.
        self._initial = Period(first.before, timedelta(), next(names, None))

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return None if moment is None else self._period(moment).offset

    def dst(self, moment: datetime | None, /) -> timedelta | None:
        """In DAYLIGHT the difference that its onset makes; in STANDARD nothing."""
        return None if moment is None else self._period(moment).dst

    def tzname(self, moment: datetime | None, /) -> str | None:
        return None if moment is None else self._period(moment).name

    def fromutc(self, moment: datetime, /) -> datetime:
        naive = moment.replace(tzinfo=None)
        year = self._year(naive.year)
        index = bisect_right(year.utc, naive)
        offset = year.periods[index].offset
        # The second pass of an overlap: the wall clock shows what it has shown before.
        again = index and naive - year.utc[index - 1] < year.periods[index - 1].offset - offset
        local = moment + offset
        return local.replace(fold=1) if again else local

    @property
    def ends(self) -> datetime | None:
        """Where it is a list of changes, the last of them (aware, UTC): of what comes later it says nothing.

        The Events Calendar lists the changes of a few years. None: a rule goes on, or the clocks stand.
        """
        if len(self._observances) < 2 or any(one.is_endless for one in self._observances):
            return None
        last = [onset for one in self._observances if (onset := one.latest(datetime.max)) is not None]
        return max(last).replace(tzinfo=UTC) if last else None

    def transitions(self, start: datetime, end: datetime) -> list[datetime]:
        """Onsets in [start, end), ascending; all aware, in UTC."""
        years = (self._year(number) for number in range(start.year, end.year + 1))
        onsets = {onset.replace(tzinfo=UTC) for year in years for onset in year.utc}
        return sorted(onset for onset in onsets if start <= onset < end)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Definition) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"timezone({self._tzid!r})"

    def _key(self) -> tuple[str, tuple[Observance, ...]]:
        return self._tzid, self._observances

    def _period(self, moment: datetime) -> Period:
        year = self._years.get(moment.year) or self._year(moment.year)
        return year.periods[bisect_right(year.walls[moment.fold], moment.replace(tzinfo=None))]

    def _year(self, number: int) -> _Year:
        if (known := self._years.get(number)) is None:
            known = self._years[number] = self._work_out(number)
        return known

    def _work_out(self, number: int) -> _Year:
        # Wall clocks are less than a day from UTC.
        first = shifted(datetime(number, 1, 1), -2 * _DAY)
        end = shifted(datetime(number, 12, 31), 3 * _DAY)
        periods = [self._before(first)]
        onsets: dict[datetime, Observance] = {}
        for one in self._observances:
            for onset in one.onsets(first, end):
                # Outlook's zones without summer time begin both in 1601 at once; they mean STANDARD.
                if onset not in onsets or not one.daylight:
                    onsets[onset] = one
                if len(onsets) > _MOST_ONSETS:
                    raise ValueError(f"its clocks change more than {_MOST_ONSETS} times in {number}")
        utc = sorted(onsets)
        periods += [onsets[onset].period for onset in utc]
        pairs = [(old.offset, new.offset) for old, new in pairwise(periods)]
        walls = (
            [shifted(onset, max(pair)) for onset, pair in zip(utc, pairs, strict=True)],
            [shifted(onset, min(pair)) for onset, pair in zip(utc, pairs, strict=True)],
        )
        return _Year(utc, walls, periods)

    def _before(self, moment: datetime) -> Period:
        latest = [(onset, not one.daylight, one.period) for one in self._observances if (onset := one.latest(moment))]
        return max(latest, key=lambda one: one[:2])[2] if latest else self._initial
