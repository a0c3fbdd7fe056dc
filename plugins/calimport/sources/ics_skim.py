"""Events outside of the window that are known by one pattern, without being taken apart.

One program wrote the feed, so that most of its events have the same heads in the same order. What was found out about
some of them becomes a pattern: an event that it matches is as clean as they are, and shows its UID and its days.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from calimport.rfc5545.blocks import ALARM, ALARM_END
from calimport.rfc5545.property_names import ADDRESSED

if TYPE_CHECKING:
    from calimport.rfc5545.blocks import Block
    from calimport.sources.ics_outside import Outside

#: To make a pattern takes as long as to read some hundred events; what was seen so often will be seen again.
_OFTEN: Final = 12
#: A feed with more shapes than this is not that uniform.
_MOST_SHAPES: Final = 12
_MOST_ALARMS: Final = 100
#: Where so many more events are near than are passed over, to look at them twice takes longer than it saves.
_MANY_NEAR: Final = 300
_TEXT: Final = r"[^\n]*+(?:\n[ \t][^\n]*+)*+"
_DAY: Final = r"\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_TIME: Final = r"(?:T(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ?)?"
#: What values are like of which nothing is to be said. Any other event is read.
_VALUES: Final = {
    "UID": r"(?P<UID>[!-\[\]-~][ -\[\]-~]*+(?:\\[,;][ -\[\]-~]*+)*+)",
    "DTSTART": f"(?P<DTSTART>{_DAY}){_TIME}",
    "DTEND": f"(?P<DTEND>{_DAY}){_TIME}",
    "SEQUENCE": r"\d{1,9}",
    "STATUS": r"[A-Z-]+",
} | dict.fromkeys(ADDRESSED, rf"[A-Za-z][A-Za-z0-9+.-]*:{_TEXT}")
_NEEDED: Final = ("UID", "DTSTART")


#: An event that was passed over: its raw UID, the days of its start and of its end as
#: :class:`calimport.sources.ics_outside.Outside` has them, and which of the feed's events it is, from 0.
Passed = tuple[str, tuple[str, str], int]


class Skim:
    """Passes over the single events of one feed that lie outside of the window."""

    def __init__(self, outside: Outside) -> None:
        self.passed: list[Passed] = []
        self._outside = outside
        #: The days between which events have no part in the window, by what is written; None: they may have.
        self._days: dict[tuple[str | None, ...], tuple[str, str] | None] = {}
        self._seen: Counter[int] = Counter()
        #: Properties in their order, each with its heads.
        self._lines: list[tuple[str, list[str]]] = []
        self._shapes = 0
        self._near = 0
        self._pattern: re.Pattern[str] | None = None
        #: What follows the first BEGIN:VALARM, where events end in alarms of which nothing is to be said.
        self._alarms: set[str] = set()

    def passes(self, text: str, number: int) -> bool:
        """Whether the event is outside, so that nobody has to read it.

        :param text: what stands between its BEGIN and its END, each of its lines behind a line's end.
        """
        if self._pattern is None:
            return False
        if ALARM in text:
            text, _, alarms = text.partition(ALARM)
            if alarms not in self._alarms:
                return False
        if (found := self._pattern.fullmatch(text)) is None:
            return False
        written = found.group("DTSTART", "DTEND")
        try:
            days = self._days[written]
        except KeyError:
            days = self._days[written] = self._outside.days_outside(*written)
        if days is None:
            self._near += 1
            if self._near > _MANY_NEAR + 3 * len(self.passed):
                self._pattern, self._shapes = None, _MOST_SHAPES
            return False
        self.passed.append((found["UID"], days, number))
        return True

    def learn(self, block: Block, text: str) -> None:
        """What a block that had to be read, and is written so, shows of others like it."""
        shape = block.shape
        if shape is None or self._shapes >= _MOST_SHAPES:
            return
        if block.alarms and len(self._alarms) < _MOST_ALARMS and _ends_in(alarms := text.partition(ALARM)[2]):
            self._alarms.add(alarms)
        self._seen[id(shape)] += 1
        if self._seen[id(shape)] != _OFTEN or "UID" not in shape.first or not self._outside.shows_all_by_days(shape):
            return
        lines = zip(shape.heads, block.lines, shape.begins, strict=True)
        merged = _merged(self._lines, [(head.name, line[:begin]) for head, line, begin in lines])
        if merged is not None:
            self._lines, self._pattern = merged, _compiled(tuple((name, tuple(heads)) for name, heads in merged))
            self._shapes += 1


def _ends_in(alarms: str) -> bool:
    """Whether nothing follows an alarm but the next one."""
    return all(piece.partition(ALARM_END)[1:] == (ALARM_END, "") for piece in alarms.split(ALARM))


def _merged(lines: list[tuple[str, list[str]]], heads: list[tuple[str, str]]) -> list[tuple[str, list[str]]] | None:
    """The lines with those of one shape more; None where it has a property twice, or in another order."""
    merged = [(name, list(known)) for name, known in lines]
    at = 0
    for name, head in heads:
        where = next((number for number, one in enumerate(merged) if one[0] == name), None)
        if where is None:
            merged.insert(at, (name, [head]))
            where = at
        elif where < at:
            return None
        elif head not in merged[where][1]:
            merged[where][1].append(head)
        at = where + 1
    return merged


@lru_cache(maxsize=64)
def _compiled(lines: tuple[tuple[str, tuple[str, ...]], ...]) -> re.Pattern[str]:
    """What matches the lines of an event, each behind a line's end: any of these, in this order."""
    written = ""
    for name, heads in lines:
        line = rf"\n(?:{'|'.join(map(re.escape, heads))}){_VALUES.get(name, _TEXT)}"
        written += line if name in _NEEDED else f"(?:{line})?+"
    return re.compile(written if "(?P<DTEND>" in written else f"{written}(?P<DTEND>)")
