"""PostgreSQL: the connection, the SQL files, and the migrations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from calimport.connections import read_connection
from calimport.errors import DatabaseUnavailable, SchemaMismatch
from calimport.settings import DATABASE_CONNECTION_ID

Connection = psycopg.Connection[DictRow]

#: Any number, as long as it is this one: two processes that migrate at once wait for each other on it.
_MIGRATION_LOCK = 0x63616C_696D70
_HOOK_EXTRAS = frozenset({"cursor", "iam", "aws_conn_id", "sqlalchemy_scheme", "sqlalchemy_query"})


@contextmanager
def connect(*, autocommit: bool = False) -> Iterator[Connection]:
    """A connection to calimport's database, in UTC, rows as dicts; committed at the end, rolled back on an error.

    It is the Airflow connection ``calimport_db``.

    :param autocommit: each statement is a transaction, but within ``connection.transaction()``: as the steps want it.

    :raises CredentialsMissing: there is no such connection.
    :raises DatabaseUnavailable: it leads nowhere just now.
    """
    try:
        connection = psycopg.connect(**parameters(), row_factory=dict_row)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"{DatabaseUnavailable.sentence} {str(error).splitlines()[0]}", detail=str(error)
        ) from error
    with connection:
        connection.execute("set time zone 'UTC'")
        connection.commit()
        connection.autocommit = autocommit
        yield connection


def parameters() -> dict[str, Any]:
    """What libpq is told: host, port, user, password, dbname, and the connection's extras.

    :raises CredentialsMissing: there is no connection ``calimport_db``.
    """
    given = read_connection(DATABASE_CONNECTION_ID)
    found: dict[str, Any] = {
        "host": given.host,
        "port": given.port,
        "user": given.login,
        "password": given.password,
        "dbname": given.schema,
    }
    # Extras are libpq's (sslmode, …); those that only Airflow's own hook understands are none of libpq's.
    found |= {name: value for name, value in given.extra.items() if name not in _HOOK_EXTRAS}
    return {name: value for name, value in found.items() if value not in (None, "")}


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


def migrate(connection: Connection, *, roles: bool = False) -> list[str]:
    """Apply every migration that the database lacks, each in a transaction of its own; return their names.

    Safe when two processes do it at once: the second waits, and finds nothing left to do. Where the schema is the role
    calimport_owner's, what is new becomes its own too, and the other roles are granted what is theirs.

    :param roles: whether to make the roles first and give them the schema, which takes a superuser.
    :raises SchemaMismatch: the database holds a migration that this code does not have, or has with another text.
    """
    with connection.transaction():
        connection.execute("select pg_advisory_lock(%s)", [_MIGRATION_LOCK])
    try:
        with connection.transaction():
            connection.execute("set local client_min_messages = warning")
            connection.execute((sql_folder() / "schema_migrations.sql").read_bytes())
        # In a transaction of its own: one that stayed open would end only after the lock is given back.
        with connection.transaction():
            if roles:
                connection.execute((sql_folder() / "roles" / "create.sql").read_bytes())
            has_roles = _become_owner(connection)
            applied = _check_applied(connection)
        missing = [path for path in migrations() if path.stem not in applied]
        for path in missing:
            with connection.transaction():
                connection.execute(path.read_bytes())
                connection.execute(
                    "insert into calimport.schema_migrations (name, checksum) values (%s, %s)",
                    [path.stem, _checksum(path)],
                )
        if has_roles:
            with connection.transaction():
                connection.execute((sql_folder() / "roles" / "grant.sql").read_bytes())
        return [path.stem for path in missing]
    finally:
        with connection.transaction():
            connection.execute("reset role")
            connection.execute("select pg_advisory_unlock(%s)", [_MIGRATION_LOCK])


def _become_owner(connection: Connection) -> bool:
    """Act as calimport_owner where the schema is its; whether it is."""
    row = connection.execute(
        "select pg_get_userbyid(nspowner) = 'calimport_owner' as yes from pg_namespace where nspname = 'calimport'"
    ).fetchone()
    is_its = bool(row and row["yes"])
    if is_its:
        connection.execute("set role calimport_owner")
    return is_its


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
