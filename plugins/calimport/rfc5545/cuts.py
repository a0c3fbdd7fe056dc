"""A feed cut into its VEVENTs as bytes, without anything being read of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from calimport.icalendar_text import has_crlf


class Cuts(NamedTuple):
    """How each VEVENT of a feed begins and ends, by how its lines end."""

    begin: bytes
    end: bytes

    @classmethod
    def of(cls, feed: bytes) -> Cuts:
        return CRLF if has_crlf(feed) else LF

    def finds(self, feed: bytes, events: int) -> bool:
        """Whether it is cut into as many VEVENTs as it has where all of its lines are read alike (``clean``)."""
        return self.events(feed) == feed.count(self.end) == events

    def pieces(self, feed: bytes) -> list[bytes]:
        """The feed, cut at each BEGIN:VEVENT."""
        return feed.split(self.begin)

    def piece_at(self, feed: bytes, start: int) -> bytes:
        """The piece of these that begins there."""
        end = feed.find(self.begin, start)
        return feed[start:end] if end >= 0 else feed[start:]

    def body(self, piece: bytes) -> bytes:
        """The lines between BEGIN:VEVENT and END:VEVENT of this piece, each behind a line's end."""
        return piece.rpartition(self.end)[0]

    def behind(self, piece: bytes) -> bytes:
        """What is behind the event of this piece."""
        return b"" if piece.endswith(self.end) else piece.rpartition(self.end)[2]

    def events(self, feed: bytes) -> int:
        """How many VEVENTs it is cut into."""
        return feed.count(self.begin)

    def ends_a_calendar(self, feed: bytes) -> bool:
        """Whether the calendar ends behind the last event, or in what is no event."""
        return b"\nEND:VCALENDAR" in self.behind(self._last(feed))

    def around(self, feed: bytes, events: int) -> list[bytes]:
        """What is before the first event, and behind others, where there is anything.

        :param events: how many :meth:`events` finds.
        """
        head, last = self.piece_at(feed, 0), self._last(feed)
        if not head.endswith(self.end) and feed.count(self.end + self.begin) == events - 1:
            # There is nothing between events, as nearly always; to cut all of it takes twice as long.
            return [head] if last.endswith(self.end) else [head, self.behind(last)]
        others = self.pieces(feed)[1:]
        return [head, *(self.behind(piece) for piece in others if not piece.endswith(self.end))]

    def _last(self, feed: bytes) -> bytes:
        begins = feed.rfind(self.begin)
        return feed[begins + len(self.begin) :] if begins >= 0 else feed

    def joined(self, around: list[bytes], pieces: Iterable[bytes]) -> bytes:
        """A feed of the events of these pieces, within what is around all."""
        events = b"".join(self.begin + self.body(piece) + self.end for piece in pieces)
        return around[0] + events + b"".join(around[1:])


LF, CRLF = (Cuts(line_end + b"BEGIN:VEVENT", line_end + b"END:VEVENT") for line_end in (b"\n", b"\r\n"))
