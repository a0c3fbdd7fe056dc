"""What changed from one version of a feed to the next: the events to be read anew, in a small feed of their own.

An event is all components of one UID. It is unchanged where none of their lines is another, but for those that
producers rewrite at every request.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from calimport.icalendar_text import VOLATILE
from calimport.rfc5545.blocks import Block, joined, layout, parts

_UID: Final = re.compile(rb"(?:^|\n)(UID[:;][^\n]*+(?:\n[ \t][^\n]*+)*+)")
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
    old, new = parts(before), parts(after)
    if old is None or new is None or old.around != new.around:
        return None
    old_said, new_said = _said(old.bodies, set(new.bodies)), _said(new.bodies, set(old.bodies))
    in_old, in_new = set(old_said), set(new_said)
    # Of two components that say when one instance is, the later one counts.
    if [said for said in old_said if said in in_new] != [said for said in new_said if said in in_old]:
        return None
    differing = [said for said in old_said if said not in in_new] + [said for said in new_said if said not in in_old]
    if len(differing) > _LARGEST_SHARE * len(new.bodies):
        return None
    lines = set()
    for body in differing:
        found = _UID.findall(body)
        if len(found) != 1:
            return None
        lines.add(found[0])
    feeds = [joined(one.around, _with(lines, one.bodies)) for one in (old, new)]
    uids: set[str] = set()
    for feed in feeds:
        found_uids = _uids(feed)
        if found_uids is None:
            return None
        uids |= found_uids
    return Changes(feeds[0], feeds[1], frozenset(uids), len(new.bodies))


def _said(bodies: list[bytes], others: set[bytes]) -> list[bytes]:
    """The events without what is rewritten at every request; those that are quite the same need no look at it."""
    return [body if body in others else VOLATILE.sub(b"", b"\n" + body) for body in bodies]


def _with(lines: set[bytes], bodies: list[bytes]) -> list[bytes]:
    """The events whose line with the UID is one of these."""
    near = {index for line in lines for index, body in enumerate(bodies) if line in body}
    return [bodies[index] for index in sorted(near) if lines.intersection(_UID.findall(bodies[index]))]


def _uids(feed: bytes) -> set[str] | None:
    """The UIDs of a feed's events, raw; None where one of them is not clean, so that what is said of it names lines."""
    found = layout(feed)
    if found is None or any(block.shape is None for block in found.blocks):
        return None
    return {_uid(block) for block in found.blocks}


def _uid(block: Block) -> str:
    assert block.shape is not None  # noqa: S101 - looked at before
    return block.values[block.shape.written["UID"]]
