"""One to four Celery workers, each a process tree of its own, with Redis, PostgreSQL and calendars on loopback.

``python -m benchmarks.workers [--calendars 2000] [--events 5] [--slots 2] [--batches 8]``

One Airflow; workers are added one by one. With each number of them the DAG ``calendar_import`` runs over calendars of
their own: from nothing, again with one in a hundred changed, and over a hundred calendars of one host. After each run
it is checked that every calendar was asked for once and imported once, that the rows are those of the feeds, that the
host's budget held over all workers, that each worker did a part, and that no lease is left; else it ends with an error.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.calendars import ONE_IN, served
from benchmarks.cycle import Ran, home_of, run
from dev import postgres
from tests.airflow_home import Home
from tests.airflow_stack import Stack, running, stop
from tests.celery_stack import redis, settings, start_workers

WORKERS = ("one", "two", "three", "four")
#: As in production.
PER_SECOND, BURST = 10, 20
OF_ONE_HOST = 100


def main() -> None:
    """Run all of it and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"calendars": 2000, "events": 5, "slots": 2, "batches": 8, "workers": 4}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    print(f"{psutil.cpu_count()} cores; load before: {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="cal-") as name:
        folder = Path(name)
        server = postgres.start(folder / "pg")
        try:
            os.environ["AIRFLOW_CONN_CALIMPORT_DB"] = ""
            home = home_of(folder / "workers", postgres.host(server))
            with served(given.events) as port, redis(folder) as broker:
                _each_number(home, port, broker, server.get_postmaster_info().pid, given)
        finally:
            postgres.stop(server)


def _each_number(home: Home, port: int, broker: str, server: int, given: argparse.Namespace) -> None:
    own = {
        "CALIMPORT_MAX_BATCHES": str(given.batches),
        "CALIMPORT_HOST_REQUESTS_PER_SECOND": str(PER_SECOND),
        "CALIMPORT_HOST_REQUEST_BURST": str(BURST),
    }
    rows: list[str] = []
    with running(home, **settings(home, broker), **own) as stack:
        try:
            for workers in range(1, given.workers + 1):
                start_workers(stack, WORKERS[workers - 1 : workers], slots=given.slots)
                rows.append(_with(stack, port, server, workers, given))
        finally:
            stop(stack.logs / "workers")
    print("\n| workers | from nothing, s | calendars/s | one in 100 changed, s | calendars/s | one host, s | MB |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    print("\n".join(rows))


def _with(stack: Stack, port: int, server: int, workers: int, given: argparse.Namespace) -> str:
    """Three runs with so many workers; a line of the table."""
    logs = {name: stack.logs / "workers" / f"{name}.log" for name in WORKERS[:workers]}
    done = {name: log.read_text().count("succeeded in") for name, log in logs.items()}
    first = workers * 10 * given.calendars
    numbers = range(first, first + given.calendars)
    _only(stack.home, {number: f"127.1.{number % 1000 // 250}.{number % 250 + 1}:{port}" for number in numbers})
    nothing = _run(stack, port, server, numbers, f"{workers}-nothing")
    held = _check_rows(stack.home, numbers, given.events)
    _asked(port, f"change/{ONE_IN}")
    stack.home.rows("update calimport.calendars set next_import_at = null where enabled returning id")
    again = _run(stack, port, server, numbers, f"{workers}-again")
    assert _check_rows(stack.home, numbers, given.events) == held
    changed = stack.home.rows("select count(*), sum(updated) from calimport.runs where dag_run_id = %s and inserted"
                              " + updated + deleted > 0", f"{workers}-again")  # fmt: skip
    assert changed == [(len(numbers) // ONE_IN,) * 2], changed
    shared = range(numbers.stop, numbers.stop + OF_ONE_HOST)
    _only(stack.home, dict.fromkeys(shared, f"127.2.0.{workers}:{port}"))
    budget = _run(stack, port, server, shared, f"{workers}-host", batches=given.batches)
    part = {name: log.read_text().count("succeeded in") - done[name] for name, log in logs.items()}
    assert all(part.values()), f"a worker did nothing: {part}"
    print(f"  tasks by worker: {part}", flush=True)
    memory = max(one.airflow for one in (nothing, again, budget))
    return (
        f"| {workers} | {nothing.seconds:.0f} | {len(numbers) / nothing.seconds:.0f} |"
        f" {again.seconds:.0f} | {len(numbers) / again.seconds:.0f} | {budget.seconds:.0f} | {memory:.0f} |"
    )


def _only(home: Home, addresses: dict[int, str]) -> None:
    """These calendars, by number, and no others."""
    with home.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update calimport.calendars set enabled = false")
        cursor.executemany(
            "insert into calimport.calendars (name, source) values (%s, %s)",
            [(f"calendar {number:06}", f"http://{host}/{number}.ics") for number, host in addresses.items()],
        )


def _run(stack: Stack, port: int, server: int, numbers: range, run_id: str, *, batches: int | None = None) -> Ran:
    """A run, and the checks that hold after any: asked for once, imported once, no lease left.

    :param batches: with these the calendars are of one host, whose budget is checked too.
    """
    _asked(port, "asked")
    done = run(stack, run_id, server, f"{run_id}: {len(numbers)} calendars")
    asked = _asked(port, "asked")
    assert done.state == "success", done.state
    assert Counter(one["number"] for one in asked) == dict.fromkeys(numbers, 1)
    home = stack.home
    of_run = "select count(*) as runs, count(distinct calendar_id) as calendars, max(attempt) as attempts"
    found = home.rows(f"{of_run} from calimport.runs where dag_run_id = %s", run_id)
    assert found == [(len(numbers), len(numbers), 1)], found
    assert home.rows("select distinct state, lease_owner from calimport.calendars where enabled") == [("idle", None)]
    tries = home.metadata_rows("select max(try_number) as most from task_instance where run_id = %s", run_id)
    assert tries == [{"most": 1}], tries
    if batches is not None:
        _check_budget([one["at"] for one in asked], most=BURST + batches)
    return done


def _check_budget(times: Sequence[float], *, most: int) -> None:
    """Never more than `most` at once and the rate's share of the time between; see calimport.shared_budget."""
    ordered = sorted(times)
    for first, start in enumerate(ordered):
        for last in range(first, len(ordered)):
            allowed = most + PER_SECOND * (ordered[last] - start + 0.5)
            assert last - first + 1 <= allowed, f"{last - first + 1} requests within {ordered[last] - start:.1f} s"
    assert ordered[-1] - ordered[0] > (len(ordered) - most) / PER_SECOND - 0.5
    gap = max(second - first for first, second in pairwise(ordered))
    print(f"  {len(ordered)} requests to one host within {ordered[-1] - ordered[0]:.1f} s, longest gap {gap:.1f} s")


def _check_rows(home: Home, numbers: range, events: int) -> int:
    """Rows of these calendars in all: as many in each, of as many events as its feed has."""
    per_calendar = home.rows(
        "select count(*) as instances, count(distinct uid) as uids from calimport.events"
        " join calimport.calendars on calendars.id = calendar_id where enabled group by calendar_id"
    )
    assert len(per_calendar) == len(numbers)
    assert {one[1] for one in per_calendar} == {events}, per_calendar[:3]
    assert len({one[0] for one in per_calendar}) == 1, "calendars have different numbers of rows"
    return sum(int(one[0]) for one in per_calendar)


def _asked(port: int, path: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=60, trust_env=False)
    found: list[dict[str, Any]] = answer.json() if answer.content else []
    return found


if __name__ == "__main__":
    main()
