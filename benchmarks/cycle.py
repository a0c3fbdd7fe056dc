"""The whole cycle: real Airflow (scheduler, DAG processor, API server), real PostgreSQL, calendars over HTTP.

``python -m benchmarks.cycle [--calendars 10000] [--events 5] [--fresh 1000] [--fresh-events 100] [--batches 8]``

Three runs of the DAG ``calendar_import``: all calendars from nothing; all again, one in a hundred changed; and, in a
database of their own, fewer and larger ones from nothing. Seconds are those between a run's start and its end in
Airflow's own table. Memory is the sum of the proportional set sizes of all processes of Airflow, its tasks among them,
at its highest; PostgreSQL's beside it.

The peer is how the first importer worked: a task a calendar, which asks for all of the feed, reads it with `icalendar`
and `recurring-ical-events`, and writes row by row. Here it is this DAG with one calendar to a task, and a plain loop
without any task, both on a sample; what they would need for all calendars is the sample's time multiplied, and said so.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import psycopg

from benchmarks.calendars import ONE_IN, address, row_by_row, served
from calimport import database
from dev import postgres
from tests.airflow_home import Home, new_metadata
from tests.airflow_stack import Stack, running


@dataclass
class Memory:
    """The highest sums seen, in MB."""

    airflow: float = 0.0
    postgres: float = 0.0
    stopped: threading.Event = field(default_factory=threading.Event)

    def watch(self, server: int) -> None:
        while not self.stopped.wait(1):
            below = [one for one in psutil.Process().children(recursive=True) if "feed_server" not in _command(one)]
            of_server = {server, *(one.pid for one in psutil.Process(server).children(recursive=True))}
            self.airflow = max(self.airflow, sum(_pss(one.pid) for one in below if one.pid not in of_server))
            self.postgres = max(self.postgres, sum(map(_pss, of_server)))


def main() -> None:
    """Run all of it and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {
        "calendars": 10_000, "events": 5, "fresh": 1000, "fresh-events": 100, "batches": 8, "parallelism": 4,
        "sample": 40,
    }.items():  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    print(f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB; load before: ", end="")
    print(", ".join(f"{one:.1f}" for one in os.getloadavg()), flush=True)
    with tempfile.TemporaryDirectory(prefix="cal-") as name:
        folder = Path(name)
        server = postgres.start(folder / "pg")
        try:
            os.environ["AIRFLOW_CONN_CALIMPORT_DB"] = ""
            _many(folder, server, given)
            _fresh(folder, server, given)
        finally:
            postgres.stop(server)


def _many(folder: Path, server: Any, given: argparse.Namespace) -> None:
    home = home_of(folder / "many", postgres.host(server))
    with served(given.events) as port:
        _fill(home, port, given.calendars)
        pid = server.get_postmaster_info().pid
        with _airflow(home, given) as stack:
            run(stack, "nothing", pid, f"{given.calendars} calendars × {given.events} events, from nothing")
            httpx.get(f"http://127.0.0.1:{port}/change/{ONE_IN}")
            _let_be_due(home, given.calendars)
            seconds = run(stack, "again", pid, f"{given.calendars} calendars, one in {ONE_IN} changed").seconds
        given.batches = given.sample
        with _airflow(home, given) as stack:
            _let_be_due(home, given.sample)
            sampled = run(stack, "one-by-one", pid, f"peer: a task a calendar, {given.sample} of them").seconds
        _compare("a task a calendar", sampled, given, seconds)
        _compare("rows one by one, no tasks", _row_by_row(home, port, given.sample), given, seconds)


def _fresh(folder: Path, server: Any, given: argparse.Namespace) -> None:
    home = home_of(folder / "fresh", postgres.host(server))
    given.batches = 8
    with served(given.fresh_events) as port:
        _fill(home, port, given.fresh)
        with _airflow(home, given) as stack:
            label = f"{given.fresh} calendars × {given.fresh_events} events, from nothing"
            run(stack, "fresh", server.get_postmaster_info().pid, label)


class Ran(NamedTuple):
    """What a run took: seconds, and the most MB of Airflow with its tasks."""

    state: str
    seconds: float
    airflow: float


def run(stack: Stack, run_id: str, server: int, label: str) -> Ran:
    """A run of the DAG, printed."""
    memory = Memory()
    watcher = threading.Thread(target=memory.watch, args=[server], daemon=True)
    watcher.start()
    began = time.monotonic()
    stack.post("/dagRuns", {"dag_run_id": run_id, "logical_date": datetime.now(UTC).isoformat()})
    state = stack.wait(run_id, patience=3600)
    watched = time.monotonic() - began
    memory.stopped.set()
    watcher.join()
    known = stack.home.metadata_rows("select queued_at, end_date from dag_run where run_id = %s", run_id)[0]
    counted = stack.home.metadata_rows(
        "select split_part(task_id, '.', -1) as task, count(*) filter (where state <> 'skipped') as done,"
        " sum(duration)::integer as seconds from task_instance where run_id = %s group by 1 order by min(start_date)",
        run_id,
    )
    outcomes = stack.home.rows(
        "select outcome, count(*), sum(inserted + updated + deleted) from calimport.runs where dag_run_id = %s"
        " group by outcome order by outcome",
        run_id,
    )
    seconds = (known["end_date"] - known["queued_at"]).total_seconds()
    print(f"\n{label}: {seconds:.0f} s in all ({watched:.0f} s as seen from outside), {state}")
    print("  " + ", ".join(f"{count} {outcome} ({changed or 0} rows)" for outcome, count, changed in outcomes))
    print("  tasks: " + ", ".join(f"{row['done']} {row['task']} {row['seconds']} s" for row in counted))
    print(f"  memory: Airflow and its tasks {memory.airflow:.0f} MB, PostgreSQL {memory.postgres:.0f} MB", flush=True)
    return Ran(state, seconds, memory.airflow)


def _row_by_row(home: Home, port: int, sample: int) -> float:
    with home.connect() as connection:
        seconds = row_by_row(connection, [address(port, number) for number in range(sample)])
    print(f"\npeer: rows one by one, {sample} calendars in one process: {seconds:.1f} s", flush=True)
    return seconds


def _compare(peer: str, sampled: float, given: argparse.Namespace, seconds: float) -> None:
    whole = sampled * given.calendars / given.sample
    print(
        f"  {peer}: {whole:.0f} s for {given.calendars}, extrapolated; ours in {whole / seconds:.1f}× less", flush=True
    )


def home_of(folder: Path, host: str) -> Home:
    folder.mkdir()
    home = Home(folder, host, new_metadata(host, folder), f"calimport_{folder.name}")
    postgres.create_database(host, home.calimport)
    os.environ["AIRFLOW_CONN_CALIMPORT_DB"] = postgres.airflow_connection(host, home.calimport)
    with database.connect() as connection:
        database.migrate(connection)
    return home


@contextmanager
def _airflow(home: Home, given: argparse.Namespace) -> Iterator[Stack]:
    with running(
        home,
        AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE="False",
        AIRFLOW__CORE__PARALLELISM=str(given.parallelism),
        CALIMPORT_MAX_BATCHES=str(given.batches),
        # As in production.
        CALIMPORT_HOST_REQUESTS_PER_SECOND="10",
    ) as stack:
        yield stack


def _fill(home: Home, port: int, calendars: int) -> None:
    with home.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into calimport.calendars (name, source) values (%s, %s)",
            [(f"calendar {number:05}", address(port, number)) for number in range(calendars)],
        )


def _let_be_due(home: Home, calendars: int) -> None:
    """As if the time of the first so many had come; the others are paused."""
    with home.connect() as connection:
        connection.execute(
            "update calimport.calendars set next_import_at = null, enabled = name < %s", [f"calendar {calendars:05}"]
        )


def _pss(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
    except (OSError, StopIteration):  # it has ended
        return 0.0


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


if __name__ == "__main__":
    try:
        main()
    except psycopg.OperationalError as error:
        sys.exit(str(error))
