"""The soak: imports for an hour while something is broken every few seconds; in the end nothing is lost.

``make soak`` (``SOAK_MINUTES=60``). A PostgreSQL of its own, a web server whose feeds change and misbehave, and imports
in processes of their own, two at a time, as Airflow would start them. Faults: workers killed or stopped for a while,
sessions ended, the database's processes killed, the whole server killed and started again, rows locked. Every two
minutes everything is mended and left to heal; then the tables are compared with the model of :mod:`tests.model`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.rows import dict_row

from calimport import database
from calimport.errors import CalendarBusy, CalimportError
from calimport.settings import Settings
from calimport.steps.plan import plan
from calimport.steps.report import report
from calimport.steps.runs import RunKey, Step
from dev import postgres
from tests.loopback import LOOPBACK
from tests.model import AllDay, Event, Place, Single, Weekly, Window, feed_of, rows_of
from tests.web import Asked, Reply, Web, serve
from tests.world import BROKEN, DAYS_AHEAD, DAYS_BACK, TASKS, check_history, content_of

CALENDARS = 24
ZONES = ("UTC", "Europe/London", "America/New_York", "Pacific/Auckland")
STRATEGIES = ("place", "room_number", "no_location")
#: Between two comparisons, and between two faults, in seconds.
ROUND, FAULTS = 120.0, (0.5, 4.0)
#: A worker that is tried again dies at last.
TRIES = 3


@dataclass
class Served:
    """A calendar and what its server gives."""

    id: int
    name: str
    zone: str
    place: Place
    events: dict[str, Event]
    how: str | None = None
    stamp: int = 0

    def reply(self, _: Asked) -> Reply:
        FIGURES[f"answers: {self.how or 'as it should be'}"] += 1
        body = feed_of(self.events, stamp=self.stamp)
        if self.how is None:
            return Reply(body)
        return {"hangs": Reply(hangs=True), "endless": Reply(body, endless=True, pause=0.05)}.get(self.how) or BROKEN[
            self.how
        ](body)


@dataclass
class Worker:
    """A process that works on a run, as a scheduler sees it."""

    run_id: str
    arguments: dict[str, Any]
    tries: int = 1
    process: psutil.Popen = field(init=False)

    def __post_init__(self) -> None:
        self.process = psutil.Popen(
            [sys.executable, "-m", "tests.soak", json.dumps({"run_id": self.run_id, **self.arguments})],
            stdout=subprocess.DEVNULL,
            stderr=LOG,
        )


FIGURES: Counter[str] = Counter()
LOG: Any = subprocess.DEVNULL


class Soak:
    """All of it."""

    def __init__(self, folder: Path, web: Web, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - so that a soak can be had again
        self.web = web
        self.server = postgres.start(folder / "pg")
        self.host = postgres.host(self.server)
        postgres.create_database(self.host, "soak")
        os.environ["AIRFLOW_CONN_CALIMPORT_DB"] = postgres.airflow_connection(self.host, "soak")
        self.workers: list[Worker] = []
        self.runs = 0
        with database.connect() as connection:
            database.migrate(connection)
        self.today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
        self.calendars = [self._add(number) for number in range(CALENDARS)]

    # What happens.

    def round(self, seconds: float) -> None:
        """Imports, edits and faults for so long."""
        until = time.monotonic() + seconds
        next_fault = time.monotonic() + self.random.uniform(*FAULTS)
        while time.monotonic() < until:
            self._reap()
            while len(self.workers) < 2:
                self._start()
            if time.monotonic() >= next_fault:
                self._edit()
                name, strike = self.random.choices(self.faults(), weights=[6, 3, 3, 2, 1, 3, 6])[0]
                if strike():
                    FIGURES[f"fault: {name}"] += 1
                next_fault = time.monotonic() + self.random.uniform(*FAULTS)
            time.sleep(0.1)

    def faults(self) -> list[tuple[str, Callable[[], Any]]]:
        return [
            ("worker killed (kill -9)", self._kill_worker),
            ("worker stopped for seconds", self._stop_worker),
            ("session ended (pg_terminate_backend)", self._terminate),
            ("database process killed (crash restart)", self._crash),
            ("whole server killed and started again", self._restart),
            ("rows locked for seconds", self._lock),
            ("feed misbehaves", self._misbehave),
        ]

    def heal(self) -> None:
        """Mend everything, and let runs go on until none has anything left to do."""
        for calendar in self.calendars:
            calendar.how = None
        deadline = time.monotonic() + 300
        while self.workers:
            self._reap()
            assert time.monotonic() < deadline, "the workers do not end"
            time.sleep(0.1)
        time.sleep(LEASE)  # of runs that nobody came back to
        for _ in range(6):
            self._start(named=True)
            while self.workers:
                self._reap()
                time.sleep(0.05)
            with self._connect() as connection:
                row = connection.execute(
                    "select array_agg(distinct error_class) filter (where outcome = 'failed') as failed,"
                    " coalesce(sum(held), 0) as held"
                    " from calimport.runs where dag_run_id = %s",
                    [f"run_{self.runs}"],
                ).fetchone()
            assert row is not None
            assert not row["failed"], f"a run with nothing against it failed: {row['failed']}"
            if not row["held"]:
                return
        raise AssertionError("deletions are held for ever")

    def check(self) -> None:
        """Every invariant.

        :raises AssertionError: one does not hold.
        """
        with self._connect() as connection:
            for calendar in self.calendars:
                row = connection.execute(
                    "select * from calimport.runs where calendar_id = %s order by id desc limit 1", [calendar.id]
                ).fetchone()
                assert row is not None
                window = Window.around(row["as_of"], calendar.zone, DAYS_BACK, DAYS_AHEAD)
                assert (row["window_start"], row["window_end"]) == (window.start, window.end)
                expected = rows_of(calendar.events, window=window, zone=calendar.zone, place=calendar.place)
                rows = connection.execute(
                    "select * from calimport.events where calendar_id = %s", [calendar.id]
                ).fetchall()
                found = {
                    (one["uid"], one["recurrence_id"]): content_of(one)
                    for one in rows
                    if window.holds(one["start_at"], one["end_at"])
                }
                assert found == expected, f"{calendar.name}: {found.items() ^ expected.items()}"
                FIGURES["rows checked"] += len(found)
            check_history(connection)
            left = connection.execute(
                "select name from calimport.calendars where lease_owner is not null or state <> 'idle'"
            ).fetchall()
            assert not left, f"held or not idle: {left}"
            unexplained = connection.execute(
                "select id from calimport.runs"
                " where outcome is null or outcome = 'failed' and (error_class is null or error_message is null)"
            ).fetchall()
            assert not unexplained, f"runs that say nothing: {unexplained}"
            staged = connection.execute(
                "select run_id from calimport.staged_events union select run_id from calimport.staged_notices"
                " union select run_id from calimport.staged_uids"
            ).fetchall()
            assert not staged, f"staged for ever: {staged}"
        FIGURES["comparisons of all tables"] += 1

    def outcomes(self) -> Counter[str]:
        with self._connect() as connection:
            rows = connection.execute(
                "select coalesce(error_class, outcome, 'never ended') as what, count(*) as n"
                " from calimport.runs group by 1"
            ).fetchall()
            changes = connection.execute("select count(*) as n from calimport.history").fetchone()
        assert changes is not None
        FIGURES["changes in the history"] = changes["n"]
        return Counter({row["what"]: row["n"] for row in rows})

    # Runs.

    def _start(self, *, named: bool = False) -> None:
        self.runs += 1
        arguments: dict[str, Any] = {"calendars": [], "days": None}
        if named:
            arguments |= {"calendars": [calendar.id for calendar in self.calendars], "patience": 30}
        elif self.random.random() < 0.6:
            with self._connect() as connection:  # five minutes have passed
                connection.execute("update calimport.calendars set next_import_at = null")
        else:
            arguments["calendars"] = [one.id for one in self.random.sample(self.calendars, 5)]
            if self.random.random() < 0.5:
                day = self.today + timedelta(days=self.random.randint(-6, 5))
                arguments["days"] = [str(day.date()), str((day + timedelta(days=1)).date())]
        self.workers.append(Worker(f"run_{self.runs}", arguments))

    def _reap(self) -> None:
        """As a scheduler: a worker that died is tried again, and in the end the run is reported."""
        for worker in list(self.workers):
            status = worker.process.poll()
            if status is None:
                continue
            self.workers.remove(worker)
            if status == 0:
                FIGURES["DAG runs"] += 1
            else:
                last = worker.tries >= TRIES
                arguments = worker.arguments | {"only_report": last}
                self.workers.append(Worker(worker.run_id, arguments, worker.tries + 1))

    # Faults.

    def _kill_worker(self) -> bool:
        return self._signal(signal.SIGKILL)

    def _stop_worker(self) -> bool:
        if not self._signal(signal.SIGSTOP):
            return False
        time.sleep(self.random.uniform(0.5, LEASE * 1.2))
        for worker in self.workers:
            with suppress(psutil.NoSuchProcess):
                worker.process.send_signal(signal.SIGCONT)
        return True

    def _signal(self, number: int) -> bool:
        alive = [worker for worker in self.workers if worker.process.poll() is None]
        if not alive:
            return False
        self.random.choice(alive).process.send_signal(number)
        return True

    def _terminate(self) -> bool:
        with self._connect() as connection:
            row = connection.execute(
                "select pid, pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = 'soak' and pid <> pg_backend_pid() and backend_type = 'client backend'"
                " order by random() limit 1"
            ).fetchone()
        return row is not None

    def _crash(self) -> bool:
        with self._connect() as connection:
            row = connection.execute(
                "select pid from pg_stat_activity where datname = 'soak' and pid <> pg_backend_pid()"
                " and backend_type = 'client backend' order by random() limit 1"
            ).fetchone()
        if row is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(row["pid"], signal.SIGKILL)
        time.sleep(0.5)
        return True

    def _restart(self) -> bool:
        postmaster = self.server.get_postmaster_info().process
        below = postmaster.children(recursive=True)
        for process in [postmaster, *below]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs([postmaster, *below], timeout=20)
        time.sleep(self.random.uniform(0, 2))
        for _ in range(20):
            with suppress(subprocess.SubprocessError):
                self.server.ensure_postgres_running()
                return True
            time.sleep(1)
        raise AssertionError("the database does not start again")

    def _lock(self) -> bool:
        try:
            with self._connect() as connection, connection.transaction():
                connection.execute("set local lock_timeout = '2s'")
                connection.execute(
                    "select id from calimport.calendars order by random() limit 5 for update"  # and nobody goes on
                )
                time.sleep(self.random.uniform(0.2, 2))
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def _misbehave(self) -> bool:
        for calendar in self.random.sample(self.calendars, 6):
            calendar.how = self.random.choice([None, None, *BROKEN, "hangs", "endless"])
        return True

    # Feeds.

    def _add(self, number: int) -> Served:
        name, zone = f"calendar{number}", ZONES[number % len(ZONES)]
        with self._connect() as connection:
            place = connection.execute(
                "insert into calimport.places (name, address) values (%s, %s) returning id", [name, "1 Street"]
            ).fetchone()
            assert place is not None
            where = Place(STRATEGIES[number % len(STRATEGIES)], place["id"], "1 Street")
            row = connection.execute(
                "insert into calimport.calendars (name, source, timezone, strategy, place_id)"
                " values (%s, %s, %s, %s, %s) returning id",
                [name, self.web.url(f"/{name}.ics"), zone, where.strategy, where.id],
            ).fetchone()
        assert row is not None
        founded = {"founded": Single(self.today - timedelta(days=400), 60, "Founded")}
        events = founded | {f"uid-{index}": self._event() for index in range(self.random.randint(4, 60))}
        calendar = Served(row["id"], name, zone, where, events)
        self.web.feed(calendar.reply, f"/{name}.ics")
        return calendar

    def _edit(self) -> None:
        calendar = self.random.choice(self.calendars)
        uid = self.random.choice(list(calendar.events))
        calendar.stamp += 1
        what = self.random.choice(["add", "add", "edit", "move", "remove"])
        changed = dict(calendar.events)
        if what == "add" or uid == "founded":
            changed[f"new-{self.random.randrange(10**9)}"] = self._event()
        elif what == "edit":
            changed[uid] = replace(changed[uid], summary=f"Title {self.random.randrange(1000)}")
        elif what == "move":
            event = changed[uid]
            changed[uid] = replace(event, start=event.start + timedelta(days=self.random.randint(-3, 3)))
        else:
            del changed[uid]
        calendar.events = changed
        FIGURES["edits of feeds"] += 1

    def _event(self) -> Event:
        at = (self.today + timedelta(days=self.random.randint(-9, 9))).replace(hour=self.random.randint(7, 22))
        title = f"Title {self.random.randrange(1000)}"
        kind = self.random.randrange(4)
        if kind == 0:
            return AllDay(at.date(), self.random.randint(1, 3), title)
        if kind == 1:
            cancelled = frozenset({self.random.randrange(3)})
            return Weekly(at - timedelta(weeks=1), 3, title, cancelled=cancelled, moved={self.random.randrange(3): 20})
        return Single(at, self.random.choice([0, 45, 1500]), title, self.random.choice(["UTC", "Europe/London", None]))

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """A connection as soon as the server takes one."""
        for attempt in range(60):
            try:
                connection = psycopg.connect(
                    host=self.host, user="postgres", dbname="soak", autocommit=True, row_factory=dict_row
                )
                break
            except psycopg.OperationalError:
                if attempt == 59:
                    raise
                time.sleep(0.5)
        with connection:
            connection.execute("set time zone 'UTC'")
            yield connection


#: Seconds: as short as this only here, so that what a killed run holds is soon free.
LEASE = 6.0


def work(asked: dict[str, Any]) -> int:
    """One run, as Airflow's tasks would do it; 3 where the database went away, for a task to be tried again."""
    settings = replace(
        Settings.from_environment(), allowed_networks=LOOPBACK, fetch_attempts=1, host_requests_per_second=1000,
        lease_seconds=LEASE, lease_patience=10, max_batches=4,
        read_timeout=asked.get("patience", 0.7), fetch_timeout=asked.get("patience", 1.5),
    )  # fmt: skip
    key = RunKey("calendar_import", asked["run_id"])
    days = asked["days"] or (None, None)

    def step(connection: database.Connection) -> Step:
        return Step(connection, key, datetime.now(UTC), settings)

    with database.connect(autocommit=True) as connection:
        if not asked.get("only_report"):
            batches = plan(
                step(connection), as_of=datetime.now(UTC), calendars=asked["calendars"], window_start=days[0],
                window_end=days[1], waits=bool(asked["calendars"]),
            )  # fmt: skip
            for batch in batches:
                _batch(step, connection, batch["calendar_ids"])
        report(step(connection))
    return 0


