"""Diff and apply work on many calendars at once: what becomes of each is what would become of it alone."""

from __future__ import annotations

import psycopg
import pytest

from calimport import database
from calimport.errors import CalimportError
from calimport.steps import mirrors, runs
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from tests.importing import feed
from tests.web import Reply


def event(uid: str, title: str, day: int = 19, hour: int = 10, *lines: str) -> str:
    start, end = f"DTSTART:202611{day}T{hour}0000Z", f"DTEND:202611{day}T{hour + 1}0000Z"
    return "\n".join([f"UID:{uid}", start, end, f"SUMMARY:{title}", *lines])


def daily(hour: int, uid: str = "yoga") -> str:
    return (
        f"UID:{uid}\nDTSTART:20261101T{hour:02}0000Z\nDTEND:20261101T{hour + 1:02}0000Z\nRRULE:FREQ=DAILY\nSUMMARY:Yoga"
    )


MANY = [event(f"many-{number:02}", f"Talk {number}", 14 + number % 10) for number in range(24)]
#: What a feed holds at three fetches in a row.
FATES: dict[str, list[list[str]]] = {
    "stays": [MANY, MANY, MANY],
    "changes": [MANY, [*MANY[:5], event("many-05", "Another"), *MANY[6:]], [*MANY[1:], event("new", "New")]],
    "is emptied": [MANY, [], []],
    "loses few": [MANY, MANY[3:], MANY[1:]],
    "has a series that moves": [[daily(9)], [daily(11)], [daily(11), event("x", "Fair")]],
    "gets other UIDs each time": [[one.replace("many", f"m{n}") for one in MANY] for n in range(3)],
    "changes the UID of one": [MANY, [event("other", "Talk 0", 14), *MANY[1:]], MANY],
    "has one that cannot be read": [MANY, [*MANY[1:], "UID:many-00\nDTSTART:never\nSUMMARY:Talk 0"], MANY],
    "moves one into the window": [[*MANY, event("far", "Far", 30)], [*MANY, event("far", "Far", 20)], MANY],
    "begins empty": [[], MANY, [event("twin", "Talk"), event("twin-2", "Talk")]],
    "reminds": [
        [event("a", "A", 19, 10, "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT10M\nDESCRIPTION:x\nEND:VALARM")],
        [event("a", "A", 20, 10, "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT30M\nDESCRIPTION:x\nEND:VALARM")],
        [event("a", "A", 20)],
    ],
}
#: What is staged of the first.
STAGED = {name: len(MANY) for name in FATES if name != "begins empty"} | {"has a series that moves": 15, "reminds": 1}


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """Of how many runs each comparison was."""
    found: list[int] = []
    execute = database.run

    def counting(connection, name, /, **parameters):
        if name == "diff_changes":
            found.append(len(parameters["run_ids"]))
        return execute(connection, name, **parameters)

    monkeypatch.setattr(database, "run", counting)
    return found


def everything(importer, prefix: str, fate: str) -> list[object]:
    """All that is there of a calendar, but for ids."""
    name = f"{prefix} {fate}"
    columns = ("uid", "recurrence_id", "start_at", "end_at", "summary", "reminders")
    queries = (
        "select action, held, changes.uid, changes.recurrence_id, changed_columns, before, after"
        " from calimport.changes where calendar_id = %s order by run_id, uid, recurrence_id, action",
        "select code, subject, message, occurrences from calimport.notices where calendar_id = %s order by 1, 2",
        "select remind_at, method from calimport.reminders join calimport.events on events.id = event_id"
        " where calendar_id = %s order by 1, 2",
        "select outcome, inserted, updated, deleted, held, held_of, held_reason, held_confirmations, held_until_told,"
        " uid_sample, error_class from calimport.runs where calendar_id = %s order by id",
        "select state, held_run_id is null as none_held, held_confirmations, uid_sample, fresh_at, lease_owner"
        " from calimport.calendars where id = %s",
    )
    calendar_id = importer.state(name)["id"]
    return [importer.rows(name, *columns)] + [
        [tuple(row.values()) for row in importer.connection.execute(query.encode(), [calendar_id])] for query in queries
    ]


def path(prefix: str, fate: str) -> str:
    return f"/{prefix} {fate}.ics".replace(" ", "-")


def fetch(importer, web, prefix: str, number: int) -> list[int]:
    """One DAG run of all calendars of this prefix in one batch, up to what is staged; their ids."""
    ids = extracted(importer, web, prefix, number)
    normalize(importer.step(f"{prefix}_{number}"), ids)
    return ids


