"""The audit log: each action of a person is a row, added with what it did, and never changed."""

from __future__ import annotations

import json
import os
import pwd
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import psycopg
import pytest
from click.testing import CliRunner

from calimport import audit, database
from calimport.cli import main
from dev import postgres
from tests.importing import feed
from tests.web import Reply

ME = f"os:{pwd.getpwuid(os.geteuid()).pw_name}"
SECRET = "https://calendar.google.com/calendar/ical/anna%40example.org/private-0123456789abcdef/basic.ics"
FILE = """
users:
  Bo: {}
places:
  Hall: {}
calendars:
  - name: Bo's
    source: https://example.org/bo.ics
    user: Bo
  - name: Anna's
    source: https://example.org/anna.ics
    user: Anna
    days_back: 14
"""
EVENT = "UID:{}\nDTSTART:20261119T100000Z\nSUMMARY:{}"

#: Commands that change nothing of ours. `connect …` changes Airflow's database, whose own audit log has it.
READING = {
    ("calendars", "check"),
    ("calendars", "list"),
    ("calendars", "notices"),
    ("calendars", "show"),
    ("doctor",),
    ("duplicates", "list"),
    ("explain",),
    ("export",),
    ("held", "list"),
    ("plan", "show"),
    ("preview",),
    ("status",),
    ("tokens", "list"),
}
#: Each other one: arguments, and the actions that it leaves.
WRITING: dict[tuple[str, ...], tuple[list[str], list[str]]] = {
    ("calendars", "add"): (["Choir", "https://example.org/choir.ics"], ["calendar.add"]),
    ("calendars", "set"): (["Anna's", "days_back=14"], ["calendar.change"]),
    ("calendars", "pause"): (["Anna's"], ["calendar.pause"]),
    ("calendars", "resume"): (["Anna's"], ["calendar.resume"]),
    ("calendars", "remove"): (["Anna's", "Club", "--yes"], ["calendar.remove", "calendar.remove"]),
    ("calendars", "apply"): (
        ["FILE", "--prune"],
        ["user.add", "place.add", "calendar.add", "calendar.change", *["calendar.pause"] * 3],
    ),
    ("duplicates", "join"): (["1", "2"], ["event.join"]),
    ("duplicates", "split"): (["1"], ["event.split"]),
    ("duplicates", "undo"): (["1"], ["event.undo"]),
    ("erase",): (["--user", "Anna", "--yes"], ["calendar.erase", "user.erase"]),
    ("held", "discard"): (["Crowd"], ["held.discard"]),
    ("held", "release"): (["Crowd"], ["held.release"]),
    ("maintain",): ([], ["storage.maintain"]),
    ("plan", "apply"): (["dry"], ["plan.apply"]),
    ("renormalize",): (["Chronicle", "--apply"], ["calendar.renormalize"]),
    ("replay",): (["Crowd", "--at", "2026-11-18T12:07:00Z", "--apply"], ["calendar.replay"]),
    ("tokens", "create"): (["calendar", "Anna's"], ["token.create"]),
    ("tokens", "revoke"): (["1"], ["token.revoke"]),
    ("undo",): (["first", "--calendar", "Club"], ["run.undo"]),
}


def leaves(group: click.Group, *path: str) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found |= leaves(command, *path, name) if isinstance(command, click.Group) else {(*path, name)}
    return found


def run(*arguments: str) -> None:
    done = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output


def rows(connection: database.Connection) -> list[dict[str, Any]]:
    found = connection.execute("select * from calimport.audit_log order by id").fetchall()
    connection.rollback()
    return found


@pytest.fixture
def filled(importer, web):
    """Anna's calendar, one with a plan, one with held deletions, and a token; the log is empty."""
    importer.connection.execute("insert into calimport.users (name) values ('Anna')")
    importer.add("Anna's", web.feed(Reply(feed(EVENT.format("a", "Choir"))), "/anna.ics"), user_id=1)
    importer.add("Club", web.feed(Reply(feed(EVENT.format("b", "Chess"))), "/club.ics"))
    importer.add("Crowd", web.feed(Reply(feed(*(EVENT.format(f"c{n}", "Talk") for n in range(12)))), "/crowd.ics"))
    importer.add("Chronicle", web.feed(Reply(feed(EVENT.format("d", "Fair"))), "/old.ics"), days_back=3650)
    importer.run("first")
    web.feed(Reply(feed(EVENT.format("b", "Chess for all"))), "/club.ics")
    web.feed(Reply(feed()), "/crowd.ics")
    importer.run("poor", calendars=["Crowd"])
    importer.run("dry", calendars=["Club"], dry_run=True)
    # As an older version of the normalizer might have written it.
    importer.connection.execute("update calimport.events set content_hash = decode(md5(''), 'hex') where uid = 'd'")
    run("tokens", "create", "calendar", "Club")
    audit.trim(importer.connection, before=datetime.now(UTC) + timedelta(days=1))
    return importer.connection


