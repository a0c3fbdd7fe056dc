"""Plan and apply: what a dry run stored is shown, and applied as it is unless the world has moved on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from calimport import holding, plans, undoing
from calimport.cli import main
from calimport.errors import ConfigurationError, LeaseLost, PlanOutdated
from calimport.operations import Counts
from tests.importing import feed
from tests.killing import killed_at_every_statement
from tests.web import Reply


def event(uid: str, day: str = "20261119", *lines: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{day}T100000Z", f"DTEND:{day}T110000Z", f"SUMMARY:{uid}", *lines])


PAST = event("past", "20261114")
BEFORE = feed(PAST, event("goes"), event("changes"))
AFTER = feed(PAST, event("changes", "20261120"), event("comes", "20261121"))


def rows(importer) -> list[tuple]:
    return importer.rows("club", "id", "uid", "start_at", "content_hash")


def apply(importer, run="dry", **options):
    importer.now += timedelta(seconds=1)
    return plans.apply(importer.connection, run, actor="os:anna", clock=importer.now, **options)


@pytest.fixture
def club(importer, web) -> int:
    """A calendar with a dry run of a feed that has changed."""
    calendar_id = importer.add("club", web.feed(Reply(BEFORE)))
    importer.run("first")
    web.feed(Reply(AFTER))
    importer.run("dry", dry_run=True)
    return calendar_id


def test_a_plan_is_shown_as_it_was_made(importer, club):
    (plan,) = plans.show(importer.connection, "dry")

    assert (plan.run["calendar"], plan.run["outcome"]) == ("club", "planned")
    assert [(one["action"], one["uid"], one["changed_columns"]) for one in plan.changes] == [
        ("delete", "goes", None),
        ("update", "changes", ["end_at", "start_at"]),
        ("insert", "comes", None),
    ]
    assert plans.show(importer.connection, plan.run["id"]) == [plan]
    assert plans.show(importer.connection, "dry", calendar_id=club, most=1)[0].changes == plan.changes[:1]


def test_a_plan_is_applied_as_it_is_and_the_next_import_finds_nothing_to_do(importer, web, club):
    (plan,) = plans.show(importer.connection, "dry")

    applied = apply(importer)

    assert applied.calendars == {"club": Counts(inserted=1, updated=1, deleted=1)}
    (done,) = plans.show(importer.connection, applied.dag_run_id)
    assert done.changes == plan.changes
    assert {(one["event_id"], one["uid"]) for one in plan.changes if one["after"]} < {row[:2] for row in rows(importer)}
    assert importer.run().changed == 0
    assert importer.one("select actor from calimport.audit_log where action = 'plan.apply'") == "os:anna"


def test_a_plan_that_was_applied_can_be_undone(importer, club):
    before = rows(importer)
    applied = apply(importer)

    undoing.undo(importer.connection, applied.dag_run_id, actor="os:anna", clock=importer.now)

    assert rows(importer) == before


def test_a_plan_is_not_applied_twice(importer, club):
    apply(importer)

    with pytest.raises(PlanOutdated, match="club: rows of the plan have changed since"):
        apply(importer)


def test_an_unchanged_feed_in_between_is_no_newer_one(importer, web):
    importer.add("club", web.feed(Reply(BEFORE)))
    importer.run()
    importer.run("dry", dry_run=True, force=True, window_start="2026-11-19", window_end="2026-11-20")
    importer.run()

    assert apply(importer).calendars == {"club": Counts()}


def test_a_newer_feed_makes_a_plan_out_of_date(importer, web, club):
    web.feed(Reply(BEFORE.replace(b"SUMMARY:past", b"SUMMARY:Past")))
    importer.run()
    before = rows(importer)

    with pytest.raises(PlanOutdated, match="club: a newer feed was imported since, so the plan was not applied"):
        apply(importer)
    assert rows(importer) == before


def test_a_row_that_has_changed_makes_a_plan_out_of_date(importer, club):
    importer.connection.execute("delete from calimport.events where uid = 'goes'")
    before = rows(importer)

    with pytest.raises(PlanOutdated, match="club: rows of the plan have changed since"):
        apply(importer)
    assert rows(importer) == before
    assert importer.one("select count(*) from calimport.runs where operation = 'plan'") == 0


def test_another_configuration_makes_a_plan_out_of_date(importer, club):
    importer.connection.execute("update calimport.calendars set configured_at = clock_timestamp()")

    with pytest.raises(PlanOutdated, match="club: its configuration has changed since"):
        apply(importer)


def test_only_a_dry_run_has_a_plan_to_apply(importer, club):
    with pytest.raises(
        ConfigurationError, match="club: first is no dry run with a plan to apply; it ended as imported"
    ):
        apply(importer, "first")
    with pytest.raises(ConfigurationError, match="There is no run 'nothing'"):
        plans.show(importer.connection, "nothing")
    importer.plan("live", calendars=["club"])
    with pytest.raises(LeaseLost, match="A run is importing club just now"):
        apply(importer)


def test_all_calendars_of_a_plan_are_applied_or_none(importer, web):
    for name in ("club", "other"):
        importer.add(name, web.feed(Reply(BEFORE), f"/{name}.ics"))
    importer.run()
    for name in ("club", "other"):
        web.feed(Reply(AFTER), f"/{name}.ics")
    importer.run("dry", dry_run=True)
    importer.connection.execute("update calimport.calendars set configured_at = clock_timestamp() where name = 'other'")
    before = rows(importer)

    with pytest.raises(PlanOutdated, match="other: its configuration"):
        apply(importer)
    assert rows(importer) == before
    assert apply(importer, calendar_id=importer.state("club")["id"]).calendars.keys() == {"club"}


def test_what_a_plan_holds_is_held_once_it_is_applied(importer, web):
    many = [event(f"e{number:02}") for number in range(12)]
    calendar_id = importer.add("club", web.feed(Reply(feed(PAST, *many))))
    importer.run()
    web.feed(Reply(feed(PAST, event("new"))))
    importer.run("dry", dry_run=True)

    assert apply(importer).calendars == {"club": Counts(inserted=1)}

    assert len(holding.held(importer.connection, calendar_id)) == 12


def test_killed_at_any_statement_a_plan_is_applied_or_not(importer, club, monkeypatch):
    tables = ("events", "changes", "runs", "calendars", "audit_log", "notices")
    deaths = killed_at_every_statement(importer.connection, monkeypatch, lambda: apply(importer), tables)
    assert deaths > 8
    assert len(rows(importer)) == 3


def test_the_commands(importer, club):
    runner = CliRunner()

    shown = runner.invoke(main, ["plan", "show", "dry", "--limit", "2"])
    applied = runner.invoke(main, ["plan", "apply", "dry", "--calendar", "club"])

    assert shown.output.splitlines() == [
        "club: planned: 1 inserted, 1 updated, 1 deleted, 0 held",
        "  - 2026-11-19 10:00Z  goes",
        "  ~ 2026-11-20 10:00Z  changes  (end_at, start_at)",
        "  … and 1 more",
    ]
    first, second = applied.output.splitlines()
    assert first == "club: 1 inserted, 1 updated, 1 deleted"
    assert second.startswith("Applied by the run plan__20")
