"""A real scheduler with real workers: hundreds of calendars, workers that are killed, tasks that are cleared."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import psycopg
import pytest

from calimport import database
from calimport.errors import FeedIsWebPage, FeedNotFound, FeedTimeout, FeedTruncated, ImportInterrupted
from calimport.settings import Settings
from tests.airflow_home import DAG, NOON, Home, new_calimport, new_metadata
from tests.airflow_stack import Stack, running
from tests.importing import Importer, feed
from tests.web import Asked, Reply, Web, serve

pytestmark = pytest.mark.airflow

MAX_BATCHES = 8
CALENDARS = 300
#: Number of the calendar → what is wrong with it. The first is alone in its batch, the others share one.
BROKEN = {5: FeedNotFound, 100: FeedTimeout, 101: FeedIsWebPage, 102: FeedTruncated}
RED_BATCH = 0
#: In the address of each of them.
SECRET = "s3cr3t-0123456789abcdef"


@dataclass(frozen=True)
class Many:
    """A run of many calendars that has ended; what was served is in the names."""

    run_id: str
    state: str
    #: Calendar ids in the order of the plan.
    ids: list[int]


def test_a_run_of_hundreds_of_calendars_is_good_although_some_failed(many):
    assert many.state == "success"


def test_a_run_has_a_bounded_number_of_task_instances(stack, many):
    """However many calendars there are, Airflow has this many processes to start."""
    tasks = [task for task, _ in stack.tries(many.run_id)]

    assert {task: tasks.count(task) for task in sorted(set(tasks))} == {
        "alert": 1,
        "import.apply": MAX_BATCHES,
        "import.diff": MAX_BATCHES,
        "import.extract": MAX_BATCHES,
        "import.normalize": MAX_BATCHES,
        "judge": 1,
        "plan": 1,
        "report": 1,
    }


def test_each_calendar_that_failed_says_why(stack, many):
    told = (
        "select name, state, error_class, error_message, lease_owner from calimport.calendars"
        " where id = any(%s) and error_class is not null order by name"
    )

    assert stack.home.rows(told, many.ids) == [
        (f"many {number:03}", error.state, error.__name__, error.sentence, None) for number, error in BROKEN.items()
    ]


def test_a_batch_is_red_when_one_of_its_calendars_failed(stack, many):
    tries = stack.tries(many.run_id)

    assert {task: tried for task, tried in tries.items() if tried != (1, "success")} == {
        ("import.apply", RED_BATCH): (1, "failed"),
        ("import.apply", 100 // -(-CALENDARS // MAX_BATCHES)): (1, "failed"),
    }


def test_all_the_other_calendars_hold_what_was_served(stack, many):
    rows = stack.home.rows(
        "select name, uid, start_at, summary from calimport.events join calimport.calendars on calendars.id ="
        " calendar_id where calendars.id = any(%s) order by name, start_at",
        many.ids,
    )

    assert rows == [
        (f"many {number:03}", f"uid-{number}", datetime(2026, 3, day, 9, tzinfo=UTC), f"Event {number}")
        for number in range(CALENDARS)
        if number not in BROKEN
        for day in (3, 7)
    ]


def test_no_log_file_of_any_process_holds_the_secret_of_an_address(stack, many):
    written = {file: file.read_bytes() for file in stack.logs.rglob("*") if file.is_file()}

    assert any(b"many 005" in content for content in written.values())
    assert [str(file) for file, content in written.items() if SECRET.encode() in content] == []


def test_clearing_a_finished_run_changes_nothing(stack, many):
    events = "select id, xmin::text, content_hash from calimport.events where calendar_id = any(%s) order by id"
    history = "select count(*) from calimport.history where calendar_id = any(%s)"
    before = stack.home.rows(events, many.ids), stack.home.rows(history, many.ids)

    stack.clear(many.run_id)
    state = stack.wait(many.run_id)

    assert state == "success"
    assert (stack.home.rows(events, many.ids), stack.home.rows(history, many.ids)) == before


def test_clearing_a_red_instance_imports_exactly_its_calendars_again(stack, many, web):
    size = -(-CALENDARS // MAX_BATCHES)
    batch = range(RED_BATCH * size, (RED_BATCH + 1) * size)
    (broken,) = (number for number in BROKEN if number in batch)
    web.feed(Reply(many_feed(broken)), f"/many/{broken}.ics")
    web.asked.clear()
    before = stack.tries(many.run_id)

    stack.clear(many.run_id, task_ids=[["import.extract", RED_BATCH]], include_downstream=True)
    state = stack.wait(many.run_id)

    after = stack.tries(many.run_id)
    assert (state, after[("import.apply", RED_BATCH)][1]) == ("success", "success")
    assert sorted(task for task in after if after[task] != before[task]) == [
        ("alert", -1),
        ("import.apply", RED_BATCH),
        ("import.diff", RED_BATCH),
        ("import.extract", RED_BATCH),
        ("import.normalize", RED_BATCH),
        ("judge", -1),
        ("report", -1),
    ]
    assert sorted(asked.path for asked in web.asked) == sorted(f"/many/{number}.ics?key={SECRET}" for number in batch)
    assert stack.home.rows(
        "select state, error_class, (select count(*) from calimport.events where calendar_id = calendars.id)"
        " from calimport.calendars where name = %s",
        f"many {broken:03}",
    ) == [("idle", None, 2)]


@pytest.mark.parametrize(
    "conf",
    [
        {"calendars": "Town hall"},
        {"window_start": "tomorrow"},
        {"force": "yes"},
    ],
)
def test_a_run_whose_params_make_no_sense_is_refused_before_it_starts(stack, conf):
    answer = stack.api.post(f"/dags/{DAG}/dagRuns", json={"logical_date": None, "conf": conf})

    assert (answer.status_code, [name for name in conf if name not in answer.text]) == (400, [])


KILLED = ("extract, fetching", "extract, storing", "normalize", "diff", "apply")
UNDISTURBED, AWAY, HOPELESS = "undisturbed", "away at first", "killed twice"
NAMES = [UNDISTURBED, *(f"killed in {where}" for where in KILLED), AWAY, HOPELESS]


@dataclass(frozen=True)
class Disturbed:
    """A run whose workers were killed, one in every task, and that has ended."""

    run_id: str
    state: str


def test_a_run_whose_workers_were_killed_goes_on_and_ends_well(disturbed):
    assert disturbed.state == "success"


def test_every_task_that_was_killed_was_run_again_and_no_other(stack, disturbed):
    again = {task: tried for task, tried in stack.tries(disturbed.run_id).items() if tried != (1, "success")}

    assert again == {
        ("plan", -1): (2, "success"),
        ("import.extract", 1): (2, "success"),
        ("import.extract", 2): (2, "success"),
        ("import.normalize", 3): (2, "success"),
        ("import.diff", 4): (2, "success"),
        ("import.apply", 5): (2, "success"),
        ("import.extract", NAMES.index(AWAY)): (2, "success"),
        ("import.extract", NAMES.index(HOPELESS)): (2, "failed"),
        ("import.normalize", NAMES.index(HOPELESS)): (0, "upstream_failed"),
        ("import.diff", NAMES.index(HOPELESS)): (0, "upstream_failed"),
        ("import.apply", NAMES.index(HOPELESS)): (0, "upstream_failed"),
        ("report", -1): (2, "success"),
    }


@pytest.mark.parametrize("where", KILLED)
def test_a_worker_that_is_killed_leaves_the_same_rows_as_one_that_is_not(stack, disturbed, where):
    rows = rows_of(stack.home, f"killed in {where}")

    assert rows == rows_of(stack.home, UNDISTURBED)
    assert [(row["uid"], row["summary"], row["start_at"][:16]) for row in rows] == AFTER


@pytest.mark.parametrize("where", KILLED)
def test_a_worker_that_is_killed_doubles_no_history(stack, disturbed, where):
    history = history_of(stack.home, disturbed.run_id, f"killed in {where}")

    assert history == history_of(stack.home, disturbed.run_id, UNDISTURBED)
    assert [action for action, *_ in history] == ["delete", "insert", "update", "update"]


def test_a_feed_that_was_away_for_a_moment_is_imported_all_the_same(stack, disturbed):
    assert rows_of(stack.home, AWAY) == rows_of(stack.home, UNDISTURBED)


def test_killed_workers_keep_no_calendar(stack, disturbed):
    held = "select name, state, error_class, lease_owner, lease_until from calimport.calendars where name = any(%s)"

    assert sorted(stack.home.rows(held, NAMES)) == sorted(
        [(name, "idle", None, None, None) for name in NAMES if name != HOPELESS]
        + [(HOPELESS, "error", ImportInterrupted.__name__, None, None)]
    )


def test_a_calendar_whose_worker_is_killed_at_every_try_keeps_what_it_had(stack, disturbed):
    rows = rows_of(stack.home, HOPELESS)

    assert [(row["uid"], row["summary"], row["start_at"][:16]) for row in rows] == BEFORE


BEFORE = [
    ("choir", "Choir", "2026-03-03T18:00"),
    ("choir", "Choir", "2026-03-06T18:00"),
    ("market", "Market", "2026-03-07T09:00"),
    ("lecture", "Lecture", "2026-03-09T19:00"),
]
AFTER = [
    ("choir", "Big choir", "2026-03-03T18:00"),
    ("choir", "Big choir", "2026-03-06T18:00"),
    ("film", "Film", "2026-03-08T20:00"),
    ("lecture", "Lecture", "2026-03-09T19:00"),
]


def events(rows: list[tuple[str, str, str]]) -> bytes:
    """A feed of these occurrences, and of one long ago, which shows that it does not drop its past."""
    blocks = {"founded": "UID:founded\nSUMMARY:Founded\nDTSTART:20250201T100000Z\nDURATION:PT1H"}
    for uid, summary, start in rows:
        at = datetime.fromisoformat(start)
        rule = "\nRRULE:FREQ=DAILY;INTERVAL=3;COUNT=2" if uid == "choir" else ""
        blocks.setdefault(uid, f"UID:{uid}\nSUMMARY:{summary}\nDTSTART:{at:%Y%m%dT%H%M%SZ}\nDURATION:PT1H{rule}")
    return feed(*blocks.values())


def rows_of(home: Home, calendar: str) -> list[dict[str, Any]]:
    """The events of a calendar without ids."""
    rows = home.rows(
        "select to_jsonb(events) - '{id,calendar_id,first_run_id,last_run_id}'::text[] from calimport.events"
        " join calimport.calendars on calendars.id = calendar_id where name = %s order by start_at, uid",
        calendar,
    )
    return [row for (row,) in rows]


def history_of(home: Home, run_id: str, calendar: str) -> list[tuple[Any, ...]]:
    return home.rows(
        "select action, uid, recurrence_id, changed_columns from calimport.history"
        " join calimport.calendars on calendars.id = calendar_id where dag_run_id = %s and name = %s order by 1, 2, 3",
        run_id,
        calendar,
    )


@pytest.fixture(scope="module")
def many(stack: Stack, web: Web) -> Many:
    ids = []
    for number in range(CALENDARS):
        web.feed(Reply(many_feed(number)), f"/many/{number}.ics")
        ids.append(stack.home.add(f"many {number:03}", web.url(f"/many/{number}.ics?key={SECRET}")))
    web.feed(Reply(status=404), "/many/5.ics")
    web.feed(Reply(hangs=True), "/many/100.ics")
    web.feed(Reply(b"<!doctype html><html><title>Sign in</title></html>"), "/many/101.ics")
    web.feed(Reply(many_feed(102).removesuffix(b"END:VCALENDAR\n")), "/many/102.ics")
    stack.trigger("many", calendars=ids)
    return Many("many", stack.wait("many"), ids)


def many_feed(number: int) -> bytes:
    return feed(
        f"UID:uid-{number}\nSUMMARY:Event {number}\nDTSTART:20260303T090000Z\nDURATION:PT1H\n"
        "RRULE:FREQ=DAILY;INTERVAL=4;COUNT=4"
    )


@pytest.fixture(scope="module")
def disturbed(stack: Stack, web: Web) -> Disturbed:
    """Feeds that have changed are imported again, and in each task one worker is killed."""
    home = stack.home
    ids = {name: home.add(name, web.feed(Reply(events(BEFORE)), path(name))) for name in NAMES}
    with database_of(home) as connection:
        earlier = datetime.fromisoformat(NOON) - timedelta(minutes=10)
        Importer(connection, now=earlier).run("before", calendars=list(ids.values()))
    for name in NAMES:
        web.feed(Reply(events(AFTER)), path(name))
    web.feed(away_at_first(Reply(events(AFTER))), path(AWAY))
    fetching = Slow(Reply(events(AFTER)))
    web.feed(fetching, path(NAMES[1]))

    killer = Killer(stack, "disturbed", ids)
    with gates(home) as gate:
        gate.put("plan", "runs", "insert", "new.dag_run_id = 'disturbed'")
        gate.put("extract, storing", "feeds", "insert", f"new.calendar_id = {ids[NAMES[2]]}")
        gate.put("normalize", "staged_events", "insert", run_of=ids[NAMES[3]])
        gate.put("diff", "changes", "insert", f"new.calendar_id = {ids[NAMES[4]]}")
        gate.put("apply", "events", "insert", f"new.calendar_id = {ids[NAMES[5]]}")
        gate.put(HOPELESS, "feeds", "insert", f"new.calendar_id = {ids[HOPELESS]}")
        gate.put("report", "runs", "update", f"new.error_class = '{ImportInterrupted.__name__}'")
        stack.trigger("disturbed", calendars=list(ids.values()))

        stack.until(lambda: gate.is_waiting("plan"), "plan to open the runs")
        killer.kill("plan")
        gate.open("plan")
        stack.until(fetching.asked.is_set, "a feed to be fetched")
        killer.kill("import.extract", NAMES[1])
        for where, task, name in [
            ("extract, storing", "import.extract", NAMES[2]),
            ("normalize", "import.normalize", NAMES[3]),
            ("diff", "import.diff", NAMES[4]),
            ("apply", "import.apply", NAMES[5]),
        ]:
            stack.until(lambda where=where: gate.is_waiting(where), f"{task} to wait")
            killer.kill(task, name)
            gate.open(where)
        stack.until(lambda: gate.is_waiting(HOPELESS), "extract to wait")
        first = killer.kill("import.extract", HOPELESS)
        stack.until(lambda: killer.process("import.extract", HOPELESS, other_than=first), "extract to be tried again")
        stack.until(lambda: gate.waiting(HOPELESS) == 2, "extract to wait again")
        killer.kill("import.extract", HOPELESS)
        gate.open(HOPELESS)
        stack.until(lambda: gate.is_waiting("report"), "report to wait", patience=180)
        killer.kill("report")
        gate.open("report")
        return Disturbed("disturbed", stack.wait("disturbed"))


class Slow:
    """A feed that keeps its first reader waiting."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked = threading.Event()

    def __call__(self, asked: Asked) -> Reply:
        first = not self.asked.is_set()
        self.asked.set()
        # Until the reader is killed, well within the time-out of a read.
        return Reply(hangs=True) if first else self.reply


