"""A real Airflow for tests: a home and a metadata database of its own, and its command line.

Importing Airflow takes ten seconds, and a test would pay them at every command. :class:`CommandLine` pays them once:
it keeps an interpreter in which ``airflow …`` is run again and again, through the same entry point as the command.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from dev import postgres
from tests.loopback import LOOPBACK

ROOT = Path(__file__).parents[1]
DAG = "calendar_import"
#: What a run stands for in these tests; their calendars are written around it.
NOON = "2026-03-02T12:00:00+00:00"

_numbers = itertools.count()


@dataclass(frozen=True)
class Home:
    """Where an Airflow lives."""

    folder: Path
    #: The folder of PostgreSQL's socket.
    host: str
    #: Database of Airflow's own tables, and of calimport's.
    metadata: str
    calimport: str

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of its processes, with ``settings`` on top."""
        # Whatever Airflow or calimport this person has set up elsewhere is not ours.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW_", "CALIMPORT_"))}
        return inherited | {
            "PYTHONPATH": str(ROOT / "plugins"),
            "NO_COLOR": "1",
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW_CONN_CALIMPORT_DB": postgres.airflow_connection(self.host, self.calimport),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://postgres@/{self.metadata}?host={self.host}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
            "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of these tests, long enough for HS512 " * 2,
            "AIRFLOW__API__SECRET_KEY": "another secret of these tests",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            # All calendars of a test are on one host.
            "CALIMPORT_ALLOWED_NETWORKS": LOOPBACK,
            "CALIMPORT_HOST_REQUESTS_PER_SECOND": "1000",
            **settings,
        }

    def tasks(self, run_id: str) -> dict[tuple[str, str | None], str]:
        """The task instances of a run: (task, what the web page calls the mapped instance) → state."""
        found = self.metadata_rows(
            "select task_id, rendered_map_index, map_index, state from task_instance where run_id = %s"
            " order by start_date, map_index",
            run_id,
        )
        return {
            (row["task_id"], row["rendered_map_index"] or (str(row["map_index"]) if row["map_index"] >= 0 else None)): (
                row["state"]
            )
            for row in found
        }

    def metadata_rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """What a query of Airflow's own tables gives."""
        return self._rows(self.metadata, query, parameters)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What a query of calimport's tables gives."""
        return [tuple(row.values()) for row in self._rows(self.calimport, query, parameters)]

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        """A connection to calimport's database, in autocommit."""
        return self._connect(self.calimport)

    def add(self, name: str, source: str, **columns: Any) -> int:
        """A calendar with these columns; its id."""
        columns = {"name": name, "source": source, **columns}
        query = sql.SQL("insert into calimport.calendars ({}) values ({}) returning id").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(map(sql.Placeholder, columns))
        )
        with self.connect() as connection:
            row = connection.execute(query, columns).fetchone()
        assert row is not None
        return int(row["id"])

    def _rows(self, name: str, query: str, parameters: tuple[Any, ...]) -> list[dict[str, Any]]:
        with self._connect(name) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def _connect(self, name: str) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(host=self.host, user="postgres", dbname=name, autocommit=True, row_factory=dict_row)


def new_metadata(host: str, folder: Path) -> str:
    """A migrated metadata database, copied from one that is made once for each server."""
    template = "template_airflow"
    if not _exists(host, template):
        # Under its name only once it is whole.
        making = Home(folder, host, f"{template}_{os.getpid()}", "")
        postgres.create_database(host, making.metadata)
        run_airflow(making, "db", "migrate")
        with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
            names = map(sql.Identifier, (making.metadata, template))
            connection.execute(sql.SQL("alter database {} rename to {}").format(*names))
    name = f"airflow_{next(_numbers)}"
    postgres.create_database(host, name, template=template)
    return name


def new_calimport(host: str, template: str) -> str:
    """A migrated database for calimport."""
    name = f"calimport_{next(_numbers)}"
    postgres.create_database(host, name, template=template)
    return name


def run_airflow(home: Home, *arguments: str, **settings: str) -> str:
    """What ``airflow ARGUMENTS`` prints, as a process of its own.

    :raises AssertionError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        cwd=ROOT,
        env=home.environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    printed: str


@dataclass
class CommandLine:
    """An interpreter that has imported Airflow and runs its commands."""

    folder: Path
    process: subprocess.Popen[str]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def run(self, home: Home, *arguments: str, **settings: str) -> Done:
        """``airflow ARGUMENTS``. The home's metadata database must be the interpreter's; all else may differ."""
        log = self.folder / f"{next(self.numbers):02}-{'-'.join(arguments[:2])}.log"
        asked = {"arguments": arguments, "environment": home.environment(**settings), "log": str(log)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        printed = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        assert answer, f"The interpreter ended in `airflow {' '.join(arguments)}`:\n{printed}"
        return Done(json.loads(answer), printed)


@contextmanager
def command_line(home: Home) -> Iterator[CommandLine]:
    """An interpreter for Airflow's commands."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.airflow_home"],
        cwd=ROOT,
        env=home.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield CommandLine(home.folder, process)
    finally:
        process.kill()
        process.communicate()


def _exists(host: str, name: str) -> bool:
    with psycopg.connect(host=host, user="postgres", dbname="postgres") as connection:
        return connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is not None


def _serve() -> None:
    """Run a command for each line of the standard input, and answer each with its exit status."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        with open(asked["log"], "wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        status = _run(asked["arguments"], asked["environment"])
        print(json.dumps(status), file=answers, flush=True)


def _run(arguments: list[str], environment: Mapping[str, str]) -> int:
    from airflow.__main__ import main

    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["airflow", *arguments]
    try:
        main()
    except SystemExit as left:
        if isinstance(left.code, str):
            print(left.code, file=sys.stderr)
            return 1
        return left.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _serve()
