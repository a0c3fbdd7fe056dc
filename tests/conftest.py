"""A real PostgreSQL for every test that asks for one, each with a database of its own."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest

from calimport import database
from calimport.rfc5545 import blocks
from calimport.sources.base import ParseContext
from calimport.steps import changed
from dev import postgres
from tests.importing import Importer
from tests.loopback import LOOPBACK
from tests.web import Web, serve

# It holds tests and is no test file: without this its assertions would say nothing.
pytest.register_assert_rewrite("tests.source_conformance")

# The same examples at every run, so that a change fails or passes for what it is. `--hypothesis-profile=default` looks
# for new ones.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

# As whoever runs the command line on this machine's own servers would have set it.
os.environ["CALIMPORT_ALLOWED_NETWORKS"] = LOOPBACK

_numbers = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--line-by-line", action="store_true", help="without the fast path: every feed is read whole, line by line"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--line-by-line"):
        _read_line_by_line()


def _read_line_by_line() -> None:
    """Take the fast path away in this process: a test that would still come by it fails."""
    made = ParseContext.__init__

    def init(self: ParseContext, *args: Any, **fields: Any) -> None:
        made(self, *args, **{"blocks": False, **fields})

    def layout(content: bytes) -> None:
        raise AssertionError("a feed was to be read block by block")

    ParseContext.__init__ = init  # type: ignore[method-assign]
    changed.normalize = lambda *_: None  # type: ignore[assignment]
    blocks.layout = layout


@pytest.fixture(scope="session")
def postgres_host() -> Iterator[str]:
    """The embedded server of this test session: the folder of its socket."""
    # Not pytest's tmp_path: a socket's path may have 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="cal-") as folder:
        server = postgres.start(Path(folder) / "pg")
        _look_after_nothing(postgres.host(server))
        yield postgres.host(server)
        server.cleanup()


def _look_after_nothing(host: str) -> None:
    """No autovacuum: by chance it would analyze a table before a plan is made, or keep what a test vacuums."""
    with psycopg.connect(host=host, user="postgres", autocommit=True) as connection:
        connection.execute("alter system set autovacuum = off")
        connection.execute("select pg_reload_conf()")


@pytest.fixture(scope="session")
def template(postgres_host: str) -> str:
    """A migrated database to copy."""
    postgres.create_database(postgres_host, "template_calimport")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "template_calimport"))
        with database.connect() as connection:
            database.migrate(connection)
    return "template_calimport"


@pytest.fixture
def connection_uri(postgres_host: str, template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated database of the test's own, set as the connection ``calimport_db``."""
    name = f"test_{next(_numbers)}"
    postgres.create_database(postgres_host, name, template=template)
    uri = postgres.airflow_connection(postgres_host, name)
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", uri)
    yield uri
    postgres.drop_database(postgres_host, name)


@pytest.fixture
def connection(connection_uri: str) -> Iterator[database.Connection]:
    """A connection to that database."""
    with database.connect() as opened:
        yield opened


@pytest.fixture
def importer(connection: database.Connection) -> Importer:
    """The steps of the main job on a migrated database, each committing as in a task."""
    connection.commit()
    connection.autocommit = True
    return Importer(connection)


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on the loopback interface whose answers the test gives."""
    with serve() as server:
        yield server