def away_at_first(reply: Reply) -> Callable[[Asked], Reply]:
    """A feed whose server has a fault of its own for as long as one fetch tries."""
    replies = iter([Reply(status=503)] * Settings.fetch_attempts)
    return lambda asked: next(replies, reply)


@dataclass(frozen=True)
class Killer:
    """Kills the process in which a task runs."""

    stack: Stack
    run_id: str
    calendars: dict[str, int]

    def kill(self, task: str, calendar: str | None = None) -> int:
        process = self.stack.until(lambda: self.process(task, calendar), f"a process of {task}")
        process.send_signal(signal.SIGKILL)
        number: int = process.pid
        return number

    def process(self, task: str, calendar: str | None, other_than: int | None = None) -> psutil.Process | None:
        """The process that runs the task now: not the scheduler, nor the supervisor above it."""
        index = -1 if calendar is None else list(self.calendars).index(calendar)
        rows = self.stack.home.metadata_rows(
            "select pid from task_instance where run_id = %s and task_id = %s and map_index = %s"
            " and state = 'running' and pid is distinct from %s",
            self.run_id,
            task,
            index,
            other_than,
        )
        return psutil.Process(rows[0]["pid"]) if rows else None


class Gates:
    """Places in calimport's SQL at which a worker waits until the test has killed it."""

    #: Any number, as long as nobody else takes advisory locks with it.
    FAMILY = 4711

    def __init__(self, home: Home, connection: Any) -> None:
        self.home = home
        self.connection = connection
        self.numbers: dict[str, int] = {}

    def put(self, name: str, table: str, event: str, when: str = "true", *, run_of: int = 0) -> None:
        """Shut a gate before an insert into, or an update of, a table.

        :param run_of: a calendar, for a table that knows only its runs.
        """
        number = self.numbers[name] = len(self.numbers) + 1
        self.connection.execute("select pg_advisory_lock(%s, %s)", [self.FAMILY, number])
        self.connection.execute(
            f"create trigger gate_{number} before {event} on calimport.{table} for each row when ({when})"
            f" execute function gates.wait({self.FAMILY}, {number}, {run_of})"
        )

    def open(self, name: str) -> None:
        self.connection.execute("select pg_advisory_unlock(%s, %s)", [self.FAMILY, self.numbers[name]])

    def is_waiting(self, name: str) -> bool:
        return self.waiting(name) > 0

    def waiting(self, name: str) -> int:
        """How many of PostgreSQL's processes wait at the gate; those of workers that were killed still do."""
        found = self.home.rows(
            "select count(*) from pg_locks where locktype = 'advisory' and not granted and classid = %s and objid = %s",
            self.FAMILY,
            self.numbers[name],
        )
        return int(found[0][0])


