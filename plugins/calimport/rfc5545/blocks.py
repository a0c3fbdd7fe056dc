"""The VEVENTs of a feed as blocks of text, each read by itself, and only when something is asked of it.

``content_lines.py`` is the reference: a block is what that reader would make of it. It reads one line after the other,
because dirt may reach over the ends of components. Where a feed is laid out so that this cannot be (one VCALENDAR, each
BEGIN:VEVENT with its END:VEVENT, nothing odd between them), each VEVENT can be read alone. A clean one is split into
heads (name and parameters) and values at once: what its heads mean is known by all of them together, its *shape*, of
which a feed has a few, since one program wrote it. A VEVENT that is not clean is read by the reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from sys import intern
from typing import Final, NamedTuple

from calimport.rfc5545 import repairs
from calimport.rfc5545.components import Component, Property
from calimport.rfc5545.content_lines import read
from calimport.rfc5545.cuts import LF
from calimport.rfc5545.property_names import ADDRESSED, DATED, DATING, KNOWN, SINGLE

ALARM: Final = "\nBEGIN:VALARM\n"
ALARM_END: Final = "\nEND:VALARM"
#: What the reference looks for in the whole text before it reads lines.
_ODD: Final = (b"\r", b"\x01", b"QUOTED-PRINTABLE", b"quoted-printable")
_MARK: Final = "\ufeff".encode()
#: A line that a space too many makes the end of the line before (``repairs.hidden_lines``).
_HIDDEN: Final = re.compile(rb"\n[ \t]++(?:(?:DTSTART|DTEND|RECURRENCE-ID)[;:]|RRULE:FREQ=|(?:BEGIN|END):V)")
#: What may stand between two events and behind the last one, so that it cannot belong to an event.
_BETWEEN: Final = re.compile(
    rb"\n*+(?:(?:BEGIN:(?:VTIMEZONE|VTODO|VJOURNAL|VFREEBUSY)|END:VCALENDAR)(?:\n(?:.|\n)*+)?+)?+"
)
_HEAD: Final = re.compile(r"([A-Z][A-Z0-9-]*+)((?:;(?:[^\":;]++|\"[^\"]*+\")*+)*+):")
#: What is behind the head of a line.
_VALUES: Final = re.compile(r":[^\n]*+")
#: Whose values show whether they are clean.
_TOLD: Final = DATED | DATING
#: Longer ones than any program writes around its events are read each time, …
_LONGEST_KNOWN: Final = 100_000
#: … and so are longer heads of an event, and alarms.
_LONGEST_KNOWN_PART: Final = 2000
#: Characters; a longer event is read by the reference, which takes less memory for each of its lines.
_LONGEST_BLOCK: Final = 1_000_000
_URI: Final = re.compile(r"[ \t]*[A-Za-z][A-Za-z0-9+.-]*:")


class Head(NamedTuple):
    """A line up to its colon."""

    name: str
    parameters: str


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The heads of a clean VEVENT, in their order. Each is itself alone, so that what follows from it can be known."""

    heads: tuple[Head, ...]
    #: The same as they are written, each with its colon, the first one of its line.
    written: tuple[str, ...]
    #: Of each line where its value begins.
    begins: tuple[int, ...]
    #: By property the number of its line: the first, where there are several.
    first: dict[str, int]
    #: The lines whose value, which begins there, shows whether they are clean: dates, what has parameters.
    doubtful: tuple[tuple[int, int, Head], ...]

    @property
    def is_short(self) -> bool:
        """Whether what is known of it may be kept for other feeds."""
        return sum(self.begins) <= _LONGEST_KNOWN_PART


@dataclass(slots=True)
class Block:
    """One VEVENT."""

    #: Number of its BEGIN line in the feed, from 1.
    line: int
    #: None: it is not clean, and the reference has read it.
    shape: Shape | None
    #: Of a clean one: its lines, unfolded, without its alarms.
    lines: list[str] = field(repr=False)
    alarms: list[Component] = field(repr=False)
    read: Component | None = None

    def value(self, number: int) -> str:
        """The raw value of a line of a clean one."""
        assert self.shape is not None  # noqa: S101 - it is clean
        return self.lines[number][self.shape.begins[number] :]

    def component(self) -> Component:
        """What the reference makes of it."""
        if self.read is not None or self.shape is None:
            assert self.read is not None  # noqa: S101 - it has one or the other
            return self.read
        properties: dict[str, list[Property]] = {}
        new = tuple.__new__
        for (name, parameters), begin, line in zip(self.shape.heads, self.shape.begins, self.lines, strict=True):
            one = new(Property, (name, parameters, line[begin:]))
            if name in properties:
                properties[name].append(one)
            else:
                properties[name] = [one]
        self.read = Component("VEVENT", self.line, properties, self.alarms)
        return self.read


