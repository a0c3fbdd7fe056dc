"""Calendars, runs and a database, and what must be true of them after every step."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from calimport import database, plans
from calimport.errors import CalendarBusy, CalimportError, ConfigurationError, LeaseLost, PlanOutdated
from calimport.settings import Settings
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from calimport.steps.plan import plan
from calimport.steps.report import report
from calimport.steps.runs import RunKey, Step
from tests import faulty
from tests.loopback import LOOPBACK
from tests.model import Content, Event, Identity, Place, Window, feed_of, rows_of
from tests.web import Asked, Reply, Web

#: Few rows are enough to be held here.
SETTINGS = Settings(
    allowed_networks=LOOPBACK,
    fetch_attempts=1,
    host_requests_per_second=100_000,
    host_request_burst=1000,
    hold_deletes_over=2,
    hold_deletes_ratio=0.4,
)
TASKS: Sequence[Callable[[Step, Sequence[int]], Any]] = (extract, normalize, diff, apply)
DAYS_BACK = DAYS_AHEAD = 7

#: What a server gives in the place of the feed, and so nothing may come of.
BROKEN: dict[str, Callable[[bytes], Reply]] = {
    "fault of its own": lambda _: Reply(status=500),
    "not there": lambda _: Reply(status=404),
    "ends early": lambda body: Reply(body[: len(body) * 2 // 3]),
    "connection dropped": lambda body: Reply(body, cut_after=len(body) // 2),
    "longer than it says": lambda body: Reply(body, content_length=len(body) // 2),
    "sign-in page": lambda _: Reply(b"<!doctype html><html><title>Sign in</title><form></form></html>"),
    "no bytes": lambda _: Reply(b""),
    "corrupt": lambda body: Reply(bytes(byte ^ 0x55 for byte in body)),
}


@dataclass(frozen=True)
class Row:
    """A row of ``events``."""

    id: int
    xmin: str
    uid: str
    content: Content

    @property
    def identity(self) -> Identity:
        return self.uid, self.content[0]


@dataclass(frozen=True)
class Kept:
    """What a person said is to stay, and of which feed and configuration."""

    said_in: str
    epoch: int
    configuration: object


@dataclass(repr=False)
class Calendar:
    """A calendar as its owner, its server and its importer know it."""

    id: int
    name: str
    place: Place
    zone: str
    events: dict[str, Event]
    configured_at: datetime
    unreadable: frozenset[str] = frozenset()
    #: A key of ``BROKEN``, or None: the feed as it is.
    broken: str | None = None
    stamp: int = 0
    has_etag: bool = False
    rows: dict[int, Row] = field(default_factory=dict)
    #: What the last import brought; ``epoch`` counts how often that was something else.
    applied: object = None
    epoch: int = 0
    knows_past: bool = False
    churned: int = 0
    held: frozenset[int] = frozenset()
    kept: dict[Identity, Kept] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name

    @property
    def configuration(self) -> object:
        return self.zone, self.place.strategy

    @property
    def meaning(self) -> object:
        return tuple(sorted((uid, repr(event)) for uid, event in self.events.items())), self.unreadable

    def reply(self, _: Asked) -> Reply:
        body = feed_of(self.events, unreadable=self.unreadable, stamp=self.stamp)
        if self.broken:
            return BROKEN[self.broken](body)
        return Reply(body, etag=f'"{hash((self.meaning, self.stamp))}"' if self.has_etag else None)


@dataclass(repr=False)
class Facts:
    """What was served and configured when a run fetched a calendar, and where it normalized it."""

    events: dict[str, Event]
    unreadable: frozenset[str]
    meaning: object
    is_good: bool
    window: Window
    zone: str
    place: Place
    #: When the run fetched, then when it compared.
    configuration: object
    #: Whether an empty feed says what is gone of the past: only where an earlier one published its past.
    knows_past: bool


@dataclass(repr=False)
class DagRun:
    """A run as Airflow would know it: which batches are at which task."""

    key: RunKey
    as_of: datetime
    days: tuple[date, date] | None
    force: bool
    dry_run: bool
    batches: list[list[int]]
    #: The next task of each batch; 4: none.
    at: list[int]
    facts: dict[int, Facts] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.key.dag_run_id

    @property
    def next_batch(self) -> int | None:
        return next((number for number, at in enumerate(self.at) if at < len(TASKS)), None)


class World:
    """Everything, and what is true of it."""

    def __init__(self, connection: database.Connection, web: Web, now: datetime) -> None:
        self.connection = connection
        self.web = web
        self.now = now
        self.calendars: dict[int, Calendar] = {}
        self.active: list[DagRun] = []
        self.ended: list[DagRun] = []
        self.abandoned: dict[str, datetime] = {}
        #: (dag_run_id, calendar) → the rows that it changed, before and after, an attempt or more.
        self.changed: dict[tuple[str, int], list[dict[int, tuple[Row | None, Row | None]]]] = {}
        self.seen: set[int] = set()
        self.figures: Counter[str] = Counter()
        connection.execute(
            "truncate calimport.calendars, calimport.runs, calimport.feeds, calimport.feed_contents, calimport.places,"
            " calimport.request_budgets, calimport.staged_events, calimport.staged_notices, calimport.staged_uids"
            " cascade"
        )

    # What happens.

    def add_calendar(self, name: str, zone: str, strategy: str, events: dict[str, Event]) -> Calendar:
        place = self._one(
            "insert into calimport.places (name, address) values (%s, %s) returning id", name, f"1 {name} Street"
        )
        row = self.connection.execute(
            "insert into calimport.calendars (name, source, timezone, strategy, place_id, days_back, days_ahead)"
            " values (%s, %s, %s, %s, %s, %s, %s) returning id, configured_at",
            [name, self.web.url(f"/{name}.ics"), zone, strategy, place, DAYS_BACK, DAYS_AHEAD],
        ).fetchone()
        assert row is not None
        where = Place(strategy, place, f"1 {name} Street")
        calendar = Calendar(row["id"], name, where, zone, events, row["configured_at"])
        self.web.feed(calendar.reply, f"/{name}.ics")
        self.calendars[calendar.id] = calendar
        return calendar

    def start(
        self,
        calendars: Sequence[Calendar] = (),
        *,
        days: tuple[date, date] | None = None,
        force: bool = False,
        dry_run: bool = False,
        waits: bool = False,
        max_batches: int = 20,
    ) -> DagRun:
        """Plan a run: its calendars, or all that are due."""
        number = self.figures["DAG runs"] = self.figures["DAG runs"] + 1
        key = RunKey("calendar_backfill" if waits and days else "calendar_import", f"run_{number}")
        step = Step(self.connection, key, self.now, Settings(**{**vars(SETTINGS), "max_batches": max_batches}))
        batches = plan(
            step,
            as_of=self.now,
            calendars=[calendar.id for calendar in calendars],
            window_start=days and str(days[0]),
            window_end=days and str(days[1]),
            force=force,
            dry_run=dry_run,
            waits=waits,
        )
        ids = [batch["calendar_ids"] for batch in batches]
        run = DagRun(key, self.now, days, force, dry_run, ids, [0] * len(ids))
        self.active.append(run)
        self.observe()
        return run

    def advance(self, run: DagRun, fault: faulty.Fault | None = None) -> str:
        """Do the next task of the run, or its report; what became of it."""
        became = self._task(run, fault)
        self.observe()
        return became

    def finish(self, run: DagRun) -> None:
        """Do all that is left of the run, as a scheduler would. A batch that waits for others is given up."""
        while run in self.active:
            number = run.next_batch
            if self.advance(run) in ("waits", "failed") and number is not None:
                run.at[number] = len(TASKS)

    def together(self, runs: tuple[DagRun, DagRun], order: Sequence[bool]) -> None:
        """The next tasks of two runs at once, statement by statement in this order."""
        turns = faulty.Turns(order)
        broken: list[BaseException] = []

        def work(me: bool) -> None:
            try:
                self._task(runs[me], turns.watcher(me))
            except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
                broken.append(error)
            finally:
                turns.done(me)

        threads = [threading.Thread(target=work, args=[me]) for me in (False, True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if broken:
            raise broken[0]
        self.figures["tasks at once"] += 1
        self.observe()

    def abandon(self, run: DagRun) -> None:
        """Nobody comes back to this run, not even its report."""
        self.active.remove(run)
        self.abandoned[run.key.owner] = self.now + SETTINGS.lease

    def rerun(self, run: DagRun, *, plan_too: bool) -> None:
        """Clear a run that has ended."""
        self.ended.remove(run)
        self.active.append(run)
        if plan_too:
            ids = [one for batch in run.batches for one in batch]
            plan(Step(self.connection, run.key, self.now, SETTINGS), as_of=run.as_of, calendars=ids)
        run.at = [0] * len(run.batches)
        self.observe()

    def by_hand(self, act: Callable[[], Any]) -> CalimportError | None:
        """What a person does; the refusal, if it is refused."""
        try:
            act()
        except CalimportError as error:
            self.figures["acts refused"] += 1
            self.observe()
            return error
        self.figures["acts by hand"] += 1
        self.observe()
        return None

    def apply_plan(self, run: DagRun, calendar: Calendar) -> None:
        """Apply what a dry run planned; refused, it changes nothing, and applied, it is what the plan said."""
        row = self.connection.execute(
            "select * from calimport.runs where dag_run_id = %s and outcome = 'planned'",
            [run.key.dag_run_id],
        ).fetchone()
        before = dict(calendar.rows)
        self.now += timedelta(seconds=1)
        refused = self.by_hand(
            lambda: plans.apply(
                self.connection, run.key.dag_run_id, calendar_id=calendar.id, actor="cli:a person", clock=self.now
            )
        )
        if refused:
            assert isinstance(refused, LeaseLost | PlanOutdated | ConfigurationError), refused
            return
        assert row is not None
        wanted = self._as_planned(row["id"], before)
        assert calendar.rows.keys() == wanted.keys()
        for id, one in wanted.items():
            assert calendar.rows[id] == (one if one.xmin != "planned" else replace(one, xmin=calendar.rows[id].xmin))
        self._learn(
            calendar, row | {"outcome": "imported", "now_configured_at": row["configured_at"]}, run.facts[calendar.id]
        )

    def _task(self, run: DagRun, watcher: Any) -> str:
        number = run.next_batch
        try:
            with faulty.connect(watcher) as connection:
                step = Step(connection, run.key, self.now, SETTINGS)
                if number is None:
                    report(step)
                    self.active.remove(run)
                    self.ended.append(run)
                    return "reported"
                return self._batch(step, run, number)
        except (faulty.WorkerKilled, psycopg.OperationalError) as fault:
            if watcher is None or (isinstance(watcher, faulty.Fault) and not watcher.struck):
                raise
            self.figures[f"fault: {getattr(watcher, 'kind', type(fault).__name__)}"] += 1
            return "struck"

    def _batch(self, step: Step, run: DagRun, number: int) -> str:
        ids, at = run.batches[number], run.at[number]
        for one in ids:
            self._note(run, self.calendars[one], TASKS[at])
        try:
            left = TASKS[at](step, ids)
        except CalendarBusy:
            return "waits"
        except CalimportError:
            return "failed"
        run.at[number] = len(TASKS) if at == 0 and not left else at + 1
        self.figures["tasks"] += 1
        return "done"

    def _note(self, run: DagRun, calendar: Calendar, task: object) -> None:
        if task is extract:
            window = (
                Window.of_dates(*run.days, calendar.zone)
                if run.days
                else Window.around(run.as_of, calendar.zone, DAYS_BACK, DAYS_AHEAD)
            )
            run.facts[calendar.id] = Facts(
                events=dict(calendar.events),
                unreadable=calendar.unreadable,
                meaning=calendar.meaning,
                is_good=calendar.broken is None,
                window=window,
                zone=calendar.zone,
                place=calendar.place,
                configuration=calendar.configuration,
                knows_past=calendar.knows_past,
            )
        elif task is diff:
            run.facts[calendar.id].configuration = calendar.configuration
        elif task is normalize:
            run.facts[calendar.id].place = calendar.place
            run.facts[calendar.id].knows_past = calendar.knows_past

    # What must be true.

    def observe(self) -> None:
        """Every invariant, after every step.

        :raises AssertionError: one does not hold.
        """
        before = {calendar.id: dict(calendar.rows) for calendar in self.calendars.values()}
        after = self._rows()
        finished = self.connection.execute(
            "select runs.*, calendars.configured_at as now_configured_at from calimport.runs"
            " join calimport.calendars on calendars.id = calendar_id"
            " where outcome is not null and runs.id <> all(%s) order by outcome, runs.id",
            [list(self.seen)],
        ).fetchall()
        for calendar in self.calendars.values():
            good = [row for row in finished if row["calendar_id"] == calendar.id and row["outcome"] != "failed"]
            if not any(row["outcome"] == "imported" for row in good):
                assert after[calendar.id] == before[calendar.id], f"{calendar.name} changed without an import"
            for row in good:
                self._check_run(calendar, row, before[calendar.id], after[calendar.id])
            calendar.rows = after[calendar.id]
        for row in finished:
            if row["outcome"] == "failed":
                assert row["error_class"], row
                assert row["error_message"].endswith((".", ")")), row
            self.seen.add(row["id"])
            self.figures[f"runs {row['outcome']}"] += 1
        self.figures["rows checked"] += sum(map(len, after.values()))
        check_history(self.connection)
        self._check_leases()

    def _check_run(
        self, calendar: Calendar, row: dict[str, Any], before: dict[int, Row], after: dict[int, Row]
    ) -> None:
        for id, one in after.items():  # ids are stable
            known = next((old for old in before.values() if old.identity == one.identity), None)
            assert known is None or known.id == id, f"{one.identity} has another id: {known.id} → {id}"  # type: ignore[union-attr]
        if row["operation"] != "import":
            if before != after:
                self._record(row, calendar, before, after)
            return
        run = next(run for run in [*self.active, *self.ended] if run.key.dag_run_id == row["dag_run_id"])
        facts = run.facts[calendar.id]
        assert facts.is_good, f"{calendar.name}: {row['outcome']} by a run that fetched no feed"
        assert (row["window_start"], row["window_end"]) == (facts.window.start, facts.window.end)
        if row["dry_run"]:
            if row["outcome"] == "planned":
                self._check_table(calendar, row, facts, before, self._as_planned(row["id"], before))
            return
        if row["outcome"] == "unchanged":
            self._check_table(calendar, row, facts, before, before)
        else:
            self._check_table(calendar, row, facts, before, after)
            self._record(row, calendar, before, after)
        self._learn(calendar, row, facts)

    def _check_table(
        self, calendar: Calendar, row: dict[str, Any], facts: Facts, before: dict[int, Row], after: dict[int, Row]
    ) -> None:
        """The table is the feed, in the window; what does not follow from it stays as it was."""
        expected = rows_of(
            {uid: event for uid, event in facts.events.items() if uid not in facts.unreadable},
            window=facts.window,
            zone=facts.zone,
            place=facts.place,
        )
        present = max(row["as_of"], row["fetched_at"])
        same_feed = calendar.applied == facts.meaning
        kept = {
            identity
            for identity, said in calendar.kept.items()
            if not row["force"]
            and same_feed
            and (said.epoch, said.configuration) == (calendar.epoch, facts.configuration)
        }
        changes = self.connection.execute(
            "select event_id from calimport.changes where run_id = %s and held", [row["id"]]
        ).fetchall()
        held = {change["event_id"] for change in changes}
        if row["outcome"] == "unchanged":
            held = set(calendar.held)
        stay = {}
        for id, one in before.items():
            in_window = facts.window.holds(one.content[1], one.content[2])
            if (
                (not in_window and one.identity not in expected)
                or one.identity in kept
                or (one.uid in facts.unreadable and in_window)
                or (not facts.events and not facts.knows_past and one.content[2] < present)
                or id in held
            ):
                stay[id] = one
        for id, one in stay.items():
            assert after.get(id) == one, f"{calendar.name}: {one} was to stay, is {after.get(id)}"
        wanted = {identity: content for identity, content in expected.items() if identity not in kept}
        found = [one for id, one in after.items() if id not in stay]
        if calendar.churned:
            assert Counter(one.content for one in found) == Counter(wanted.values()), calendar.name
        else:
            there = {one.identity: one.content for one in found}
            assert there == wanted, (
                f"{calendar.name}, {row['dag_run_id']}, {row['outcome']}: missing {wanted.items() - there.items()},"
                f" too many {there.items() - wanted.items()}"
            )
        if row["outcome"] != "unchanged":
            self._check_held(calendar, row, facts, before, held, expected)

    def _check_held(
        self,
        calendar: Calendar,
        row: dict[str, Any],
        facts: Facts,
        before: dict[int, Row],
        held: set[int],
        expected: dict[Identity, Content],
    ) -> None:
        """Many deletions are held, few are not, and those on which fetches agree go."""
        in_window = {id: one for id, one in before.items() if facts.window.holds(one.content[1], one.content[2])}
        many = len(held) > SETTINGS.hold_deletes_over and len(held) > SETTINGS.hold_deletes_ratio * len(in_window)
        by_person = any(before[id].identity in calendar.kept for id in held)
        assert held <= in_window.keys()
        assert not any(before[id].identity in expected for id in held)
        assert not held or ((many or by_person) and not row["force"]), f"{calendar.name}: held without a reason"
        # Those that are surely gone, and not only moved or renamed.
        uids = facts.unreadable | {uid for uid, _ in expected}
        times = {content[1:3] for content in expected.values()}
        gone = [
            one
            for one in in_window.values()
            if one.uid not in uids and one.content[1:3] not in times and (facts.events or facts.knows_past)
        ]
        must = (
            len(gone) > SETTINGS.hold_deletes_over
            and len(gone) > SETTINGS.hold_deletes_ratio * len(in_window)
            and not row["force"]
            and not calendar.held
            and not calendar.churned
            and calendar.kept.keys().isdisjoint(one.identity for one in gone)
        )
        assert held or not must, f"{calendar.name}: {len(gone)} of {len(in_window)} rows went at once"

    def _learn(self, calendar: Calendar, row: dict[str, Any], facts: Facts) -> None:
        """What the calendar knows of its feed from now on."""
        is_whole = row["requested_start"] is None
        if row["outcome"] == "imported":
            calendar.knows_past = bool(facts.events)
            held = self.connection.execute(
                "select event_id from calimport.changes where run_id = %s and held", [row["id"]]
            ).fetchall()
            held_ids = frozenset(change["event_id"] for change in held)
            if held_ids or is_whole:
                calendar.held = held_ids
            if is_whole:
                is_same = not row["force"] and calendar.applied == facts.meaning
                calendar.kept = {
                    identity: said
                    for identity, said in calendar.kept.items()
                    if (is_same and (said.epoch, said.configuration) == (calendar.epoch, calendar.configuration))
                    or any(identity == calendar.rows[id].identity for id in held_ids)
                }
        if row["configured_at"] == row["now_configured_at"] and calendar.applied != facts.meaning:
            calendar.applied = facts.meaning
            calendar.epoch += 1

    def _record(self, row: dict[str, Any], calendar: Calendar, before: dict[int, Row], after: dict[int, Row]) -> None:
        changed = {
            id: (before.get(id), after.get(id))
            for id in before.keys() | after.keys()
            if before.get(id) != after.get(id)
        }
        self.changed.setdefault((row["dag_run_id"], calendar.id), []).append(changed)

    def is_quiet(self) -> bool:
        """Whether nobody else holds a calendar: no run is under way, none was abandoned whose lease is not over."""
        return not self.active and all(until < self.now for until in self.abandoned.values())

    def check_succeeded(self, run: DagRun) -> None:
        """A run that nothing disturbed imports each calendar whose server gives its feed."""
        failed = self.connection.execute(
            "select calendar_id, error_class, error_message from calimport.runs"
            " where dag_run_id = %s and outcome = 'failed'",
            [run.key.dag_run_id],
        ).fetchall()
        good = {calendar.id for calendar in self.calendars.values() if calendar.broken is None}
        assert not [row for row in failed if row["calendar_id"] in good], failed
        self.figures["undisturbed runs"] += 1

    def _check_leases(self) -> None:
        """Whoever holds a calendar is a run that is under way, or one that was abandoned."""
        held = self.connection.execute("select * from calimport.calendars where lease_owner is not null").fetchall()
        live = {run.key.owner for run in self.active} | self.abandoned.keys()
        for row in held:
            assert row["lease_owner"] in live, f"{row['name']} is held by {row['lease_owner']}, which has ended"

    def _rows(self) -> dict[int, dict[int, Row]]:
        found: dict[int, dict[int, Row]] = {id: {} for id in self.calendars}
        rows = self.connection.execute("select *, xmin::text as xmin from calimport.events").fetchall()
        for row in rows:
            found[row["calendar_id"]][row["id"]] = _row(row["id"], row["xmin"], row)
        return found

    def _as_planned(self, run_id: int, before: dict[int, Row]) -> dict[int, Row]:
        """What the table would be if the plan were applied."""
        rows = self.connection.execute(
            "select event_id, action, held, to_jsonb(planned) as row from calimport.changes left join lateral"
            " jsonb_populate_record(null::calimport.events, after) as planned on true where run_id = %s",
            [run_id],
        ).fetchall()
        after = dict(before)
        for row in rows:
            if row["action"] == "delete":
                if not row["held"]:
                    del after[row["event_id"]]
            else:
                after[row["event_id"]] = _row(row["event_id"], "planned", _typed(row["row"]))
        return after

    def _one(self, query: str, *parameters: Any) -> Any:
        row = self.connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return next(iter(row.values()))


def check_history(connection: Any) -> None:
    """From an empty table the history leads to this one, and each change begins where the last one ended."""
    query = """
        with chained as (
            select history.*, lag(after) over (partition by event_id order by id) as earlier,
                lead(id) over (partition by event_id order by id) as later
            from calimport.history
        ),
        now as (
            select id, calendar_id, to_jsonb(events) - '{id,calendar_id,first_run_id,last_run_id}'::text[] as record
            from calimport.events
        )
        select
            (select count(*) from chained where before is distinct from earlier) as breaks,
            (
                select count(*)
                from now full join (select * from chained where later is null and after is not null) as last
                    on now.id = last.event_id
                where now.record is distinct from last.after or now.calendar_id is distinct from last.calendar_id
            ) as differences
    """
    row = connection.execute(query).fetchone()
    assert row == {"breaks": 0, "differences": 0}, "the history does not lead to the table"


def _row(id: int, xmin: str, row: dict[str, Any]) -> Row:
    return Row(id, xmin, row["uid"], content_of(row))


def content_of(row: dict[str, Any]) -> Content:
    """What a row of ``events`` says."""
    names = "recurrence_id start_at end_at start_date end_date timezone status summary location place_id address"
    return tuple(row[name] for name in names.split())  # type: ignore[return-value]


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """JSON's instants and dates as Python's."""
    instants = {name: datetime.fromisoformat(row[name]) for name in ("start_at", "end_at")}
    dates = {name: row[name] and date.fromisoformat(row[name]) for name in ("start_date", "end_date")}
    return row | instants | dates
