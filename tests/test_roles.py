"""The three roles of the database, each doing its work and refused everything else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from calimport import audit, database
from calimport.cli import main
from dev import postgres
from tests.importing import Importer, feed
from tests.web import Reply

SECRET = "s3cr3t-0123456789abcdef"
EVENT = "UID:{0}\nDTSTART:20261119T100000Z\nSUMMARY:Choir\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT10M\nEND:VALARM"
#: What the reader does not see. A new table is here, or in include/sql/roles/grant.sql.
WITHHELD = {
    "audit_log",
    "export_tokens",
    "feed_contents",
    "feeds",
    "kept_rows",
    "request_budgets",
    "staged_events",
    "staged_notices",
    "staged_uids",
}


def connection_of(host: str, name: str, role: str) -> str:
    return json.dumps(json.loads(postgres.airflow_connection(host, name)) | {"login": role})


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def ruled(postgres_host: str) -> str:
    """A database whose roles a superuser made, on an empty schema."""
    postgres.create_database(postgres_host, "ruled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "ruled"))
        run("migrate", "--roles")
        run("migrate", "--roles")
    return "ruled"


@pytest.fixture
def of(postgres_host, ruled, monkeypatch) -> Iterator[Any]:
    """Opens connections of a role, which then is the one that the command line uses too."""
    opened = []

    def of(role: str) -> psycopg.Connection[Any]:
        monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", connection_of(postgres_host, ruled, role))
        context = database.connect(autocommit=True)
        opened.append(context)
        return context.__enter__()

    yield of
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def imported(of, web) -> psycopg.Connection[Any]:
    """An importer's connection, after it has configured calendars, imported them and exported one."""
    connection = of("calimport_importer")
    connection.execute("delete from calimport.calendars")
    run("calendars", "add", "Club", web.feed(Reply(feed(EVENT.format("a"))), "/club.ics"), "--user", "Anna")
    run("calendars", "add", "Typed", web.feed(Reply(feed(EVENT.format("b"))), "/b.ics") + f"?token={SECRET}")
    importer = Importer(connection)
    importer.run()
    web.feed(Reply(feed(EVENT.format("a").replace("Choir", "Chess"))), "/club.ics")
    importer.run()
    importer.run()
    assert importer.rows("Club", "summary") == [("Chess",)]
    return connection


def test_the_importer_does_all_that_a_run_and_the_command_line_do(imported):
    run("calendars", "pause", "Club")
    run("calendars", "resume", "Club")
    run("calendars", "set", "Club", "days_back=14")
    run("duplicates", "list")
    token = run("tokens", "create", "calendar", "Club")
    assert "token=" in token
    run("export", "calendar", "Club")
    run("calendars", "remove", "Typed", "--yes")
    run("erase", "--user", "Anna", "--yes")
    audit.trim(imported, before=datetime(2000, 1, 1, tzinfo=UTC))
    assert imported.execute("select count(*) as n from calimport.events").fetchone()["n"] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "drop table calimport.events",
        "alter table calimport.events add column x text",
        "create table calimport.x (x text)",
        "truncate calimport.events",
        "update calimport.audit_log set actor = 'os:nobody'",
        "delete from calimport.audit_log",
        "insert into calimport.schema_migrations (name, checksum) values ('x', 'x')",
        "alter table calimport.audit_log disable trigger audit_log_append_only",
        "create role other",
        "copy calimport.events to program 'cat'",
    ],
)
def test_the_importer_does_nothing_else(of, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        of("calimport_importer").execute(statement)


def test_the_reader_reads_all_but_secrets(imported, of):
    reader = of("calimport_reader")
    listed = reader.execute(
        "select table_name from information_schema.tables where table_schema = 'calimport'"
    ).fetchall()
    every = {row["relname"] for row in imported.execute(
        "select relname from pg_class where relnamespace = 'calimport'::regnamespace and relkind in ('r', 'p', 'v')"
    )}  # fmt: skip
    assert every - {row["table_name"] for row in listed} == WITHHELD
    seen = ""
    for row in reader.execute(
        "select table_name, string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns"
        " where table_schema = 'calimport' group by table_name"
    ).fetchall():
        seen += str(reader.execute(f"select {row['columns']} from calimport.{row['table_name']}").fetchall())  # noqa: S608 - names from the catalog
    assert "Chess" in seen
    assert SECRET not in seen
    assert SECRET in str(imported.execute("select source from calimport.calendars").fetchall())


@pytest.mark.parametrize(
    "statement",
    [
        *(f"table calimport.{name}" for name in sorted(WITHHELD)),
        "select source from calimport.calendars",
        "insert into calimport.users (name) values ('x')",
        "update calimport.events set summary = 'x'",
        "delete from calimport.events",
        "select calimport.trim_audit_log(now())",
        "select calimport.forget_in_audit_log('{1}')",
        "create table calimport.x (x text)",
    ],
)
def test_the_reader_sees_no_secret_and_writes_nothing(of, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        of("calimport_reader").execute(statement)


def test_the_owner_migrates_and_what_it_makes_later_is_the_importers_too(of, monkeypatch):
    owner = of("calimport_owner")
    assert run("migrate") == "Nothing to apply: the schema is up to date.\n"
    owner.execute("create table calimport.later (id bigint generated always as identity primary key, x text)")
    try:
        importer = of("calimport_importer")
        importer.execute("insert into calimport.later (x) values ('x')")
        assert importer.execute("select x from calimport.later").fetchall() == [{"x": "x"}]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            of("calimport_reader").execute("select x from calimport.later")
    finally:
        owner.execute("drop table calimport.later")


def test_a_database_that_was_migrated_before_is_given_to_the_owner(postgres_host, template, monkeypatch):
    postgres.create_database(postgres_host, "given", template=template)
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "given"))
    run("migrate", "--roles")
    with database.connect() as connection:
        owners = connection.execute(
            "select distinct pg_get_userbyid(relowner) as owner from pg_class"
            " where relnamespace = 'calimport'::regnamespace and relkind in ('r', 'p', 'v', 'S')"
            " union select pg_get_userbyid(proowner) from pg_proc where pronamespace = 'calimport'::regnamespace"
        ).fetchall()
    assert owners == [{"owner": "calimport_owner"}]
