"""Connections for the store: a pool of each process, to the database behind the Airflow connection ``calimport_db``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import OperationalError

from calimport import database
from calimport.errors import DatabaseUnavailable

#: No request of this interface needs as long; one that does must not hold up the others.
_SETUP = "set time zone 'UTC'; set statement_timeout = '30s'"


@contextmanager
def begin() -> Iterator[Connection]:
    """A transaction: committed at the end, rolled back on an error.

    :raises CredentialsMissing: there is no connection ``calimport_db``.
    :raises DatabaseUnavailable: it leads nowhere just now, or a statement took more than 30 s.
    """
    try:
        with _engine(json.dumps(database.parameters(), sort_keys=True)).begin() as connection:
            yield connection
    except OperationalError as error:
        raise DatabaseUnavailable(detail=str(error.orig)) from error


@cache
def _engine(parameters: str) -> Engine:
    """One pool for each set of parameters: an Airflow connection that is changed takes effect at once."""

    def connect() -> psycopg.Connection:
        connection = psycopg.connect(**json.loads(parameters))
        connection.execute(_SETUP.encode())
        connection.commit()
        return connection

    return create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True)
