"""Held deletions: what the guard (:mod:`calimport.guarding`) did not let go, and what a person says of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from calimport import audit, database
from calimport.database import Connection
from calimport.errors import ConfigurationError, PlanOutdated
from calimport.operations import Counts, Operation, operation


def held(connection: Connection, calendar_id: int) -> list[dict[str, Any]]:
    """The deletions of this calendar that are held now, by start; empty where none are.

    Each has ``event_id``, ``uid``, ``recurrence_id``, ``summary``, ``start_at``, ``end_at``, ``all_day``,
    ``start_date`` and ``end_date`` of the row;
    of the run that holds it ``run_id``, ``dag_run_id``, ``held_at``, ``held_of`` (rows in the window), ``held_reason``
    (a sentence), ``held_confirmations`` (fetches in a row that agreed) and ``held_until_told`` (whether it waits for a
    person); and ``is_as_it_was``: false once the row has changed.
    """
    return database.run(connection, "holding/held", calendar_id=calendar_id).fetchall()


def release(connection: Connection, calendar_id: int, *, actor: str, clock: datetime) -> Counts:
    """Delete the rows whose deletion is held, as a run in the history.

    :raises ConfigurationError: nothing is held.
    :raises LeaseLost: a run is importing the calendar just now.
    :raises PlanOutdated: a row has changed since; nothing was done.
    """
    with operation(connection, "release", [calendar_id], actor=actor, clock=clock) as doing:
        held_run_id = _held_run(doing, calendar_id)
        run_id = doing.open(calendar_id, of_run_id=held_run_id)
        doing.run("holding/plan_release", run_id=run_id, held_run_id=held_run_id)
        try:
            counts = doing.apply(run_id)
        except PlanOutdated as error:
            raise PlanOutdated(
                "Rows whose deletion is held have changed since, so nothing was deleted. The next import looks anew.",
                detail=error.detail,
            ) from error
        doing.run("holding/forget", calendar_id=calendar_id, release_run_id=run_id)
        doing.finish(calendar_id, run_id)
        audit.record(
            connection, "held.release", actor=actor, calendar_id=calendar_id, run_id=run_id, detail=asdict(counts)
        )
    return counts


def discard(connection: Connection, calendar_id: int, *, actor: str, clock: datetime) -> int:
    """Keep the rows whose deletion is held; return how many.

    The present feed and configuration do not propose to delete them again. When another feed does, they are held
    whatever their number, until a person decides.

    :raises ConfigurationError: nothing is held.
    :raises LeaseLost: a run is importing the calendar just now.
    """
    with operation(connection, "discard", [calendar_id], actor=actor, clock=clock) as doing:
        held_run_id = _held_run(doing, calendar_id)
        kept = doing.run("holding/keep_held", held_run_id=held_run_id).rowcount
        doing.run("holding/forget", calendar_id=calendar_id, release_run_id=None)
        audit.record(
            connection,
            "held.discard",
            actor=actor,
            calendar_id=calendar_id,
            run_id=held_run_id,
            detail={"rows": kept},
        )
    return kept


def _held_run(doing: Operation, calendar_id: int) -> int:
    calendar = doing.calendars[calendar_id]
    if calendar["held_run_id"] is None:
        raise ConfigurationError(f"{calendar['name']}: no deletion is held.")
    return int(calendar["held_run_id"])
