"""PostgreSQL: the connection, the SQL files, and the migrations."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg.rows import DictRow, dict_row

from calimport.errors import DatabaseUnavailable, SchemaMismatch
from calimport.settings import DATABASE_CONNECTION_ID

Connection = psycopg.Connection[DictRow]

#: Any number, as long as it is this one: two processes that migrate at once wait for each other on it.
_MIGRATION_LOCK = 0x63616C_696D70


@contextmanager
def connect() -> Iterator[Connection]:
    """A connection to calimport's database, in UTC, rows as dicts; committed at the end, rolled back on an error.

    It is the Airflow connection ``calimport_db``. Where that is given by its environment variable it is read directly,
    because importing Airflow takes seconds and the command line should not.

    :raises DatabaseUnavailable: there is no such connection, or it leads nowhere.
    """
    try:
        connection = psycopg.connect(**_parameters(), row_factory=dict_row)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"{DatabaseUnavailable.sentence} {str(error).splitlines()[0]}", detail=str(error)
        ) from error
    with connection:
        connection.execute("set time zone 'UTC'")
        connection.commit()
        yield connection


def _parameters() -> dict[str, Any]:
    raw = os.environ.get(f"AIRFLOW_CONN_{DATABASE_CONNECTION_ID.upper()}")
    if raw is None:
        return _airflow_parameters()
    try:
        return _json_parameters(raw) if raw.lstrip().startswith("{") else _uri_parameters(raw)
    except ValueError as error:
        raise DatabaseUnavailable(
            f"AIRFLOW_CONN_{DATABASE_CONNECTION_ID.upper()} is neither JSON nor a URI of an Airflow connection."
        ) from error


def _json_parameters(raw: str) -> dict[str, Any]:
    given = json.loads(raw)
    extra = given.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    return _drop_empty(
        host=given.get("host"),
        port=given.get("port"),
        user=given.get("login"),
        password=given.get("password"),
        dbname=given.get("schema"),
        **extra,
    )


def _uri_parameters(raw: str) -> dict[str, Any]:
    parts = urlsplit(raw)
    return _drop_empty(
        host=unquote(parts.hostname or ""),
        port=parts.port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        dbname=unquote(parts.path.lstrip("/")),
        **dict(parse_qsl(parts.query)),
    )


def _airflow_parameters() -> dict[str, Any]:
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    try:
        given = PostgresHook.get_connection(DATABASE_CONNECTION_ID)
    except Exception as error:  # each Airflow version has its own class for "not found"
        raise DatabaseUnavailable(
            f"There is no Airflow connection {DATABASE_CONNECTION_ID}. Add it with `airflow connections add`, "
            f"or set AIRFLOW_CONN_{DATABASE_CONNECTION_ID.upper()}.",
            detail=f"{type(error).__name__}: {error}",
        ) from error
    extra = {
        name: value for name, value in given.extra_dejson.items() if name not in PostgresHook.ignored_extra_options
    }
    return _drop_empty(
        host=given.host,
        port=given.port,
        user=given.login,
        password=given.password,
        dbname=given.schema,
        **extra,
    )


def _drop_empty(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in (None, "")}


def sql_folder() -> Path:
    """The folder of SQL files: ``include/sql`` of the repository, or its copy in the installed package."""
    installed = Path(__file__).parent / "sql"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "include" / "sql"


@cache
def sql(name: str) -> str:
    """The text of ``include/sql/NAME.sql``."""
    return (sql_folder() / f"{name}.sql").read_text(encoding="utf-8")


def run(connection: Connection, name: str, /, **parameters: Any) -> psycopg.Cursor[DictRow]:
    """Execute ``include/sql/NAME.sql``, one statement, with bound parameters ``%(name)s``."""
    return connection.execute(sql(name).encode(), parameters)


def migrations() -> list[Path]:
    """The migration files in running order."""
    return sorted((sql_folder() / "migrations").glob("[0-9]*.sql"))


def migrate(connection: Connection) -> list[str]:
    """Apply every migration that the database lacks, each in a transaction of its own; return their names.

    Safe when two processes do it at once: the second waits, and finds nothing left to do.

    :raises SchemaMismatch: the database holds a migration that this code does not have, or has with another text.
    """
    with connection.transaction():
        connection.execute("select pg_advisory_lock(%s)", [_MIGRATION_LOCK])
    try:
        with connection.transaction():
            connection.execute("set local client_min_messages = warning")
            connection.execute((sql_folder() / "schema_migrations.sql").read_bytes())
        applied = _check_applied(connection)
        missing = [path for path in migrations() if path.stem not in applied]
        for path in missing:
            with connection.transaction():
                connection.execute(path.read_bytes())
                connection.execute(
                    "insert into calimport.schema_migrations (name, checksum) values (%s, %s)",
                    [path.stem, _checksum(path)],
                )
        return [path.stem for path in missing]
    finally:
        with connection.transaction():
            connection.execute("select pg_advisory_unlock(%s)", [_MIGRATION_LOCK])


def check_schema(connection: Connection) -> None:
    """Make sure that the database has exactly the schema of this code.

    :raises SchemaMismatch: it has not; the message says which command mends it.
    """
    exists = connection.execute("select to_regclass('calimport.schema_migrations') is not null as yes").fetchone()
    applied = _check_applied(connection) if exists and exists["yes"] else {}
    missing = [path.stem for path in migrations() if path.stem not in applied]
    if missing:
        raise SchemaMismatch(f"The database lacks {', '.join(missing)}. Run `calimport migrate`.")


def _check_applied(connection: Connection) -> Mapping[str, str]:
    rows = connection.execute("select name, checksum from calimport.schema_migrations").fetchall()
    applied = {row["name"]: row["checksum"] for row in rows}
    known = {path.stem: _checksum(path) for path in migrations()}
    if unknown := sorted(applied.keys() - known.keys()):
        raise SchemaMismatch(
            f"The database is newer than this calimport: it has {', '.join(unknown)}. Upgrade calimport."
        )
    if edited := sorted(name for name in applied if applied[name] != known[name]):
        raise SchemaMismatch(f"The file of {', '.join(edited)} is not the one that was applied. Restore the file.")
    return applied


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
