"""Why is my event missing? Each answer, with its dates."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from click.testing import CliRunner

from calimport import clusters, explaining, holding, undoing
from calimport.cli import main
from calimport.errors import ConfigurationError
from tests.importing import NOW, feed
from tests.web import Reply


def event(uid: str, day: str = "20261119", *lines: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{day}T100000Z", f"DTEND:{day}T110000Z", f"SUMMARY:{uid}", *lines])


PAST = event("past", "20261114")
FEED = feed(
    PAST,
    event("talk"),
    event("secret", "20261120", "CLASS:PRIVATE"),
    event("ours", "20261120", "DESCRIPTION:#placecal-ignore"),
    event("far", "20261210"),
    event("ago", "20261001"),
    event("off", "20261121", "STATUS:CANCELLED"),
    event("broken", "20261121").replace("DTSTART:20261121T100000Z", "DTSTART:soon"),
    "UID:daily\nDTSTART:20261116T150000Z\nDTEND:20261116T160000Z\nRRULE:FREQ=DAILY;COUNT=20\nSUMMARY:Daily",
)


def explain(importer, calendar: str = "club", **asked) -> list[explaining.Explanation]:
    return explaining.explain(
        importer.connection, importer.state(calendar)["id"], clock=importer.now, settings=importer.settings, **asked
    )


def answers(importer, calendar: str = "club", **asked) -> list[tuple]:
    return [(one.answer, one.uid, one.occurrences) for one in explain(importer, calendar, **asked)]


@pytest.fixture
def club(importer, web) -> int:
    calendar_id = importer.add("club", web.feed(Reply(FEED)))
    importer.run("first")
    return calendar_id


@pytest.mark.parametrize(
    ("asked", "answer", "sentence"),
    [
        ("talk", "present", "It is here, as row 4, since 2026-11-18 12:05Z (first)."),
        ("secret", "private", "The feed calls it private, and such events are left out of this calendar."),
        ("ours", "marked", "Its description says #placecal-ignore: its owner wants it left out."),
        (
            "far",
            "out_of_window",
            "It is on 2026-12-10, outside of the window from 2026-11-11 to 2026-11-25; it comes in on 2026-12-03.",
        ),
        (
            "ago",
            "out_of_window",
            "It is on 2026-10-01, outside of the window from 2026-11-11 to 2026-11-25, which has moved past it.",
        ),
        ("off", "cancelled", "and cancelled: its organiser says so in the feed."),
        ("broken", "quarantined", "It could not be read. "),
        (
            "nobody",
            "never_seen",
            "Neither the feed, nor the history, nor the feeds that are kept (since 2026-11-18 12:05Z) have such an",
        ),
    ],
)
def test_each_answer_says_what_it_means_with_dates(importer, club, asked, answer, sentence):
    (found,) = explain(importer, uid=asked)

    assert found.answer == answer
    ids = {row_uid: row_id for row_id, row_uid in importer.rows("club", "id", "uid")}  # given by start
    sentence = sentence.replace("row 4", f"row {ids.get(asked)}")
    assert sentence in found.sentence


def test_the_dates_of_a_series_are_told_apart_by_what_became_of_them(importer, club):
    assert answers(importer, uid="daily") == [("present", "daily", 10), ("out_of_window", "daily", 10)]
    assert answers(importer, title="DAIL", date=date(2026, 11, 20)) == [("present", "daily", 1)]


def test_a_day_has_all_its_events_and_what_could_not_be_read_is_said_where_nothing_else_is(importer, club):
    assert sorted(answers(importer, date=date(2026, 11, 20))) == [
        ("marked", "ours", 1),
        ("present", "daily", 1),
        ("private", "secret", 1),
    ]
    (found,) = explain(importer, title="concert")
    assert (found.answer, found.uid) == ("quarantined", "broken")
    assert found.sentence.startswith("An event could not be read, and may be it. ")


def test_what_was_removed_is_said_with_the_run_that_did_it(importer, web, club):
    web.feed(Reply(FEED.replace(b"UID:talk", b"UID:other").replace(b"SUMMARY:talk", b"SUMMARY:other")))
    importer.run("second")

    (found,) = explain(importer, uid="talk")

    assert (found.answer, found.summary) == ("removed", "talk")
    assert found.sentence == "It was removed on 2026-11-18 12:10Z, because a complete feed no longer had it (second)."


def test_what_a_person_did_is_said_with_their_name(importer, web, club):
    undoing.undo(importer.connection, "first", actor="os:anna", clock=importer.now)

    removed, *others = sorted(explain(importer, uid="talk"), key=lambda one: one.answer, reverse=True)

    assert "when os:anna undid a run" in removed.sentence
    assert [(one.answer, one.sentence) for one in others] == [
        ("kept_away", "It is in the feed, and a person undid its import; that holds until the feed changes.")
    ]


def test_what_is_held_is_said_with_its_reason(importer, web, club):
    importer.connection.execute("update calimport.calendars set hold_deletes_over = 0, hold_deletes_ratio = 0")
    web.feed(Reply(FEED.replace(b"UID:talk", b"UID:other").replace(b"SUMMARY:talk", b"SUMMARY:other")))
    importer.run()

    (found,) = explain(importer, uid="talk")

    assert found.answer == "held"
    assert found.sentence.startswith("It is no longer in the feed; its deletion is held since 2026-11-18 12:10Z. 1 of")
    assert len(holding.held(importer.connection, club)) == 1


def test_a_duplicate_names_the_row_that_stands_for_it(importer, web, club):
    importer.add("other", web.feed(Reply(feed(event("talk", "20261119", "DESCRIPTION:A longer text"))), "/other.ics"))
    importer.run()
    clusters.refresh(importer.connection)

    (found,) = explain(importer, uid="talk")

    assert found.answer == "duplicate"
    assert "of other is the same event" in found.sentence
    assert answers(importer, "other", uid="talk") == [("present", "talk", 1)]


def test_what_left_the_feed_without_ever_being_a_row_is_found_in_an_older_feed(importer, web, club):
    web.feed(Reply(FEED.replace(b"UID:far", b"UID:nearer").replace(b"SUMMARY:far", b"SUMMARY:nearer")))
    importer.run()

    (found,) = explain(importer, uid="far")

    assert found.answer == "left_feed"
    assert found.sentence == "It was last in the feed of 2026-11-18 12:05Z, and in none that is kept after that."


def test_what_waits_says_for_what(importer, web, club):
    importer.connection.execute("delete from calimport.events where uid = 'talk'")

    def sentence() -> str:
        (found,) = explain(importer, uid="talk")
        assert found.answer == "waiting"
        return found.sentence

    assert sentence().endswith("not imported: the next import brings it, if the feed still has it.")
    web.feed(Reply(status=404))
    importer.run()
    assert "the last import failed. There is no calendar at this address any more." in sentence()
    importer.connection.execute("update calimport.calendars set enabled = false")
    assert sentence().endswith("the calendar is paused.")


def test_a_calendar_that_was_never_fetched_says_so(importer, web):
    importer.add("club", web.feed(Reply(status=404)))
    importer.run()

    (found,) = explain(importer, title="talk")

    assert found.answer == "never_seen"
    assert found.sentence.startswith("Nothing of this calendar was ever fetched. There is no calendar at this address")


def test_where_uids_change_a_row_is_known_by_what_it_says(importer, web):
    importer.add("club", web.feed(Reply(feed(event("a0"), event("b0", "20261120")))))
    for fetch in range(3):
        renamed = feed(event("a0"), event("b0", "20261120")).replace(b"UID:a0", f"UID:a{fetch}".encode())
        web.feed(Reply(renamed.replace(b"UID:b0", f"UID:b{fetch}".encode())))
        importer.run()

    assert [one.answer for one in explain(importer, title="a0")] == ["present"]


def test_nothing_asked_is_an_error(importer, club):
    with pytest.raises(ConfigurationError, match="Say which event"):
        explain(importer)


def test_the_command(importer, club):
    runner = CliRunner()

    shown = runner.invoke(main, ["explain", "club", "--uid", "secret", "--date", "2026-11-20"])
    wrong = runner.invoke(main, ["explain", "club", "--date", "yesterday"])

    assert shown.output == (
        "private: secret, 2026-11-20 10:00Z:"
        " The feed calls it private, and such events are left out of this calendar.\n"
    )
    assert (wrong.exit_code, wrong.output) == (
        1,
        "calimport: ConfigurationError: 'yesterday' is neither a date (2026-11-22) nor an instant"
        " (2026-11-22T10:00:00Z).\n",
    )
    assert importer.now - NOW == timedelta(minutes=5)
