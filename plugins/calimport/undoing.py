"""Undo: what a run changed is set back to what it was before, from the history.

What was undone stays undone: the next imports of the same feed, under the same configuration, leave those rows alone,
also when the window moves on. Another feed has the word again; but a row that it wants to delete and a person brought
back waits, held, for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from calimport import audit, database
from calimport.database import Connection
from calimport.errors import ConfigurationError, PlanOutdated
from calimport.operations import Counts, Operation, operation


@dataclass(frozen=True)
class Undone:
    """What an undo did."""

    #: The undo's own, which can be undone in turn.
    dag_run_id: str
    #: By the calendars' names: every calendar of the run that had rows to set back.
    calendars: dict[str, Counts]

    @property
    def counts(self) -> Counts:
        return sum(self.calendars.values(), Counts())


def undo(
    connection: Connection,
    dag_run_id: str,
    *,
    calendar_id: int | None = None,
    overwrite: bool = False,
    actor: str,
    clock: datetime,
) -> Undone:
    """Set back what a run changed, all of its attempts, in all of its calendars or in one; in one transaction.

    Rows keep the ids that they had. The undo is a run in the history, so it can be undone too.

    :param dag_run_id: Airflow's run id, or that of an operation by hand.
    :param overwrite: set rows back that later runs changed, too; what those did to them is lost but for the history.
    :raises ConfigurationError: there is no such run, or it changed nothing.
    :raises LeaseLost: a run is importing one of the calendars just now.
    :raises PlanOutdated: later runs changed the same rows; nothing was done.
    """
    wanted = _runs(connection, dag_run_id, calendar_id)
    undone: dict[str, Counts] = {}
    with operation(connection, "undo", sorted(wanted), actor=actor, clock=clock) as doing:
        for of_id, run_ids in wanted.items():
            counts = _undo_one(doing, of_id, run_ids, dag_run_id, overwrite=overwrite)
            if counts.total:
                undone[doing.calendars[of_id]["name"]] = counts
    return Undone(doing.key.dag_run_id, undone)


def _runs(connection: Connection, dag_run_id: str, calendar_id: int | None) -> dict[int, list[dict[str, Any]]]:
    """The runs that changed something, by calendar."""
    rows = database.run(connection, "undoing/runs", dag_run_id=dag_run_id, calendar_id=calendar_id).fetchall()
    if not rows:
        where = "" if calendar_id is None else f" of the calendar {calendar_id}"
        raise ConfigurationError(f"There is no run {dag_run_id!r} that was applied{where}.")
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row["changed"]:
            found.setdefault(row["calendar_id"], []).append(row)
    if not found:
        raise ConfigurationError(f"The run {dag_run_id!r} changed nothing, or its history is no longer kept.")
    return found


def _undo_one(
    doing: Operation, calendar_id: int, runs: Sequence[dict[str, Any]], dag_run_id: str, *, overwrite: bool
) -> Counts:
    last = runs[-1]
    keeps_rows = not last["keeps_rows"]
    run_id = doing.open(calendar_id, of_run_id=last["id"], keeps_rows=keeps_rows)
    run_ids = [run["id"] for run in runs]
    if not overwrite:
        _refuse_later_changes(doing, calendar_id, run_ids, dag_run_id)
    doing.run("undoing/plan", run_id=run_id, calendar_id=calendar_id, run_ids=run_ids)
    try:
        counts = doing.apply(run_id)
    except (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation) as error:
        raise PlanOutdated(
            "What the run changed cannot be set back any more, so nothing was changed.", detail=type(error).__name__
        ) from error
    # What an undo kept is the feed's again once that undo is undone.
    doing.run("undoing/keep_no_longer", run_ids=run_ids)
    if keeps_rows:
        doing.run("operations/keep", run_id=run_id)
    doing.finish(calendar_id, run_id)
    audit.record(
        doing.connection,
        "run.undo",
        actor=doing.actor,
        calendar_id=calendar_id,
        run_id=run_id,
        detail={"run": dag_run_id, "overwrite": overwrite, **asdict(counts)},
    )
    return counts


def _refuse_later_changes(doing: Operation, calendar_id: int, run_ids: list[int], dag_run_id: str) -> None:
    later = doing.run("undoing/changed_since", calendar_id=calendar_id, run_ids=run_ids).fetchall()
    if not later:
        return
    first = later[0]
    by = f", by {first['dag_run_id']}" if first["dag_run_id"] else ""
    raise PlanOutdated(
        f"{doing.calendars[calendar_id]['name']}: {len(later)} of the rows that {dag_run_id} changed were changed since"
        f" (such as {first['summary'] or first['uid']!r}{by}), so nothing was undone."
        " With --overwrite they are set back all the same."
    )
