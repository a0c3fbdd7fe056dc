"""What a person does with a calendar's rows, as runs in the history: release, undo, plan, replay, renormalize.

An operation locks its calendars, writes its whole plan to ``changes``, and applies exactly that plan with the
statements of an import's ``apply``; all in one transaction, so that it is done or it is not. Its rows in ``runs`` have
the ``dag_id`` :data:`DAG_ID`, which is no DAG of Airflow's, and a ``dag_run_id`` such as
``undo__2026-11-22T10:00:00+00:00``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from calimport import database
from calimport.errors import ConfigurationError, LeaseLost, PlanOutdated
from calimport.steps.runs import RunKey

DAG_ID: Final = "calimport"


@dataclass(frozen=True)
class Counts:
    """Rows that were changed."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        return self.inserted + self.updated + self.deleted

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted)

    def __str__(self) -> str:
        return f"{self.inserted} inserted, {self.updated} updated, {self.deleted} deleted"


@dataclass(frozen=True)
class Operation:
    """One thing that a person does, in one transaction, with one calendar or several."""

    connection: database.Connection
    name: str
    actor: str
    clock: datetime
    #: The calendars by id, locked: id, name, state, held_run_id.
    calendars: dict[int, dict[str, Any]]

    @property
    def key(self) -> RunKey:
        return RunKey(DAG_ID, f"{self.name}__{self.clock.isoformat()}")

    def open(self, calendar_id: int, *, of_run_id: int | None = None, keeps_rows: bool = False) -> int:
        """The id of a new run of this calendar, to write a plan for."""
        try:
            row = self.run(
                "operations/open",
                calendar_id=calendar_id,
                owner=self.key.owner,
                dag_id=self.key.dag_id,
                dag_run_id=self.key.dag_run_id,
                operation=self.name,
                actor=self.actor,
                of_run_id=of_run_id,
                keeps_rows=keeps_rows,
            ).fetchone()
        except psycopg.errors.UniqueViolation:
            raise LeaseLost(
                "The same was done at this very moment. Look at its result before you do it again."
            ) from None
        assert row is not None  # noqa: S101 - the calendar is locked, so it is there
        return int(row["id"])

    def apply(self, run_id: int) -> Counts:
        """Do exactly what the plan of this run says.

        :raises PlanOutdated: a row is no longer what the plan was made from.
        """
        planned = self.planned(run_id)
        apply_changes(self.connection, [run_id], asdict(planned))
        self.run("apply_reminders", run_ids=[run_id])
        return planned

    def planned(self, run_id: int) -> Counts:
        """What the plan of this run does."""
        planned = self.run("operations/count_planned", run_id=run_id).fetchone()
        assert planned is not None  # noqa: S101 - the run was opened in this transaction
        return Counts(**planned)

    def finish(self, calendar_id: int, run_id: int, outcome: str = "imported") -> None:
        """End the run and give its calendar free, in the state that it had; one that a dead run left is idle."""
        state = self.calendars[calendar_id]["state"]
        self.run(
            "operations/finish",
            run_id=run_id,
            outcome=outcome,
            state="idle" if state in ("in_queue", "in_worker") else state,
        )

    def run(self, name: str, /, **parameters: Any) -> psycopg.Cursor[dict[str, Any]]:
        return database.run(self.connection, name, clock=self.clock, **parameters)


@contextmanager
def operation(
    connection: database.Connection, name: str, calendar_ids: Sequence[int], *, actor: str, clock: datetime
) -> Iterator[Operation]:
    """A transaction in which these calendars are nobody else's.

    :raises LeaseLost: a run is importing one of them just now.
    :raises ConfigurationError: there is no such calendar (any more).
    """
    with connection.transaction():
        rows = database.run(connection, "operations/lock", calendar_ids=list(calendar_ids), clock=clock).fetchall()
        if missing := set(calendar_ids) - {row["id"] for row in rows}:
            raise ConfigurationError(f"There is no calendar {', '.join(map(str, sorted(missing)))}.")
        if held := [row["name"] for row in rows if row["is_held"]]:
            raise LeaseLost(f"A run is importing {', '.join(held)} just now. Try again when it is done.")
        yield Operation(connection, name, actor, clock, {row["id"]: row for row in rows})


def apply_changes(connection: database.Connection, run_ids: Sequence[int], planned: Mapping[str, int]) -> None:
    """Delete, update and insert what the plans of these runs say, and nothing else.

    :param planned: rows of all plans together: deleted, updated, inserted. No plan can make up for another's.

    :raises PlanOutdated: a row is no longer what the plan was made from.
    """
    # Deletes first: a row that goes must not stand in the way of one that takes its identity.
    for name, expected in (("deletes", "deleted"), ("updates", "updated"), ("inserts", "inserted")):
        changed = database.run(connection, f"apply_{name}", run_ids=list(run_ids)).rowcount
        if changed != planned[expected]:
            raise PlanOutdated(detail=f"{changed} {name}, {planned[expected]} planned")
