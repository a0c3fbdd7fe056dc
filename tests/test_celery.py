"""The same DAG on Celery and Redis: four workers, each a tree of processes, and one of them killed with all of it."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dev import processes
from tests.airflow_home import Home, new_calimport, new_metadata
from tests.airflow_stack import Stack, running, stop
from tests.celery_stack import redis, settings, start_workers
from tests.importing import feed
from tests.web import Asked, Reply, Web, serve

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]

CALENDARS = 60
BATCHES = 8
WORKERS = ("one", "two", "three", "four")
#: All calendars are on one host, which may be asked this often.
PER_SECOND, BURST = 5, 5
SETTINGS = {
    # How soon it is seen that a worker has died: 300 s and 10 s by default.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "CALIMPORT_MAX_BATCHES": str(BATCHES),
    "CALIMPORT_HOST_REQUESTS_PER_SECOND": str(PER_SECOND),
    "CALIMPORT_HOST_REQUEST_BURST": str(BURST),
    "CALIMPORT_FETCH_TIMEOUT": "240",
    "CALIMPORT_READ_TIMEOUT": "240",
}


class Timed:
    """A feed that writes down when it is asked for."""

    def __init__(self, number: int, moments: list[tuple[float, int]]) -> None:
        self.reply = Reply(calendar(number, "Event"))
        self.number, self.moments = number, moments

    def __call__(self, asked: Asked) -> Reply:
        self.moments.append((time.monotonic(), self.number))
        return self.reply


class Hanging:
    """A feed that keeps its first reader waiting until it is gone."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked = threading.Event()

    def __call__(self, asked: Asked) -> Reply:
        first = not self.asked.is_set()
        self.asked.set()
        return Reply(hangs=True) if first else self.reply


def test_no_calendar_is_imported_twice(imported, stack):
    state, moments = imported

    assert state == "success"
    assert Counter(number for _, number in moments) == dict.fromkeys(range(CALENDARS), 1)
    assert stack.home.rows("select calendar_id, outcome, attempt from calimport.runs order by calendar_id") == [
        (number + 1, "imported", 1) for number in range(CALENDARS)
    ]
    assert stack.home.rows("select action, count(*) from calimport.history group by action") == [("insert", CALENDARS)]
    assert stack.home.rows("select summary, count(*) from calimport.events group by summary") == [("Event", CALENDARS)]


def test_each_worker_did_a_part_of_it(imported, workers):
    assert [name for name in WORKERS if "succeeded" not in (workers / f"{name}.log").read_text()] == []


def test_the_budget_of_a_host_holds_across_workers(imported):
    """Were it each process's own, all requests would be over within two seconds."""
    _, moments = imported
    times = sorted(moment for moment, _ in moments)
    # A batch may use its first slot later than that was due: see calimport.shared_budget.
    most = BURST + BATCHES

    assert [
        (first, last)
        for first in range(CALENDARS)
        for last in range(first + 1, CALENDARS)
        if last - first + 1 > most + PER_SECOND * (times[last] - times[first] + 0.5)
    ] == []
    assert times[-1] - times[0] > (CALENDARS - most) / PER_SECOND - 0.5


def test_a_worker_that_is_killed_loses_nothing(imported, stack, workers, web):
    """The whole tree at once, as when its machine dies: nobody is left to say that the task failed."""
    hanging = Hanging(Reply(calendar(0, "Event moved", day=5)))
    web.feed(hanging, "/0.ics")
    stack.trigger("killed", calendars=[1, 2], force=True)
    stack.until(hanging.asked.is_set, "the feed to be fetched")
    tasks = stack.home.metadata_rows(
        "select pid from task_instance where run_id = 'killed' and task_id = 'import.extract' and map_index = 0"
    )

    kill(worker_of(tasks[0]["pid"], workers))
    state = stack.wait("killed")

    assert state == "success"
    assert stack.tries("killed")["import.extract", 0] == (2, "success")
    assert len(processes.running(workers)) == len(WORKERS) - 1
    assert stack.home.rows(
        "select calendar_id, summary, extract(day from start_at)::integer from calimport.events"
        " where calendar_id in (1, 2) order by calendar_id"
    ) == [(1, "Event moved", 5), (2, "Event", 3)]
    assert stack.home.rows("select state, lease_owner from calimport.calendars where id in (1, 2)") == [
        ("idle", None),
        ("idle", None),
    ]


def calendar(number: int, summary: str, *, day: int = 3) -> bytes:
    return feed(f"UID:uid-{number}\nSUMMARY:{summary}\nDTSTART:202603{day:02}T090000Z\nDURATION:PT1H")


def worker_of(pid: int, folder: Path) -> psutil.Process:
    """The worker that has this process below it."""
    above = {one.pid for one in psutil.Process(pid).parents()}
    (found,) = (worker for worker in processes.running(folder).values() if worker.pid in above)
    return found


def kill(worker: psutil.Process) -> None:
    tree = [worker, *worker.children(recursive=True)]
    for process in tree:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(tree, timeout=20)


@pytest.fixture(scope="module")
def imported(stack: Stack, web: Web) -> tuple[str, list[tuple[float, int]]]:
    """The state of a run of all calendars, and when each was asked for."""
    moments: list[tuple[float, int]] = []
    for number in range(CALENDARS):
        stack.home.add(f"calendar {number:03}", web.feed(Timed(number, moments), f"/{number}.ics"))
    stack.trigger("all")
    return stack.wait("all"), list(moments)


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serve() as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, postgres_host: str, template: str) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("airflow")
    home = Home(folder, postgres_host, new_metadata(postgres_host, folder), new_calimport(postgres_host, template))
    with redis(folder) as broker, running(home, **settings(home, broker), **SETTINGS) as started:
        try:
            start_workers(started, WORKERS)
            yield started
        finally:
            stop(folder / "workers")


@pytest.fixture(scope="module")
def workers(stack: Stack) -> Path:
    """The folder of the workers' processes and logs."""
    return stack.logs / "workers"
