"""Celery for tests and benchmarks: a Redis that keeps nothing, and workers as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev import processes
from tests.airflow_home import Home
from tests.airflow_stack import Stack, free_port


def settings(home: Home, broker: str) -> dict[str, str]:
    """Environment variables of an Airflow whose tasks go through this broker."""
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://postgres@/{home.metadata}?host={home.host}",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        # Celery refuses to run as root with pickle, and asks to be told so.
        "C_FORCE_ROOT": "true",
    }


def start_workers(stack: Stack, names: Sequence[str], *, slots: int = 2) -> Path:
    """Start a worker of each name and wait until all are ready; the folder of their processes and logs.

    Whoever starts them stops them: :func:`tests.airflow_stack.stop`.
    """
    folder = stack.logs / "workers"
    folder.mkdir(exist_ok=True)
    for name in names:
        command = ["celery", "worker", "--concurrency", str(slots), "--celery-hostname", name, "--skip-serve-logs"]
        python = [sys.executable, "-m", "airflow", *command]
        processes.start(name, python, folder=folder, environment=stack.environment)
    logs = [folder / f"{name}.log" for name in names]
    stack.until(lambda: all(" ready." in log.read_text() for log in logs), "the workers to be ready")
    return folder


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis that keeps nothing; its address."""
    port = free_port()
    options: dict[str, Any] = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": str(folder)}
    command = ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
    with (folder / "redis.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"]})
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(20)
