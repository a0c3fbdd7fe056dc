"""The deletion guard: what is held, why, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from calimport import calendars, holding
from calimport.cli import main
from calimport.errors import ConfigurationError, LeaseLost, PlanOutdated
from tests.importing import feed
from tests.web import Reply


def event(uid: str, day: str = "20261119", *lines: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{day}T100000Z", f"DTEND:{day}T110000Z", f"SUMMARY:{uid}", *lines])


PAST = event("past", "20261114")
MANY = [event(f"e{number:02}", f"202611{19 + number % 6}") for number in range(12)]
FULL = feed(PAST, *MANY)
POOR = feed(PAST)


def uids(importer, calendar: str = "club") -> list[str]:
    return sorted(uid for (uid,) in importer.rows(calendar, "uid"))


def notices(importer) -> list[str]:
    return [row["code"] for row in importer.connection.execute("select code from calimport.notices order by code")]


@pytest.fixture
def club(importer, web) -> int:
    """A calendar whose feed has just lost 12 of its 13 events; their deletion is held."""
    calendar_id = importer.add("club", web.feed(Reply(FULL)))
    importer.run()
    web.feed(Reply(POOR))
    importer.run("poor")
    return calendar_id


def test_what_is_held_has_its_run_and_its_reason(importer, club):
    rows = holding.held(importer.connection, club)

    assert [row["uid"] for row in rows[:3]] == ["e00", "e06", "e01"]
    assert {row["dag_run_id"] for row in rows} == {"poor"}
    assert {row["held_reason"] for row in rows} == {
        "12 of 13 rows in the window (92%) would be deleted: more than 10, and more than 50%."
    }
    assert (rows[0]["held_confirmations"], rows[0]["held_until_told"], rows[0]["is_as_it_was"]) == (1, False, True)
    assert importer.one("select held_reason from calimport.runs where dag_run_id = 'poor'") == rows[0]["held_reason"]


@pytest.mark.parametrize(
    ("columns", "held"),
    [
        ({}, 12),
        ({"hold_deletes_over": 12}, 0),
        ({"hold_deletes_ratio": 0.95}, 0),
        ({"hold_deletes_ratio": 0.95, "hold_deletes_most": 11}, 12),
        ({"hold_deletes_ratio": 0.95, "hold_deletes_most": 12}, 0),
        ({"hold_deletes_over": 0, "hold_deletes_ratio": 0.0}, 12),
    ],
)
def test_each_calendar_may_have_thresholds_of_its_own(importer, web, columns, held):
    importer.add("club", web.feed(Reply(FULL)), **columns)
    importer.run()
    web.feed(Reply(POOR))

    result = importer.run()

    assert (result.held, result.deleted) == (held, 12 - held)


def test_a_large_number_is_held_whatever_its_share(importer, web):
    importer.settings = replace(importer.settings, hold_deletes_most=3)
    calendar_id = importer.add("club", web.feed(Reply(FULL)))
    importer.run()
    web.feed(Reply(feed(PAST, *MANY[:8])))

    importer.run()

    (reason,) = {row["held_reason"] for row in holding.held(importer.connection, calendar_id)}
    assert reason == "4 of 13 rows in the window (31%) would be deleted: more than 3."


def test_only_fetches_that_agree_on_the_same_rows_count(importer, web, club):
    """Each lacks most events, but not the same ones: a feed that flaps proves nothing."""
    for missing in (MANY[:1], MANY[1:2], MANY[2:3], []):
        web.feed(Reply(feed(PAST, *missing)))
        importer.run()
        assert len(uids(importer)) == 13
    importer.run()
    assert len(uids(importer)) == 13

    importer.run()

    assert uids(importer) == ["past"]


def test_rows_that_the_window_leaves_behind_are_no_disagreement(importer, web):
    """A calendar that is fetched once a day: no two fetches have the same window."""
    importer.add("club", web.feed(Reply(feed(event("first", "20261110"), event("old", "20261111"), PAST, *MANY))))
    importer.run()
    web.feed(Reply(feed(event("first", "20261110"))))
    left = []
    for _ in range(3):
        importer.run(later=timedelta(days=1))
        left.append(len(uids(importer)))

    assert left[:2] == [14, 14]
    assert left[2] < 3


def test_a_feed_that_is_truly_empty_empties_its_calendar_after_confirmations(importer, web):
    importer.add("club", web.feed(Reply(feed(*MANY))))
    importer.run()
    web.feed(Reply(feed()))

    assert [importer.run().deleted for _ in range(3)] == [0, 0, 12]
    assert uids(importer) == []


def test_a_release_deletes_what_is_held_as_a_run_in_the_history(importer, club):
    counts = holding.release(importer.connection, club, actor="os:anna", clock=importer.now)

    assert counts.deleted == 12
    assert uids(importer) == ["past"]
    assert notices(importer) == []
    assert holding.held(importer.connection, club) == []
    run = importer.connection.execute(
        "select runs.operation, runs.actor, runs.outcome, runs.deleted, poor.dag_run_id as of_run from calimport.runs"
        " join calimport.runs poor on runs.of_run_id = poor.id"
    ).fetchone()
    assert run == {"operation": "release", "actor": "os:anna", "outcome": "imported", "deleted": 12, "of_run": "poor"}
    assert [row[:1] for row in importer.history()][-12:] == [("delete",)] * 12
    assert importer.run().changed == 0
    assert (
        importer.one("select count(*) from calimport.audit_log where action = 'held.release' and actor = 'os:anna'")
        == 1
    )


def test_a_release_is_refused_where_a_row_has_changed_since(importer, club):
    importer.connection.execute(
        "update calimport.events set content_hash = decode(repeat('00', 16), 'hex') where uid = 'e03'"
    )

    with pytest.raises(PlanOutdated, match="have changed since, so nothing was deleted"):
        holding.release(importer.connection, club, actor="os:anna", clock=importer.now)

    assert len(uids(importer)) == 13
    assert len(holding.held(importer.connection, club)) == 12
    assert importer.one("select count(*) from calimport.runs where operation = 'release'") == 0


@pytest.mark.parametrize("decide", [holding.release, holding.discard])
def test_nothing_is_decided_while_a_run_has_the_calendar_nor_where_nothing_is_held(importer, web, club, decide):
    importer.plan("live", calendars=["club"])
    with pytest.raises(LeaseLost, match="A run is importing club just now"):
        decide(importer.connection, club, actor="os:anna", clock=importer.now)

    other = importer.add("other", web.feed(Reply(FULL), "/other.ics"))
    with pytest.raises(ConfigurationError, match="other: no deletion is held"):
        decide(importer.connection, other, actor="os:anna", clock=importer.now)


def test_rows_that_are_to_stay_stay_while_the_feed_is_what_it_was(importer, club):
    assert holding.discard(importer.connection, club, actor="os:anna", clock=importer.now) == 12

    assert notices(importer) == []
    for _ in range(4):
        result = importer.run(later=timedelta(days=1))  # the window moves on, so the feed is expanded again
        assert (result.held, result.deleted) == (0, 0)
    assert len(uids(importer)) == 13


def test_another_feed_that_lacks_them_has_them_held_until_a_person_decides(importer, web, club):
    holding.discard(importer.connection, club, actor="os:anna", clock=importer.now)
    web.feed(Reply(feed(PAST, event("new"), *MANY[:6])))

    first, *others = (importer.run() for _ in range(6))

    assert (first.inserted, first.held, first.deleted) == (1, 6, 0)
    assert {other.unchanged for other in others} == {1}  # it waits, and costs nothing
    rows = holding.held(importer.connection, club)
    assert {row["held_until_told"] for row in rows} == {True}
    assert rows[0]["held_reason"] == (
        "6 of 13 rows in the window (46%) would be deleted, among them rows that a person said are to stay."
    )
    assert importer.one("select message from calimport.notices where code = 'deletions_held'") == (
        "6 of this calendar's 13 events are no longer in the feed. They are kept until somebody here decides; if they"
        " are to go, tell us."
    )
    assert holding.release(importer.connection, club, actor="os:anna", clock=importer.now).deleted == 6
    assert importer.one("select count(*) from calimport.kept_rows") == 0
    assert importer.run().changed == 0


def test_what_comes_back_is_the_feeds_again(importer, web, club):
    holding.discard(importer.connection, club, actor="os:anna", clock=importer.now)
    web.feed(Reply(FULL))
    importer.run()
    web.feed(Reply(feed(PAST, *MANY[:10])))

    assert importer.run().deleted == 2


def test_force_has_the_last_word(importer, club):
    holding.discard(importer.connection, club, actor="os:anna", clock=importer.now)

    assert importer.run(force=True).deleted == 12
    assert importer.one("select count(*) from calimport.kept_rows") == 0


def test_another_configuration_ends_it(importer, club):
    """What stays was said of rows as this configuration makes them."""
    holding.discard(importer.connection, club, actor="os:anna", clock=importer.now)
    importer.connection.execute(
        "update calimport.calendars"
        " set timezone = 'Europe/Paris', configured_at = clock_timestamp(), next_import_at = null"
    )

    assert importer.run().held == 12


def test_a_calendar_that_is_paused_and_resumed_is_configured_as_it_was(importer, club):
    holding.discard(importer.connection, club, actor="os:anna", clock=importer.now)
    with importer.connection.transaction():
        calendars.pause(importer.connection, "club")
        calendars.resume(importer.connection, "club")
        calendars.change(importer.connection, "club", {"days_ahead": 8, "interval": "1h"})

    result = importer.run()

    assert (result.imported, result.held, result.deleted) == (1, 0, 0)


def test_a_run_over_a_window_of_its_own_holds_until_it_is_told(importer, web):
    calendar_id = importer.add("club", web.feed(Reply(feed(PAST, *[event(f"e{number}") for number in range(12)]))))
    importer.run()
    web.feed(Reply(POOR))
    day = {"window_start": "2026-11-19", "window_end": "2026-11-20"}

    assert importer.run(**day).held == 12
    assert [importer.run(**day).held for _ in range(3)] == [12, 12, 12]  # no number of them lets them go

    assert len(holding.held(importer.connection, calendar_id)) == 12
    assert holding.release(importer.connection, calendar_id, actor="os:anna", clock=importer.now).deleted == 12


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("hold_deletes_over=20", "Changed club: hold_deletes_over: – → 20.\n"),
        ("hold_deletes_ratio=0.9", "Changed club: hold_deletes_ratio: – → 0.9.\n"),
        ("hold_deletes_most=0", "Changed club: hold_deletes_most: – → 0.\n"),
        ("hold_deletes_ratio=2", "calimport: ConfigurationError: hold_deletes_ratio: must be at most 1.0, not 2.\n"),
        ("hold_deletes_ratio=many", "ConfigurationError: hold_deletes_ratio: must be a number, not 'many'.\n"),
        ("hold_deletes_over=-1", "ConfigurationError: hold_deletes_over: must be at least 0, not -1.\n"),
    ],
)
def test_thresholds_are_keys_of_a_calendar(importer, club, given, printed):
    done = CliRunner().invoke(main, ["calendars", "set", "club", given])

    assert done.output.endswith(printed)
    key, _, value = given.partition("=")
    stored = importer.state("club")[key]
    assert stored == (float(value) if done.exit_code == 0 else None)


def test_the_commands(importer, club):
    importer.connection.execute("update calimport.calendars set lease_owner = null, lease_until = null")
    runner = CliRunner()

    listed = runner.invoke(main, ["held", "list", "club"])
    discarded = runner.invoke(main, ["held", "discard", "club"])
    nothing = runner.invoke(main, ["held", "release", "club"])

    assert listed.output.splitlines()[:3] == [
        "poor: 12 of 13 rows in the window (92%) would be deleted: more than 10, and more than 50%.",
        "Fetches in a row that agree: 1.",
        "  2026-11-19 10:00Z  e00",
    ]
    assert discarded.output == ("Discarded: 12 rows of club stay. If another feed lacks them too, they wait for you.\n")
    assert (nothing.exit_code, nothing.output) == (1, "calimport: ConfigurationError: club: no deletion is held.\n")
    assert runner.invoke(main, ["held", "list", "club"]).output == "No deletion is held.\n"
