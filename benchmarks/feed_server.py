"""Thousands of small calendars on the loopback interface, served fast enough not to be what is measured.

``python -m benchmarks.feed_server PORT EVENTS`` serves ``http://127.X.Y.Z:PORT/N.ics``: each address of 127.0.0.0/8
is a host of its own, with a budget of its own. Answers have an ETag, and 304 where it is known. ``/change/K`` lets
every K-th calendar be another one from then on; ``/asked`` tells, as JSON, which calendars were asked for and when
since the last such question.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from datetime import UTC, datetime, timedelta

_REQUEST = re.compile(rb"GET /(?:asked|(change/)?(\d+)(?:\.ics)?) ")
_VALIDATOR = re.compile(rb"\r\nif-none-match: *([^\r]+)\r\n", re.IGNORECASE)


def feed(number: int, events: int, version: int, *, today: datetime) -> bytes:
    """A calendar: an event in five is a weekly series, the others lie in the week around today."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//calimport//benchmark//EN", f"X-WR-CALNAME:Calendar {number}"]
    place = _words(str(number), 4)
    for event in range(events):
        start = today + timedelta(days=event % 14 - 6, hours=event % 12 + 7)
        is_changed = event == 0 and version
        lines += [
            "BEGIN:VEVENT",
            f"UID:{number}-{event}@benchmark.example",
            f"DTSTAMP:{today:%Y%m%dT%H%M%SZ}",
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
            f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
            *(["RRULE:FREQ=WEEKLY"] if event % 5 == 4 else []),
            f"SUMMARY:{_words(f'{number} {event} {version if is_changed else 0}', 3)}",
            "DESCRIPTION:Please bring a friend\\, and something to write with.",
            f"LOCATION:{place}",
            "END:VEVENT",
        ]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def _words(seed: str, count: int) -> str:
    """So many of a thousand words: calendars have some in common, as titles in one language do."""
    return " ".join(f"word{found:03}" for found in random.Random(seed).sample(range(1000), count))  # noqa: S311


class _Feeds:
    def __init__(self, events: int) -> None:
        self.events = events
        self.today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.version = 0
        self.every = 0
        self.asked: list[tuple[float, int]] = []

    def answer(self, head: bytes) -> bytes:
        found = _REQUEST.match(head)
        if not found:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        if not found[2]:
            told = json.dumps([{"at": at, "number": number} for at, number in self.asked]).encode()
            self.asked = []
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told)
        number = int(found[2])
        if found[1]:
            self.version, self.every = self.version + 1, number
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        self.asked.append((time.monotonic(), number))
        version = self.version if self.every and number % self.every == 0 else 0
        etag = b'"%d-%d"' % (number, version)
        known = _VALIDATOR.search(head)
        if known and known[1] == etag:
            return b"HTTP/1.1 304 Not Modified\r\nETag: %b\r\n\r\n" % etag
        body = feed(number, self.events, version, today=self.today)
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/calendar; charset=utf-8\r\nETag: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (etag, len(body), body)
        )


class _Connection(asyncio.Protocol):
    def __init__(self, feeds: _Feeds) -> None:
        self.feeds = feeds
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head, self.received = self.received[: end + 4], self.received[end + 4 :]
            self.transport.write(self.feeds.answer(head))


async def _serve(port: int, events: int) -> None:
    feeds = _Feeds(events)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(feeds), "0.0.0.0", port, backlog=1024)  # noqa: S104 - all of 127.0.0.0/8
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
