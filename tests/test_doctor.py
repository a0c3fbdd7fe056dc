"""`calimport doctor` and `status`: each thing is broken, and what is said of it read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from calimport import doctor
from calimport.cli import main
from calimport.doctor import Wrong, examine
from calimport.errors import FeedNotFound
from tests.airflow_home import ROOT, Home, command_line, new_metadata
from tests.importing import feed
from tests.web import Reply

GOOD = Reply(feed("UID:a\nSUMMARY:A\nDTSTART:20261119T100000Z"))
#: Those that need no Airflow.
OWN = ("settings", "database", "schema", "clock", "permissions", "time zones", "leases", "secrets")


@pytest.fixture(autouse=True)
def without_airflow(monkeypatch, request):
    """Its checks have tests of their own, below."""
    if "airflow" not in request.keywords:
        for name in ("_disk", "_airflow", "_pool", "_dags"):
            monkeypatch.setattr(doctor, name, lambda: "not asked")


def wrong() -> dict[str, tuple[str, str]]:
    """Of each check that found something, the sentence and the advice."""
    return {check.name: (check.sentence, check.advice) for check in examine() if not check.is_good}


def test_a_good_installation_is_well(connection):
    done = CliRunner().invoke(main, ["doctor"])

    assert done.exit_code == 0, done.output
    assert done.output.endswith("All is well.\n")
    assert [check.name for check in examine()][: len(OWN)] == list(OWN)


def test_a_database_that_is_away(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", "postgres://nobody@127.0.0.1:1/nothing")

    done = CliRunner().invoke(main, ["doctor"])

    assert done.exit_code == 1
    assert "WRONG database     The database cannot be reached through the connection calimport_db." in done.output
    assert "Set the connection calimport_db" in done.output
    assert done.output.endswith("1 checks failed.\n")


def test_a_connection_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", "{not JSON")

    assert (
        wrong()["database"][0] == "AIRFLOW_CONN_CALIMPORT_DB is neither the JSON nor the URI of an Airflow connection."
    )


def test_a_setting_that_makes_no_sense(connection, monkeypatch):
    monkeypatch.setenv("CALIMPORT_ALERT_NOTIFIER", "nobody.here")
    assert "CALIMPORT_ALERT_NOTIFIER: 'nobody.here' cannot be loaded" in wrong()["settings"][0]

    monkeypatch.setenv("CALIMPORT_MAX_BATCHES", "many")
    assert "CALIMPORT_MAX_BATCHES must be of type int" in wrong()["settings"][0]


def test_a_schema_that_lacks_a_migration(connection):
    connection.execute("delete from calimport.schema_migrations where name like '0021%'")
    connection.commit()

    found = wrong()

    assert list(found) == ["schema"]
    assert "Run `calimport migrate`." in found["schema"][0]
    assert "permissions" not in [check.name for check in examine()]


def test_a_server_that_is_too_old(connection, monkeypatch):
    monkeypatch.setattr(doctor, "_OLDEST_SERVER", 990000)

    assert wrong()["database"] == ("PostgreSQL 18 is too old.", "Use PostgreSQL 15 or newer.")


def test_clocks_that_differ(connection):
    found = {check.name: check for check in examine(clock=lambda: datetime.now(UTC) - timedelta(seconds=60))}

    assert found["clock"].sentence == "The clocks of this machine and of the database differ by 60 s."
    assert "time server" in found["clock"].advice


def test_a_role_that_may_not_write(connection, connection_uri, postgres_host, monkeypatch):
    name = connection.info.dbname
    connection.execute("drop role if exists reader")
    connection.execute("create role reader login")
    connection.execute("grant usage on schema calimport to reader")
    connection.execute("grant select, insert, update, delete on all tables in schema calimport to reader")
    connection.execute("revoke update on calimport.events from reader")
    connection.execute("revoke all on calimport.runs from reader")
    connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", connection_uri.replace("postgres@", "reader@"))
    if "reader@" not in connection_uri.replace("postgres@", "reader@"):
        given = {"conn_type": "postgres", "host": postgres_host, "login": "reader", "schema": name}
        monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", json.dumps(given))

    sentence, advice = wrong()["permissions"]

    assert sentence == "The role reader may not read and write events, runs."
    assert advice.endswith("`grant select, insert, update, delete on all tables in schema calimport to reader`.")


def test_a_zone_that_nobody_knows(importer):
    importer.add("club", "https://example.org/a.ics", timezone="Mars/Olympus")

    sentence, advice = wrong()["time zones"]

    assert sentence == "Not known here or in PostgreSQL: the time zone Mars/Olympus."
    assert "tzdata" in advice


def test_a_lease_that_nobody_takes_over(importer):
    until = datetime.now(UTC) - timedelta(hours=1)
    importer.add("club", "https://example.org/a.ics", lease_owner="calendar_import/dead", lease_until=until)

    sentence, advice = wrong()["leases"]

    assert sentence == (
        f"1 calendars are held by runs that died, such as club by calendar_import/dead until {until:%Y-%m-%d %H:%MZ}."
    )
    assert "The next run takes them over" in advice


def test_a_secret_that_cannot_be_read(importer, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_THERE", "generic://secret@host")
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", "{secret")
    importer.add("fine", "https://example.org/a.ics", connection_id="there")
    importer.add("club", "https://example.org/b.ics", connection_id="broken")

    sentence, advice = wrong()["secrets"]

    assert sentence == "Connections that calendars name and that cannot be read: broken (of club)."
    assert "calimport connect" in advice
    assert "secret@host" not in sentence + advice


def test_a_check_that_cannot_be_made_is_a_finding(connection, monkeypatch):
    def broken(*_: Any) -> str:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(doctor, "_clock", broken)

    assert wrong() == {"clock": ("This could not be checked: ZeroDivisionError: by zero.", "")}


def test_the_handbook_shows_every_check_as_it_is_printed(connection, monkeypatch):
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    shown = page.partition("$ calimport doctor\n")[2].partition("$ ")[0].splitlines()
    monkeypatch.setattr(doctor, "_pool", no_pool)

    printed = CliRunner().invoke(main, ["doctor"]).output.splitlines()

    assert [line[:19] for line in shown] == [line[:19] for line in printed]
    assert [line for line in shown if "fetch" in line] == [line for line in printed if "fetch" in line]


def no_pool() -> str:
    raise Wrong(f"There is no pool {doctor.POOL}, so no task that fetches is started.", doctor.POOL_ADVICE)


# Airflow.


@pytest.mark.airflow
def test_the_parts_of_airflow_one_after_the_other(tmp_path_factory, postgres_host, connection_uri):
    """One after the other, because each command imports Airflow."""
    folder = tmp_path_factory.mktemp("airflow")
    home = Home(folder, postgres_host, new_metadata(postgres_host, folder), "")
    with command_line(home) as airflow:
        found = asked(home)
        assert found["airflow"] == (
            "Airflow's scheduler and dag-processor and triggerer gave no sign of life for 30 s.",
            "Start `airflow scheduler`. Start `airflow dag-processor`. Start `airflow triggerer`.",
        )
        assert found["pool"][0] == "There is no pool calimport_fetch, so no task that fetches is started."
        assert found["pool"][1].startswith("Run `airflow pools set calimport_fetch 8 ")
        assert found["dags"][0] == "Airflow does not know calendar_import and calendar_maintenance."

        assert airflow.run(home, "pools", "set", "calimport_fetch", "0", "none").returncode == 0
        assert airflow.run(home, "dags", "reserialize").returncode == 0
        found = asked(home)
        assert found["pool"][0] == "The pool calimport_fetch has no slots, so no task that fetches is started."
        assert found["dags"] == ("Paused: calendar_import.", "Run `airflow dags unpause calendar_import`.")

        assert airflow.run(home, "pools", "set", "calimport_fetch", "8", "fetches").returncode == 0
        assert airflow.run(home, "dags", "unpause", "--yes", "calendar_import").returncode == 0
        with psycopg.connect(host=postgres_host, user="postgres", dbname=home.metadata, autocommit=True) as metadata:
            for job in ("SchedulerJob", "DagProcessorJob", "TriggererJob"):
                metadata.execute(
                    "insert into job (job_type, state, latest_heartbeat) values (%s, 'running', now())", [job]
                )
        assert asked(home) == {}


@pytest.mark.airflow
def test_a_disk_that_is_full(connection, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "_LEAST_FREE_BYTES", 2**62)

    with pytest.raises(Wrong, match=r"Only .* are free where Airflow writes its logs") as raised:
        doctor._disk()

    assert raised.value.advice.startswith("Remove old logs")


def asked(home: Home) -> dict[str, tuple[str, str]]:
    """What the checks of Airflow find, in a process of its own."""
    import subprocess
    import sys

    program = (
        "import json; from calimport import doctor\n"
        "checks = [doctor._checked(name, getattr(doctor, f'_{name}')) for name in ('airflow', 'pool', 'dags')]\n"
        "print(json.dumps({one.name: [one.sentence, one.advice] for one in checks if not one.is_good}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=home.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: tuple(told) for name, told in json.loads(done.stdout.splitlines()[-1]).items()}


# Status.


def test_status_counts_calendars_and_names_those_in_trouble(importer, web):
    importer.add("well", web.feed(GOOD, "/a.ics"))
    importer.add("gone", web.feed(Reply(status=404), "/b.ics"), contact_email="anna@example.org")
    importer.add("paused", web.feed(GOOD, "/c.ics"), enabled=False)
    importer.run()

    done = CliRunner().invoke(main, ["status"])

    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "Calendars   1 idle, 0 importing, 0 error, 1 bad_source, 1 paused",
        "Late        1",
        "Held        0 with deletions that wait for confirmation",
        "Last run    2026-11-18 12:05Z",
        "Next due    2 now",
        "well: idle; late, last fresh 2026-11-18 12:05Z",
        f"gone: bad_source; FeedNotFound: {FeedNotFound.sentence}; contact: anna@example.org",
    ]


def test_status_as_json(importer, web):
    importer.add("well", web.feed(GOOD, "/a.ics"), next_import_at=datetime.now(UTC) + timedelta(hours=1))

    document = json.loads(CliRunner().invoke(main, ["status", "--format", "json"]).output)

    assert (document["idle"], document["due_now"], document["troubled"]) == (1, 0, [])
    assert datetime.fromisoformat(document["next_due_at"]) > datetime.now(UTC)
