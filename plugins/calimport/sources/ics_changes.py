"""What changed from one version of a feed to the next: the events to be read anew, in a small feed of their own.

An event is all components of one UID. It is unchanged where none of their lines is another, but for those that
producers rewrite at every request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from calimport.icalendar_text import clean, has_crlf, without_volatile
from calimport.rfc5545 import blocks
from calimport.rfc5545.cuts import Cuts
from calimport.rfc5545.escaping import unescape

#: Nearly all write it so; with a parameter, all of the feed is read.
_PLAIN: Final = b"UID:"
_UID: Final = re.compile(rb"\n(UID[:;][^\n]*+(?:\n[ \t][^\n]*+)*+)")
_ALARM: Final = re.compile(rb"\r?\nBEGIN:VALARM(?=\r?\n)(?s:.*?)\nEND:VALARM(?=\r?\n|\Z)")
_FOLD: Final = re.compile(rb"\r?\n[ \t]")
_ESCAPED: Final = re.compile("[,;]")
#: With more of its events changed, all of a feed is read.
_LARGEST_SHARE: Final = 0.2
#: What is compared at once, while nothing differs.
_AT_ONCE: Final = 8 * 1024
#: To look for so many lines takes less time than to find all.
_FEW: Final = 5


class Changes(NamedTuple):
    """Two feeds of the events that differ, each as its version has them.

    Whether each of these events can be read by itself, whoever reads them will see; the others were not changed.
    """

    before: bytes
    after: bytes
    #: The UIDs of these events, raw but for folds.
    uids: frozenset[str]
    #: How many VEVENTs the whole feed has.
    components: int
    #: Whether all other events have the lines too that producers rewrite at every request.
    stamps_stay: bool


def changes(before: bytes, after: bytes, *, apart: bool = False) -> Changes | None:
    """What differs between two versions of a feed; None where all of it has to be read.

    :param before: an earlier version, as :func:`calimport.icalendar_text.received` leaves it; ``after``: the later one.
    :param apart: it is known that ``before`` is laid out so that each VEVENT can be read by itself.
    """
    if has_crlf(before) != has_crlf(after) or not (apart or _is_apart(before)):
        return None
    cuts, said = Cuts.of(after), without_volatile(after)
    if not cuts.ends_a_calendar(after):
        return None
    events = cuts.events(after)
    most = _LARGEST_SHARE * events
    differing = _in_place(before, after, cuts, said, most) or _apart(before, after, cuts, said, most)
    if differing is None:
        return None
    lines = _lines(differing)
    while lines is not None:
        places = _places(lines, after)
        if len(places) <= sum(line in lines for piece in differing.come for line in _uid_lines(piece)):
            break
        # Other components of the same UIDs stand in both, or events with an alarm that has one, whose own is another.
        gone, come = _events_at(_places(lines, before), before, cuts), _events_at(places, after, cuts)
        differing = _Differing(gone, come, differing.stamps_stay)
        known, lines = lines, _lines(differing)
        if lines == known:
            break
    if lines is None or _places(set().union(*map(_otherwise, lines)) - lines, after):
        # One that is odd, or one UID that is written in two ways.
        return None
    uids = frozenset(_unfolded(line)[len(_PLAIN) :].decode() for line in lines)
    around = cuts.around(after, events)
    old, now = (cuts.joined(around, pieces) for pieces in (differing.gone, differing.come))
    return Changes(old, now, uids, events, differing.stamps_stay)


def _is_apart(feed: bytes) -> bool:
    found = blocks.parts(clean(feed))
    return found is not None and Cuts.of(feed).finds(feed, len(found.bodies))


class _Differing(NamedTuple):
    """Events of the version before and of the one after, in their order, as :meth:`Cuts.pieces` has them."""

    gone: list[bytes]
    come: list[bytes]
    #: Whether the others are the same to the byte.
    stamps_stay: bool


def _in_place(
    before: bytes, after: bytes, cuts: Cuts, said: Callable[[bytes], bytes], most: float
) -> _Differing | None:
    """The events that differ from those at their places in more than what is rewritten.

    None where they are many, or more than events differs.
    """
    gone: list[bytes] = []
    come: list[bytes] = []
    stamps_stay = True
    begin = cuts.begin
    between = len(begin)
    # Where the next pieces begin, and up to where a difference was met: there, one is compared after the other.
    old_at = at = known_to = 0
    while at <= len(after):
        if at >= known_to:
            if (alike := _alike(before, old_at, after, at, begin)) > 0:
                old_at, at = old_at + alike, at + alike
                continue
            known_to = at + _AT_ONCE
        piece = cuts.piece_at(after, at)
        end = old_at + len(piece)
        if before.startswith(piece, old_at) and (before.startswith(begin, end) or end == len(before)):
            old_at, at = end + between, at + len(piece) + between
            continue
        one = cuts.piece_at(before, old_at)
        if at == 0 or cuts.behind(one) != cuts.behind(piece):
            return None
        if said(one) == said(piece):
            stamps_stay = False
        else:
            gone.append(one)
            come.append(piece)
            if 2 * len(come) > most:
                return None
        old_at, at = old_at + len(one) + between, at + len(piece) + between
    return _Differing(gone, come, stamps_stay) if old_at == len(before) + between else None


def _alike(before: bytes, old_at: int, after: bytes, at: int, begin: bytes) -> int:
    """How far it is to where the last piece begins of the next :data:`_AT_ONCE` bytes; 0 where these differ."""
    stretch = after[at : at + _AT_ONCE]
    if not before.startswith(stretch, old_at):
        return 0
    last = stretch.rfind(begin)
    return last + len(begin) if last >= 0 else 0


def _apart(before: bytes, after: bytes, cuts: Cuts, said: Callable[[bytes], bytes], most: float) -> _Differing | None:
    """The events that only one version has."""
    old, new = cuts.pieces(before), cuts.pieces(after)
    if cuts.around(before, len(old) - 1) != cuts.around(after, len(new) - 1):
        return None
    return _moved(old, new, old, new, most) or _moved(old, new, list(map(said, old)), list(map(said, new)), most)


def _moved(
    old: list[bytes], new: list[bytes], old_said: list[bytes], new_said: list[bytes], most: float
) -> _Differing | None:
    """The events of which only one version says what they say; None where they are many, or others in another order."""
    in_old, in_new = set(old_said), set(new_said)
    # Of two components that say when one instance is, the later one counts.
    if [one for one in old_said if one in in_new] != [one for one in new_said if one in in_old]:
        return None
    gone = [piece for piece, one in zip(old, old_said, strict=True) if one not in in_new]
    come = [piece for piece, one in zip(new, new_said, strict=True) if one not in in_old]
    return _Differing(gone, come, stamps_stay=new_said is new) if len(gone) + len(come) <= most else None


def _lines(differing: _Differing) -> set[bytes] | None:
    """The lines with the UIDs of these events; None where one has none, or an odd one."""
    found: set[bytes] = set()
    for piece in (*differing.gone, *differing.come):
        # Apple gives alarms UIDs too, the same in many events.
        event = _ALARM.sub(b"", piece) if b"VALARM" in piece else piece
        lines = _uid_lines(event)
        if not lines or not all(map(_is_plain, lines)) or b"VALARM" in event:
            return None
        found.update(lines)
    return found


def _uid_lines(text: bytes) -> list[bytes]:
    """The lines of UIDs, each without its end."""
    return [line.removesuffix(b"\r") for line in _UID.findall(text)]


def _is_plain(line: bytes) -> bool:
    """Whether this line with a UID is one, and has one."""
    line = _unfolded(line)
    return line.startswith(_PLAIN) and bool(line[len(_PLAIN) :].strip()) and b"\n" not in line and b"\r" not in line


def _unfolded(line: bytes) -> bytes:
    return _FOLD.sub(b"", line)


def _otherwise(line: bytes) -> set[bytes]:
    """This line with a UID as others write it: without folds, with a backslash before commas and semicolons or none."""
    uid = unescape(_unfolded(line).decode())
    return {uid.encode(), _ESCAPED.sub(r"\\\g<0>", uid).encode()}


def _places(lines: set[bytes], feed: bytes) -> list[int]:
    """Where these lines with UIDs stand."""
    if len(lines) > _FEW:
        return [found.start() for found in _UID.finditer(feed) if found[1].removesuffix(b"\r") in lines]
    places = []
    for line in lines:
        at = -1
        while (at := feed.find(b"\n" + line, at + 1)) >= 0:
            # Others begin with it.
            if (found := _UID.match(feed, at)) and found[1].removesuffix(b"\r") == line:
                places.append(at)
    return sorted(places)


def _events_at(places: list[int], feed: bytes, cuts: Cuts) -> list[bytes]:
    begins = dict.fromkeys(feed.rfind(cuts.begin, 0, place) for place in places)
    # What is before all events is none.
    return [cuts.piece_at(feed, begin + len(cuts.begin)) for begin in begins if begin >= 0]
