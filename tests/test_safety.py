"""Nothing is lost: what fails deletes nothing, what is interrupted can be run again, two runs never interleave."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest

from calimport import database
from calimport.errors import (
    BatchFailed,
    CalimportError,
    ConfigurationError,
    FeedOutdated,
    ImportFailed,
    LeaseLost,
    StagingLost,
)
from calimport.settings import Settings
from calimport.steps import mirrors
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from calimport.steps.plan import group
from calimport.steps.report import judge, report
from calimport.steps.runs import Step
from calimport.undoing import undo
from tests.importing import Importer, feed
from tests.loopback import LOOPBACK
from tests.web import Reply


def event(uid: str, day: str, *lines: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{day}T100000Z", f"DTEND:{day}T110000Z", f"SUMMARY:{uid}", *lines])


PAST = event("past", "20261114")
BASE = feed(PAST, event("one", "20261119"), event("two", "20261120"))
OTHER = feed(PAST, event("one", "20261119"), event("three", "20261121"))


@pytest.fixture
def importer(connection):
    connection.commit()
    connection.autocommit = True
    return Importer(connection, Settings(allowed_networks=LOOPBACK, read_timeout=0.3, fetch_timeout=0.6))


def snapshot(importer: Importer, calendar: str = "club") -> list[tuple]:
    return importer.rows(calendar, "id", "uid", "start_at", "summary", "xmin")


@pytest.mark.parametrize(
    ("reply", "error_class", "state"),
    [
        (Reply(status=404), "FeedNotFound", "bad_source"),
        (Reply(status=403), "FeedForbidden", "bad_source"),
        (Reply(status=418), "FeedStatusUnexpected", "bad_source"),
        (Reply(status=500), "FeedServerError", "error"),
        (Reply(status=429, headers={"Retry-After": "7200"}), "QuotaExceeded", "error"),
        (Reply(hangs=True), "FeedTimeout", "error"),
        (Reply(b"x", endless=True, pause=0.1), "FeedTimeout", "error"),
        (Reply(OTHER, cut_after=60), "FeedTruncated", "error"),
        (Reply(OTHER[:-14]), "FeedTruncated", "error"),
        (Reply(b"<!DOCTYPE html><html><body>Sign in</body></html>"), "FeedIsWebPage", "bad_source"),
        (Reply(b'{"events": []}'), "FeedUnparsable", "bad_source"),
        (Reply(b""), "FeedEmpty", "error"),
    ],
)
def test_a_fetch_that_fails_changes_nothing_and_says_why(importer, web, reply, error_class, state):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    before, history = snapshot(importer), importer.history()
    web.feed(reply)

    result = importer.run()

    assert result.failed == ["club"]
    assert snapshot(importer) == before
    assert importer.history() == history
    calendar = importer.state("club")
    assert (calendar["error_class"], calendar["state"], calendar["lease_owner"]) == (error_class, state, None)
    assert calendar["error_message"].endswith((".", ")"))


def test_the_next_success_clears_the_error(importer, web):
    importer.add("club", web.feed(Reply(status=404)))
    importer.run()
    web.feed(Reply(BASE))

    importer.run(calendars=["club"])

    calendar = importer.state("club")
    assert (calendar["state"], calendar["error_class"], calendar["error_message"]) == ("idle", None, None)
    assert calendar["consecutive_failures"] == 0
    assert len(snapshot(importer)) == 3


def test_a_failing_calendar_waits_longer_each_time_but_is_never_given_up(importer, web):
    importer.add("club", web.feed(Reply(status=500)))
    waits = []

    for _ in range(12):
        importer.run(calendars=["club"])
        waits.append(importer.state("club")["next_import_at"] - importer.now)

    assert [wait // timedelta(minutes=5) for wait in waits] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 288, 288, 288]
    assert importer.state("club")["enabled"]


def test_a_provider_that_names_a_time_is_asked_no_earlier(importer, web):
    importer.add("club", web.feed(Reply(status=429, headers={"Retry-After": "7200"})))

    importer.run()

    assert importer.state("club")["next_import_at"] == importer.now + timedelta(hours=2)


def test_one_calendars_failure_leaves_the_others_of_its_batch_alone(importer, web):
    importer.settings = Settings(allowed_networks=LOOPBACK, max_batches=1, read_timeout=0.3)
    importer.add("bad", web.feed(Reply(status=404), "/bad.ics"))
    importer.add("broken", web.feed(Reply(b"BEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VEVENT"), "/broken.ics"))
    importer.add("good", web.feed(Reply(BASE), "/good.ics"))
    importer.now += timedelta(minutes=5)
    (batch,) = importer.plan("batched")
    step, ids = importer.step("batched"), batch["calendar_ids"]

    extract(step, ids)
    normalize(step, ids)
    diff(step, ids)
    with pytest.raises(BatchFailed, match=r"bad: There is no calendar at this address"):
        apply(step, ids)

    assert len(snapshot(importer, "good")) == 3
    assert "bad" in report(step).failed


def test_an_older_feed_never_overwrites_a_newer_one(importer, web):
    """Where the lease were lost in a step that hangs: the truth is when the feed was fetched."""
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    before = snapshot(importer)
    web.feed(Reply(feed(event("one", "20261119"))))
    importer.now += timedelta(minutes=5)
    (batch,) = importer.plan("late")
    step, ids = importer.step("late"), batch["calendar_ids"]
    extract(step, ids)
    normalize(step, ids)
    importer.connection.execute("update calimport.calendars set fetched_at = fetched_at + interval '30 minutes'")

    with pytest.raises(FeedOutdated):
        diff(step, ids)

    assert snapshot(importer) == before
    assert importer.one("select error_class from calimport.runs order by id desc limit 1") == "FeedOutdated"


def test_an_event_that_cannot_be_understood_is_not_gone(importer, web):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    before = snapshot(importer)
    broken = event("one", "20261119").replace("DTSTART:20261119T100000Z", "DTSTART:soon")
    web.feed(Reply(feed(PAST, broken, event("two", "20261120"))))

    importer.run()

    assert snapshot(importer) == before
    notices = importer.connection.execute("select code, subject, message from calimport.notices").fetchall()
    assert [(row["code"], row["subject"]) for row in notices] == [("event_unreadable", "one")]
    assert "DTSTART" in notices[0]["message"]


def test_what_a_feed_may_hold_but_a_database_may_not_is_imported_all_the_same(importer, web):
    long_uid = "u" * 5000
    extremes = [
        event(long_uid, "20261119", "SEQUENCE:99999999999"),
        event("early", "20261120", "CREATED:00010101T000000Z", "DESCRIPTION:a\x00b"),
        "UID:from-year-1\nDTSTART:00010101T000000Z\nRRULE:FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=21\nSUMMARY:y",
    ]
    importer.add("club", web.feed(Reply(feed(*extremes))))

    result = importer.run()

    assert (result.failed, result.inserted) == ([], 3)
    assert [len(uid) for (uid,) in importer.rows("club", "uid")] == [165, 5, 11]
    assert importer.run(force=True).changed == 0


# Deletions that look wrong are held.

MANY = [event(f"e{number:02}", f"202611{19 + number % 6}") for number in range(12)]


def test_implausible_deletions_are_held_and_go_once_three_fetches_agree(importer, web):
    importer.add("club", web.feed(Reply(feed(PAST, *MANY))))
    importer.run()
    web.feed(Reply(feed(PAST)))

    left = []
    for _ in range(3):
        importer.run()
        left.append(len(snapshot(importer)))

    assert left == [13, 13, 1]
    assert importer.one("select count(*) from calimport.notices") == 0


def test_a_notice_says_that_deletions_are_held(importer, web):
    importer.add("club", web.feed(Reply(feed(PAST, *MANY))))
    importer.run()
    web.feed(Reply(feed(PAST)))

    result = importer.run()

    assert (result.held, result.deleted) == (12, 0)
    assert "12" in importer.one("select message from calimport.notices where code = 'deletions_held'")
    assert importer.history()[-1][0] == "insert"


def test_force_applies_deletions_that_would_be_held(importer, web):
    importer.add("club", web.feed(Reply(feed(PAST, *MANY))))
    importer.run()
    web.feed(Reply(feed(PAST)))

    assert importer.run(force=True).deleted == 12


def test_a_disagreeing_fetch_starts_the_count_anew(importer, web):
    importer.add("club", web.feed(Reply(feed(PAST, *MANY))))
    importer.run()
    for reply in (feed(PAST), feed(PAST, *MANY), feed(PAST), feed(PAST, event("new", "20261119"))):
        web.feed(Reply(reply))
        importer.run()

    assert len(snapshot(importer)) == 14


# What a feed no longer publishes is not gone.


def test_past_events_stay_when_the_feed_publishes_only_what_is_ahead(importer, web):
    importer.add("club", web.feed(Reply(feed(event("soon", "20261118"), event("later", "20261124")))))
    importer.run()
    importer.now += timedelta(days=1)
    web.feed(Reply(feed(event("later", "20261124"))))

    importer.run()

    assert [uid for _, uid, *_ in snapshot(importer)] == ["soon", "later"]


def test_past_events_go_when_the_feed_still_publishes_older_ones(importer, web):
    importer.add("club", web.feed(Reply(feed(PAST, event("middle", "20261116"), event("later", "20261124")))))
    importer.run()
    web.feed(Reply(feed(PAST, event("later", "20261124"))))

    importer.run()

    assert [uid for _, uid, *_ in snapshot(importer)] == ["past", "later"]


def test_rows_behind_the_window_stay(importer, web):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    importer.now += timedelta(days=30)
    web.feed(Reply(feed()))

    importer.run()

    assert len(snapshot(importer)) == 3


# Interrupted and run again.


@pytest.mark.parametrize("change", ["first import", "change"])
def test_killed_at_any_statement_and_run_again_ends_the_same(importer, web, change, monkeypatch):
    """Every statement of the four steps in turn is where the worker dies; the same task is then run again."""
    execute = database.run

    def undisturbed(name: str) -> list[tuple]:
        importer.add(name, web.feed(Reply(BASE), f"/{name}.ics"))
        if change == "change":
            importer.run(calendars=[name])
            web.feed(Reply(OTHER), f"/{name}.ics")
        importer.run(calendars=[name])
        return importer.rows(name, "uid", "start_at", "summary")

    expected = undisturbed("undisturbed")
    deaths = 0
    while True:
        name = f"club{deaths}"
        importer.add(name, web.feed(Reply(BASE), f"/{name}.ics"))
        if change == "change":
            importer.run(calendars=[name])
            web.feed(Reply(OTHER), f"/{name}.ics")
        (batch,) = importer.plan(name, calendars=[name])
        left = deaths

        def dies(connection, statement, /, **parameters):
            nonlocal left
            if left == 0:
                left = -1
                raise psycopg.OperationalError("the worker was killed")
            left -= 1
            return execute(connection, statement, **parameters)

        monkeypatch.setattr(database, "run", dies)
        for task in (extract, normalize, diff, apply):
            try:
                task(importer.step(name), batch["calendar_ids"])
            except psycopg.OperationalError:
                task(importer.step(name), batch["calendar_ids"])
        monkeypatch.setattr(database, "run", execute)
        died = left < 0

        assert importer.rows(name, "uid", "start_at", "summary") == expected
        changes = importer.one(
            "select count(*) from calimport.history join calimport.calendars on calendars.id = calendar_id"
            " where calendars.name = %s",
            name,
        )
        assert changes == (3 if change == "first import" else 5)
        assert importer.state(name)["lease_owner"] is None
        assert importer.one("select count(*) from calimport.staged_events") == 0
        if not died:
            break
        deaths += 1
    assert deaths > 20


def test_a_finished_run_that_is_run_again_changes_nothing(importer, web):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run("run")
    before, history = snapshot(importer), importer.history()

    again = importer.run("run", later=timedelta())

    assert again.failed == []
    assert (snapshot(importer), importer.history()) == (before, history)


def test_steps_of_a_finished_run_do_nothing(importer, web):
    calendar_id = importer.add("club", web.feed(Reply(BASE)))
    importer.run("run")
    before = snapshot(importer)

    for task in (normalize, diff, apply):
        task(importer.step("run"), [calendar_id])

    assert snapshot(importer) == before


def test_rows_lost_from_staging_delete_nothing(importer, web):
    """A database that crashed empties its unlogged tables: the diff must not see an empty feed."""
    calendar_id = importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    before = snapshot(importer)
    web.feed(Reply(OTHER))
    importer.now += timedelta(minutes=5)
    importer.plan("crashed")
    step = importer.step("crashed")
    extract(step, [calendar_id])
    normalize(step, [calendar_id])
    importer.connection.execute("truncate calimport.staged_events")

    with pytest.raises(StagingLost):
        diff(step, [calendar_id])

    assert snapshot(importer) == before


def test_a_plan_that_no_longer_fits_is_not_applied(importer, web):
    calendar_id = importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    web.feed(Reply(OTHER.replace(b"SUMMARY:one", b"SUMMARY:One")))
    importer.now += timedelta(minutes=5)
    importer.plan("late")
    step = importer.step("late")
    extract(step, [calendar_id])
    normalize(step, [calendar_id])
    diff(step, [calendar_id])
    importer.connection.execute("update calimport.events set content_hash = decode(repeat('00', 16), 'hex')")
    before = snapshot(importer)

    with pytest.raises(CalimportError):
        apply(step, [calendar_id])

    assert snapshot(importer) == before
    assert importer.state("club")["error_class"] == "PlanOutdated"
    report(step)
    assert importer.one("select count(*) from calimport.staged_events") == 0


# Two runs.


def test_a_calendar_that_a_run_holds_is_left_out_by_another(importer, web):
    calendar_id = importer.add("club", web.feed(Reply(BASE)))
    importer.plan("first")

    assert importer.plan("second") == []
    assert importer.plan("second", calendars=["club"]) == []
    with pytest.raises(LeaseLost):
        extract(importer.step("second"), [calendar_id])


def test_a_lease_that_has_run_out_may_be_taken_and_the_old_run_applies_nothing(importer, web):
    calendar_id = importer.add("club", web.feed(Reply(BASE)))
    importer.plan("stuck")
    stuck = importer.step("stuck")
    for task in (extract, normalize, diff):
        task(stuck, [calendar_id])
    web.feed(Reply(OTHER))

    importer.run("next", later=timedelta(hours=1))
    before = snapshot(importer)
    with pytest.raises(CalimportError):
        apply(stuck, [calendar_id])

    assert [uid for _, uid, *_ in before] == ["past", "one", "three"]
    assert snapshot(importer) == before


def test_a_lease_that_is_lost_once_apply_has_begun_is_noticed_under_the_lock(importer, web, monkeypatch):
    calendar_id = importer.add("club", web.feed(Reply(BASE)))
    importer.plan("stuck")
    stuck = importer.step("stuck")
    for task in (extract, normalize, diff):
        task(stuck, [calendar_id])
    real = Step.run

    def run(step, name, **parameters):
        if name == "lock_run":
            step.connection.execute("update calimport.calendars set lease_owner = 'another run'")
        return real(step, name, **parameters)

    monkeypatch.setattr(Step, "run", run)
    with pytest.raises(LeaseLost):
        apply(stuck, [calendar_id])
    assert importer.rows("club", "uid") == []


def test_a_plan_made_before_somebody_else_held_the_calendar_is_not_applied(importer, web):
    """It says nothing of the rows that an undo has changed meanwhile, and the feed would count as imported."""
    calendar_id = importer.add("club", web.feed(Reply(BASE)))
    importer.run("first")
    web.feed(Reply(feed(PAST, event("one", "20261119"), event("two", "20261120"), event("four", "20261122"))))
    importer.now += timedelta(minutes=5)
    importer.plan("late")
    for task in (extract, normalize, diff):
        task(importer.step("late"), [calendar_id])
    importer.now += timedelta(hours=1)
    undo(importer.connection, "first", actor="cli:somebody", clock=importer.now)

    with pytest.raises(LeaseLost):
        apply(importer.step("late"), [calendar_id])

    report(importer.step("late"))
    importer.run()
    assert [uid for _, uid, *_ in snapshot(importer)] == ["past", "one", "two", "four"]


def test_an_unexpected_fault_is_one_calendars_own(importer, web, monkeypatch):
    importer.settings = Settings(allowed_networks=LOOPBACK, max_batches=1)
    importer.add("bad", web.feed(Reply(BASE), "/bad.ics"))
    importer.add("good", web.feed(Reply(BASE), "/good.ics"))
    store = mirrors.store

    def faulty(step, run, *rest):
        if run.name == "bad":
            raise ZeroDivisionError
        return store(step, run, *rest)

    monkeypatch.setattr(mirrors, "store", faulty)
    importer.run()

    assert importer.state("bad")["error_class"] == "InternalError"
    assert len(snapshot(importer, "good")) == 3


def test_a_calendar_configured_anew_while_it_is_imported_is_due_at_once(importer, web):
    calendar_id = importer.add("club", web.feed(Reply(BASE)))
    importer.plan("run")
    step = importer.step("run")
    extract(step, [calendar_id])
    importer.connection.execute(
        "update calimport.calendars"
        " set source = %s, configured_at = clock_timestamp(), next_import_at = null, feed_id = null",
        [web.feed(Reply(OTHER, etag='"1"'), "/other.ics")],
    )
    for task in (normalize, diff, apply):
        task(step, [calendar_id])

    importer.run(later=timedelta())

    assert [uid for _, uid, *_ in snapshot(importer)] == ["past", "one", "three"]


def test_validators_are_not_sent_to_another_source(importer, web):
    """The table is the truth, also for who writes it by hand: the old feed's date must not hide the new feed."""
    date = "Wed, 18 Nov 2026 10:00:00 GMT"
    importer.add("club", web.feed(Reply(BASE, last_modified=date)))
    importer.run()
    other = web.feed(Reply(OTHER, last_modified=date), "/other.ics")
    importer.connection.execute("update calimport.calendars set source = %s", [other])

    importer.run()

    assert [uid for _, uid, *_ in snapshot(importer)] == ["past", "one", "three"]


