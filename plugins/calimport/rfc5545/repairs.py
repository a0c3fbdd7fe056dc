"""What producers write instead of content lines (RFC 5545, 3.1), one quirk per function, and how it is read here.

All work on text without control characters; ``FOLD`` stands for a line break that is no end of a line.
"""

from __future__ import annotations

import quopri
import re
from difflib import SequenceMatcher
from typing import Final

from calimport.rfc5545.property_names import ADDRESSED, DATED, KNOWN, LISTS, NOT_TEXT

#: Stands where a line was folded, so that a piece of text can be unfolded at once and its lines still be counted.
FOLD: Final = "\x01"
QUOTED_PRINTABLE: Final = "QUOTED-PRINTABLE"
#: RFC 5545, 3.1: lines should not be longer, so this is where producers fold.
_FOLDED_AT: Final = 75
_SURELY_NOT_FOLDED: Final = 60
_LONGEST_NAME: Final = 40

_INDENTED: Final = re.compile(
    r"^(?:[ \t]+BEGIN:VCALENDAR[ \t]*|BEGIN:VCALENDAR[ \t]*\n[ \t]+[A-Z-]+[;:].*)$", re.IGNORECASE | re.MULTILINE
)
_INDENTATION: Final = re.compile(r"\n[ \t]+(?=(?:[A-Z][A-Z-]+)[;:])", re.IGNORECASE)
_QUOTED_PRINTABLE: Final = re.compile(r"\n[\w.-]+;[^:\n]*QUOTED-PRINTABLE[^\n]*=\n(?:[^\n]*=\n)*+", re.IGNORECASE)
_HIDDEN: Final = re.compile(
    FOLD
    + r"[ \t]*+(?=(?:DTSTART|DTEND|RECURRENCE-ID)(?:;[A-Z]+=[^:;\x01]++)*+:\d{8}|RRULE:FREQ=|(?:BEGIN|END):V[A-Z]+)"
)
#: A BEGIN or an END that a fold seems to continue.
_STRUCTURE_FOLDED: Final = re.compile(rf"(?:BEGIN|END):[A-Z-]+[ \t]*({FOLD})", re.IGNORECASE)
_COMPONENT: Final = re.compile(r"[A-Z][A-Z0-9_-]*")
_GLUED: Final = re.compile(r"(BEGIN:|END:)")
_DATE_FOLLOWS: Final = re.compile(r":(?=[ \t]*(?:\d{8}|\d{4}-\d\d-\d\d))")
_URI: Final = re.compile(r"[ \t]*[A-Za-z][A-Za-z0-9+.-]*:")
_MAILTO: Final = re.compile(r":(?=[ \t]*mailto:)", re.IGNORECASE)
_SCHEME: Final = re.compile(r"=[\"' ]*(?:mailto|https?|ftp|cid|urn|tel|ldap)$", re.IGNORECASE)
_ONLY_VALUE: Final = re.compile(r"[A-Z0-9,;=:/+-]+")
_DATING_LINE: Final = re.compile(
    r"[ \t]*(DTSTART|DTEND|RRULE|RDATE|EXDATE|EXRULE|RECURRENCE-ID|DURATION|UID|SEQUENCE|STATUS)(?![\w-])"
)
_ALSO_WORDS: Final = frozenset({"DURATION", "UID", "SEQUENCE", "STATUS"})


def is_text(name: str) -> bool:
    """If a property is of type TEXT, or of a type that nobody knows (X-…, RFC 5545, 3.8.8.2)."""
    return name not in NOT_TEXT


def line_ends(text: str) -> str:
    """CRCRLF (Windows programs that write CRLF in text mode), CRLF and CR as LF. RFC 5545, 3.1 wants CRLF."""
    if "\r" not in text:
        return text
    return text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")


def marks(text: str) -> str:
    """Without byte order marks: each of several files that a script joins brings its own (RFC 3629, 6)."""
    return text.replace("\ufeff", "")


def indentation(text: str) -> str:
    """Without the indentation of feeds out of templates (Jinja, PHP here-documents); RFC 5545, 3.1 folds by it."""
    if not is_indented(text):
        return text
    return _INDENTATION.sub("\n", f"\n{text}")[1:]


def is_indented(text: str) -> bool:
    """If the lines of a feed are indented, as far as its first ones show."""
    return _INDENTED.search(text, 0, 4096) is not None


def soft_breaks(text: str) -> str:
    """Lines that end in ``=`` in a quoted-printable value (vCalendar 1.0: Nokia, Outlook 2000) as folded."""
    if "QUOTED-PRINTABLE" not in text and "quoted-printable" not in text:
        return text
    joined = _QUOTED_PRINTABLE.sub(
        lambda found: found.group()[:1] + found.group()[1:].replace("=\n", FOLD), f"\n{text}"
    )
    return joined[1:]


def quoted_printable(value: str, charset: str | None) -> str:
    """A value with ``ENCODING=QUOTED-PRINTABLE`` (vCalendar 1.0, 2.1; RFC 5545 knows 8BIT and BASE64 only)."""
    content = quopri.decodestring(value.encode("utf-8", "replace"))
    for name in (charset, "utf-8"):
        try:
            return line_ends(content.decode(name or "utf-8"))
        except (LookupError, UnicodeError, ValueError):
            continue
    return line_ends(content.decode("cp1252", "replace"))


def is_plainly_folded(line: str) -> bool:
    """If all folds of a line are what they seem; else ``hidden_lines`` tells."""
    return line[0] != FOLD and _HIDDEN.search(line) is None


