"""Background processes that outlive the command which started them, and can be found and stopped by the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil


def start(name: str, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> Path:
    """Start a process that goes on when we end; its log and its number lie in ``folder``. Returns the log."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = psutil.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C here does not reach it, and stop() reaches its children.
            start_new_session=True,
        )
    # With the time it began, so that a number which the system has since given to another is not mistaken for it.
    _pid_file(folder, name).write_text(json.dumps({"pid": process.pid, "began": process.create_time()}))
    return log


def running(folder: Path) -> dict[str, psutil.Process]:
    """Those of the folder's processes that run, by name."""
    found = {}
    for file in sorted(folder.glob("*.pid.json")):
        known = json.loads(file.read_text())
        try:
            process = psutil.Process(known["pid"])
            same = process.create_time() == known["began"] and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            continue
        if same:
            found[file.name.removesuffix(".pid.json")] = process
    return found


def stop(folder: Path, *, patience: float = 20.0) -> list[str]:
    """Stop every process of the folder, with its children; return the names of those that ran."""
    found = running(folder)
    for sent in (signal.SIGTERM, signal.SIGKILL):
        for process in running(folder).values():
            os.killpg(process.pid, sent)
        psutil.wait_procs(list(found.values()), timeout=patience)
    for file in folder.glob("*.pid.json"):
        file.unlink()
    return list(found)


def _pid_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.pid.json"
