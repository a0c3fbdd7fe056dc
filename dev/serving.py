"""The sample calendars over HTTP, on this machine only, always dated around today.

The files of ``dev/samples`` are plain calendars, written for one week. They are served with every date moved by the
same number of whole weeks, so that this week has what that week had, weekdays and clock times kept.
``python -m dev.serving [PORT]`` serves until it is stopped.
"""

from __future__ import annotations

import hashlib
import re
import sys
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

SAMPLES = Path(__file__).parent / "samples"
#: The addresses in ``samples/calendars.yaml`` have this port.
PORT = 8765
#: The Monday of the week that the samples were written for.
WRITTEN_FOR = date(2026, 1, 5)

# Only what places an event: a VTIMEZONE's DTSTART is a fact about a zone, CREATED one about the past.
_DATED = re.compile(r"^(?:DTSTART|DTEND|RECURRENCE-ID|EXDATE|RDATE|RRULE)\b")
_DATE = re.compile(r"(?<![0-9])\d{8}(?![0-9])")


def render(text: str, *, now: datetime) -> str:
    """A sample as it is served at ``now``: dates moved, line ends as RFC 5545 wants them and git does not."""
    this_monday = now.date() - timedelta(days=now.weekday())
    distance = this_monday - WRITTEN_FOR
    in_zone = False
    lines = []
    for line in text.splitlines():
        if line in ("BEGIN:VTIMEZONE", "END:VTIMEZONE"):
            in_zone = line.startswith("BEGIN")
        if _DATED.match(line) and not in_zone:
            line = _DATE.sub(lambda found: f"{date.fromisoformat(found.group()) + distance:%Y%m%d}", line)
        lines.append(line)
    if "PRODID:-//Google" in text:
        # Google says that every event was written just now, at every request.
        lines = [f"DTSTAMP:{now:%Y%m%dT%H%M%SZ}" if line.startswith("DTSTAMP") else line for line in lines]
    return "".join(f"{line}\r\n" for line in lines)


def start(port: int = PORT) -> ThreadingHTTPServer:
    """Serve the samples in a thread, on ``port`` or, where that is taken, on a free one: ``server_address`` says which.

    Stop it with ``shutdown()``.
    """
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError:
        server = _Server(("127.0.0.1", 0), _Handler)
    Thread(target=server.serve_forever, name="samples", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # So that a second `make run` gets the same port while the first one's connections linger.
    allow_reuse_address = True


class _Handler(BaseHTTPRequestHandler):
    """Answers with a sample and its ETag, or with 304 to whoever knows that ETag."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = SAMPLES / Path(self.path.partition("?")[0]).name
        if path.suffix != ".ics" or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body = render(path.read_text(encoding="utf-8"), now=datetime.now(UTC)).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        known = self.headers.get("If-None-Match") == etag
        self.send_response(HTTPStatus.NOT_MODIFIED if known else HTTPStatus.OK)
        self.send_header("ETag", etag)
        if not known:
            self.send_header("Content-Type", "text/calendar; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not known:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep `make run`'s output for what it is about."""


if __name__ == "__main__":
    _Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else PORT), _Handler).serve_forever()
