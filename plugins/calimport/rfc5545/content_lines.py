"""iCalendar text to components: folding, names, parameters and values of lines (RFC 5545, 3.1; RFC 6868; RFC 7986).

Clean lines are read in one loop by a dictionary of the heads (name and parameters) met before. Everything else goes
through ``_Reader._odd_line``, where dirt is repaired (``repairs.py``) or noted. Time and memory are linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from sys import intern
from typing import Final

from calimport.garbage import no_collection
from calimport.rfc5545 import repairs
from calimport.rfc5545.components import Component, Property
from calimport.rfc5545.nesting import Nesting
from calimport.rfc5545.property_names import DATED, DATING, KNOWN
from calimport.rfc5545.repairs import FOLD

__all__ = ["Component", "Property", "read"]

#: Characters read at once, so that the lines of a large feed are never all in memory.
_PIECE: Final = 1 << 22
_MOST_HEADS: Final = 4096
_LONGEST_HEAD: Final = 256
#: A name, perhaps after blanks and in a group as in vCard (`item1.SUMMARY`, Apple), and what separates it.
_NAME: Final = re.compile(r"[\s\xa0]*+(?:[\w-]++\.)?([\w-]++)[ \t]*+(?=[:;])", re.ASCII)
#: The parameters after it, where each quote is closed.
_PARAMETERS: Final = re.compile(r"((?:;(?:[^\":;]++|\"[^\"]*+\")*+)*+):")
#: BEGIN and END as they are nearly always written.
_PLAIN: Final = {
    f"{step}:{name}": (step, name)
    for step in ("BEGIN", "END")
    for name in ("VCALENDAR", "VEVENT", "VALARM", "VTIMEZONE", "STANDARD", "DAYLIGHT")
}


def read(text: str, *, first_line: int = 1) -> list[Component]:
    """The top-level components of a text, VCALENDARs mostly; never raises for dirt.

    A VCALENDAR in another stands beside it. An event outside of any is put into the one before it, or into one that
    is made for it. Other components outside (VCARD) are kept where they are.

    :param first_line: the number of the text's first line in its feed.
    """
    text = repairs.marks(repairs.line_ends(text))
    if FOLD in text:
        text = text.replace(FOLD, "")
    text = repairs.soft_breaks(repairs.indentation(text))
    reader = _Reader(first_line)
    with no_collection():
        for piece in _pieces(text):
            reader.read(piece.replace("\n ", FOLD).replace("\n\t", FOLD).split("\n"))
        return reader.finish()


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        cut = text.find("\n", start + _PIECE)
        while cut >= 0 and text.startswith((" ", "\t"), cut + 1):
            cut = text.find("\n", cut + 1)
        end = cut if cut >= 0 else len(text)
        yield text[start:end]
        start = end + 1


class _Reader:
    def __init__(self, first_line: int) -> None:
        self._nesting = Nesting()
        self._number = first_line - 1
        #: Where properties go; those outside of any component go nowhere.
        self._properties: dict[str, list[Property]] = {}
        #: The list that ends in the last property, and what is to be put behind its value, so that it is joined once.
        self._last: list[Property] | None = None
        self._rest: list[str] = []
        self._before = ""
        self._is_lower = False
        self._blank_lines, self._blank_at = 0, 0
        #: A line with a name and a semicolon, but no colon, which the next one may bring.
        self._head, self._head_at = "", 0
        #: Name, parameters, and if a colon in the value is suspicious, by head.
        self._heads: dict[str, tuple[str, str, bool]] = {}

    def read(self, lines: list[str]) -> None:
        """Read a stretch of the text, split at its unfolded line ends."""
        heads, new = self._heads, tuple.__new__
        properties, last, number, before = self._properties, self._last, self._number, self._before
        for raw in lines:
            number += 1
            line = raw
            if FOLD in raw:
                # No head is FOLD, so what is not plainly folded is an odd line.
                line = raw.replace(FOLD, "") if repairs.is_plainly_folded(raw) else FOLD
            head, _, value = line.partition(":")
            found = heads.get(head)
            if found is None or not value or value.isspace() or (found[2] and ":" in value):
                self._number, self._last, self._before = number, last, before
                self._odd_line(raw)
                properties, last = self._properties, self._last
            else:
                if self._rest:
                    self._join()
                name = found[0]
                given = properties.get(name)
                if given is None:
                    properties[name] = last = [new(Property, (name, found[1], value))]
                else:
                    given.append(new(Property, (name, found[1], value)))
                    last = given
            if line is not raw:
                number += raw.count(FOLD)
            before = raw
        self._number, self._last, self._before = number, last, before

    def finish(self) -> list[Component]:
        self._join()
        return self._nesting.finish(self._number)

    def _odd_line(self, raw: str) -> None:
        if FOLD not in raw:
            self._line(raw)
            return
        for line in repairs.hidden_lines(raw):
            if line.startswith(FOLD):
                # A fold behind a blank line: CRCRLF read as two line ends, or hand-edited feeds.
                self._go_on(line.replace(FOLD, ""), "")
            else:
                self._line(line.replace(FOLD, ""))
            self._number += 1 + line.count(FOLD)

    def _line(self, line: str) -> None:
        """A line that the loop does not know: structure, a head met for the first time, or dirt."""
        if line in _PLAIN:
            self._nest([_PLAIN[line]], is_lower=False)
            return
        if not line.strip():
            self._blank_lines = 1 + (self._blank_lines if self._blank_at == self._number - 1 else 0)
            self._blank_at = self._number
            return
        named = _NAME.match(line)
        if named is None:
            self._stray(line)
            return
        written, start = named.group(1), named.end()
        name = intern(written.upper())
        if name in ("BEGIN", "END") and self._structure(written, line[start + 1 :]):
            return
        after_text = self._last is not None and repairs.is_text(self._last[-1].name)
        known = name in KNOWN or name.startswith("X-")
        clean = _PARAMETERS.match(line, start)
        colon = clean.end() - 1 if clean else line.find(":", start)
        if (
            colon < 0
            or (not known and self._head_at == self._number - 1)
            or not repairs.is_property(written, line[start + 1 :], after_text=after_text, lower=self._is_lower)
        ):
            self._stray(line)
            return
        first = colon
        if clean is None or ":" in line[colon + 1 :]:
            colon = repairs.value_start(name, line, colon)
        parameters, value = line[start:colon].strip(";:"), line[colon + 1 :]
        if colon != first or clean is None:
            self._repaired(f"line {self._number} has a parameter of {name} that should stand in quotes")
        elif repairs.QUOTED_PRINTABLE in parameters.upper():
            pass  # each value has to be decoded
        elif known and name == written and first == line.find(":") <= _LONGEST_HEAD and len(self._heads) < _MOST_HEADS:
            self._heads[line[:colon]] = (name, parameters, bool(parameters) or name in DATED)
        self._add(name, parameters, value)

    def _add(self, name: str, parameters: str, value: str) -> None:
        self._join()
        one = Property(name, parameters, value)
        if repairs.QUOTED_PRINTABLE in parameters.upper():
            one = one._replace(value=repairs.quoted_printable(value, one.parameter("CHARSET")))
        if name in DATING and not value.strip():
            self._last = None
            self._repaired(f"line {self._number} has an empty {name}, read as none")
            return
        self._last = self._properties.setdefault(name, [])
        self._last.append(one)

    def _structure(self, written: str, value: str) -> bool:
        """BEGIN or END. False where it is a line of a text, as `End: 18:00`."""
        names = repairs.component_names(written, value, in_text=self._last is not None)
        if not names:
            return False
        self._nest(names, is_lower=written != written.upper())
        return True

    def _nest(self, names: list[tuple[str, str]], *, is_lower: bool) -> None:
        self._join()
        for step, name in names:
            if step == "BEGIN":
                self._nesting.begin(intern(name), self._number)
                self._is_lower = is_lower
            else:
                self._nesting.end(name, self._number)
        top = self._nesting.top
        self._properties = top.properties if top else {}
        self._last = None

    def _stray(self, line: str) -> None:
        """A line that is none for itself: the rest of the one before, or nothing that can be read."""
        number = self._number
        # With a colon only: heads that went on and on would be joined again and again.
        if self._head_at == number - 1 > 0 and ":" in line:
            self._head_at, head = 0, self._head
            self._line(head + line)
            return
        after_text = self._last is not None and repairs.is_text(self._last[-1].name)
        if name := repairs.damaged_name(line, after_text=after_text):
            self._head, self._head_at = line, number if ";" in line else 0
            self._damaged(f"line {number} begins with {name} and has no colon")
        elif (named := _NAME.match(line)) and named.group(1) in KNOWN and ":" not in line:
            self._head, self._head_at = line, number
            self._repaired(f"line {number} begins with {named.group(1)} and has no colon")
        elif self._last is None:
            self._repaired(f"line {number} is no line of a calendar and was left out")
        elif repairs.is_cut_at_limit(self._before.rpartition(FOLD)[2]) or (
            not after_text and repairs.goes_on(self._last[-1].name, line)
        ):
            self._go_on(line, "", f"line {number} goes on with {self._last[-1].name} and does not begin with a space")
        elif after_text:
            blank = self._blank_lines if self._blank_at == number - 1 else 0
            glue = "\n" * (1 + blank)
            self._go_on(line, glue, f"{self._last[-1].name} has a line break of its own before line {number}")
        else:
            self._repaired(f"line {number} is no line of a calendar and was left out")

    def _go_on(self, line: str, glue: str, sentence: str = "") -> None:
        if self._last is None:
            return
        if sentence and not self._rest:
            self._repaired(sentence)
        self._rest += [glue, line]

    def _join(self) -> None:
        if self._rest and self._last:
            self._last[-1] = self._last[-1]._replace(value="".join([self._last[-1].value, *self._rest]))
        self._rest = []

    def _repaired(self, sentence: str) -> None:
        if self._nesting.top:
            self._nesting.top.repaired(sentence)

    def _damaged(self, sentence: str) -> None:
        if self._nesting.top:
            self._nesting.top.damaged(sentence)
