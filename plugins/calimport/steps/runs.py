"""What the steps share: the run of a calendar, its lease, and the rule that one calendar's failure is its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from calimport import database, logs
from calimport.errors import BatchFailed, CalimportError, InternalError, LeaseLost, MirrorLost
from calimport.settings import Settings
from calimport.windows import WindowRequest, parse_moment

log = logs.logger(__name__)

#: A feed that says that it stays as it is for longer is asked for again all the same.
LONGEST_FRESH: Final = timedelta(hours=1)
#: Runs that are leased and read, and of unchanged calendars recorded, in one statement.
AT_ONCE: Final = 100
#: What is compared and applied in one transaction: calendars, and staged rows, unless one calendar alone has more.
PORTION: Final = 250
PORTION_ROWS: Final = 50_000
#: For their transaction. What is compared is hashed in memory; a plan of so many parts is slow to compile; what is
#: known of how full staging is, is old, but no table is ever to be read whole; and a plan for any calendars, which
#: PostgreSQL would make once it had made ten for given ones, compares more slowly.
PORTION_SETTINGS: Final = (
    "set local work_mem = '64MB'; set local jit = off; set local enable_seqscan = off;"
    " set local plan_cache_mode = force_custom_plan"
)


@dataclass(frozen=True)
class RunKey:
    """One DAG run. Together with a calendar it names a row of ``runs``: that one's last attempt."""

    dag_id: str
    dag_run_id: str

    @property
    def owner(self) -> str:
        """What stands in ``calendars.lease_owner`` while this run holds a calendar."""
        return f"{self.dag_id}/{self.dag_run_id}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A row of ``current_runs.sql``: the last attempt of a calendar in a DAG run, and the calendar."""

    run_id: int
    step: str
    outcome: str | None
    error_message: str | None
    as_of: datetime
    requested_start: str | None
    requested_end: str | None
    force: bool
    dry_run: bool
    run_feed_id: int | None
    fetched_at: datetime | None
    window_start: datetime | None
    window_end: datetime | None
    run_timezone: str | None
    timezone_source: str | None
    rows_staged: int | None
    calendar_id: int
    name: str
    source: str | None
    kind: str
    connection_id: str | None
    timezone: str | None
    activity_type: str
    strategy: str
    private_events: str
    attendees_policy: str
    organizer_policy: str
    description_policy: str
    default_reminders: str | None
    place_id: int | None
    days_back: int
    days_ahead: int
    calendar_fetched_at: datetime | None
    imported_fingerprint: bytes | None
    held_confirmations: int
    held_run_id: int | None
    hold_deletes_over: int | None
    hold_deletes_ratio: float | None
    hold_deletes_most: int | None
    uid_sample: list[str] | None
    feed_retention: timedelta | None
    feed_id: int | None
    feed_kind: str | None
    feed_meaning_hash: bytes | None
    feed_content_hash: bytes | None
    feed_stamps_stay: bool | None
    feed_validators: dict[str, Any] | None
    feed_timezone: str | None
    feed_complete_at: datetime | None
    place_address: str | None

    @property
    def present(self) -> datetime:
        """What ended before it is past: a feed shows what was published when it was fetched."""
        return max(self.as_of, self.fetched_at or self.as_of)

    @property
    def is_whole(self) -> bool:
        """Whether it owns the calendar's own window, and not one that somebody asked for."""
        return self.requested_start is None and self.requested_end is None

    @property
    def window_request(self) -> WindowRequest:
        """The window asked for, its bounds dates or instants; the zone is known only after the fetch."""
        return WindowRequest(
            as_of=self.as_of,
            days_back=self.days_back,
            days_ahead=self.days_ahead,
            start=parse_moment(self.requested_start) if self.requested_start else None,
            end=parse_moment(self.requested_end) if self.requested_end else None,
        )