def test_every_command_either_reads_or_is_audited():
    connecting = {path for path in leaves(main) if path[0] == "connect"}
    assert leaves(main) == READING | WRITING.keys() | connecting | {("migrate",)}
    assert connecting


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_each_command_that_writes_leaves_its_actions(filled, tmp_path, command):
    file = tmp_path / "calendars.yaml"
    file.write_text(FILE, encoding="utf-8")
    arguments, actions = WRITING[command]

    run(*command, *(str(file) if argument == "FILE" else argument for argument in arguments))

    assert [(row["actor"], row["action"]) for row in rows(filled)] == [(ME, action) for action in actions]


def test_an_action_is_told_with_its_calendar_and_without_secrets(filled):
    run("calendars", "set", "Anna's", f"source={SECRET}", "days_back=14", "name=Anna")
    assert [(row["calendar_id"], row["detail"]) for row in rows(filled)] == [
        (1, {"name": "Anna", "changes": {"name": ["Anna's", "Anna"], "source": None, "days_back": ["7", "14"]}})
    ]


def test_a_token_in_the_log_is_its_number(filled):
    done = CliRunner().invoke(main, ["tokens", "create", "calendar", "Club"])
    secret = done.output.strip().rpartition("-")[2]
    (row,) = rows(filled)
    assert row["detail"] == {"token": 2, "scope": "calendar", "of": 2, "format": "ics"}
    assert secret not in str(row)


def test_addresses_are_masked_however_deep(connection):
    audit.record(connection, "a.b", actor=ME, detail={"one": [{"two": f"see {SECRET} and"}], "three": 3})
    (row,) = connection.execute("select detail from calimport.audit_log").fetchall()
    assert row["detail"] == {"one": [{"two": "see https://calendar.google.com/… and"}], "three": 3}


@pytest.mark.parametrize(
    "arguments",
    [
        ["calendars", "set", "Anna's", "days_back=-1"],
        ["calendars", "set", "Anna's", "days_back=7"],
        ["calendars", "remove", "Anna's", "nobody's", "--yes"],
        ["duplicates", "join", "1", "1"],
        ["tokens", "revoke", "99"],
        ["erase", "--user", "Anna", "--dry-run"],
    ],
)
def test_what_does_nothing_leaves_nothing(filled, arguments):
    CliRunner().invoke(main, arguments)
    assert rows(filled) == []


def test_a_migration_is_an_action(postgres_host, monkeypatch):
    postgres.create_database(postgres_host, "audited")
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "audited"))
    run("migrate")
    run("migrate")
    with database.connect() as connection:
        (row,) = rows(connection)
    assert (row["action"], row["detail"]["applied"][0]) == ("schema.migrate", "0001_calendars")


@pytest.mark.parametrize("opened_before", [False, True])
@pytest.mark.parametrize(
    "statement",
    [
        "update calimport.audit_log set actor = 'os:nobody'",
        "delete from calimport.audit_log",
        "truncate calimport.audit_log",
    ],
)
def test_the_log_is_only_ever_added_to(connection, statement, opened_before):
    if opened_before:
        audit.forget(connection, [1])
    audit.record(connection, "calendar.pause", actor=ME, calendar_id=1)
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute(statement)
    assert refused.value.diag.constraint_name == "audit_log_append_only"


def test_erasure_leaves_that_something_was_done_and_nothing_else(filled):
    run("calendars", "set", "Anna's", "name=Anna's training")
    run("calendars", "pause", "Club")
    run("erase", "--user", "Anna", "--yes")
    assert [(row["action"], row["calendar_id"], row["detail"]) for row in rows(filled)] == [
        ("calendar.change", 1, {}),
        ("calendar.pause", 2, {"name": "Club"}),
        ("calendar.erase", 1, {}),
        ("user.erase", None, {"user_id": 1}),
    ]
    assert "Anna" not in json.dumps([row["detail"] for row in rows(filled)])


def test_retention_trims_the_old_and_keeps_the_new(connection):
    for day in (1, 2, 3):
        connection.execute(
            "insert into calimport.audit_log (recorded_at, actor, action)"
            " values (make_date(2026, 11, %s), 'os:a', 'a.b')",
            [day],
        )
    audit.trim(connection, before=datetime(2026, 11, 2, tzinfo=UTC))
    found = connection.execute("select recorded_at from calimport.audit_log order by id").fetchall()
    assert [row["recorded_at"].day for row in found] == [2, 3]
