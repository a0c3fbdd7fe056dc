"""What changed from one version of a feed to the next: the events to be read anew, in a small feed of their own.

An event is all components of one UID. It is unchanged where none of their lines is another, but for those that
producers rewrite at every request.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from calimport.icalendar_text import VOLATILE
from calimport.rfc5545 import blocks

#: Nearly all write it so; with a parameter or a fold, all of the feed is read.
_PLAIN: Final = b"UID:"
_UID: Final = re.compile(rb"\n(UID[:;][^\n]*+(?:\n[ \t][^\n]*+)*+)")
#: With more of its events changed, all of a feed is read.
_LARGEST_SHARE: Final = 0.2


class Changes(NamedTuple):
    """Two feeds of the events that differ, each as its version has them.

    Whether each of these events can be read by itself, whoever reads them will see; the others were not changed.
    """

    before: bytes
    after: bytes
    #: The UIDs of these events and of their alarms, raw.
    uids: frozenset[str]
    #: How many VEVENTs the whole feed has.
    components: int


def changes(before: bytes, after: bytes, *, apart: bool = False) -> Changes | None:
    """What differs between two versions of a feed; None where all of it has to be read.

    :param before: an earlier version, as :func:`calimport.icalendar_text.clean` leaves it; ``after``: the later one.
    :param apart: it is known that ``before`` is laid out so that each VEVENT can be read by itself.
    """
    if not apart and blocks.parts(before) is None:
        return None
    old, new = blocks.pieces(before), blocks.pieces(after)
    around = blocks.around(old)
    if blocks.around(new) != around or not blocks.ends_a_calendar(new[-1]):
        return None
    differing = _in_place(old, new) or _moved(old, new) or _moved(*map(_said, (old, new)))
    if differing is None:
        return None
    lines: set[bytes] = set()
    for pieces, numbers in zip((old, new), differing, strict=True):
        for number in numbers:
            found = _uid_lines(pieces[number])
            if not found:
                return None
            # Those of its alarms too: that may be an event too many.
            lines.update(found)
    known = sum(line in lines for number in differing[1] for line in _uid_lines(new[number]))
    if sum(line in lines for line in _uid_lines(after)) > known:
        # Other components of the same UIDs stand in both.
        differing = differing[0] | _with(lines, before), differing[1] | _with(lines, after)
    if not all(line.startswith(_PLAIN) and b"\n" not in line for line in lines):
        return None
    uids = frozenset(line[len(_PLAIN) :].decode() for line in lines)
    feeds = blocks.joined(around, old, differing[0]), blocks.joined(around, new, differing[1])
    return Changes(*feeds, uids, len(new) - 1)


#: Of the events before and of those after, the numbers of some.
_Numbers = tuple[set[int], set[int]]


def _in_place(old: list[bytes], new: list[bytes]) -> _Numbers | None:
    """The events that differ from those at their places in more than what is rewritten; None where they are many."""
    if len(old) != len(new):
        return None
    changed = set[int]()
    for number, (one, other) in enumerate(zip(old, new, strict=True)):
        if one != other and VOLATILE.sub(b"", one) != VOLATILE.sub(b"", other):
            changed.add(number)
            if 2 * len(changed) > _most(new):
                return None
    return changed, changed


def _moved(old: list[bytes], new: list[bytes]) -> _Numbers | None:
    """The events that are in one of the two alone; None where they are many, or the others are in another order."""
    in_old, in_new = set(old), set(new)
    # Of two components that say when one instance is, the later one counts.
    if [one for one in old if one in in_new] != [one for one in new if one in in_old]:
        return None
    gone = {number for number, one in enumerate(old) if one not in in_new}
    come = {number for number, one in enumerate(new) if one not in in_old}
    return (gone, come) if len(gone) + len(come) <= _most(new) else None


def _most(pieces: list[bytes]) -> float:
    return _LARGEST_SHARE * (len(pieces) - 1)


def _said(pieces: list[bytes]) -> list[bytes]:
    """Without what is rewritten at every request."""
    return [VOLATILE.sub(b"", piece) for piece in pieces]


def _uid_lines(text: bytes) -> list[bytes]:
    return _UID.findall(text)


def _with(lines: set[bytes], feed: bytes) -> set[int]:
    """The numbers of the events whose line with the UID is one of these."""
    numbers = set[int]()
    number = at = 0
    for found in _UID.finditer(feed):
        if found[1] in lines:
            number += blocks.events_between(feed, at, found.start())
            at = found.start()
            numbers.add(number)
    # What is before all events is none.
    return numbers - {0}
