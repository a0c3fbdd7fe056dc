"""Migrations: applied once, in order, by however many processes; refused where code and schema disagree."""

from __future__ import annotations

import subprocess
import sys

import pytest

from calimport import database
from calimport.errors import DatabaseUnavailable, SchemaMismatch
from dev import postgres


def test_migrating_again_applies_nothing(connection):
    assert database.migrate(connection) == []
    database.check_schema(connection)


def test_two_processes_that_migrate_at_once_both_succeed(postgres_host, monkeypatch):
    postgres.create_database(postgres_host, "twice")
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "twice"))
    command = [sys.executable, "-m", "calimport", "migrate"]

    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = sorted(process.communicate()[0].split(" ")[0] for process in processes)

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert printed == ["Applied", "Nothing", "Nothing"]
    postgres.drop_database(postgres_host, "twice")


def test_a_database_without_the_schema_is_refused(postgres_host, monkeypatch):
    postgres.create_database(postgres_host, "bare")
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "bare"))
    with database.connect() as connection, pytest.raises(SchemaMismatch, match=r"lacks 0001_.*`calimport migrate`"):
        database.check_schema(connection)
    postgres.drop_database(postgres_host, "bare")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("insert into calimport.schema_migrations values ('9999_future', 'x')", "newer than this calimport"),
        (
            "update calimport.schema_migrations set checksum = 'x' where name = '0001_calendars'",
            "not the one that was applied",
        ),
    ],
)
def test_a_schema_that_is_not_this_codes_is_refused(connection, statement, message):
    connection.execute(statement)
    with pytest.raises(SchemaMismatch, match=message):
        database.check_schema(connection)
    with pytest.raises(SchemaMismatch, match=message):
        database.migrate(connection)


def test_the_connection_may_be_json_or_a_uri(connection_uri, postgres_host, monkeypatch):
    name = connection_uri.split('"schema": "')[1].rstrip('"}')
    quoted = postgres_host.replace("/", "%2F")
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", f"postgres://postgres@{quoted}/{name}?application_name=uri")
    with database.connect() as connection:
        row = connection.execute(
            "select current_database() as name, current_setting('application_name') as app"
        ).fetchone()
    assert row == {"name": name, "app": "uri"}


def test_an_unreachable_database_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", "postgres://nobody@127.0.0.1:1/nothing")
    with (
        pytest.raises(DatabaseUnavailable, match="cannot be reached through the connection calimport_db"),
        database.connect(),
    ):
        pass
