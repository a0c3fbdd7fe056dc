"""The VEVENTs of a feed as blocks of text, each read by itself, and only when something is asked of it.

``content_lines.py`` is the reference: a block is what that reader would make of it. It reads one line after the other,
because dirt may reach over the ends of components. Where a feed is laid out so that this cannot be (one VCALENDAR, each
BEGIN:VEVENT with its END:VEVENT, nothing odd between them), each VEVENT can be read alone. A clean one is split into
heads (name and parameters) and values at once: what its heads mean is known by all of them together, its *shape*, of
which a feed has a few, since one program wrote it. A VEVENT that is not clean is read by the reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from sys import intern
from typing import Final, NamedTuple

from calimport.rfc5545 import repairs
from calimport.rfc5545.components import Component, Property
from calimport.rfc5545.content_lines import read
from calimport.rfc5545.property_names import ADDRESSED, DATED, DATING, KNOWN, SINGLE

_BEGIN: Final = b"\nBEGIN:VEVENT\n"
_END: Final = b"\nEND:VEVENT"
_ALARM: Final = "\nBEGIN:VALARM\n"
_ALARM_END: Final = "\nEND:VALARM"
#: What the reference looks for in the whole text before it reads lines.
_ODD: Final = (b"\r", b"\x01", "\ufeff".encode(), b"QUOTED-PRINTABLE", b"quoted-printable")
#: A line that a space too many makes the end of the line before (``repairs.hidden_lines``).
_HIDDEN: Final = re.compile(rb"\n[ \t]++(?:(?:DTSTART|DTEND|RECURRENCE-ID)[;:]|RRULE:FREQ=|(?:BEGIN|END):V)")
_FOLDED_BEGIN: Final = re.compile(rb"\nBEGIN:VEVENT\n[ \t]")
#: What may stand between two events and behind the last one, so that it cannot belong to an event.
_BETWEEN: Final = re.compile(
    rb"\n*+(?:(?:BEGIN:(?:VTIMEZONE|VTODO|VJOURNAL|VFREEBUSY)|END:VCALENDAR)(?:\n(?:.|\n)*+)?+)?+"
)
_HEAD: Final = re.compile(r"([A-Z][A-Z0-9-]*+)((?:;(?:[^\":;]++|\"[^\"]*+\")*+)*+)")
#: Whose values show whether they are clean.
_TOLD: Final = DATED | DATING
_URI: Final = re.compile(r"[ \t]*[A-Za-z][A-Za-z0-9+.-]*:")


class Head(NamedTuple):
    """A line up to its colon."""

    name: str
    parameters: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The heads of a clean VEVENT, in their order."""

    heads: tuple[Head, ...]
    #: Of each property the head as it is written: the first, where there are several.
    written: dict[str, str]
    #: Those whose value shows whether the line is clean: dates, what has parameters.
    doubtful: tuple[tuple[str, Head], ...]
    #: Whether a head stands there twice.
    has_doubles: bool


@dataclass(slots=True)
class Block:
    """One VEVENT."""

    #: Number of its BEGIN line in the feed, from 1.
    line: int
    #: None: it is not clean, and the reference has read it.
    shape: Shape | None = None
    #: Of a clean one: its lines, unfolded, without its alarms.
    text: str = ""
    #: The raw values by their heads as written; the first of each.
    values: dict[str, str] = field(default_factory=dict, repr=False)
    alarms: list[Component] = field(default_factory=list, repr=False)
    read: Component | None = None

    def component(self) -> Component:
        """What the reference makes of it."""
        if self.read is not None or self.shape is None:
            assert self.read is not None  # noqa: S101 - it has one or the other
            return self.read
        properties: dict[str, list[Property]] = {}
        for (name, parameters), line in zip(self.shape.heads, self.text.split("\n"), strict=True):
            value = line.partition(":")[2]
            if (given := properties.get(name)) is None:
                properties[name] = [Property(name, parameters, value)]
            else:
                given.append(Property(name, parameters, value))
        self.read = Component("VEVENT", self.line, properties, self.alarms)
        return self.read


class Layout(NamedTuple):
    """A feed whose VEVENTs can be read each by itself."""

    #: The VCALENDAR and what it holds, but the events.
    calendar: Component
    blocks: list[Block]


class Parts(NamedTuple):
    """The bytes of a feed that is laid out so."""

    #: What is before the first event, and what is behind any: without the events, a calendar too.
    around: list[bytes]
    #: The lines between BEGIN:VEVENT and END:VEVENT of each event.
    bodies: list[bytes]
    #: The feed, cut at each BEGIN:VEVENT.
    pieces: list[bytes]


def layout(content: bytes) -> Layout | None:
    """The feed as blocks; None where it is not laid out so, and the reference has to read it as a whole.

    :param content: UTF-8, as :func:`calimport.icalendar_text.clean` leaves it.
    """
    found = parts(content)
    calendar = _calendar(b"".join(found.around)) if found else None
    if found is None or calendar is None:
        return None
    lines = accumulate((piece.count(b"\n") + 2 for piece in found.pieces[:-1]), initial=0)
    next(lines)
    reader = _Reader()
    blocks = [reader.read(body.decode(), line) for body, line in zip(found.bodies, lines, strict=False)]
    return None if reader.is_lost else Layout(calendar, blocks)