_STRUCTURE: Final = re.compile(
    r"\s*+(?:BEGIN|END)\s*+:\s*+(?:VCALENDAR|VEVENT|VTODO|VJOURNAL|VFREEBUSY|VTIMEZONE|STANDARD|DAYLIGHT|VALARM)\s*+",
    re.IGNORECASE,
)


def hidden_lines(line: str) -> list[str]:
    """A folded line as the lines it is, where one is a date, a rule, a BEGIN or an END with a space too many before it.

    Seen in feeds that people edit. RFC 5545, 3.1 makes it the end of the line before; but nobody folds a short one,
    and a BEGIN or an END is never so long. One that is whole without its folds was folded all the same.
    """
    lines, start = [], 0
    if _STRUCTURE.fullmatch(line.replace(FOLD, "")):
        return [line]
    if found := _STRUCTURE_FOLDED.match(line):
        lines, start = [line[: found.start(1)]], found.end(1)
    for found in _HIDDEN.finditer(line, start):
        last = line.rfind(FOLD, start, found.start()) + 1 or start
        if len(line[last : found.start()].encode("utf-8", "replace")) < _SURELY_NOT_FOLDED:
            lines.append(line[start : found.start()])
            start = found.end()
    return [*lines, line[start:]]


def component_names(written: str, value: str, *, in_text: bool) -> list[tuple[str, str]]:
    """What ``BEGIN:value`` or ``END:value`` opens and closes, as (BEGIN or END, name); nothing where it is prose.

    Lower case and blanks are taken (RFC 5545, 2: names are case-insensitive), and ``END:VEVENTBEGIN:VEVENT``, of
    scripts that join files without a line end at their end (3.1). ``End: 18:00`` is a line of a text.
    """
    names, step = [], written.upper()
    for part in _GLUED.split(value.strip().upper()):
        if part in ("BEGIN:", "END:"):
            step = part[:-1]
        elif _COMPONENT.fullmatch(part):
            names.append((step, part))
        else:
            return []
    if in_text and not names[0][1].startswith(("V", "X-")) and (written != written.upper() or value.startswith(" ")):
        return []
    return names


def is_property(name: str, value: str, *, after_text: bool, lower: bool) -> bool:
    """If ``name:value`` is a property, and not a line of a text that looks like one (``Price: 5``, ``http://…``).

    Raw line breaks in DESCRIPTION: many scripts, and Drupal and WordPress plugins (RFC 5545, 3.3.11 wants ``\\n``).
    ``after_text``: it stands behind a TEXT property. ``lower``: the component is written in lower case.
    """
    upper = name.upper()
    if not after_text or upper.startswith("X-"):
        return True
    if upper in KNOWN:
        return name == upper or lower or not value.startswith((" ", "\t"))
    return name[0].isalpha() and (name == upper or lower) and not value.startswith((" ", "\t", "//"))


def is_cut_at_limit(line: str) -> bool:
    """If a line has the 75 octets at which one is folded, so that what follows lost its space (hand-made folding)."""
    return len(line) <= _FOLDED_AT and len(line.encode("utf-8", "replace")) == _FOLDED_AT


def goes_on(name: str, line: str) -> bool:
    """If a line can only be the rest of the value of a dating property: a fold without its space (RFC 5545, 3.1).

    What has a word before a colon is a property of its own, however it is called (``X-BAD/SLASH:TRUE``).
    """
    if ":" in line and not line.lstrip()[:1].isdigit():
        return False
    return name in LISTS | DATED and _ONLY_VALUE.fullmatch(line.strip()) is not None


def damaged_name(line: str, *, after_text: bool) -> str | None:
    """The dating property that a line without a colon begins with (``DTSTART=2026…``); None where it is just text."""
    found = _DATING_LINE.match(line)
    if found is None or (after_text and found.group(1) in _ALSO_WORDS):
        return None
    return found.group(1)


def value_start(name: str, line: str, colon: int) -> int:
    """Where the colon before the value is, if the one at ``colon`` may belong to an unquoted parameter.

    RFC 5545, 3.1 wants values with a colon quoted. ``TZID=(UTC+01:00) Amsterdam, Berlin`` (Outlook, Exchange),
    ``TZID="Europe/Paris:…`` with the second quote lost, ``CN=Smith: John`` (Zimbra), ``ALTREP=http://…`` and
    ``DTSTART:TZID=Europe/Paris:2026…`` (scripts).
    """
    if name in DATED:
        found = _DATE_FOLLOWS.search(line)
        return found.start() if found else colon
    if name in ADDRESSED and not _URI.match(line, colon + 1):
        found = _MAILTO.search(line, colon)
        return found.start() if found else colon
    if ends_in_scheme(line[:colon]):
        after = line.find(":", colon + 1)
        if after > 0 and line[after + 1 : after + 2].isdigit() and name not in DATED:
            after = max(after, line.find(":", after + 1))  # the first was a port's
        return after if after > 0 else colon
    return colon


def ends_in_scheme(head: str) -> bool:
    """If what stands before a colon ends in the scheme of a URI, so that the colon may be the URI's own."""
    return _SCHEME.search(head[-12:]) is not None


def is_misspelt(wrong: str, name: str) -> bool:
    """If a component's name that nothing else bears is ``name`` with a typing error (``END:VEVNT``)."""
    if max(len(wrong), len(name)) > _LONGEST_NAME:
        return False
    return SequenceMatcher(None, wrong, name).ratio() > 0.7
