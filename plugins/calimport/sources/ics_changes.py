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
    old, new = _Version.of(before), _Version.of(after)
    if old is None or new is None or old.said_around != new.said_around:
        return None
    old_said, new_said = set(old.said), set(new.said)
    # Of two components that say when one instance is, the later one counts.
    if [said for said in old.said if said in new_said] != [said for said in new.said if said in old_said]:
        return None
    differing = [*_differing(old, new_said), *_differing(new, old_said)]
    if len(differing) > _LARGEST_SHARE * len(new.bodies):
        return None
    lines = set()
    for body in differing:
        found = _UID.findall(body)
        if len(found) != 1:
            return None
        lines.add(found[0])
    feeds = [joined(one.around, [body for body in one.bodies if _is_of(body, lines)]) for one in (old, new)]
    uids: set[str] = set()
    for feed in feeds:
        found_uids = _uids(feed)
        if found_uids is None:
            return None
        uids |= found_uids
    return Changes(feeds[0], feeds[1], frozenset(uids), len(new.bodies))


class _Version(NamedTuple):
    around: list[bytes]
    bodies: list[bytes]
    #: The same without what is rewritten at every request.
    said_around: list[bytes]
    said: list[bytes]

    @classmethod
    def of(cls, content: bytes) -> _Version | None:
        whole, said = parts(content), parts(VOLATILE.sub(b"", content))
        if whole is None or said is None or len(whole.bodies) != len(said.bodies):
            return None
        return cls(whole.around, whole.bodies, said.around, said.bodies)


def _differing(one: _Version, other_said: set[bytes]) -> list[bytes]:
    return [body for body, said in zip(one.bodies, one.said, strict=True) if said not in other_said]


def _is_of(body: bytes, lines: set[bytes]) -> bool:
    found = _UID.search(body)
    return found is not None and found[1] in lines


def _uids(feed: bytes) -> set[str] | None:
    """The UIDs of a feed's events, raw; None where one of them is not clean, so that what is said of it names lines."""
    found = layout(feed)
    if found is None or any(block.shape is None for block in found.blocks):
        return None
    return {_uid(block) for block in found.blocks}


def _uid(block: Block) -> str:
    assert block.shape is not None  # noqa: S101 - looked at before
    return block.values[block.shape.written["UID"]]
