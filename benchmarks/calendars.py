"""The whole cycle without a scheduler: plan, extract, normalize, diff, apply and report over calendars on loopback.

One process, one after the other, as the tasks of one slot; a real PostgreSQL, and feeds over HTTP. The peer is how the
first importer worked: it asks for all of the feed, reads it with `icalendar` and `recurring-ical-events`, and
writes row by row.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx

from benchmarks import database as benched
from calimport import database
from calimport.settings import Settings
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from calimport.steps.plan import plan
from calimport.steps.report import Report, report
from calimport.steps.runs import RunKey, Step
from tests.airflow_stack import free_port

HOSTS = 1000
ONE_IN = 100
SETTINGS = Settings(allowed_networks="127.0.0.0/8", max_batches=8, host_requests_per_second=1000)


class Cycle(NamedTuple):
    """Seconds of runs over so many calendars: from nothing, all unchanged, and one in a hundred changed."""

    calendars: int
    nothing: float
    unchanged: float
    changed: float
    #: The same last run by the peer; None: not measured at this size.
    peer: float | None


def cycles(sizes: Iterable[int], *, events: int = 5, peers_up_to: int = 1000) -> Iterator[Cycle]:
    """The whole cycle for each number of calendars, in a database of its own.

    :raises RuntimeError: a run did not come to what its feeds are.
    """
    for number in sizes:
        with benched.server() as (_, connection), served(events) as port:
            addresses = [address(port, one) for one in range(number)]
            with connection.cursor() as cursor:
                cursor.executemany(
                    "insert into calimport.calendars (name, source) values (%s, %s)",
                    [(f"calendar {one:06}", found) for one, found in enumerate(addresses)],
                )
            nothing = _run(connection, "nothing", imported=number)
            unchanged = _run(connection, "unchanged", imported=0)
            peer = None
            if number <= peers_up_to:
                row_by_row(connection, addresses)
            httpx.get(f"http://127.0.0.1:{port}/change/{ONE_IN}", trust_env=False)
            changed = _run(connection, "changed", imported=-(-number // ONE_IN))
            if number <= peers_up_to:
                peer = row_by_row(connection, addresses)
            yield Cycle(number, nothing, unchanged, changed, peer)


def _run(connection: database.Connection, run_id: str, *, imported: int) -> float:
    """Seconds of a run over all calendars."""
    connection.execute("update calimport.calendars set next_import_at = null")
    now = datetime.now(UTC)
    step = Step(connection, RunKey("benchmark", run_id), now, SETTINGS)
    began = time.perf_counter()
    for batch in plan(step, as_of=now):
        ids = batch["calendar_ids"]
        if extract(step, ids):
            normalize(step, ids)
            diff(step, ids)
            apply(step, ids)
    found: Report = report(step)
    seconds = time.perf_counter() - began
    if found.failed or found.imported != imported or found.unchanged != found.calendars - imported:
        raise RuntimeError(f"{run_id}: {found.counts()}")
    return seconds


def row_by_row(connection: database.Connection, addresses: list[str]) -> float:
    """Seconds of what the first importer did for each user, without the cost of its tasks."""
    import icalendar
    import recurring_ical_events

    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    window = (today - timedelta(days=7), today + timedelta(days=8))
    connection.execute("create table if not exists peer (calendar integer, uid text, start_at timestamptz, title text)")
    connection.execute("create index if not exists peer_identity on peer (calendar, uid, start_at)")
    began = time.perf_counter()
    for number, found in enumerate(addresses):
        body = httpx.get(found, trust_env=False).content
        for event in recurring_ical_events.of(icalendar.Calendar.from_ical(body)).between(*window):
            key = (number, str(event["UID"]), event["DTSTART"].dt)
            title = str(event["SUMMARY"])
            known: dict[str, Any] | None = connection.execute(
                "select title from peer where calendar = %s and uid = %s and start_at = %s", key
            ).fetchone()
            if known is None:
                connection.execute("insert into peer values (%s, %s, %s, %s)", [*key, title])
            elif known["title"] != title:
                connection.execute(
                    "update peer set title = %s where calendar = %s and uid = %s and start_at = %s", [title, *key]
                )
    return time.perf_counter() - began


def address(port: int, number: int) -> str:
    """Calendars are spread over a thousand hosts, each with its budget."""
    host = number % HOSTS
    return f"http://127.1.{host // 250}.{host % 250 + 1}:{port}/{number}.ics"


@contextmanager
def served(events: int) -> Iterator[int]:
    """The port of a :mod:`benchmarks.feed_server`."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.feed_server", str(port), str(events)])
    try:
        yield port
    finally:
        process.terminate()
        process.wait()