def _batch(step: Callable[[Any], Step], connection: Any, ids: list[int]) -> None:
    with suppress(CalimportError):  # recorded in `runs`, where it is counted
        for task in TASKS:
            while True:
                try:
                    left = task(step(connection), ids)
                except CalendarBusy as busy:
                    time.sleep(min(busy.retry_after or 1, 1))
                else:
                    break
            if task is TASKS[0] and not left:
                return


def main() -> int:
    if len(sys.argv) > 1:
        try:
            return work(json.loads(sys.argv[1]))
        except (psycopg.OperationalError, CalimportError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 3
    minutes = float(os.environ.get("SOAK_MINUTES", "60"))
    seed = int(os.environ.get("SOAK_SEED", "1"))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, serve() as web:
        global LOG
        LOG = (Path(folder) / "workers.log").open("wb")
        soak = Soak(Path(folder), web, seed)
        try:
            while time.monotonic() - began < minutes * 60:
                soak.round(min(ROUND, max(10.0, minutes * 60 - (time.monotonic() - began))))
                soak.heal()
                soak.check()
                print(f"{(time.monotonic() - began) / 60:5.1f} min: every invariant holds", flush=True)
            print(table(soak.outcomes(), minutes))
        finally:
            for worker in soak.workers:
                with suppress(psutil.NoSuchProcess):
                    worker.process.kill()
            postgres.stop(soak.server)
    return 0


def table(outcomes: Counter[str], minutes: float) -> str:
    """The figures as ``docs/reliability.md`` has them."""
    bad = sum(n for name, n in FIGURES.items() if name.startswith("answers: ") and "should be" not in name)
    faults = sum(n for name, n in FIGURES.items() if name.startswith("fault: "))
    rows = [
        ("Minutes", f"{minutes:g}"),
        ("Faults injected", faults),
        *(
            (f"– {name.removeprefix('fault: ')}", n)
            for name, n in sorted(FIGURES.items())
            if name.startswith("fault: ")
        ),
        ("DAG runs", FIGURES["DAG runs"]),
        ("Runs of calendars", sum(outcomes.values())),
        *((f"– {name}", n) for name, n in sorted(outcomes.items())),
        ("Answers of servers", sum(n for name, n in FIGURES.items() if name.startswith("answers: "))),
        ("– of them bad inputs", bad),
        ("Edits of feeds", FIGURES["edits of feeds"]),
        ("Changes in the history", FIGURES["changes in the history"]),
        ("Comparisons of all tables", FIGURES["comparisons of all tables"]),
        ("Rows checked", FIGURES["rows checked"]),
        ("Invariants that did not hold", 0),
    ]
    return "\n".join(["| what | how many |", "|---|---|", *(f"| {name} | {n} |" for name, n in rows)])


if __name__ == "__main__":
    sys.exit(main())
