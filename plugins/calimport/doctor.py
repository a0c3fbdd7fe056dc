"""Checks of an installation: each a sentence, and what to do where something is wrong.

Nothing is changed. A check that needs what an earlier one found missing is left out, and said to be.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from calimport import alerting, database, geocoding, reminding
from calimport.connections import read_connection
from calimport.errors import CalimportError
from calimport.settings import DATABASE_CONNECTION_ID, Settings

POOL: Final = "calimport_fetch"
POOL_ADVICE: Final = f'Run `airflow pools set {POOL} 8 "Fetches of calendars that may run at the same time"`.'
#: Those without which nothing is imported, or the database grows without end.
DAGS: Final = ("calendar_import", "calendar_maintenance")
#: The oldest version of PostgreSQL that the SQL is written for.
_OLDEST_SERVER: Final = 150000
_SKEW: Final = timedelta(seconds=5)
#: A lease that ran out this long ago would have been taken by the next run.
_STUCK: Final = timedelta(minutes=15)
_LEAST_FREE_BYTES: Final = 1024**3


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    is_good: bool
    sentence: str
    #: What to do; empty where all is well.
    advice: str = ""


class Wrong(Exception):
    """A check found something; carries the sentence and the advice."""

    def __init__(self, sentence: str, advice: str) -> None:
        super().__init__(sentence)
        self.advice = advice


def examine(*, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Check]:
    """Every check, in an order in which the first that is wrong explains those that follow."""
    yield _checked("settings", _settings)
    try:
        with database.connect(autocommit=True) as connection:
            yield _checked("database", _server, connection)
            schema = _checked("schema", _schema, connection)
            yield schema
            yield _checked("clock", _clock, connection, clock)
            if schema.is_good:
                yield _checked("permissions", _permissions, connection)
                yield _checked("time zones", _zones, connection)
                yield _checked("leases", _leases, connection, clock())
                yield _checked("secrets", _secrets, connection)
    except CalimportError as error:
        yield Check(
            "database",
            False,
            str(error),
            f"Set the connection {DATABASE_CONNECTION_ID} (`airflow connections add`, or AIRFLOW_CONN_CALIMPORT_DB). "
            "All checks that need it were left out.",
        )
    yield _checked("disk", _disk)
    yield _checked("airflow", _airflow)
    yield _checked("pool", _pool)
    yield _checked("dags", _dags)


def _checked(name: str, check: Callable[..., str], *arguments: Any) -> Check:
    try:
        return Check(name, True, check(*arguments))
    except Wrong as wrong:
        return Check(name, False, str(wrong), wrong.advice)
    except CalimportError as error:
        return Check(name, False, str(error), "")
    except Exception as error:  # noqa: BLE001 - a check that cannot be made is a finding, not the end of the others
        return Check(name, False, f"This could not be checked: {type(error).__name__}: {str(error)[:200]}.")


def _settings() -> str:
    settings = Settings.from_environment()
    geocoding.load(settings.geocoder)
    reminding.load(settings.reminder_notifier)
    alerting.load(settings)
    changed = sorted(name for name in os.environ if name.startswith("CALIMPORT_"))
    return f"Every setting makes sense; set here: {', '.join(changed) or 'none'}."


def _server(connection: database.Connection) -> str:
    version = connection.info.server_version
    if version < _OLDEST_SERVER:
        raise Wrong(f"PostgreSQL {version // 10000} is too old.", "Use PostgreSQL 15 or newer.")
    size = connection.execute("select pg_size_pretty(pg_database_size(current_database())) as size").fetchone()
    assert size is not None  # noqa: S101 - a select without from gives one row
    return f"PostgreSQL {version // 10000}.{version % 10000} answers; {connection.info.dbname} takes {size['size']}."


def _schema(connection: database.Connection) -> str:
    database.check_schema(connection)
    return f"All {len(database.migrations())} migrations are applied."


def _clock(connection: database.Connection, clock: Callable[[], datetime]) -> str:
    before = clock()
    row = connection.execute("select clock_timestamp() as now").fetchone()
    assert row is not None  # noqa: S101 - a query of one row
    now: datetime = row["now"]
    skew = max(before - now, now - clock(), timedelta())
    if skew > _SKEW:
        raise Wrong(
            f"The clocks of this machine and of the database differ by {skew.total_seconds():.0f} s.",
            "Let both follow the same time server: leases and due times are compared across machines.",
        )
    return "The clocks of this machine and of the database agree."


def _permissions(connection: database.Connection) -> str:
    missing = [row["table_name"] for row in database.run(connection, "doctor/privileges")]
    if missing:
        role = connection.info.user
        raise Wrong(
            f"The role {role} may not read and write {', '.join(missing)}.",
            f"As the owner: `grant select, insert, update, delete on all tables in schema calimport to {role}`.",
        )
    return f"The role {connection.info.user} may read and write every table."


def _zones(connection: database.Connection) -> str:
    rows = connection.execute(
        "select distinct timezone from calimport.calendars where timezone is not null order by 1"
    ).fetchall()
    zones = [row["timezone"] for row in rows]
    unknown = {row["timezone"] for row in database.run(connection, "doctor/unknown_zones")}
    for zone in {"Europe/London", *zones}:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            unknown.add(zone)
    if unknown:
        raise Wrong(
            f"Not known here or in PostgreSQL: the time zone {', '.join(sorted(unknown))}.",
            "Install the package tzdata (pip install --upgrade tzdata), and the database machine's zone data.",
        )
    return f"Python and PostgreSQL know the zones of all calendars ({len(zones)})."


def _leases(connection: database.Connection, now: datetime) -> str:
    stuck = database.run(connection, "doctor/stuck_leases", since=now - _STUCK).fetchall()
    if stuck:
        first = stuck[0]
        raise Wrong(
            f"{len(stuck)} calendars are held by runs that died, such as {first['name']} by {first['lease_owner']} "
            f"until {first['lease_until']:%Y-%m-%d %H:%MZ}.",
            "The next run takes them over; that none has means that none is made. See the checks of Airflow below.",
        )
    return "No calendar is held by a run that died."


def _secrets(connection: database.Connection) -> str:
    rows = connection.execute(
        "select connection_id, min(name) as name, count(*) as calendars from calimport.calendars"
        " where connection_id is not null group by connection_id order by connection_id"
    ).fetchall()
    unreadable = []
    for row in rows:
        try:
            read_connection(row["connection_id"])
        except CalimportError:
            unreadable.append(f"{row['connection_id']} (of {row['name']})")
    if unreadable:
        raise Wrong(
            f"Connections that calendars name and that cannot be read: {', '.join(unreadable)}.",
            "Add them (`calimport connect`, `airflow connections add`), or correct Airflow's secrets backend or Fernet "
            "key.",
        )
    return f"Every connection that a calendar names can be read ({len(rows)})."


def _disk() -> str:
    from airflow.configuration import conf

    folder = Path(conf.get("logging", "base_log_folder"))
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    free = f"{usage.free / 1024**3:.1f} of {usage.total / 1024**3:.1f} GiB are free where Airflow writes its logs"
    if usage.free < _LEAST_FREE_BYTES:
        raise Wrong(f"Only {free} ({folder}).", "Remove old logs, or give it more room: a full disk ends every task.")
    return f"{free}."


def _airflow() -> str:
    from airflow.configuration import conf
    from airflow.jobs.job import Job
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    limit = timedelta(seconds=conf.getint("scheduler", "scheduler_health_check_threshold"))
    with create_session() as session:
        running = select(Job.job_type, func.max(Job.latest_heartbeat)).where(Job.state == "running")
        beats = dict(session.execute(running.group_by(Job.job_type)).all())
    now = datetime.now(UTC)
    needed = {"SchedulerJob": "scheduler", "DagProcessorJob": "dag-processor", "TriggererJob": "triggerer"}
    silent = [name for job, name in needed.items() if job not in beats or now - beats[job] > limit]
    if silent:
        raise Wrong(
            f"Airflow's {' and '.join(silent)} gave no sign of life for {limit.total_seconds():.0f} s.",
            " ".join(f"Start `airflow {name}`." for name in silent),
        )
    return "Airflow's scheduler, DAG processor and triggerer are alive."


def _pool() -> str:
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        slots = session.scalar(select(Pool.slots).where(Pool.pool == POOL))
    if slots is None:
        raise Wrong(f"There is no pool {POOL}, so no task that fetches is started.", POOL_ADVICE)
    if slots == 0:
        raise Wrong(f"The pool {POOL} has no slots, so no task that fetches is started.", POOL_ADVICE)
    return f"The pool {POOL} has {slots} slots."


def _dags() -> str:
    from airflow.models.dag import DagModel
    from airflow.models.errors import ParseImportError
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        errors = session.scalars(select(ParseImportError.filename).order_by(ParseImportError.filename)).all()
        if errors:
            raise Wrong(f"Airflow cannot read {', '.join(map(str, errors))}.", "Run `airflow dags list-import-errors`.")
        found = {name: session.get(DagModel, name) for name in DAGS}
        if unknown := [name for name, dag in found.items() if dag is None or dag.is_stale]:
            raise Wrong(
                f"Airflow does not know {' and '.join(unknown)}.",
                "Put dags/ where its DAG processor looks ([core] dags_folder), and plugins/ where it finds modules.",
            )
        if paused := [name for name, dag in found.items() if dag.is_paused]:
            commands = " ".join(f"Run `airflow dags unpause {name}`." for name in paused)
            raise Wrong(f"Paused: {' and '.join(paused)}.", commands)
    return f"{' and '.join(DAGS)} are known and not paused."
