"""`make run`, `make up` and `make down`, as a person uses them: real PostgreSQL, real Airflow, real HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from dev import processes
from dev.local import _free_port

ROOT = Path(__file__).parents[1]
Local = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.airflow


@pytest.fixture
def state() -> Iterator[Path]:
    # Not pytest's tmp_path: a socket's path may have 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="cal-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def local(state) -> Iterator[Local]:
    """Run ``python -m dev.local`` with a state of its own."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dev.local", *arguments],
            cwd=ROOT,
            env={**os.environ, "CALIMPORT_STATE": str(state), "PYTHONPATH": str(ROOT / "plugins")},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    yield call
    call("down")


def test_run_imports_every_sample_and_then_finds_nothing_to_change(local):
    done = local("run")

    assert done.returncode == 0, done.stdout + done.stderr
    first, second = done.stdout.split("Second run")
    assert rows(first).keys() == rows(second).keys()
    assert len(rows(first)) == 8
    for name, (outcome, inserted, updated, deleted) in rows(first).items():
        assert (outcome, updated, deleted) == ("imported", 0, 0), name
        assert inserted > 0, name
    assert set(rows(second).values()) == {("unchanged", 0, 0, 0)}
    assert "Village hall: The event 'Ceilidh' could not be understood" in first
    assert second.endswith("\nNo occurrences changed in 8 calendars.\n\n")

    # And on the same database, what the README says of single tasks on a laptop.
    conf = '{"calendars": ["Days off", "Medication"]}'
    assert local("shell", "airflow", "dags", "test", "calendar_import", "2026-11-23", "--conf", conf).returncode == 0
    for task in ("import.extract", "import.apply"):  # all of them: test_dag_run.py
        one = local("shell", "airflow", "tasks", "test", "calendar_import", task, "2026-11-23", "--map-index", "1")
        assert "Task failed with exception" not in one.stdout + one.stderr, task
    assert "Days off" in local("shell", "calimport", "calendars", "list").stdout


def test_up_imports_on_schedule_until_down(local, state):
    port = _free_port(8080)
    started = local("up", "--port", str(port))
    assert started.returncode == 0, started.stdout + started.stderr
    address, password = re.search(r"(http://127\S+)   user admin, password (\S+)", started.stdout).groups()
    assert address == f"http://127.0.0.1:{port}"
    running = list(processes.running(state / "up").values())

    signed_in = httpx.post(f"{address}/auth/token", json={"username": "admin", "password": password}, timeout=30)
    headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
    run = scheduled_run(address, headers)
    assert run["state"] == "success"
    assert applied(address, headers, run["dag_run_id"]) == 8

    refused = local("run")
    assert refused.returncode == 1
    assert refused.stderr == "Error: `make up` is running and imports the samples itself. `make down` stops it.\n"

    stopped = local("down")
    assert stopped.stdout == "Stopped api-server, dag-processor, samples, scheduler, triggerer, PostgreSQL.\n"
    assert not any(process.is_running() for process in running)
    assert local("down").stdout == "Nothing was running.\n"

    for name in ("secrets.json", "passwords.json"):
        assert (state / name).stat().st_mode & 0o077 == 0, name


def rows(printed: str) -> dict[str, tuple[str, int, int, int]]:
    """Outcome and counts of each calendar, from the printed table."""
    lines = re.findall(r"^(\S.*?) +ics +idle +\d+  (\w+) +(\d+) +(\d+) +(\d+)$", printed, re.MULTILINE)
    return {name: (outcome, int(one), int(two), int(three)) for name, outcome, one, two, three in lines}


def scheduled_run(address: str, headers: dict[str, str], *, patience: float = 240.0) -> dict[str, Any]:
    """The first scheduled run of the DAG, once it has ended or patience has."""
    url = f"{address}/api/v2/dags/calendar_import/dagRuns?order_by=run_after"
    deadline = time.monotonic() + patience
    run: dict[str, Any] = {"state": "no run"}
    while time.monotonic() < deadline and run["state"] not in ("success", "failed"):
        time.sleep(2)
        answer = httpx.get(url, headers=headers, timeout=30)
        runs = answer.json()["dag_runs"] if answer.status_code == 200 else []
        run = next((run for run in runs if run["run_type"] == "scheduled"), run)
    return run


def applied(address: str, headers: dict[str, str], dag_run_id: str) -> int:
    """How many mapped instances of ``apply`` succeeded."""
    url = f"{address}/api/v2/dags/calendar_import/dagRuns/{quote(dag_run_id)}/taskInstances?limit=100"
    instances = httpx.get(url, headers=headers, timeout=30).json()["task_instances"]
    return sum(one["task_id"] == "import.apply" and one["state"] == "success" for one in instances)
