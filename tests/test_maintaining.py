"""The daily upkeep: what goes, what stays whatever its age, and calendars whose source is away."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta

import psycopg
import pytest
from click.testing import CliRunner

from calimport import database, maintaining, replaying, undoing
from calimport.cli import main
from calimport.settings import Settings
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from tests.airflow_home import ROOT, Home, new_calimport, new_metadata
from tests.importing import feed
from tests.web import Reply

SETTINGS = Settings(keep_runs_days=30, keep_idle_runs_days=3, keep_feeds_days=20, host_requests_per_second=1000)


def event(uid: str, day: str = "20261119", *lines: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{day}T100000Z", f"DTEND:{day}T110000Z", f"SUMMARY:{uid}", *lines])


PAST = event("past", "20261114")
DAILY = feed("UID:d\nDTSTART:20261101T100000Z\nDTEND:20261101T110000Z\nRRULE:FREQ=DAILY\nSUMMARY:d")


def trim(importer, **options) -> maintaining.Trimmed:
    return maintaining.trim(importer.connection, clock=importer.now, settings=SETTINGS, **options)


def runs(importer, calendar: str = "club") -> list[str]:
    rows = importer.connection.execute(
        "select dag_run_id from calimport.runs join calimport.calendars on calendars.id = calendar_id"
        " where calendars.name = %s order by runs.id",
        [calendar],
    )
    return [row["dag_run_id"] for row in rows]


def feeds(importer) -> list[datetime]:
    return [
        row["fetched_at"] for row in importer.connection.execute("select fetched_at from calimport.feeds order by id")
    ]


def age(importer, days: float, calendar: str = "club") -> None:
    """Make all that is there of a calendar older: runs, feeds and bytes."""
    later = timedelta(days=days)
    for statement in (
        "update calimport.runs set created_at = created_at - %s, finished_at = finished_at - %s where calendar_id = %s",
        "update calimport.feeds set fetched_at = fetched_at - %s, complete_at = complete_at - %s"
        " where calendar_id = %s",
    ):
        importer.connection.execute(statement, [later, later, importer.state(calendar)["id"]])
    importer.connection.execute("update calimport.feed_contents set created_at = %s", [importer.now - later])


@pytest.fixture
def club(importer, web) -> int:
    calendar_id = importer.add("club", web.feed(Reply(feed(PAST, event("one")))))
    importer.run("first")
    return calendar_id


def test_runs_that_found_nothing_new_go_first_and_the_last_one_stays(importer, club):
    for name in ("same", "same again", "still the same"):
        importer.run(name)
    age(importer, 4)

    assert trim(importer).runs == 2

    assert runs(importer) == ["first", "still the same"]


def test_a_run_goes_with_its_history_or_can_be_undone(importer, web, club):
    before = importer.rows("club", "id", "uid")
    age(importer, 31)
    web.feed(Reply(feed(PAST, event("two"))))
    importer.run("second")
    age(importer, 25)
    importer.run("third")

    assert trim(importer).runs == 1

    assert runs(importer) == ["second", "third"]
    assert {row["run_id"] for row in importer.connection.execute("select run_id from calimport.changes")} == {
        importer.one("select id from calimport.runs where dag_run_id = 'second'")
    }
    undoing.undo(importer.connection, "second", actor="os:anna", clock=importer.now)
    assert importer.rows("club", "id", "uid") == before


def test_the_run_whose_deletions_are_held_stays(importer, web):
    many = [event(f"e{number:02}") for number in range(12)]
    importer.add("club", web.feed(Reply(feed(PAST, *many))))
    importer.run("first")
    web.feed(Reply(feed(PAST)))
    importer.run("holds")
    importer.run("dry", dry_run=True)
    age(importer, 100)

    trim(importer)

    assert runs(importer) == ["holds", "dry"]


def test_attempts_of_one_run_stay_together(importer, web, club):
    age(importer, 31)
    web.feed(Reply(feed(PAST, event("two"))))
    importer.run("first", later=timedelta(), calendars=["club"])
    importer.run("last")

    trim(importer)

    assert runs(importer) == ["first", "first", "last"]


def test_feeds_that_were_superseded_go_but_not_what_a_replay_within_the_time_kept_needs(importer, web, club):
    for days, uid in ((30, "two"), (30, "three"), (10, "four")):
        age(importer, days)
        web.feed(Reply(feed(PAST, event(uid))))
        importer.run()
    ages = [(importer.now - fetched_at).days for fetched_at in feeds(importer)]
    assert ages == [70, 40, 10, 0]

    trimmed = trim(importer)

    assert (trimmed.feeds, trimmed.contents) == (1, 1)
    assert [(importer.now - fetched_at).days for fetched_at in feeds(importer)] == [40, 10, 0]
    found = replaying.replay(
        importer.connection,
        club,
        at=importer.now - timedelta(days=19),
        actor="os:anna",
        clock=importer.now,
        settings=SETTINGS,
    )
    assert (importer.now - found.fetched_at).days == 40


def test_what_a_living_delta_builds_on_stays_whatever_its_age(importer, club):
    """A chain of deltas to the feed that the events stand for, and one to a feed that nobody has any more."""
    make = (
        "insert into calimport.feeds"
        " (calendar_id, base_feed_id, content_hash, meaning_hash, kind, fetched_at, complete_at)"
        " select calendar_id, %s, content_hash, meaning_hash, kind, %s, complete_at from calimport.feeds limit 1"
        " returning id"
    )

    def store(base: int | None, days: int) -> int:
        return importer.one(make, base, importer.now - timedelta(days=days))

    base = store(None, 90)
    delta = store(base, 80)
    current = store(delta, 60)
    dead = store(None, 85)
    dead_delta = store(dead, 84)
    newer = store(None, 50)  # what the time that is kept begins with
    importer.connection.execute("update calimport.calendars set feed_id = %s", [current])
    importer.connection.execute("delete from calimport.feeds where id < %s", [base])

    assert trim(importer, batch=1).feeds == 2

    left = {row["id"] for row in importer.connection.execute("select id from calimport.feeds")}
    assert left == {base, delta, current, newer}
    assert not {dead, dead_delta} & left


def test_bytes_that_another_calendar_has_stay(importer, web, club):
    importer.add("other", web.feed(Reply(feed(PAST, event("one"))), "/other.ics"))
    importer.run()
    for uid in ("two", "three"):
        age(importer, 30)
        web.feed(Reply(feed(PAST, event(uid))))
        importer.run(calendars=["club"])

    assert trim(importer).contents == 0
    assert importer.one("select count(*) from calimport.feed_contents") == 3


def test_what_a_dead_run_left_goes_and_what_a_live_one_needs_stays(importer, club):
    for name in ("dead", "live"):
        importer.now += timedelta(days=2)
        importer.plan(name, calendars=["club"])
        step = importer.step(name)
        extract(step, [club])
        normalize(step, [club])
    query = "select count(*) from calimport.staged_events join calimport.runs on runs.id = run_id where dag_run_id = %s"
    dead, live = (importer.one(query, name) for name in ("dead", "live"))

    trimmed = trim(importer)

    assert (trimmed.abandoned, trimmed.staged) == (1, dead)
    assert importer.one("select outcome from calimport.runs where dag_run_id = 'dead'") == "failed"
    assert importer.one("select count(*) from calimport.staged_events") == live > 0 < dead
    assert importer.state("club")["lease_owner"] == "calendar_import/live"


def test_batches_of_any_size_do_the_same_and_it_may_be_killed_between_them(importer, web, club, monkeypatch):
    for number in range(5):
        age(importer, 40)
        web.feed(Reply(feed(PAST, event(f"n{number}"))))
        importer.run(f"run {number}")
    execute, left = database.run, 3

    def dies(connection, statement, /, **parameters):
        nonlocal left
        left -= statement == "maintaining/trim_runs"
        if left < 0:
            raise psycopg.OperationalError("killed")
        return execute(connection, statement, **parameters)

    monkeypatch.setattr(database, "run", dies)
    with pytest.raises(psycopg.OperationalError):
        trim(importer, batch=1)
    monkeypatch.setattr(database, "run", execute)
    assert runs(importer) == ["run 2", "run 3", "run 4"]

    trimmed = trim(importer, batch=2)

    assert (trimmed.runs, trimmed.feeds) == (2, 4)
    assert runs(importer) == ["run 4"]
    assert trim(importer) == maintaining.Trimmed(abandoned=0, staged=0, runs=0, feeds=0, contents=0)
    assert importer.rows("club", "uid") == [("past",), ("n4",)]


# A source that is away.


def expand(importer) -> maintaining.Expanded:
    return maintaining.expand_failing(
        importer.connection, actor="airflow:calendar_maintenance", clock=importer.now, settings=SETTINGS
    )


def test_a_calendar_whose_source_is_away_does_not_run_dry(importer, web):
    importer.add("club", web.feed(Reply(DAILY)))
    importer.add("well", web.feed(Reply(DAILY), "/well.ics"))
    importer.run()
    before = importer.rows("club", "id", "start_at")
    web.feed(Reply(status=404))
    importer.run(later=timedelta(days=3), calendars=["club"])
    web.asked.clear()

    assert expand(importer) == maintaining.Expanded(calendars=1, changes=3, failed=[])

    rows = importer.rows("club", "id", "start_at")
    assert (rows[: len(before)], len(rows)) == (before, len(before) + 3)
    assert importer.state("club")["state"] == "bad_source"
    assert web.asked == []
    assert expand(importer).changes == 0
    web.feed(Reply(DAILY))
    assert importer.run(calendars=["club"]).changed == 0


def test_a_feed_that_is_older_than_feeds_are_kept_is_no_longer_gone_by(importer, web):
    importer.add("club", web.feed(Reply(DAILY)))
    importer.run()
    web.feed(Reply(status=404))
    importer.run(later=timedelta(days=21))

    assert expand(importer).calendars == 0


def test_one_calendar_that_cannot_be_expanded_leaves_the_others_alone(importer, web):
    for name in ("held", "club"):
        importer.add(name, web.feed(Reply(DAILY), f"/{name}.ics"))
    importer.run()
    for name in ("held", "club"):
        web.feed(Reply(status=404), f"/{name}.ics")
    importer.run(later=timedelta(days=2))
    importer.plan("live", calendars=["held"])
    importer.connection.execute("update calimport.calendars set state = 'error' where name = 'held'")

    assert expand(importer) == maintaining.Expanded(calendars=1, changes=2, failed=["held"])


def test_the_command(importer, club):
    done = CliRunner().invoke(main, ["maintain"])

    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == "Expanded the stored feeds of 0 calendars in error: 0 changes."


RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
dag = bag.dags["calendar_maintenance"]
run = dag.test(logical_date=None)
print(json.dumps({
    "import_errors": bag.import_errors,
    "schedule": dag.timetable.expression,
    "catchup": dag.catchup,
    "paused": dag.is_paused_upon_creation,
    "max_active_runs": dag.max_active_runs,
    "tasks": sorted(dag.task_ids),
    "documented": all(task.python_callable.__doc__ for task in dag.tasks),
    "state": str(run.state),
}))
"""


@pytest.mark.airflow
def test_the_dag_does_it_in_a_real_airflow(tmp_path_factory, postgres_host, template):
    folder = tmp_path_factory.mktemp("airflow")
    home = Home(folder, postgres_host, new_metadata(postgres_host, folder), new_calimport(postgres_host, template))
    calendar = home.add("club", "https://example.org/a.ics")
    with home.connect() as connection:
        for days in (400, 399):
            connection.execute(
                "insert into calimport.runs (calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at, step,"
                " outcome, finished_at) select %s, 'd', %s, moment, moment, moment, 'finished', 'unchanged', moment"
                " from (select now() - make_interval(days => %s) as moment) as long_ago",
                [calendar, f"r{days}", days],
            )

    done = subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT / "dags" / "calendar_maintenance.py")],
        cwd=ROOT,
        env=home.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "import_errors": {},
        "schedule": "23 3 * * *",
        "catchup": False,
        "paused": False,
        "max_active_runs": 1,
        "tasks": ["expand", "trim"],
        "documented": True,
        "state": "success",
    }
    assert home.rows("select dag_run_id from calimport.runs") == [("r399",)]