class Layout(NamedTuple):
    """A feed whose VEVENTs can be read each by itself, by a :class:`Reader`."""

    #: The VCALENDAR and what it holds, but the events.
    calendar: Component
    #: Of each event the lines between BEGIN:VEVENT and END:VEVENT, each behind a line's end, and the number of its
    #: BEGIN line, from 1.
    events: list[tuple[bytes, int]]
    has_tabs: bool


class Parts(NamedTuple):
    """The bytes of a feed that is laid out so."""

    #: What is before the first event, and what is behind any: without the events, a calendar too.
    around: list[bytes]
    #: The lines between BEGIN:VEVENT and END:VEVENT of each event, each behind a line's end.
    bodies: list[bytes]
    #: The feed, cut at each BEGIN:VEVENT.
    pieces: list[bytes]


def layout(content: bytes) -> Layout | None:
    """The feed as blocks; None where it is not laid out so, and the reference has to read it as a whole.

    :param content: UTF-8, as :func:`calimport.icalendar_text.clean` leaves it.
    """
    found = parts(content)
    if found is None:
        return None
    around = b"".join(found.around)
    calendar = _known_calendar(around) if len(around) <= _LONGEST_KNOWN else _calendar(around)
    if calendar is None:
        return None
    lines = accumulate((piece.count(b"\n") + 1 for piece in found.pieces[:-1]), initial=1)
    next(lines)
    return Layout(calendar, list(zip(found.bodies, lines, strict=False)), b"\t" in content)


def parts(content: bytes) -> Parts | None:
    """The feed as the bytes of its events and what is around them; None where it is not laid out so."""
    if not content.startswith(b"BEGIN:VCALENDAR\n") or content.count(b"VCALENDAR") != 2:
        return None
    if any(odd in content for odd in _ODD) or _HIDDEN.search(content):
        return None
    # To look for its first byte alone takes a fiftieth of the time.
    if _MARK[0] in content and _MARK in content:
        return None
    if content.rfind(b"\nEND:VCALENDAR") < content.rfind(LF.end):
        return None
    found = LF.pieces(content)
    if content.count(b"VEVENT") != 2 * (len(found) - 1):
        return None
    around, bodies = [found[0]], []
    for piece in found[1:]:
        if piece[:1] != b"\n":
            return None
        if piece.endswith(LF.end):
            bodies.append(piece[: -len(LF.end)])
            continue
        body, end, rest = piece.rpartition(LF.end)
        if not end or _BETWEEN.fullmatch(rest) is None:
            return None
        bodies.append(body)
        around.append(rest)
    return Parts(around, bodies, found)


@lru_cache(maxsize=32)
def _known_calendar(around: bytes) -> Component | None:
    """The same for the versions of a feed, and for many feeds of one program: nobody changes what is in it."""
    return _calendar(around)


def _calendar(around: bytes) -> Component | None:
    text = around.decode()
    if repairs.is_indented(text):
        return None
    roots = read(text)
    if len(roots) != 1 or not roots[0].properties.keys().isdisjoint(("DTSTART", "SUMMARY")):
        return None
    left = [roots[0]]
    while left:
        one = left.pop()
        if one.damage or one.repairs or one.name == "VEVENT":
            return None
        left += one.components
    return roots[0]


