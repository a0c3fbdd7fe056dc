"""Feeds whose UIDs change at every fetch: their events are known by what they say, and keep their rows."""

from __future__ import annotations

import pytest

from calimport import database
from tests.importing import feed
from tests.web import Reply


def event(uid: str, title: str, day: int = 19, *lines: str) -> str:
    start, end = f"DTSTART:202611{day}T100000Z", f"DTEND:202611{day}T110000Z"
    return "\n".join([f"UID:{uid}", start, end, f"SUMMARY:{title}", *lines])


def single(fetch: int) -> list[str]:
    return [event(f"{fetch}-{number}", f"Talk {number}", 14 + number % 9) for number in range(12)]


def series(fetch: int) -> list[str]:
    """A series with a moved instance, and no past single event that shows how far back the feed goes."""
    weekly = f"UID:w{fetch}\nDTSTART:20261102T090000Z\nDTEND:20261102T100000Z\nRRULE:FREQ=DAILY\nSUMMARY:Yoga"
    moved = (
        f"UID:w{fetch}\nRECURRENCE-ID:20261120T090000Z\nDTSTART:20261120T150000Z\nDTEND:20261120T160000Z\nSUMMARY:Yoga"
    )
    return [weekly, moved, event(f"s{fetch}", "Fair", 22)]


def twins(fetch: int) -> list[str]:
    """Events of which several say quite the same."""
    return [event(f"{fetch}-{number}", "Busy", 19 + number % 2) for number in range(7)]


def lone(fetch: int) -> list[str]:
    return [event(f"only-{fetch}", "Talk")]


def ids(importer, calendar: str = "club") -> list[tuple]:
    """Every row of a calendar with what it says."""
    return sorted(importer.rows(calendar, "id", "start_at", "summary"))


def codes(importer) -> list[str]:
    return [row["code"] for row in importer.connection.execute("select code from calimport.notices order by code")]


@pytest.mark.parametrize("events", [single, series, twins, lone])
def test_five_fetches_with_new_uids_each_keep_the_rows_and_write_them_once_more_at_most(importer, web, events):
    importer.add("club", web.feed(Reply(feed(*events(0)))))
    first = importer.run()
    before = ids(importer)
    written = []
    for fetch in range(1, 5):
        web.feed(Reply(feed(*events(fetch))))
        result = importer.run()
        written.append((result.inserted, result.updated, result.deleted, result.held))

    assert ids(importer) == before
    # Once they take the new UIDs, as after a move to another provider; from then on nothing is written.
    assert written == [(0, first.inserted, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)]
    assert codes(importer) == ["uid_churn"]


def test_what_changes_under_other_uids_changes_alone(importer, web):
    importer.add("club", web.feed(Reply(feed(*single(0)))))
    importer.run()
    for fetch in (1, 2):
        web.feed(Reply(feed(*single(fetch))))
        importer.run()
    before = dict(importer.rows("club", "summary", "id"))
    changed = [*single(3)[:10], event("3-10", "Talk 10", 15, "DESCRIPTION:Bring a pen"), event("3-new", "New")]
    web.feed(Reply(feed(*changed)))

    result = importer.run()

    assert (result.inserted, result.updated, result.deleted) == (1, 1, 1)  # a description, one come, one gone
    after = dict(importer.rows("club", "summary", "id"))
    assert {title: after[title] for title in before if title in after} == {
        title: before[title] for title in before if title != "Talk 11"
    }
    assert ("Talk 10", "Bring a pen") in importer.rows("club", "summary", "description")


def test_a_feed_that_is_mended_gives_its_uids_to_the_rows_again(importer, web):
    importer.add("club", web.feed(Reply(feed(*single(0)))))
    for fetch in range(4):
        web.feed(Reply(feed(*single(fetch))))
        importer.run()
    before = set(importer.rows("club", "id"))
    for extra in ("a", "b"):  # from now on UIDs stay as they are
        web.feed(Reply(feed(*single(9), event("extra", extra, 21))))
        importer.run()

    assert [row for row in importer.rows("club", "uid") if not row[0].startswith("9-")] == [("extra",)]
    assert before < set(importer.rows("club", "id"))
    assert importer.run(force=True).changed == 0
    assert codes(importer) == []
    moved = [one.replace("T10", "T12").replace("T11", "T13") for one in single(9)]
    web.feed(Reply(feed(*moved, event("extra", "b", 21))))
    assert importer.run().updated == 12
    assert before < set(importer.rows("club", "id"))


