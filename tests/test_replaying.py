"""Stored feeds read again: the feed of another time, other code, another window, other zones; nothing is fetched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from calimport import normalizing, plans, replaying, undoing
from calimport.cli import main
from calimport.errors import ConfigurationError, FeedInvalid, LeaseLost
from calimport.operations import Counts
from calimport.steps import fingerprint
from tests.importing import NOW, feed
from tests.killing import killed_at_every_statement
from tests.web import Reply


def event(uid: str, day: str = "20261119", *lines: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{day}T100000Z", f"DTEND:{day}T110000Z", f"SUMMARY:{uid}", *lines])


PAST = event("past", "20261114")
OLD = feed(PAST, event("one"), event("two"))
NEW = feed(PAST, event("two", "20261120"), event("three", "20261121"))
DAILY = feed("UID:d\nDTSTART:20261101T100000Z\nDTEND:20261101T110000Z\nRRULE:FREQ=DAILY\nSUMMARY:d")
LATER = NOW + timedelta(minutes=7)


def rows(importer, calendar: str = "club") -> list[tuple]:
    return importer.rows(calendar, "uid", "start_at", "summary")


def replay(importer, calendar_id, at=LATER, **options):
    importer.now += timedelta(seconds=1)
    return replaying.replay(
        importer.connection,
        calendar_id,
        at=at,
        actor="os:anna",
        clock=importer.now,
        settings=importer.settings,
        **options,
    )


def renormalize(importer, calendar_id, **options):
    importer.now += timedelta(seconds=1)
    return replaying.renormalize(
        importer.connection, calendar_id, actor="os:anna", clock=importer.now, settings=importer.settings, **options
    )


@pytest.fixture
def club(importer, web) -> int:
    """A calendar with the old feed until 12:10, the new one after it."""
    calendar_id = importer.add("club", web.feed(Reply(OLD)))
    importer.run()
    web.feed(Reply(NEW))
    importer.run()
    return calendar_id


def test_what_the_feed_of_another_time_gives_is_planned_and_nothing_is_changed(importer, web, club):
    before, calendar = rows(importer), importer.state("club")
    web.asked.clear()

    found = replay(importer, club)

    assert (found.counts, found.applied) == (Counts(inserted=1, updated=1, deleted=1), False)
    assert found.fetched_at == NOW + timedelta(minutes=5)
    (plan,) = plans.show(importer.connection, found.run_id)
    assert [(one["action"], one["uid"]) for one in plan.changes] == [
        ("insert", "one"),
        ("update", "two"),
        ("delete", "three"),
    ]
    assert rows(importer) == before
    assert importer.state("club") == calendar
    assert web.asked == []
    assert importer.one("select count(*) from calimport.staged_events") == 0


def test_what_is_applied_stays_until_the_feed_changes(importer, web, club):
    found = replay(importer, club, apply=True)

    assert [uid for uid, *_ in rows(importer)] == ["past", "one", "two"]
    assert importer.run().changed == 0
    assert importer.run(later=timedelta(days=1)).changed == 0
    web.feed(Reply(feed(PAST, event("two", "20261120"), event("three", "20261121"), event("four", "20261121"))))
    changed = importer.run()
    assert (changed.inserted, changed.updated, changed.held) == (2, 1, 1)
    assert found.dag_run_id.startswith("replay__")


def test_a_replay_can_be_undone_and_then_the_feed_has_the_word(importer, club):
    before = rows(importer)
    found = replay(importer, club, apply=True)

    undoing.undo(importer.connection, found.dag_run_id, actor="os:anna", clock=importer.now)

    assert rows(importer) == before
    assert importer.run(later=timedelta(days=1)).changed == 0
    assert importer.one("select count(*) from calimport.kept_rows") == 0


def test_a_time_that_no_feed_is_kept_of_is_said(importer, web, club):
    with pytest.raises(
        ConfigurationError, match=r"club: no feed of 2026-11-18 12:00Z is stored; the oldest is of 2026"
    ):
        replay(importer, club, at=NOW)
    other = importer.add("other", web.feed(Reply(OLD), "/other.ics"))
    with pytest.raises(ConfigurationError, match="other: no feed is stored"):
        replay(importer, other)
    importer.plan("live", calendars=["club"])
    with pytest.raises(LeaseLost):
        replay(importer, club)


def test_a_feed_that_was_fetched_and_not_applied_is_not_what_the_calendar_was_in_step_with(importer, web):
    calendar_id = importer.add("club", web.feed(Reply(OLD)))
    importer.run()
    web.feed(Reply(NEW))
    importer.run(dry_run=True)
    web.feed(Reply(feed(PAST)))
    importer.run()

    assert replay(importer, calendar_id, at=NOW + timedelta(minutes=12)).fetched_at == NOW + timedelta(minutes=5)


# New code over old feeds.


def test_what_new_code_makes_of_a_stored_feed_is_planned_before_it_is_applied(importer, web, club, monkeypatch):
    plain = normalizing.plain
    monkeypatch.setattr(normalizing, "plain", lambda text: plain(text) and plain(text).upper())
    before, calendar = rows(importer), importer.state("club")
    web.asked.clear()

    planned = renormalize(importer, club)

    assert (planned.counts, planned.applied) == (Counts(updated=3), False)
    assert rows(importer) == before
    assert importer.state("club") == calendar

    applied = renormalize(importer, club, apply=True)

    assert (applied.counts, applied.applied) == (Counts(updated=3), True)
    assert [title for _, _, title in rows(importer)] == ["PAST", "TWO", "THREE"]
    assert web.asked == []
    assert importer.run(force=True).changed == 0


def test_new_code_that_loses_most_events_is_held(importer, web, monkeypatch):
    many = [event(f"e{number:02}", "20261119", "DESCRIPTION:Soon") for number in range(12)]
    calendar_id = importer.add("club", web.feed(Reply(feed(PAST, *many))))
    importer.run()
    monkeypatch.setattr(normalizing, "_is_marked", lambda marker, description: description == "Soon")

    found = renormalize(importer, calendar_id, apply=True)

    assert (found.counts, found.held) == (Counts(), 12)
    assert len(rows(importer)) == 13


def test_a_feed_that_new_code_cannot_read_changes_nothing(importer, club, monkeypatch):
    def unreadable(*_, **__):
        raise FeedInvalid

    before, calendar = rows(importer), importer.state("club")
    monkeypatch.setattr("calimport.steps.normalize.normalize_feed", unreadable)

    with pytest.raises(FeedInvalid):
        renormalize(importer, club, apply=True)

    assert (rows(importer), importer.state("club")) == (before, calendar)
    assert importer.one("select count(*) from calimport.runs where operation = 'renormalize'") == 0


@pytest.mark.parametrize("operation", ["replay", "renormalize"])
def test_killed_at_any_statement_it_is_done_or_not_done(importer, club, monkeypatch, operation):
    plain = normalizing.plain
    monkeypatch.setattr(normalizing, "plain", lambda text: plain(text) and plain(text).upper())
    tables = ("events", "changes", "runs", "calendars", "kept_rows", "notices", "staged_events", "audit_log")
    deaths = killed_at_every_statement(
        importer.connection,
        monkeypatch,
        lambda: (replay if operation == "replay" else renormalize)(importer, club, apply=True),
        tables,
    )
    assert deaths > 15
    assert importer.state("club")["lease_owner"] is None
    assert importer.one("select count(*) from calimport.staged_events") == 0


def test_a_calendar_in_error_stays_in_error_but_its_horizon_rolls_on(importer, web):
    """The source is away for days; what was fetched holds for longer than that."""
    calendar_id = importer.add("club", web.feed(Reply(DAILY)))
    importer.run()
    before = rows(importer)
    web.feed(Reply(status=500))
    importer.run(later=timedelta(days=3))
    assert rows(importer) == before

    renormalize(importer, calendar_id, apply=True)

    assert len(rows(importer)) == len(before) + 3
    assert importer.state("club")["state"] == "error"
    assert importer.state("club")["error_class"] == "FeedServerError"


# Unchanged feeds are expanded again.


def test_new_zone_data_expand_a_feed_that_was_not_modified(importer, web, monkeypatch):
    importer.add("club", web.feed(Reply(DAILY, etag='"1"')))
    importer.run()
    assert importer.run().unchanged == 1
    monkeypatch.setattr(fingerprint, "_zone_data_version", lambda: "2027a")
    web.asked.clear()

    result = importer.run()

    assert (result.imported, result.changed) == (1, 0)
    assert [asked.headers["if-none-match"] for asked in web.asked] == ['"1"']
    assert importer.run().unchanged == 1


def test_a_new_version_of_the_normalizer_expands_a_feed_that_was_not_modified(importer, web, monkeypatch):
    importer.add("club", web.feed(Reply(DAILY, etag='"1"')))
    importer.run()
    monkeypatch.setattr(fingerprint, "VERSION", -1)

    assert importer.run().imported == 1
    assert importer.run().unchanged == 1


def test_the_commands(importer, club):
    runner = CliRunner()
    at = LATER.isoformat().replace("+00:00", "Z")

    planned = runner.invoke(main, ["replay", "club", "--at", at, "--limit", "1"])
    applied = runner.invoke(main, ["replay", "club", "--at", at, "--apply"])
    again = runner.invoke(main, ["renormalize"])

    lines = planned.output.splitlines()
    assert lines[0].startswith("club: the feed of 2026-11-18 12:05Z, from 20")
    assert lines[2:] == ["Not applied: that takes --apply."] or lines[-1] == "Not applied: that takes --apply."
    assert applied.exit_code == 0, applied.output
    assert applied.output.splitlines()[-1].endswith("It stays so until the feed changes.")
    assert again.output.splitlines()[-1].endswith("Not applied: that takes --apply.")
