"""Undo: what a run changed is set back, and stays set back while the feed is what it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from calimport import holding, undoing
from calimport.cli import main
from calimport.errors import CalimportError, ConfigurationError, LeaseLost, PlanOutdated
from calimport.operations import Counts
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from tests.importing import feed
from tests.killing import killed_at_every_statement
from tests.web import Reply


def event(uid: str, day: str = "20261119", *lines: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{day}T100000Z", f"DTEND:{day}T110000Z", f"SUMMARY:{uid}", *lines])


PAST = event("past", "20261114")
BEFORE = feed(PAST, event("goes"), event("changes"))
AFTER = feed(PAST, event("changes", "20261120"), event("comes", "20261121"))
ALL = ("id", "uid", "recurrence_id", "start_at", "summary", "reminders", "categories", "content_hash")


def rows(importer, calendar: str = "club") -> list[tuple]:
    return importer.rows(calendar, *ALL)


def undo(importer, run: str, **options):
    importer.now += timedelta(seconds=1)
    return undoing.undo(importer.connection, run, actor="os:anna", clock=importer.now, **options)


@pytest.fixture
def before(importer, web) -> list[tuple]:
    """The rows before the run ``bad`` inserted one, changed one and deleted one."""
    importer.add("club", web.feed(Reply(BEFORE)))
    importer.run("good")
    found = rows(importer)
    web.feed(Reply(AFTER))
    importer.run("bad")
    return found


def test_rows_are_what_they_were_under_the_ids_that_they_had(importer, before):
    undone = undo(importer, "bad")

    assert rows(importer) == before
    assert undone.calendars == {"club": Counts(inserted=1, updated=1, deleted=1)}
    assert sorted(importer.history()[-3:]) == [
        ("delete", "comes", None, None),
        ("insert", "goes", None, None),
        ("update", "changes", None, ["end_at", "start_at"]),
    ]
    assert importer.one("select actor from calimport.audit_log where action = 'run.undo'") == "os:anna"


def test_what_was_undone_stays_undone_while_the_feed_is_what_it_was(importer, before):
    undo(importer, "bad")

    for _ in range(3):
        assert importer.run().changed == 0
    for _ in range(3):  # the window moves on, so the feed is expanded again
        assert importer.run(later=timedelta(days=1)).changed == 0

    assert rows(importer) == before


def test_another_feed_has_the_word_again_but_what_it_deletes_waits_for_a_person(importer, web, before):
    undo(importer, "bad")
    web.feed(Reply(AFTER.replace(b"SUMMARY:past", b"SUMMARY:Past")))

    result = importer.run()

    assert (result.inserted, result.updated, result.deleted, result.held) == (1, 2, 0, 1)
    (held,) = holding.held(importer.connection, importer.state("club")["id"])
    assert (held["uid"], held["held_until_told"]) == ("goes", True)


def test_another_configuration_has_the_word_again(importer, before):
    """Often it is the configuration that was wrong, and the run is undone before it is mended."""
    undo(importer, "bad")
    importer.connection.execute(
        "update calimport.calendars set activity_type = 'exercise', configured_at = clock_timestamp(),"
        " next_import_at = null"
    )

    importer.run()

    assert [uid for _, uid, *_ in rows(importer)] == ["past", "goes", "changes", "comes"]
    assert importer.rows("club", "activity_type") == [("exercise",), ("personal",), ("exercise",), ("exercise",)]


def test_force_applies_the_same_feed_again(importer, before):
    after = rows(importer)
    undo(importer, "bad")

    assert importer.run(force=True).changed == 3

    assert [row[1:] for row in rows(importer)] == [row[1:] for row in after]
    assert importer.one("select count(*) from calimport.kept_rows") == 0


def test_an_undo_can_be_undone_and_then_the_feed_has_the_word(importer, web, before):
    after = rows(importer)
    first = undo(importer, "bad")
    second = undo(importer, first.dag_run_id)

    assert rows(importer) == after
    assert importer.run(later=timedelta(days=1)).changed == 0
    assert importer.one("select count(*) from calimport.kept_rows") == 0

    undo(importer, second.dag_run_id)

    assert rows(importer) == before
    assert importer.run(later=timedelta(days=1)).changed == 0


def test_rows_that_later_runs_changed_are_refused_unless_it_is_told(importer, web, before):
    web.feed(Reply(AFTER.replace(b"SUMMARY:comes", b"SUMMARY:Comes later")))
    importer.run("later")
    found = rows(importer)

    with pytest.raises(
        PlanOutdated, match=r"club: 1 of the rows that bad changed were changed since \(such as 'comes', by later\)"
    ):
        undo(importer, "bad")
    assert rows(importer) == found

    undo(importer, "bad", overwrite=True)
    assert rows(importer) == before


def test_a_row_whose_place_another_has_taken_is_refused_unless_it_is_told(importer, web, before):
    web.feed(Reply(BEFORE))
    importer.run("later")  # `goes` is back, as another row

    with pytest.raises(PlanOutdated, match="club: 3 of the rows that bad changed"):
        undo(importer, "bad")

    undo(importer, "bad", overwrite=True)
    assert rows(importer) == before


def test_one_calendar_of_a_run_or_all_of_them(importer, web):
    ids = [importer.add(name, web.feed(Reply(BEFORE), f"/{name}.ics")) for name in ("club", "other")]
    importer.run("run")

    undone = undo(importer, "run", calendar_id=ids[0])
    assert undone.calendars == {"club": Counts(deleted=3)}
    assert (len(rows(importer)), len(rows(importer, "other"))) == (0, 3)

    with pytest.raises(PlanOutdated, match="club: 3 of the rows"):
        undo(importer, "run")
    assert len(rows(importer, "other")) == 3
    undo(importer, "run", calendar_id=ids[1])
    assert rows(importer, "other") == []


def test_all_attempts_of_a_run_are_undone_together(importer, web, before):
    web.feed(Reply(AFTER.replace(b"SUMMARY:comes", b"SUMMARY:Comes later")))
    importer.run("bad", later=timedelta(minutes=1), calendars=["club"])
    assert importer.one("select max(attempt) from calimport.runs where dag_run_id = 'bad'") == 2

    undo(importer, "bad")

    assert rows(importer) == before


def test_reminders_follow(importer, web):
    alarm = "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT10M\nEND:VALARM"
    importer.add("club", web.feed(Reply(feed(PAST, event("one", "20261119", alarm)))))
    importer.run()
    web.feed(Reply(feed(PAST)))
    importer.run("bad")
    assert importer.one("select count(*) from calimport.reminders") == 0

    undo(importer, "bad")

    assert importer.one("select count(*) from calimport.reminders") == 1


def test_a_release_can_be_undone(importer, web):
    many = [event(f"e{number:02}") for number in range(12)]
    calendar_id = importer.add("club", web.feed(Reply(feed(PAST, *many))))
    importer.run()
    before = rows(importer)
    web.feed(Reply(feed(PAST)))
    importer.run()
    holding.release(importer.connection, calendar_id, actor="os:anna", clock=importer.now)

    undo(importer, f"release__{importer.now.isoformat()}")

    assert rows(importer) == before
    assert importer.run(later=timedelta(days=1)).changed == 0


def test_a_moved_series_goes_back(importer, web):
    series = "UID:s\nDTSTART:20261116T090000Z\nDTEND:20261116T100000Z\nRRULE:FREQ=DAILY\nSUMMARY:s"
    importer.add("club", web.feed(Reply(feed(series))))
    importer.run()
    before = rows(importer)
    web.feed(Reply(feed(series.replace("T09", "T10").replace("T100000Z\nRR", "T110000Z\nRR"))))
    assert importer.run("moved").updated == len(before)

    undo(importer, "moved")

    assert rows(importer) == before
    assert importer.run(later=timedelta(days=1)).updated == 0


def test_what_cannot_be_undone_is_said(importer, before):
    with pytest.raises(ConfigurationError, match="There is no run 'nothing'"):
        undo(importer, "nothing")
    importer.run("same")
    with pytest.raises(ConfigurationError, match="There is no run 'same' that was applied"):
        undo(importer, "same")
    importer.plan("live", calendars=["club"])
    with pytest.raises(LeaseLost, match="A run is importing club just now"):
        undo(importer, "bad")


def test_a_run_that_died_and_wakes_up_applies_nothing_over_an_undo(importer, web, before):
    web.feed(Reply(feed(PAST, event("another"))))
    calendar_id = importer.state("club")["id"]
    importer.plan("stuck", calendars=["club"])
    stuck = importer.step("stuck")
    for task in (extract, normalize, diff):
        task(stuck, [calendar_id])
    importer.now += timedelta(hours=1)

    undo(importer, "bad")
    with pytest.raises(CalimportError):
        apply(stuck, [calendar_id])

    assert rows(importer) == before


@pytest.mark.parametrize("operation", ["undo", "release", "discard"])
def test_killed_at_any_statement_it_is_done_or_not_done(importer, web, monkeypatch, operation):
    many = [event(f"e{number:02}") for number in range(12)]
    calendar_id = importer.add("club", web.feed(Reply(feed(PAST, *many))))
    importer.run("first")
    web.feed(Reply(feed(PAST, event("new"))))
    importer.run("bad")

    def act() -> None:
        if operation == "undo":
            undo(importer, "bad")
        else:
            getattr(holding, operation)(importer.connection, calendar_id, actor="os:anna", clock=importer.now)

    tables = ("events", "changes", "runs", "kept_rows", "notices", "reminders", "audit_log", "calendars")
    deaths = killed_at_every_statement(importer.connection, monkeypatch, act, tables)
    assert deaths >= (3 if operation == "discard" else 8)


def test_the_command_says_what_it_did_and_what_comes_next(importer, before):
    runner = CliRunner()

    done = runner.invoke(main, ["undo", "bad", "--calendar", "club"])
    again = runner.invoke(main, ["undo", "bad"])

    first, second, third = done.output.splitlines()
    assert first == "club: 1 inserted, 1 updated, 1 deleted"
    assert second.startswith("Undone by the run undo__20")
    assert third == "Imports of the same feed leave these rows alone. A feed that has changed is imported as ever."
    assert again.exit_code == 1
    assert again.output.startswith(
        "calimport: PlanOutdated: club: 3 of the rows that bad changed were changed since (such as"
    )
    assert rows(importer) == before


def test_rows_of_an_undo_that_is_undone_are_the_feeds_again_also_where_it_changed_meanwhile(importer, web):
    importer.add("club", web.feed(Reply(feed(PAST, event("stays")))))
    importer.run("first")
    web.feed(Reply(feed(PAST, event("stays"), event("comes", "20261121"))))
    importer.run("second")
    undone = undo(importer, "second")
    web.feed(Reply(feed(PAST, event("stays"), event("other", "20261122"))))
    importer.run("third")
    undo(importer, undone.dag_run_id)

    importer.run("fourth")

    assert [row[1] for row in rows(importer)] == ["past", "stays", "other"]
