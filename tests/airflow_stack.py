"""A whole Airflow for tests: API server, scheduler and DAG processor on loopback, and what a test does with it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from dev import processes
from tests.airflow_home import DAG, NOON, Home


@dataclass(frozen=True)
class Stack:
    """Airflow with its scheduler, DAG processor and API server."""

    home: Home
    api: httpx.Client
    logs: Path
    environment: dict[str, str]

    def trigger(self, run_id: str, **conf: Any) -> None:
        """Start a run of the DAG for noon."""
        self.post("/dagRuns", {"dag_run_id": run_id, "logical_date": _noon_of(run_id), "conf": conf})

    def clear(self, run_id: str, **which: Any) -> None:
        """Clear task instances of a run, as the web page does."""
        self.post("/clearTaskInstances", {"dry_run": False, "only_failed": False, "dag_run_id": run_id, **which})

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.api.post(f"/dags/{DAG}{path}", json=body)
        assert answer.status_code == 200, answer.text
        answered: dict[str, Any] = answer.json()
        return answered

    def wait(self, run_id: str, *, patience: float = 240) -> str:
        """The state in which the run ends."""

        def ended() -> str | None:
            state: str = self.api.get(f"/dags/{DAG}/dagRuns/{run_id}").json()["state"]
            return state if state in ("success", "failed") else None

        return self.until(ended, f"the run {run_id} to end", patience)

    def until(self, found: Callable[[], Any], what: str, patience: float = 120) -> Any:
        """The first true value of ``found()``.

        :raises AssertionError: it takes too long; the message says where the logs are.
        """
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if value := found():
                return value
            time.sleep(0.2)
        states = self.home.metadata_rows("select run_id, task_id, map_index, try_number, state from task_instance")
        raise AssertionError(f"Waited {patience:g} s for {what}. Logs: {self.logs}. {json.dumps(states)}")

    def start(self, name: str) -> None:
        """Start one of its parts, as the machine's supervisor would after it ended."""
        part = name.partition("-again")[0]
        command = [sys.executable, "-m", "airflow", *PARTS[part]]
        processes.start(name, command, folder=self.logs, environment=self.environment)

    def kill(self, name: str) -> None:
        """``kill -9`` of one of its parts; its children live on."""
        processes.running(self.logs)[name].kill()

    def tries(self, run_id: str) -> dict[tuple[str, int], tuple[int, str]]:
        """(task, map index) → how many tries it took, and its state."""
        rows = self.home.metadata_rows(
            "select task_id, map_index, try_number, state from task_instance where run_id = %s", run_id
        )
        return {(row["task_id"], row["map_index"]): (row["try_number"], row["state"]) for row in rows}


#: What the parts besides the API server are started with.
PARTS = {"scheduler": ["scheduler", "--skip-serve-logs"], "dag-processor": ["dag-processor"]}


@contextmanager
def running(home: Home, **settings: str) -> Iterator[Stack]:
    """An Airflow of this home, stopped in the end; ``settings`` are environment variables of all its parts."""
    folder = home.folder
    address = f"http://127.0.0.1:{free_port()}"
    environment = home.environment(
        **{
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "10",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__API__BASE_URL": address,
            **settings,
        }
    )
    try:
        for name, arguments in {
            "api-server": ["api-server", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--workers", "1"],
            **PARTS,
        }.items():
            command = [sys.executable, "-m", "airflow", *arguments]
            processes.start(name, command, folder=folder, environment=environment)
        with httpx.Client(base_url=f"{address}/api/v2", timeout=60, trust_env=False) as api:
            opened = Stack(home, api, folder, environment)
            opened.until(lambda: is_up(api, folder), "Airflow to come up", patience=180)
            pool = {"name": "calimport_fetch", "slots": 8, "description": None, "include_deferred": False}
            assert api.post("/pools", json=pool).status_code in (201, 409)  # 409: this home had an Airflow before
            yield opened
    finally:
        stop(folder)


def is_up(api: httpx.Client, folder: Path) -> bool:
    """Whether the scheduler works and knows the DAG."""
    assert len(processes.running(folder)) == 3, f"A part of Airflow has ended; its log is in {folder}"
    try:
        health = api.get("/monitor/health").json()
        known = api.get(f"/dags/{DAG}").status_code == 200
    except (httpx.HTTPError, ValueError):
        return False
    return known and health["scheduler"]["status"] == "healthy"


def stop(folder: Path) -> None:
    """End everything that was started, tasks with process groups of their own among it."""
    below = [child for process in processes.running(folder).values() for child in process.children(recursive=True)]
    processes.stop(folder)
    for child in below:
        # Compared with the time it began: a number that was given to another process meanwhile is not ours.
        if child.is_running():
            os.kill(child.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _noon_of(run_id: str) -> str:
    """A time of its own for each run, all of them in one minute, so that all have one window."""
    return (datetime.fromisoformat(NOON) + timedelta(milliseconds=sum(run_id.encode()))).isoformat()