def extracted(importer, web, prefix: str, number: int) -> list[int]:
    for fate, fetches in FATES.items():
        web.feed(Reply(feed(*fetches[number])), path=path(prefix, fate))
    names = [f"{prefix} {fate}" for fate in FATES]
    batches = importer.plan(f"{prefix}_{number}", calendars=names)
    ids = [calendar_id for batch in batches for calendar_id in batch["calendar_ids"]]
    extract(importer.step(f"{prefix}_{number}"), ids)
    return ids


def staged(importer) -> dict[str, int]:
    """By calendar how many rows are staged."""
    query = (
        "select name, count(*) as rows from calimport.staged_events join calimport.runs on runs.id = run_id"
        " join calimport.calendars on calendars.id = calendar_id group by name"
    )
    return {row["name"].removeprefix("x "): row["rows"] for row in importer.connection.execute(query)}


def test_calendars_that_are_compared_and_applied_together_fare_as_they_do_alone(importer, web, counted, monkeypatch):
    for prefix in ("alone", "together"):
        for fate in FATES:
            importer.add(f"{prefix} {fate}", web.url(path(prefix, fate)))
    for number in range(3):
        importer.now = importer.now.replace(minute=5 * number)
        for prefix, portion in (("alone", 1), ("together", 100)):
            monkeypatch.setattr(runs, "PORTION", portion)
            monkeypatch.setattr(runs, "AT_ONCE", portion)
            ids = fetch(importer, web, prefix, number)
            ids = ids[number:] + ids[:number]
            counted.clear()
            diff(importer.step(f"{prefix}_{number}"), ids)
            apply(importer.step(f"{prefix}_{number}"), ids)
            # Those whose feed is what it was are not compared.
            assert (max(counted), sum(counted)) == ((1, len(counted)) if portion == 1 else (counted[0], counted[0]))
            assert sum(counted) > 5

    for fate in FATES:
        assert everything(importer, "together", fate) == everything(importer, "alone", fate)
    # All this did happen.
    assert importer.one("select count(distinct calendar_id) from calimport.changes where held") == 4
    assert importer.one("select count(*) from calimport.notices where code = 'uid_churn'") == 2


@pytest.mark.parametrize("task", ["diff", "apply"])
def test_one_that_fails_among_many_fails_alone(importer, web, counted, task):
    for fate in FATES:
        importer.add(f"x {fate}", web.url(path("x", fate)))
    ids = fetch(importer, web, "x", 0)
    step = importer.step("x_0")
    bad = importer.state("x changes")["id"]
    statements = {
        "diff": "delete from calimport.staged_events using calimport.runs where runs.id = run_id and calendar_id = %s",
        "apply": "delete from calimport.changes where calendar_id = %s and uid = 'many-07'",
    }
    if task == "apply":
        diff(step, ids)
    importer.connection.execute(statements[task], [bad])
    if task == "diff":
        diff(step, ids)
    with pytest.raises(CalimportError):
        apply(step, ids)

    assert importer.rows("x changes", "uid") == []
    error = {"diff": "StagingLost", "apply": "PlanOutdated"}[task]
    assert importer.state("x changes")["error_class"] == error
    states = importer.connection.execute(
        "select error_class, lease_owner, imported_at is not null as is_imported from calimport.calendars"
        " where id <> %s group by 1, 2, 3",
        [bad],
    ).fetchall()
    assert states == [{"error_class": None, "lease_owner": None, "is_imported": True}]
    others = (
        "select count(*) from calimport.staged_events join calimport.runs on runs.id = run_id where calendar_id <> %s"
    )
    assert importer.one(others, bad) == 0
    assert len(importer.rows("x stays", "uid")) == len(MANY)


def test_a_database_that_goes_away_fails_no_calendar(importer, web, monkeypatch):
    for fate in FATES:
        importer.add(f"x {fate}", web.url(path("x", fate)))
    ids = fetch(importer, web, "x", 0)
    execute = database.run

    def away(connection, name, /, **parameters):
        if name == "record_diff":
            raise psycopg.OperationalError("away")
        return execute(connection, name, **parameters)

    monkeypatch.setattr(database, "run", away)
    with pytest.raises(psycopg.OperationalError):
        diff(importer.step("x_0"), ids)
    monkeypatch.setattr(database, "run", execute)
    assert importer.one("select count(*) from calimport.changes") == 0
    assert importer.one("select count(*) from calimport.runs where outcome is not null") == 0

    diff(importer.step("x_0"), ids)
    apply(importer.step("x_0"), ids)
    assert importer.one("select count(*) from calimport.runs where outcome = 'imported'") == len(FATES)