def test_another_marker_is_heeded_at_once(importer, web):
    importer.add("club", web.feed(Reply(feed(PAST, event("one", "20261119", "DESCRIPTION:#secret")), etag='"1"')))
    importer.run()
    importer.settings = Settings(allowed_networks=LOOPBACK, ignore_marker="#secret")

    importer.run()

    assert [uid for _, uid, *_ in snapshot(importer)] == ["past"]


# Plan and report.


def test_due_are_enabled_calendars_whose_time_has_come(importer, web):
    for name in ("due", "paused", "later"):
        importer.add(name, web.feed(Reply(BASE), f"/{name}.ics"), enabled=name != "paused")
    importer.connection.execute(
        "update calimport.calendars set next_import_at = %s where name = 'later'", [importer.now + timedelta(hours=1)]
    )

    assert [batch["label"] for batch in importer.plan("run")] == ["due"]
    assert [batch["label"] for batch in importer.plan("named", calendars=["later", "paused"])] == ["paused", "later"]


def test_a_calendar_that_is_not_known_is_an_error_with_a_hint(importer, web):
    importer.add("yoga", web.feed(Reply(BASE)))

    with pytest.raises(ConfigurationError, match=r"There is no calendar 'yogi' \(did you mean 'yoga'\?\)"):
        importer.plan("run", calendars=["yogi"])


