"""``python -m benchmarks.memory``: the most memory that a process of each step takes, by batch and by feed.

Each step runs as a process of its own, as a task does, but without Airflow's part (some 130 MB): what it takes is the
kernel's own high-water mark, `VmHWM`. Calendars are served on the loopback interface, PostgreSQL is a real one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks import feeds
from calimport import database
from calimport.settings import Settings
from calimport.steps.plan import plan
from calimport.steps.runs import RunKey, Step

STEPS = ("extract", "normalize", "diff", "apply", "report")
ALLOWED = "127.0.0.0/8"
_PROGRAM = """
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path
from calimport import database
from calimport.settings import Settings
from calimport.steps.runs import RunKey, Step

name, run_id, clock, *ids = sys.argv[1:]
work = getattr(import_module(f"calimport.steps.{name}"), name)
with database.connect(autocommit=True) as connection:
    step = Step(connection, RunKey("memory", run_id), datetime.fromisoformat(clock), Settings.from_environment())
    work(step) if name == "report" else work(step, [int(one) for one in ids])
status = Path("/proc/self/status").read_text()
print(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")))
"""


def peaks(
    connection: database.Connection,
    bodies: Sequence[bytes],
    *,
    run_id: str,
    as_of: datetime = feeds.AS_OF,
    days: int = 7,
) -> dict[str, float]:
    """Import calendars of these feeds in one batch; by step the most MB that its process took.

    :param days: of the window, to either side of `as_of`.
    :raises subprocess.CalledProcessError: a step failed.
    """
    with served({f"/{run_id}/{number}.ics": body for number, body in enumerate(bodies)}) as address:
        query = (
            "insert into calimport.calendars (name, source, days_back, days_ahead)"
            " select %(run)s || ' ' || n, %(at)s || '/' || %(run)s || '/' || n || '.ics', %(days)s, %(days)s"
            " from generate_series(0, %(number)s - 1) as n returning id"
        )
        given = {"run": run_id, "at": address, "days": days, "number": len(bodies)}
        ids = [row["id"] for row in connection.execute(query.encode(), given)]
        planning = Step(connection, RunKey("memory", run_id), as_of, Settings(max_batches=1))
        (batch,) = plan(planning, as_of=as_of, calendars=ids)
        return {name: _peak(name, run_id, as_of, batch["calendar_ids"]) for name in STEPS}


def _peak(step: str, run_id: str, as_of: datetime, calendar_ids: Sequence[int]) -> float:
    environment = os.environ | {
        "PYTHONPATH": str(feeds.ROOT / "plugins"),
        "CALIMPORT_ALLOWED_NETWORKS": ALLOWED,
        "CALIMPORT_HOST_REQUESTS_PER_SECOND": "1000",
    }
    command = [sys.executable, "-c", _PROGRAM, step, run_id, as_of.isoformat(), *map(str, calendar_ids)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout.splitlines()[-1]) / 1024


@contextmanager
def served(bodies: Mapping[str, bytes]) -> Iterator[str]:
    """A web server with these bodies by path; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = bodies[self.path]
            self.send_response(200)
            self.send_header("Content-Type", "text/calendar; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def calendars(number: int, events: int, label: str) -> list[bytes]:
    """Feeds of so many events over a year, as Google exports them, none with an event of another feed or label."""
    # A title is one word of its own: like ones at one moment would be compared with each other, see `clusters`.
    feed = feeds.plain(events).replace(b"SUMMARY:Event ", b"SUMMARY:Event")
    owns = [f"{label}x{one}x".encode() for one in range(number)]
    return [feed.replace(b"@google.com", own + b"@google.com").replace(b":Event", b":" + own) for own in owns]


def events_of(megabytes: float) -> int:
    """How many events a feed of so many megabytes has."""
    return round(megabytes * 1e6 / (len(feeds.plain(1000)) / 1000))


def report() -> Iterator[str]:
    """The tables of docs/scale.md."""
    from benchmarks import database as benched

    with benched.server() as (_, connection):

        def row(cells: str, label: str, number: int, events: int, days: int = 7) -> str:
            found = peaks(connection, calendars(number, events, label), run_id=label, days=days)
            return f"| {cells} | {' | '.join(f'{found[name]:.0f}' for name in STEPS)} |"

        yield from _head("calendars of a batch, 20 events each")
        for number in (10, 100, 1000):
            yield row(str(number), f"batch{number}", number, 20)
        yield from _head("one feed", "rows in the window")
        for size in (1, 10, 50):
            for label, days in (("one event in 25", 7), ("every event", 800)):
                yield row(f"{size} MB | {label}", f"feed{size}d{days}", 1, events_of(size), days)
        yield from _head("feeds of 10 MB in one batch")
        for number in (1, 4, 16, 32):
            yield row(str(number), f"large{number}", number, events_of(10))


def _head(*columns: str) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join((*columns, *STEPS))} |"
    yield f"|{'---|' * len(columns)}{'---:|' * len(STEPS)}"


if __name__ == "__main__":
    for line in report():
        print(line, flush=True)