def test_portions_are_bounded_by_calendars_and_by_rows(importer, web, counted, monkeypatch):
    for fate in FATES:
        importer.add(f"x {fate}", web.url(path("x", fate)))
    ids = fetch(importer, web, "x", 0)
    step = importer.step("x_0")

    monkeypatch.setattr(runs, "PORTION", 4)
    diff(step, ids)
    assert counted == [4, 4, 3]

    monkeypatch.setattr(runs, "PORTION", 250)
    monkeypatch.setattr(runs, "PORTION_ROWS", 2 * len(MANY))
    counted.clear()
    diff(step, ids)
    staged = {
        row["id"]: row["rows_staged"]
        for row in importer.connection.execute("select id, rows_staged from calimport.runs")
    }
    assert sum(counted) == len(FATES)
    assert 1 < len(counted) < len(FATES)
    assert sum(staged.values()) > 2 * len(MANY)


TAKEN = "update calimport.calendars set lease_owner = 'another' where id = %s"
ENDED = (
    "update calimport.runs set step = 'finished', outcome = 'failed', error_class = 'Gone', error_message = 'Gone.',"
    " finished_at = now() where calendar_id = %s"
)


@pytest.mark.parametrize("meanwhile", [TAKEN, ENDED])
def test_what_is_read_is_staged_only_for_a_run_that_still_holds_its_calendar(importer, web, monkeypatch, meanwhile):
    for fate in FATES:
        importer.add(f"x {fate}", web.url(path("x", fate)))
    ids = extracted(importer, web, "x", 0)
    lost = importer.state("x changes")
    read = mirrors.load_all

    def losing(step, feed_ids):
        step.connection.execute(meanwhile, [lost["id"]])
        return read(step, feed_ids)

    monkeypatch.setattr(mirrors, "load_all", losing)
    normalize(importer.step("x_0"), ids)

    assert staged(importer) == {name: rows for name, rows in STAGED.items() if name != "changes"}
    steps = importer.connection.execute("select calendar_id, step, outcome, error_class from calimport.runs").fetchall()
    assert {(row["step"], row["outcome"]) for row in steps if row["calendar_id"] != lost["id"]} == {
        ("normalized", None)
    }
    (of_lost,) = [row for row in steps if row["calendar_id"] == lost["id"]]
    assert (of_lost["step"], of_lost["outcome"]) == ("finished", "failed")
    assert of_lost["error_class"] == ("LeaseLost" if meanwhile is TAKEN else "Gone")
    # What another run has of it is left to that one.
    now = importer.state("x changes")
    assert (now["lease_owner"], now["error_class"]) == ("another" if meanwhile is TAKEN else lost["lease_owner"], None)


def test_rows_that_staging_refuses_are_those_of_one_calendar(importer, web):
    for fate in FATES:
        importer.add(f"x {fate}", web.url(path("x", fate)))
    ids = extracted(importer, web, "x", 0)
    importer.connection.execute("alter table calimport.staged_events add constraint refused check (summary <> 'Yoga')")
    normalize(importer.step("x_0"), ids)

    assert staged(importer) == {name: rows for name, rows in STAGED.items() if name != "has a series that moves"}
    assert importer.state("x has a series that moves")["error_class"] == "InternalError"
    failed = "select count(*) from calimport.runs where outcome is not null"
    assert importer.one(failed) == 1


def test_what_waits_to_be_staged_is_bounded(importer, web, monkeypatch):
    cleared: list[int] = []
    execute = database.run

    def counting(connection, name, /, **parameters):
        if name == "clear_staging":
            cleared.append(len(parameters["run_ids"]))
        return execute(connection, name, **parameters)

    monkeypatch.setattr(database, "run", counting)
    monkeypatch.setattr("calimport.steps.normalize._MOST_WAITING", 3000)
    for fate in FATES:
        importer.add(f"x {fate}", web.url(path("x", fate)))
    fetch(importer, web, "x", 0)

    assert sum(cleared) == len(FATES)
    assert 3 < len(cleared) < len(FATES)
    assert staged(importer) == STAGED
