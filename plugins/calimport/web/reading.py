"""Connections for what the pages read: from the store's pool, since a new one for each request would be slow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg.rows import dict_row

from calimport import database
from calimport.store.engine import begin

Row = dict[str, Any]


@contextmanager
def reading() -> Iterator[database.Connection]:
    """A transaction for reading.

    :raises DatabaseUnavailable: the database leads nowhere just now. So too ``CredentialsMissing``.
    """
    with begin() as pooled:
        connection = cast(psycopg.Connection[Any], pooled.connection.driver_connection)
        shape = connection.row_factory
        connection.row_factory = dict_row
        try:
            yield connection
        finally:
            connection.row_factory = shape


def rows(connection: database.Connection, name: str, /, **parameters: Any) -> list[Row]:
    """All rows of ``include/sql/web/NAME.sql``."""
    # Planned for these parameters: most filters are not there, and a plan for all of them would be a slow one.
    return connection.execute(database.sql(f"web/{name}").encode(), parameters, prepare=False).fetchall()
