"""What changed from one version of a feed to the next: the events to be read anew, in a small feed of their own.

An event is all components of one UID. It is unchanged where none of their lines is another, but for those that
producers rewrite at every request.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from calimport.icalendar_text import VOLATILE
from calimport.rfc5545 import blocks
from calimport.rfc5545.blocks import Block

_UID: Final = re.compile(rb"\n(UID[:;][^\n]*+(?:\n[ \t][^\n]*+)*+)")
#: With more of its events changed, all of a feed is read.
_LARGEST_SHARE: Final = 0.2


class Changes(NamedTuple):
    """Two feeds of the events that differ, each as its version has them."""

    before: bytes
    after: bytes
    #: The UIDs of these events, raw.
    uids: frozenset[str]
    #: How many VEVENTs the whole feed has.
    components: int


def changes(before: bytes, after: bytes) -> Changes | None:
    """What differs between two versions of a feed; None where all of it has to be read.

    :param before: an earlier version, as :func:`calimport.icalendar_text.clean` leaves it; ``after``: the later one.
    """
    new = blocks.parts(after)
    if new is None:
        return None
    # What stands in `after` too is laid out as it is there; the rest is looked at below.
    old_pieces = blocks.pieces(before)
    if [old_pieces[0], *blocks.rests(old_pieces)] != new.around:
        return None
    both = old_pieces, new.pieces
    differing = _differing(*both) or _differing(_said(before), _said(after))
    if differing is None:
        return None
    lines: set[bytes] = set()
    for pieces, numbers in zip(both, differing, strict=True):
        for number in numbers:
            found = _uid_lines(pieces[number])
            if not found:
                return None
            # Those of its alarms too: that may be an event too many.
            lines.update(found)
    old_feed, new_feed = (blocks.joined(new.around, _with(lines, pieces)) for pieces in both)
    uids = [_uids(old_feed), _uids(new_feed)]
    if uids[0] is None or uids[1] is None:
        return None
    return Changes(old_feed, new_feed, uids[0] | uids[1], len(new.bodies))


def _differing(old: list[bytes], new: list[bytes]) -> tuple[list[int], list[int]] | None:
    """The numbers of what is in one of the two alone; None where that is much, or the rest is in another order."""
    most = _LARGEST_SHARE * (len(new) - 1)
    if len(old) == len(new):
        changed = [number for number, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
        if 2 * len(changed) <= most:
            return changed, changed
    in_old, in_new = set(old), set(new)
    # Of two components that say when one instance is, the later one counts.
    if [one for one in old if one in in_new] != [one for one in new if one in in_old]:
        return None
    gone = [number for number, one in enumerate(old) if one not in in_new]
    come = [number for number, one in enumerate(new) if one not in in_old]
    return (gone, come) if len(gone) + len(come) <= most else None


def _said(feed: bytes) -> list[bytes]:
    """The pieces of a feed without what is rewritten at every request."""
    return blocks.pieces(VOLATILE.sub(b"", feed))


def _uid_lines(piece: bytes) -> list[bytes]:
    return _UID.findall(piece)


def _with(lines: set[bytes], pieces: list[bytes]) -> list[bytes]:
    """The events whose line with the UID is one of these."""
    return [blocks.body(one) for one in pieces[1:] if not lines.isdisjoint(_uid_lines(one))]


def _uids(feed: bytes) -> frozenset[str] | None:
    """The UIDs of a feed's events, raw; None where one has none, or is not clean: what is said of it names lines."""
    layout = blocks.layout(feed)
    found = layout.blocks() if layout is not None else None
    if found is None or any(block.shape is None or "UID" not in block.shape.first for block in found):
        return None
    return frozenset(map(_uid, found))


def _uid(block: Block) -> str:
    assert block.shape is not None  # noqa: S101 - looked at before
    return block.value(block.shape.first["UID"])