def test_there_are_never_more_batches_than_configured():
    for number in range(1, 200):
        batches = group([(one, str(one)) for one in range(number)], 7)
        assert len(batches) <= 7
        assert [one for batch in batches for one in batch["calendar_ids"]] == list(range(number))
    assert [batch["label"] for batch in group([(1, "a"), (2, "b"), (3, "c")], 2)] == ["a … b (2)", "c"]
    assert group([], 7) == []


def test_a_dry_run_keeps_its_plan_and_changes_nothing(importer, web):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    before, calendar = snapshot(importer), importer.state("club")
    web.feed(Reply(OTHER))

    result = importer.run(dry_run=True)

    assert (result.planned, result.inserted, result.deleted) == (1, 1, 1)
    assert snapshot(importer) == before
    planned = importer.connection.execute(
        "select action, uid from calimport.changes where run_id = (select max(id) from calimport.runs) order by action"
    ).fetchall()
    assert planned == [{"action": "delete", "uid": "two"}, {"action": "insert", "uid": "three"}]
    kept = ("feed_id", "fetched_at", "imported_at", "imported_fingerprint", "next_import_at")
    assert {name: importer.state("club")[name] for name in kept} == {name: calendar[name] for name in kept}
    assert importer.run().changed == 2


def test_a_window_given_by_hand_owns_just_that_window(importer, web):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    web.feed(Reply(feed(PAST)))

    importer.run(window_start="2026-11-20", window_end="2026-11-21")

    assert [uid for _, uid, *_ in snapshot(importer)] == ["past", "one"]


