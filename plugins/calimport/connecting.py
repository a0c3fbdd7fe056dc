"""Airflow connections that ``calimport connect`` makes: tried as an import would read them, then stored.

They go into Airflow's metadata database the way ``airflow connections add`` puts them there, through Airflow's own
model, which encrypts password and extra with the Fernet key.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from calimport import audit
from calimport.connections import AirflowConnection
from calimport.errors import ConfigurationError

#: Airflow's `validate_key` also takes dashes and dots, which no environment variable can have.
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)


def connection_id(text: str) -> str:
    """``text`` as the id of a connection: ``anna@example.org`` is ``anna_example_org``."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def check_id(name: str) -> None:
    """:raises ConfigurationError: Airflow could not store a connection of this id, or not find it again."""
    if not _ID.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no id of a connection: use letters, digits and underscores.")


def variable(name: str) -> str:
    """The environment variable that gives Airflow the connection ``name``."""
    return f"AIRFLOW_CONN_{name.upper()}"


def environment_line(name: str, connection: AirflowConnection) -> str:
    """The connection as an assignment for a shell or an environment file. Holds the secret."""
    return f"{variable(name)}={shlex.quote(_json(connection))}"


@contextmanager
def trial(name: str, connection: AirflowConnection) -> Iterator[None]:
    """Within it, every reader of the connection ``name`` in this process gets this one."""
    before = os.environ.get(variable(name))
    os.environ[variable(name)] = _json(connection)
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable(name)]
        else:
            os.environ[variable(name)] = before


def check_room(name: str, *, replace: bool) -> None:
    """Whether :func:`store` will be able to store ``name``; to be asked before a person is.

    :raises ConfigurationError: it would not, and why.
    """
    if variable(name) in os.environ:
        raise ConfigurationError(
            f"The environment variable {variable(name)} defines the connection {name} and goes before what is stored. "
            "Remove it, or give another --connection."
        )
    with _session() as session:
        if _stored(session, name) is not None and not replace:
            raise _exists(name)


def store(name: str, connection: AirflowConnection, *, replace: bool) -> None:
    """Put the connection into Airflow's metadata database, and into its audit log who did.

    :param replace: whether one of this id may be replaced; all of it is.
    :raises ConfigurationError: there is one and it may not, or the database cannot be reached.
    """
    from airflow.models.connection import Connection
    from airflow.models.log import Log

    with _session() as session:
        stored = _stored(session, name)
        if stored is not None and not replace:
            raise _exists(name)
        what = json.dumps({"connection_id": name, "replaced": stored is not None})
        session.add(Log(event="calimport connect", owner=audit.os_user(), extra=what))
        if stored is None:
            stored = Connection(conn_id=name)
            session.add(stored)
        stored.conn_type = connection.conn_type
        stored.host, stored.port, stored.schema = connection.host or None, connection.port, connection.schema or None
        stored.login = connection.login or None
        stored.set_password(connection.password)
        stored.set_extra(json.dumps(connection.extra) if connection.extra else "")


@contextmanager
def _session() -> Iterator[Any]:
    """A session of Airflow's metadata database, committed at its end. No error has a cause: it could quote a secret."""
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session(scoped=False) as session:
            yield session
    except SQLAlchemyError as error:
        raise ConfigurationError(
            "Airflow's metadata database cannot be reached from here, so nothing was stored. Run this where Airflow is "
            "configured, or with --print to get the connection as an environment variable.",
            detail=type(error).__name__,
        ) from None


def _stored(session: Any, name: str) -> Any:
    from airflow.models.connection import Connection
    from sqlalchemy import select

    return session.scalar(select(Connection).where(Connection.conn_id == name))


def _exists(name: str) -> ConfigurationError:
    return ConfigurationError(f"There is a connection {name} already. Give --replace to replace it.")


def _json(connection: AirflowConnection) -> str:
    return json.dumps({key: value for key, value in asdict(connection).items() if value})
