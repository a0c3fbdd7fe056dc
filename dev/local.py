"""``make run``, ``make shell``, ``make up``, ``make down``: PostgreSQL, Airflow and the samples on this machine.

Everything that they leave behind lies in ``.calimport/`` (or ``CALIMPORT_STATE``): the database, Airflow's home,
secrets, logs.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx
import psycopg

from calimport import database
from dev import postgres, processes, serving, showing

ROOT = Path(__file__).resolve().parents[1]
STATE = Path(os.environ.get("CALIMPORT_STATE", ROOT / ".calimport"))
PG = STATE / "pg"
LOGS = STATE / "logs"
UP = STATE / "up"
PASSWORDS = STATE / "passwords.json"
DAG = "calendar_import"
POOL = ("calimport_fetch", "8", "Fetches of calendars that may run at the same time")


class Problem(click.ClickException):
    """A sentence for the person at the keyboard."""


@click.group()
def main() -> None:
    """Run calimport on this machine."""
    for folder in (LOGS, UP):
        folder.mkdir(parents=True, exist_ok=True)


@main.command()
def run() -> None:
    """Import the sample calendars with the real DAG, twice, and show what happened."""
    with _alone():
        if processes.running(UP):
            # `airflow dags test` and a scheduler on one metadata database take each other's tasks.
            raise Problem("`make up` is running and imports the samples itself. `make down` stops it.")
        server = postgres.start(PG)
        try:
            environment = _prepare(postgres.host(server))
            samples = serving.start()
            _apply_samples(environment, samples.server_address[1])
            _import(environment, "First run", LOGS / "run-1.log")
            _import(environment, "Second run", LOGS / "run-2.log", again=True)
        finally:
            postgres.stop(server)


@main.command()
@click.option("--port", default=8080, show_default=True, help="Where Airflow listens, on this machine only.")
def up(port: int) -> None:
    """Start Airflow on the embedded database, importing the sample calendars every five minutes."""
    with _alone():
        if processes.running(UP):
            raise Problem("It is running already. `make down` stops it.")
        if _is_taken(port):
            raise Problem(f"Port {port} is in use. Name another one: make up PORT={port + 1}")
        server = postgres.start(PG, stop_at_exit=False)
        try:
            environment = _prepare(postgres.host(server), port=port)
            samples_port = _free_port(serving.PORT)
            # Before the scheduler starts, whose first run begins at once.
            _apply_samples(environment, samples_port)
            python = [sys.executable, "-m"]
            for name, command in {
                "samples": ["dev.serving", str(samples_port)],
                "api-server": ["airflow", "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
                "scheduler": ["airflow", "scheduler", "--skip-serve-logs"],
                "dag-processor": ["airflow", "dag-processor"],
                "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
            }.items():
                processes.start(name, python + command, folder=UP, environment=environment)
            with _step("Airflow", f"logs in {_shown(UP)}"):
                _wait_until_healthy(port)
        except BaseException:
            processes.stop(UP)
            postgres.stop(server)
            raise
    click.echo(
        f"\n  http://127.0.0.1:{port}   user admin, password {json.loads(PASSWORDS.read_text())['admin']}\n\n"
        f"The DAG {DAG} imports the sample calendars every five minutes. `make down` stops everything."
    )


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(command: Sequence[str]) -> None:
    """Open a shell, or run COMMAND, in which `airflow` and `calimport` work on this machine's database."""
    with _alone():
        if not (PG / "PG_VERSION").exists():
            raise Problem("There is no database yet. `make run` makes it.")
        served = bool(processes.running(UP))
        server = postgres.start(PG, stop_at_exit=False)
        try:
            environment = _environment(postgres.host(server), port=8080)
            environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
            if not served:
                samples = serving.start()
                _apply_samples(environment, samples.server_address[1])
            command = command or (os.environ.get("SHELL", "sh"),)
            done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        finally:
            if not served:
                postgres.stop(server)
    sys.exit(done.returncode)