@contextmanager
def gates(home: Home) -> Iterator[Gates]:
    """Gates, all removed in the end."""
    with home.connect() as connection:
        connection.execute("create schema gates")
        connection.execute(
            """
            create function gates.wait() returns trigger language plpgsql as $$
            begin
                if tg_argv[2]::bigint = 0 or exists (
                    select 1 from calimport.runs
                    where id = (to_jsonb(new) ->> 'run_id')::bigint and calendar_id = tg_argv[2]::bigint
                ) then
                    perform pg_advisory_xact_lock_shared(tg_argv[0]::integer, tg_argv[1]::integer);
                end if;
                return new;
            end
            $$
            """
        )
        try:
            yield Gates(home, connection)
        finally:
            connection.execute("select pg_advisory_unlock_all()")
            _remove_gates(connection)


def _remove_gates(connection: Any) -> None:
    """It locks all tables that had gates; those that went through them work on the same tables, in another order."""
    while True:
        with suppress(psycopg.errors.DeadlockDetected):
            connection.execute("drop schema gates cascade")
            return


def path(name: str) -> str:
    return f"/{name.replace(' ', '-').replace(',', '')}.ics"


@contextmanager
def database_of(home: Home) -> Iterator[database.Connection]:
    """A connection as the steps have it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_CALIMPORT_DB", home.environment()["AIRFLOW_CONN_CALIMPORT_DB"])
        with database.connect(autocommit=True) as connection:
            yield connection


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serve() as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, postgres_host: str, template: str) -> Iterator[Stack]:
    """One Airflow for all tests of this file. Its logs stay where pytest keeps its folders."""
    folder = tmp_path_factory.mktemp("airflow")
    home = Home(folder, postgres_host, new_metadata(postgres_host, folder), new_calimport(postgres_host, template))
    with running(
        home,
        AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE="False",  # only runs that a test starts
        CALIMPORT_MAX_BATCHES=str(MAX_BATCHES),
        CALIMPORT_READ_TIMEOUT="10",
    ) as started:
        yield started