class Reader:
    """Reads the blocks of one feed, and learns what is known of their heads and alarms."""

    def __init__(self, layout: Layout) -> None:
        #: Something in a block is not only the block's own affair.
        self.is_lost = False
        self._has_tabs = layout.has_tabs
        self._shapes: dict[str, Shape | None] = {}
        #: By how many lines an event has, the shape of the latest one: the next is likely to have it too.
        self._latest: dict[int, Shape] = {}
        self._alarms: dict[str, Component | None] = {}

    def read(self, text: str, line: int) -> Block:
        """:param text: its lines, each behind a line's end; ``line``: the number of its BEGIN line."""
        text = text[1:]
        return self._clean(text, line) or self._by_reference(text, line)

    def _clean(self, text: str, line: int) -> Block | None:
        if len(text) > _LONGEST_BLOCK or "\n\n" in text:
            return None
        if "\n " in text:
            text = text.replace("\n ", "")
        if self._has_tabs and "\n\t" in text:
            text = text.replace("\n\t", "")
        alarms: list[Component] = []
        if ALARM in text:
            text, *pieces = text.split(ALARM)
            for piece in pieces:
                alarm, end, rest = piece.partition(ALARM_END)
                component = self._alarm(alarm) if end and rest[:1] in ("", "\n") else None
                if component is None:
                    return None
                alarms.append(component)
                text += rest
        lines = text.split("\n")
        shape = self._latest.get(len(lines))
        if shape is None or not all(map(str.startswith, lines, shape.written)):
            written = _VALUES.sub(":", text)
            try:
                shape = self._shapes[written]
            except KeyError:
                make = _known_shape if len(written) <= _LONGEST_KNOWN_PART else _shape
                shape = self._shapes[written] = make(written)
            if shape is None:
                return None
            self._latest[len(lines)] = shape
        for number, begin, head in shape.doubtful:
            one = lines[number]
            if (one.find(":", begin) >= 0 or not one[begin : begin + 1].strip()) and not _is_clean(head, one[begin:]):
                return None
        return Block(line, shape, lines, alarms)

    def _alarm(self, text: str) -> Component | None:
        """A VALARM; most events of a feed have the same, and nothing changes it."""
        try:
            return self._alarms[text]
        except KeyError:
            make = _known_alarm if len(text) <= _LONGEST_KNOWN_PART else _alarm
            found = self._alarms[text] = make(text)
            return found

    def _by_reference(self, text: str, line: int) -> Block:
        roots = read(f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{text}\nEND:VEVENT\nEND:VCALENDAR\n", first_line=line - 1)
        calendar = roots[0]
        if len(roots) > 1 or calendar.damage or calendar.repairs or calendar.properties:
            self.is_lost = True
        if [one.name for one in calendar.components] != ["VEVENT"]:
            self.is_lost = True
            return Block(line, None, [], [], Component("VEVENT", line))
        return Block(line, None, [], [], calendar.components[0])


def _alarm(text: str) -> Component | None:
    """None where anything is to be said of it, or where its lines are not its own alone."""
    within = f"BEGIN:VEVENT\nUID:1\nBEGIN:VALARM\n{text}\nEND:VALARM\nEND:VEVENT\n"
    found = read(f"BEGIN:VCALENDAR\n{within}END:VCALENDAR\n")
    for one in found:
        found += one.components
    if [one.name for one in found] != ["VCALENDAR", "VEVENT", "VALARM"] or any(
        one.damage or one.repairs for one in found
    ):
        return None
    calendar, event, alarm = found
    return alarm if not calendar.properties and event.properties.keys() == {"UID"} else None


def _shape(written: str) -> Shape | None:
    """What heads mean together; None where a component with them has to be looked at line by line."""
    lines = written.split("\n")
    heads = []
    for one in lines:
        head = _head(one)
        if head is None:
            return None
        heads.append(head)
    first: dict[str, int] = {}
    for number, head in enumerate(heads):
        if first.setdefault(head.name, number) != number and head.name in SINGLE:
            return None
    doubtful = [
        (number, len(lines[number]), head) for number, head in enumerate(heads) if head.parameters or head.name in _TOLD
    ]
    return Shape(tuple(heads), tuple(lines), tuple(map(len, lines)), first, tuple(doubtful))


#: What feeds of one program have in common is understood once for all of them.
_known_alarm = lru_cache(maxsize=256)(_alarm)
_known_shape = lru_cache(maxsize=256)(_shape)


def _head(written: str) -> Head | None:
    """What a head means, with its colon; None where a line with it may not be what it seems."""
    found = _HEAD.fullmatch(written)
    if found is None or not (found[1] in KNOWN or found[1].startswith("X-")) or repairs.ends_in_scheme(written[:-1]):
        return None
    return Head(intern(found[1]), found[2].strip(";:"))


def _is_clean(head: Head, value: str) -> bool:
    """Whether the line ``head:value`` is what it seems, where its head is."""
    if head.name in DATING and (not value or value.isspace()):
        return False
    if ":" not in value:
        return True
    if head.name in DATED:
        return False
    return head.name not in ADDRESSED or not head.parameters or _URI.match(value) is not None