def test_a_run_is_red_when_more_than_half_of_its_calendars_failed(importer, web):
    importer.add("good", web.feed(Reply(BASE), "/good.ics"))
    importer.add("bad", web.feed(Reply(status=404), "/bad.ics"))
    half = importer.run()
    importer.add("worse", web.feed(Reply(status=404), "/worse.ics"))
    more = importer.run(force=True)

    judge(half, 0.5)
    with pytest.raises(ImportFailed, match="2 of 3 calendars failed: bad, worse"):
        judge(more, 0.5)


def test_a_place_that_changes_changes_the_rows_of_an_unchanged_feed(importer, web):
    place = importer.one("insert into calimport.places (name, address) values ('Hall', 'Old Street 1') returning id")
    importer.add("club", web.feed(Reply(BASE, etag='"1"')), place_id=place, strategy="place")
    importer.run()
    importer.connection.execute("update calimport.places set address = 'New Street 2'")

    importer.run()

    assert importer.rows("club", "address", "place_id")[0] == ("New Street 2", place)


@pytest.mark.parametrize("statement", ["record_diff", "lock_run"])
def test_a_run_that_is_fetched_anew_while_it_is_compared_or_applied_applies_nothing(
    importer, web, monkeypatch, statement
):
    """Two processes do the tasks of one run, and the one that is behind takes the record of the other back."""
    importer.add("club", web.feed(Reply(BASE)))
    (batch,) = importer.plan("run")
    step, ids, execute = importer.step("run"), batch["calendar_ids"], database.run
    extract(step, ids)
    normalize(step, ids)

    def interrupted(connection, name, /, **parameters):
        if name == statement:
            monkeypatch.setattr(database, "run", execute)
            with database.connect(autocommit=True) as other:  # what `record_extracts` does
                other.execute("update calimport.runs set step = 'extracted', rows_staged = null, inserted = null")
        return execute(connection, name, **parameters)

    monkeypatch.setattr(database, "run", interrupted)
    for task in (diff, apply):
        with suppress(CalimportError):
            task(step, ids)

    assert snapshot(importer) == []
    report(importer.step("run"))
    assert (importer.run().inserted, importer.state("club")["error_class"]) == (len(snapshot(importer)), None)