def parts(content: bytes) -> Parts | None:
    """The feed as the bytes of its events and what is around them; None where it is not laid out so."""
    if not content.startswith(b"BEGIN:VCALENDAR\n") or content.count(b"VCALENDAR") != 2:
        return None
    if any(odd in content for odd in _ODD) or _HIDDEN.search(content):
        return None
    if content.rfind(b"\nEND:VCALENDAR") < content.rfind(_END) or _FOLDED_BEGIN.search(content):
        return None
    pieces = content.split(_BEGIN)
    if content.count(b"VEVENT") != 2 * (len(pieces) - 1):
        return None
    around, bodies = [pieces[0]], []
    for piece in pieces[1:]:
        if piece.endswith(_END):
            bodies.append(piece[: -len(_END)])
            continue
        body, end, rest = piece.rpartition(_END)
        if not end or _BETWEEN.fullmatch(rest) is None:
            return None
        bodies.append(body)
        around.append(rest)
    return Parts(around, bodies, pieces)


def joined(around: list[bytes], bodies: Iterable[bytes]) -> bytes:
    """A feed of these events, within what is around those of another one."""
    events = b"".join(_BEGIN + body + _END for body in bodies)
    return around[0] + events + b"".join(around[1:])


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


class _Reader:
    """The blocks of one feed, and what is known of their heads and alarms."""

    def __init__(self) -> None:
        #: Something in a block is not only the block's own affair.
        self.is_lost = False
        self._heads: dict[str, Head | None] = {}
        self._shapes: dict[tuple[str, ...], Shape | None] = {}
        self._alarms: dict[str, Component | None] = {}

    def read(self, text: str, line: int) -> Block:
        return self._clean(text, line) or self._by_reference(text, line)

    def _clean(self, text: str, line: int) -> Block | None:
        if "\n\n" in text:
            return None
        if "\n " in text:
            text = text.replace("\n ", "")
        if "\n\t" in text:
            text = text.replace("\n\t", "")
        alarms: list[Component] = []
        if _ALARM in text:
            text, *pieces = text.split(_ALARM)
            for piece in pieces:
                alarm, end, rest = piece.partition(_ALARM_END)
                component = self._alarm(alarm) if end and rest[:1] in ("", "\n") else None
                if component is None:
                    return None
                alarms.append(component)
                text += rest
        pairs = [one.split(":", 1) for one in text.split("\n")]
        try:
            values: dict[str, str] = dict(pairs)
        except ValueError:  # a line without a colon
            return None
        written = tuple(values) if len(values) == len(pairs) else tuple([pair[0] for pair in pairs])
        try:
            shape = self._shapes[written]
        except KeyError:
            shape = self._shapes[written] = self._shape(written)
        if shape is None:
            return None
        if shape.has_doubles:
            heads = zip(shape.heads, pairs, strict=True)
            if not all(_is_clean(head, value) for head, (_, value) in heads):
                return None
            values = dict(reversed(pairs))
        else:
            for one, head in shape.doubtful:
                if not _is_clean(head, values[one]):
                    return None
        return Block(line, shape, text, values, alarms)

    def _alarm(self, text: str) -> Component | None:
        """A VALARM; most events of a feed have the same, and nothing changes it."""
        if text not in self._alarms:
            roots = read(f"BEGIN:VALARM\n{text}\nEND:VALARM\n")
            clean = len(roots) == 1 and not (roots[0].damage or roots[0].repairs or roots[0].components)
            self._alarms[text] = roots[0] if clean else None
        return self._alarms[text]

    def _shape(self, written: tuple[str, ...]) -> Shape | None:
        """What heads mean together; None where a component with them has to be looked at line by line."""
        heads = []
        for one in written:
            try:
                head = self._heads[one]
            except KeyError:
                head = self._heads[one] = _head(one)
            if head is None:
                return None
            heads.append(head)
        first: dict[str, str] = {}
        for head, one in zip(heads, written, strict=True):
            if first.setdefault(head.name, one) is not one and head.name in SINGLE:
                return None
        doubtful = [
            (one, head) for one, head in zip(written, heads, strict=True) if head.parameters or head.name in _TOLD
        ]
        return Shape(tuple(heads), first, tuple(doubtful), len(set(written)) < len(written))

    def _by_reference(self, text: str, line: int) -> Block:
        roots = read(f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{text}\nEND:VEVENT\nEND:VCALENDAR\n", first_line=line - 1)
        calendar = roots[0]
        if len(roots) > 1 or calendar.damage or calendar.repairs or calendar.properties:
            self.is_lost = True
        if [one.name for one in calendar.components] != ["VEVENT"]:
            self.is_lost = True
            return Block(line)
        return Block(line, read=calendar.components[0])


def _head(written: str) -> Head | None:
    """What a head means; None where a line with it may not be what it seems."""
    found = _HEAD.fullmatch(written)
    if found is None or not (found[1] in KNOWN or found[1].startswith("X-")) or repairs.ends_in_scheme(written):
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