@dataclass(frozen=True)
class Step:
    """What every step works with. ``clock`` is the present: leases and records need it, windows never."""

    connection: database.Connection
    key: RunKey
    clock: datetime
    settings: Settings

    def load_all(self, calendar_ids: Sequence[int]) -> list[Run]:
        """The last attempts of these calendars in this DAG run, of those that there are."""
        return [Run(**row) for row in self.run("current_runs", calendar_ids=list(calendar_ids))]

    def open(self, calendar_ids: Sequence[int]) -> list[int]:
        """Those of these calendars whose last attempt in this DAG run is not finished."""
        return [row["calendar_id"] for row in self.run("open_runs", calendar_ids=list(calendar_ids))]

    def take(self, calendar_ids: Sequence[int], *, renew: bool = False) -> set[int]:
        """Take or renew the leases; the calendars but for those that another live run holds, or has held since.

        :param renew: do not take one that was lost: the run knows nothing of what was done meanwhile.
        """
        taken = self.run(
            "begin_step",
            calendar_ids=list(calendar_ids),
            owner=self.key.owner,
            clock=self.clock,
            lease_until=self.clock + self.settings.lease,
            may_take=not renew,
        )
        return {row["id"] for row in taken}

    def run(self, name: str, /, **parameters: Any) -> psycopg.Cursor[dict[str, Any]]:
        """Execute ``include/sql/NAME.sql`` with these parameters and the DAG run's names."""
        return database.run(self.connection, name, dag_id=self.key.dag_id, dag_run_id=self.key.dag_run_id, **parameters)

    def finish(self, runs: Sequence[Run], outcome: str) -> None:
        """End runs that did not fail, and give their calendars free."""
        self.run(
            "finish_runs",
            run_ids=[run.run_id for run in runs],
            outcome=outcome,
            owner=self.key.owner,
            longest_fresh=LONGEST_FRESH,
            clock=self.clock,
        )

    def fail(self, run: Run, error: CalimportError) -> None:
        """Record the failure on the run and the calendar. No event is touched."""
        log.warning(
            "Failed %s: %s: %s %s", run.name, error.error_class, error, f"({error.detail})" if error.detail else ""
        )
        self.run(
            "fail_run",
            run_id=run.run_id,
            owner=self.key.owner,
            state=error.state,
            error_class=error.error_class,
            error_message=str(error),
            retry_after=error.retry_after or 0.0,
            forget_feed=isinstance(error, MirrorLost),
            clock=self.clock,
        )


def each_calendar(step: Step, calendar_ids: Sequence[int], work: Callable[[Run], None], *, done: int = 0) -> None:
    """Do ``work`` for the open run of each calendar, each in a transaction of its own; record what fails.

    :param done: how many others of the batch got through.
    :raises CalimportError: no calendar got through; the error of the one, or :class:`BatchFailed`.
    """
    errors: dict[str, CalimportError] = {}
    with by_index(step):
        for runs, held in leased(step, calendar_ids):
            for run in runs:
                with recorded(step, run, errors):
                    if run.calendar_id not in held:
                        raise LeaseLost()
                    with step.connection.transaction():
                        work(run)
                    done += 1
    raise_if_none_left(errors, done)


def leased(step: Step, calendar_ids: Sequence[int]) -> Iterator[tuple[list[Run], set[int]]]:
    """The open runs of these calendars, some at a time, and which of the calendars they hold, their leases renewed."""
    # Most calendars of a large batch had nothing new, and are done; the others are read when it is their turn.
    left = step.open(calendar_ids)
    for start in range(0, len(left), AT_ONCE):
        ids = left[start : start + AT_ONCE]
        held = step.take(ids, renew=True)
        # Some may have ended meanwhile: this task may be run twice at once.
        yield [run for run in step.load_all(ids) if run.outcome is None], held