@main.command()
def down() -> None:
    """Stop what `make up` started, and the database."""
    with _alone():
        stopped = processes.stop(UP)
        if (PG / "postmaster.pid").exists():
            postgres.stop(postgres.start(PG, stop_at_exit=False))
            stopped.append("PostgreSQL")
    click.echo(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")


def _prepare(host: str, *, port: int = 8080) -> dict[str, str]:
    """Databases, migrations and the pool; return the environment that Airflow's processes need."""
    for name in ("airflow", "calimport"):
        postgres.create_database(host, name)
    with psycopg.connect(host=host, user="postgres", dbname="calimport") as connection:
        version = connection.execute("show server_version").fetchone()
    click.echo(f"{'Database':<12}PostgreSQL {version[0] if version else ''} in {_shown(PG)}")
    environment = _environment(host, port)
    # For this process too, which reads the results.
    os.environ["AIRFLOW_CONN_CALIMPORT_DB"] = environment["AIRFLOW_CONN_CALIMPORT_DB"]
    with _step("Migrations", "Airflow's and calimport's"):
        log = LOGS / "prepare.log"
        log.unlink(missing_ok=True)
        for command in (["airflow", "db", "migrate"], ["calimport", "migrate"], ["airflow", "pools", "set", *POOL]):
            _call(command, environment, log)
    return environment


def _environment(host: str, port: int) -> dict[str, str]:
    # Whatever Airflow this person runs elsewhere, its settings are not ours.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    # The samples are served on this machine.
    inherited.setdefault("CALIMPORT_ALLOWED_NETWORKS", "127.0.0.0/8")
    known = _secrets()
    return inherited | {
        "AIRFLOW_HOME": str(STATE / "airflow"),
        "AIRFLOW_CONN_CALIMPORT_DB": postgres.airflow_connection(host, "calimport"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://postgres@/airflow?host={host}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",  # a laptop's cores, not a cluster's
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(PASSWORDS),
        "AIRFLOW__CORE__FERNET_KEY": known["fernet_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": known["jwt_secret"],
        "AIRFLOW__API__SECRET_KEY": known["secret_key"],
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # Ctrl-C in the middle of an import must not keep the next one waiting for half an hour.
        "CALIMPORT_LEASE_SECONDS": "120",
    }


def _secrets() -> dict[str, str]:
    """Made once on this machine, and readable by nobody else."""
    file = STATE / "secrets.json"
    if not PASSWORDS.exists():
        _write_private(PASSWORDS, {"admin": secrets.token_urlsafe(12)})
    if not file.exists():
        fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        made = {"fernet_key": fernet_key} | {name: secrets.token_hex(32) for name in ("jwt_secret", "secret_key")}
        _write_private(file, made)
    known: dict[str, str] = json.loads(file.read_text())
    return known


def _write_private(path: Path, content: Any) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(content) + "\n")


def _apply_samples(environment: dict[str, str], port: int) -> None:
    """Configure the sample calendars, at the port where they are served."""
    text = (serving.SAMPLES / "calendars.yaml").read_text(encoding="utf-8")
    file = STATE / "calendars.yaml"
    file.write_text(text.replace(f"127.0.0.1:{serving.PORT}", f"127.0.0.1:{port}"), encoding="utf-8")
    with _step("Calendars", f"samples at http://127.0.0.1:{port}"):
        _call(["calimport", "calendars", "apply", str(file)], environment, LOGS / "calendars.log")


def _import(environment: dict[str, str], label: str, log: Path, *, again: bool = False) -> None:
    """One run of the DAG, and what it did; ``again``: without what was shown before.

    :raises Problem: the run failed.
    """
    with database.connect() as connection:
        before = showing.newest_run(connection)
        # By name, because the second run comes before they are due again.
        conf = json.dumps({"calendars": showing.enabled(connection)})
    log.unlink(missing_ok=True)
    failure: Problem | None = None
    with _step(label, f"of the DAG {DAG}, log in {_shown(log)}"):
        try:
            _call(["airflow", "dags", "test", DAG, "--conf", conf], environment, log)
        except Problem as error:
            failure = error
    with database.connect() as connection:
        click.echo(f"\n{showing.calendars(connection, after_run=before)}\n")
        imported, changed = showing.changes(connection, after_run=before)
        if not again:
            told = showing.sentences(connection)
            click.echo("\n".join(["For the calendars' owners", *(f"  {sentence}" for sentence in told), ""]))
            click.echo(f"Upcoming\n{showing.upcoming(connection, now=datetime.now(UTC))}\n")
    if failure:
        raise failure
    if not imported:
        raise Problem("The run imported nothing. If a run was stopped before it, try again in two minutes.")
    click.echo(f"{changed or 'No'} occurrence{'' if changed == 1 else 's'} changed in {imported} calendars.\n")


def _call(command: Sequence[str], environment: dict[str, str], log: Path) -> None:
    """Run ``python -m COMMAND``, its output to the end of ``log``.

    :raises Problem: it failed; the message has the end of its output.
    """
    with log.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise Problem(f"`{' '.join(command[:4])}` failed; the end of {_shown(log)}:\n\n{_tail(log)}")


def _wait_until_healthy(port: int, *, patience: float = 180.0) -> None:
    """Wait until every part of Airflow says that it works.

    :raises Problem: one ended, or they take too long.
    """
    expected = set(processes.running(UP))
    parts: dict[str, Any] = {}
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if ended := sorted(expected - set(processes.running(UP))):
            log = UP / f"{ended[0]}.log"
            raise Problem(f"The {ended[0]} ended; the end of {_shown(log)}:\n\n{_tail(log)}")
        try:
            parts = httpx.get(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=5, trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            parts = {}
        if parts and all(part.get("status") == "healthy" for part in parts.values()):
            return
        time.sleep(1)
    waiting = [name for name, part in parts.items() if part.get("status") != "healthy"] or ["api-server"]
    raise Problem(f"Airflow did not come up in {patience:.0f} s: {', '.join(waiting)}. The logs are in {_shown(UP)}.")


@contextmanager
def _step(label: str, about: str) -> Iterator[None]:
    """Say what is being done, and then how long it took."""
    click.echo(f"{label:<12}{about} … ", nl=False)
    began = time.monotonic()
    ended = "failed"
    try:
        yield
        ended = f"{time.monotonic() - began:.0f} s"
    finally:
        click.echo(ended)


@contextmanager
def _alone() -> Iterator[None]:
    """Keep two of these commands from working on one folder."""
    with (STATE / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem("Another `make run`, `make shell`, `make up` or `make down` is at work here.") from None
        yield


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port(wanted: int) -> int:
    """``wanted``, or another port where that is taken."""
    if not _is_taken(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tail(log: Path, lines: int = 30) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


if __name__ == "__main__":
    main(prog_name="python -m dev.local")
