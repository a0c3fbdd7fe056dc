"""Plans: what a dry run would have done, to look at and to apply as it is, unless the world has moved on."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from calimport import audit, database
from calimport.database import Connection
from calimport.errors import ConfigurationError, PlanOutdated
from calimport.operations import Counts, Operation, operation
from calimport.steps.runs import LONGEST_FRESH


@dataclass(frozen=True)
class Plan:
    """The plan of one calendar in one run."""

    #: ``id``, ``calendar_id``, ``calendar``, ``dag_run_id``, ``operation``, ``outcome`` (``planned`` where it was not
    #: applied), ``fetched_at``, ``finished_at``, ``window_start``, ``window_end``, ``inserted``, ``updated``,
    #: ``deleted``, ``held``, ``held_reason``, ``error_message``.
    run: dict[str, Any]
    #: By start: ``action`` (insert, update, delete), ``held``, ``event_id``, ``uid``, ``recurrence_id``, ``summary``,
    #: ``start_at``, ``all_day``, ``start_date``, ``changed_columns``, ``before``, ``after``.
    changes: list[dict[str, Any]]


@dataclass(frozen=True)
class Applied:
    """What came of applying plans."""

    dag_run_id: str
    #: By the calendars' names.
    calendars: dict[str, Counts]


def show(
    connection: Connection, run: str | int, *, calendar_id: int | None = None, most: int | None = None
) -> list[Plan]:
    """The plans of a run, a calendar each.

    :param run: Airflow's run id, or the id of a row of ``runs``.
    :param most: changes of each that are returned; None: all.
    :raises ConfigurationError: there is no such run.
    """
    return [
        Plan(row, database.run(connection, "plans/changes", run_id=row["id"], most=most).fetchall())
        for row in _runs(connection, run, calendar_id)
    ]


def apply(
    connection: Connection, run: str | int, *, calendar_id: int | None = None, actor: str, clock: datetime
) -> Applied:
    """Apply the plans that a dry run stored, all of them or none, as a run in the history.

    :raises ConfigurationError: there is no such run, or it was no dry run.
    :raises LeaseLost: a run is importing one of the calendars just now.
    :raises PlanOutdated: a row has changed since, a newer feed was imported, or the configuration is another.
    """
    planned = {row["calendar_id"]: row for row in _runs(connection, run, calendar_id)}
    applied = {}
    with operation(connection, "plan", sorted(planned), actor=actor, clock=clock) as doing:
        # Once more, now that nobody else can change them.
        for row in _runs(connection, run, calendar_id):
            _check(row)
            applied[row["calendar"]] = _apply_one(doing, row)
    return Applied(doing.key.dag_run_id, applied)


def _runs(connection: Connection, run: str | int, calendar_id: int | None) -> list[dict[str, Any]]:
    run_id = int(run) if re.fullmatch(r"[0-9]{1,18}", str(run)) else None
    rows = database.run(connection, "plans/runs", run=str(run), run_id=run_id, calendar_id=calendar_id).fetchall()
    if not rows:
        raise ConfigurationError(f"There is no run {str(run)!r}{'' if calendar_id is None else ' of this calendar'}.")
    return rows


def _check(row: dict[str, Any]) -> None:
    name, run = row["calendar"], row["dag_run_id"]
    if row["outcome"] != "planned":
        raise ConfigurationError(f"{name}: {run} is no dry run with a plan to apply; it ended as {row['outcome']}.")
    if row["operation"] != "import":
        command = f"calimport {row['operation']}"
        raise ConfigurationError(f"{name}: what `{command}` planned is applied by `{command} --apply`.")
    if not row["is_of_this_configuration"]:
        raise PlanOutdated(f"{name}: its configuration has changed since, so the plan was not applied. Make a new one.")
    if not row["has_feed"]:
        raise PlanOutdated(f"{name}: the feed of the plan is no longer kept, so it was not applied. Make a new one.")
    if not row["is_of_newest_feed"]:
        raise PlanOutdated(f"{name}: a newer feed was imported since, so the plan was not applied. Make a new one.")


def _apply_one(doing: Operation, row: dict[str, Any]) -> Counts:
    run_id = doing.open(row["calendar_id"], of_run_id=row["id"])
    doing.run("plans/copy", run_id=run_id, of_run_id=row["id"])
    try:
        counts = doing.apply(run_id)
    except (PlanOutdated, psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation) as error:
        raise PlanOutdated(
            f"{row['calendar']}: rows of the plan have changed since, so it was not applied. Make a new one.",
            detail=getattr(error, "detail", type(error).__name__),
        ) from error
    doing.run("forget_kept", run_ids=[run_id])
    doing.run("finish_runs", run_ids=[run_id], outcome="imported", owner=doing.key.owner, longest_fresh=LONGEST_FRESH)
    audit.record(
        doing.connection,
        "plan.apply",
        actor=doing.actor,
        calendar_id=row["calendar_id"],
        run_id=run_id,
        detail={"run": row["dag_run_id"], **asdict(counts)},
    )
    return counts
