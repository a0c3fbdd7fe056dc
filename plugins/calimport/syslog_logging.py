"""Logs to a syslog server, such as Papertrail: Airflow's components by the standard library, tasks by Airflow's hook.

``[logging] logging_config_class = calimport.syslog_logging.LOGGING_CONFIG`` and ``CALIMPORT_SYSLOG=HOST:PORT`` (UDP). A
task's process has no handlers of its own in Airflow 3: what it logs goes to its supervisor, whose processors end with
those of ``REMOTE_TASK_LOG``. Files and the web page have the same lines as without; secrets are masked before.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import socket
from copy import deepcopy
from functools import cached_property
from typing import Any, Final

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG

from calimport.errors import ConfigurationError

_FORMAT: Final = f"%(asctime)s {socket.gethostname()} calimport: %(levelname)s %(message)s"
_LEVELS: Final = {"warn": "WARNING", "exception": "ERROR"}


def address() -> tuple[str, int]:
    """Host and port of the syslog server.

    :raises ConfigurationError: ``CALIMPORT_SYSLOG`` is not HOST:PORT.
    """
    given = os.environ.get("CALIMPORT_SYSLOG", "")
    host, _, port = given.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(f"CALIMPORT_SYSLOG must be HOST:PORT, such as logs.example.org:514, not {given!r}.")
    return host.strip("[]"), int(port)


def handler() -> logging.handlers.SysLogHandler:
    """A handler that sends lines to the syslog server by UDP, which never keeps a task waiting."""
    made = logging.handlers.SysLogHandler(address())
    made.append_nul = False
    made.setFormatter(logging.Formatter(_FORMAT, datefmt="%b %d %H:%M:%S"))
    return made


class SyslogTaskLog:
    """Sends each line of a task's log on. Keeps nothing, so the log is read from its file."""

    @property
    def processors(self) -> tuple[Any, ...]:
        """What Airflow puts into the way of a task's log."""
        return (self._send,)

    def upload(self, path: os.PathLike[str] | str, ti: Any = None) -> None:
        """Nothing is left to send when the task has ended."""

    def read(self, relative_path: str, ti: Any) -> tuple[list[str], None]:
        """A syslog server gives nothing back."""
        return [], None

    @cached_property
    def _handler(self) -> logging.Handler:
        return handler()

    def _send(self, logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        file = getattr(getattr(logger, "_file", None), "name", "")
        if "dag_id=" in str(file):  # the log of a task, and not that of a component
            level = str(event.get("level", method)).lower()
            message = f"{_task(str(file))}: {event.get('event', '')}{_error(event)}"
            number = logging.getLevelNamesMapping().get(_LEVELS.get(level, level.upper()), logging.INFO)
            self._handler.emit(logging.LogRecord("calimport", number, "", 0, message, None, None))
        return event


def _task(file: str) -> str:
    """``calendar_import/manual__…/plan`` from the path of its log."""
    parts = dict(part.split("=", 1) for part in file.split("/") if "=" in part)
    names = [parts[name] for name in ("dag_id", "run_id", "task_id", "map_index") if name in parts]
    return "/".join(names)


def _error(event: dict[str, Any]) -> str:
    """The class of the error that a line is about; its traceback stays in the file."""
    details = event.get("error_detail")
    return f" [{details[0].get('exc_type')}]" if details else ""


LOGGING_CONFIG: dict[str, Any] = deepcopy(DEFAULT_LOGGING_CONFIG)
LOGGING_CONFIG.setdefault("handlers", {})["syslog"] = {"()": handler, "filters": ["mask_secrets_core"]}
LOGGING_CONFIG.setdefault("root", {}).setdefault("handlers", []).append("syslog")
REMOTE_TASK_LOG = SyslogTaskLog()