def test_one_event_that_is_made_anew_is_no_churn(importer, web):
    others = single(0)
    importer.add("club", web.feed(Reply(feed(*others))))
    importer.run()
    before = ids(importer)
    web.feed(Reply(feed(*others[:-1], event("anew", "Talk 11", 16))))

    result = importer.run()

    assert (result.inserted, result.updated, result.deleted) == (0, 1, 0)
    assert ids(importer) == before
    assert ("anew",) in importer.rows("club", "uid")
    assert importer.state("club")["uid_sample"] is None
    assert codes(importer) == []


def test_another_programme_at_the_same_times_is_no_churn(importer, web):
    """Other titles: other events, and an implausible number of deletions."""
    importer.add("club", web.feed(Reply(feed(*single(0)))))
    importer.run()
    web.feed(Reply(feed(*[one.replace("Talk", "Concert") for one in single(1)])))

    result = importer.run()

    assert (result.inserted, result.updated, result.deleted, result.held) == (12, 0, 0, 12)
    assert "uid_churn" not in codes(importer)


def test_where_uids_change_an_event_that_cannot_be_understood_is_not_gone(importer, web):
    """Its UID is another too, so nobody knows which row it is."""
    importer.add("club", web.feed(Reply(feed(*single(0)))))
    for fetch in range(3):
        web.feed(Reply(feed(*single(fetch))))
        importer.run()
    before = ids(importer)
    web.feed(Reply(feed(*single(3)[1:], event("3-0", "Talk 0", 14).replace("DTSTART:20261114T100000Z", "DTSTART:x"))))

    importer.run()

    assert ids(importer) == before


def test_rows_of_another_calendar_are_never_matched(importer, web):
    importer.add("club", web.feed(Reply(feed(*single(0))), "/club.ics"))
    importer.add("other", web.feed(Reply(feed(*single(1))), "/other.ics"))
    importer.run()
    before = importer.rows("other", "id", "uid", "xmin")
    web.feed(Reply(feed(*single(2))), "/club.ics")

    assert importer.run().updated == 12
    assert importer.rows("other", "id", "uid", "xmin") == before


@pytest.mark.parametrize("title", ["Talk {}", "Busy"], ids=["each another", "all the same"])
@pytest.mark.parametrize("rename", ["as they were", "retold"])
def test_what_it_costs_to_know_renamed_events_again_grows_with_their_number_alone(
    importer, web, monkeypatch, title, rename
):
    """By the rows that PostgreSQL looks at in vain: pairs of all with all would be a million."""
    many, looked_at = 1000, []
    run = database.run

    def explained(connection, name, /, **parameters):
        if name == "diff_changes":
            with connection.transaction(force_rollback=True):
                query = f"explain (analyze, timing off, format json) {database.sql(name)}"
                (row,) = connection.execute(query.encode(), parameters).fetchall()
            looked_at.append(sum(in_vain(row["QUERY PLAN"][0]["Plan"])))
        return run(connection, name, **parameters)

    def events(fetch: int) -> list[str]:
        retold = [f"DESCRIPTION:{fetch}"] if rename == "retold" else []
        return [event(f"{fetch}-{number}", title.format(number), 19, *retold) for number in range(many)]

    importer.add("club", web.feed(Reply(feed(*events(0)))))
    importer.run()
    before = {row[0] for row in ids(importer)}
    # As autovacuum does within a minute.
    importer.connection.execute("analyze calimport.events")
    web.feed(Reply(feed(*events(1))))
    monkeypatch.setattr(database, "run", explained)
    importer.run()
    assert {row[0] for row in ids(importer)} == before
    assert len(looked_at) == 1
    assert looked_at[0] < 20 * many


def in_vain(plan: dict) -> list[float]:
    """Pairs of rows that each part of a plan has looked at and that did not fit."""
    found = [plan.get("Rows Removed by Join Filter", 0) * plan.get("Actual Loops", 1)]
    return found + [pairs for part in plan.get("Plans", []) for pairs in in_vain(part)]
