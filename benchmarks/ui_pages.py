"""How long the calendars page takes to answer with 10,000 calendars: ``python -m benchmarks.ui_pages [ROUNDS]``.

A real Airflow API server on this machine, with its sign-in, is asked over HTTP for what each page asks for, again and
again in turn, by one person. The database holds 10,000 calendars with 400,000 occurrences, 200,000 runs and as many
changes. Exits with 1 where the 95th percentile of any request is over the limit of issue 6, 300 ms.

The last column is the processor time that the API server and PostgreSQL take for one request. Where the machine has
other work to do, the others grow, and it hardly does.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg.rows import dict_row

from calimport import database
from dev import postgres, processes
from tests.airflow_home import Home
from tests.ui_airflow import running

ROUNDS: Final = int(sys.argv[1]) if len(sys.argv) > 1 else 100
LIMIT_MS: Final = 300

REQUESTS: Final = {
    "page of the list": "/calimport/ui/",
    "list": "/calimport/api/calendars",
    "list, page 150": "/calimport/api/calendars?page=150",
    "list, searched": "/calimport/api/calendars?q=user+17",
    "list, nothing found": "/calimport/api/calendars?q=nothing+is+like+this",
    "list, failing": "/calimport/api/calendars?state=error&state=bad_source",
    "list, late": "/calimport/api/calendars?only=late",
    "list, latest change first": "/calimport/api/calendars?sort=changed&descending=true",
    "list, most notices first": "/calimport/api/calendars?sort=notices&descending=true&only=notices",
    "list of a run of all": "/calimport/api/calendars?run=run+1",
    "page of a calendar": "/calimport/ui/calendar?id=4711",
    "calendar": "/calimport/api/calendars/4711",
    "calendar, runs": "/calimport/api/calendars/4711/runs?unchanged=true",
    "calendar, changes": "/calimport/api/calendars/4711/changes",
    "calendar, changes of a run": "/calimport/api/calendars/4711/changes?run=run+1",
    "calendar, a month": "/calimport/api/calendars/4711/events?start={first}&end={last}&zone=Europe/Berlin",
    "calendar, held": "/calimport/api/calendars/4711/held",
    "form": "/calimport/api/form",
}


def main() -> int:
    """Fill a database, start a server, ask, and print."""
    with tempfile.TemporaryDirectory(prefix="cal-") as folder:
        server = postgres.start(Path(folder) / "pg")
        try:
            database_server = psutil.Process(server.get_postmaster_info().pid)
            return measure(postgres.host(server), Path(folder), database_server)
        finally:
            server.cleanup()


def measure(host: str, folder: Path, database_server: psutil.Process) -> int:
    """The exit status."""
    postgres.create_database(host, "template_calimport")
    where = {"host": host, "user": "postgres", "dbname": "template_calimport"}
    with psycopg.connect(**where, row_factory=dict_row) as connection:
        database.migrate(connection)
    (folder / "airflow").mkdir()
    with running(folder / "airflow", host, "template_calimport", scheduler=False) as airflow:
        fill(airflow.home)
        took: dict[str, list[float]] = {name: [] for name in REQUESTS}
        worked = dict.fromkeys(REQUESTS, 0.0)
        servers = [database_server, *processes.running(airflow.home.folder).values()]
        first, last = (time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400)) for days in (-20, 20))
        with airflow.client("olga") as client:
            for turn in range(ROUNDS + 1):
                for name, path in REQUESTS.items():
                    before = cpu_seconds(servers)
                    began = time.perf_counter()
                    answer = client.get(path.format(first=first, last=last))
                    if turn:  # the first of each warms up
                        took[name].append((time.perf_counter() - began) * 1000)
                        after = cpu_seconds(servers)
                        worked[name] += sum(after[pid] - before[pid] for pid in before.keys() & after.keys())
                    answer.raise_for_status()
    print(f"{'':28}{'median':>8}{'95 %':>8}{'most':>8}{'CPU':>8}   ms, of {ROUNDS} requests")
    worst = 0.0
    for name, times in took.items():
        p95 = statistics.quantiles(times, n=20)[-1]
        worst = max(worst, p95)
        print(f"{name:28}{statistics.median(times):8.0f}{p95:8.0f}{max(times):8.0f}{worked[name] / ROUNDS * 1000:8.0f}")
    print(f"Worst 95th percentile: {worst:.0f} ms; the limit is {LIMIT_MS} ms.")
    return int(worst > LIMIT_MS)


def cpu_seconds(servers: list[psutil.Process]) -> dict[int, float]:
    """What each of these processes, and of those below them, has used so far."""
    used = {}
    for one in [one for server in servers for one in (server, *server.children(recursive=True))]:
        with suppress(psutil.NoSuchProcess):  # PostgreSQL's own come and go
            times = one.cpu_times()
            used[one.pid] = times.user + times.system
    return used


def fill(home: Home) -> None:
    """10,000 calendars with all that hangs on them."""
    with home.connect() as connection:
        connection.execute((Path(__file__).parent / "ui_pages.sql").read_bytes())
        connection.execute("vacuum analyze")


if __name__ == "__main__":
    sys.exit(main())