def each_portion(step: Step, calendar_ids: Sequence[int], work: Callable[[Sequence[Run]], None]) -> None:
    """Do ``work`` for the open runs of these calendars, of many in one transaction: few statements, few commits.

    Where that fails, each is done in a transaction of its own, so that the one's failure is still its own.

    :raises CalimportError: no calendar got through; the error of the one, or :class:`BatchFailed`.
    """

    def prepared(runs: Sequence[Run]) -> None:
        step.connection.execute(PORTION_SETTINGS)
        work(runs)

    alone = []
    done = 0
    for runs in _portions(step, step.open(calendar_ids)):
        if _together(step, runs, prepared):
            done += len(runs)
        else:
            alone += [run.calendar_id for run in runs]
    if alone:
        each_calendar(step, alone, lambda run: prepared([run]), done=done)


def _portions(step: Step, calendar_ids: Sequence[int]) -> Iterator[list[Run]]:
    for start in range(0, len(calendar_ids), PORTION):
        portion: list[Run] = []
        rows = 0
        for run in step.load_all(calendar_ids[start : start + PORTION]):
            if run.outcome is not None:  # meanwhile: this task may be run twice at once
                continue
            rows += run.rows_staged or 0
            if portion and rows > PORTION_ROWS:
                yield portion
                portion, rows = [], run.rows_staged or 0
            portion.append(run)
        if portion:
            yield portion


def _together(step: Step, runs: Sequence[Run], work: Callable[[Sequence[Run]], None]) -> bool:
    """Whether ``work`` got through for all of them at once; else nothing is done."""
    if len(runs) == 1:
        return False
    ids = [run.calendar_id for run in runs]
    if step.take(ids, renew=True) != set(ids):
        return False
    return at_once(step, len(runs), lambda: work(runs))


def at_once(step: Step, number: int, work: Callable[[], None]) -> bool:
    """Whether ``work`` got through for this number of calendars in one transaction; else nothing is done."""
    if number == 1:
        return False
    try:
        with step.connection.transaction():
            work()
    except psycopg.OperationalError:
        raise  # the database is away: Airflow retries the task
    except Exception as error:  # noqa: BLE001 - it comes again, and is recorded, when each is done alone
        log.info("%d calendars are done one by one, since not all of them get through: %r", number, error)
        return False
    return True


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as parameters: by name an array, of which one element is of one row."""
    return {name: [row[name] for row in rows] for name in rows[0]}


@contextmanager
def by_index(step: Step) -> Iterator[None]:
    """Within, no statement for one calendar reads a table whole.

    PostgreSQL would, since it takes a table that is being filled for as small as it was a minute ago, or as it was when
    the statement was prepared: rows read would grow with the square of the batch.
    """
    # Before version 18 a plan that reads one all the same seems to cost so much that it would be compiled.
    step.connection.execute("set enable_seqscan = off; set jit = off")
    yield
    # After an error the task ends, and its connection with it.
    step.connection.execute("reset enable_seqscan; reset jit")


@contextmanager
def recorded(step: Step, run: Run, errors: dict[str, CalimportError]) -> Iterator[None]:
    """Turn a failure of this calendar into a record and an entry of ``errors``; a lost database goes through."""
    try:
        yield
    except CalimportError as error:
        errors[run.name] = error
    except psycopg.OperationalError:
        raise  # the database is away: Airflow retries the task
    except Exception as error:
        log.exception("Failed %s for a reason of ours", run.name)
        errors[run.name] = InternalError(detail=type(error).__name__)
    if run.name in errors:
        step.fail(run, errors[run.name])


def raise_if_none_left(errors: dict[str, CalimportError], left: int) -> None:
    """Fail the task when every calendar that it could have worked on failed: nothing is left for the next step."""
    if errors and not left:
        raise next(iter(errors.values())) if len(errors) == 1 else BatchFailed.of(errors)


@contextmanager
def timed(step: Step, runs: Sequence[Run], name: str) -> Iterator[None]:
    """Add the wall-clock seconds of a step to the runs' records, in equal shares."""
    began = time.perf_counter()
    yield
    seconds = round((time.perf_counter() - began) / len(runs), 4)
    step.run("record_seconds", run_ids=[run.run_id for run in runs], name=name, seconds=seconds)
