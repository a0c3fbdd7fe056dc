"""Plan: take the calendars that are due and put them into batches, one mapped task instance each."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from calimport import database, logs
from calimport.errors import ConfigurationError
from calimport.steps.runs import Step
from calimport.windows import parse_moment

log = logs.logger(__name__)


class Batch(TypedDict):
    """What travels through XCom: no more than names and references."""

    #: How Airflow's UI names the mapped instance.
    label: str
    calendar_ids: list[int]


def plan(
    step: Step,
    *,
    as_of: datetime,
    calendars: Sequence[str | int] = (),
    window_start: str | None = None,
    window_end: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    waits: bool = False,
) -> list[Batch]:
    """Take the lease of each calendar that is due, open its run, and return the batches.

    :param as_of: the run's time; windows are counted from it.
    :param calendars: names or ids; empty: all that are due, or with ``force`` or a window all that are enabled.
    :param waits: take no lease and leave no calendar out that another run holds: extract waits for it.
    :param window_start: a date or an instant; None: by each calendar's own window. So too ``window_end``.
    :raises ConfigurationError: a name is not known, or a bound of the window is neither a date nor an instant.
    :raises SchemaMismatch: the database's schema is not the one of this code.
    """
    database.check_schema(step.connection)
    for bound in (window_start, window_end):
        if bound:
            parse_moment(bound)
    wanted = _ids(step, calendars) if calendars else None
    with step.connection.transaction():
        taken = step.run(
            "plan_calendars",
            calendar_ids=wanted,
            all_enabled=bool(force or window_start or window_end),
            owner=step.key.owner,
            clock=step.clock,
            lease_until=step.clock + step.settings.lease,
            as_of=as_of,
            window_start=window_start or None,
            window_end=window_end or None,
            force=force,
            dry_run=dry_run,
            waits=waits,
        ).fetchall()
    if wanted is not None and len(taken) < len(wanted):
        busy = sorted(set(wanted) - {row["id"] for row in taken})
        log.warning("Left out %d calendars that another run is importing: ids %s", len(busy), busy)
    batches = group([(row["id"], row["name"]) for row in taken], step.settings.max_batches)
    log.info("Planned %d calendars in %d batches", len(taken), len(batches))
    return batches


def group(calendars: Sequence[tuple[int, str]], max_batches: int) -> list[Batch]:
    """One batch per calendar while there are few; at most ``max_batches`` of nearly equal size once there are many."""
    if not calendars:
        return []
    size = math.ceil(len(calendars) / max_batches)
    chunks = [calendars[start : start + size] for start in range(0, len(calendars), size)]
    return [Batch(label=_label(chunk), calendar_ids=[calendar_id for calendar_id, _ in chunk]) for chunk in chunks]


def _label(chunk: Sequence[tuple[int, str]]) -> str:
    first, last = chunk[0][1], chunk[-1][1]
    return first if len(chunk) == 1 else f"{first} … {last} ({len(chunk)})"


def _ids(step: Step, calendars: Sequence[str | int]) -> list[int]:
    """Ids of calendars given by name or id; a name wins over an id that looks the same."""
    rows = step.connection.execute("select id, name from calimport.calendars").fetchall()
    by_name = {row["name"]: row["id"] for row in rows}
    by_id = {str(row["id"]): row["id"] for row in rows}
    ids, unknown = [], []
    for given in map(str, calendars):
        found = by_name.get(given, by_id.get(given))
        if found is None:
            near = difflib.get_close_matches(given, by_name, n=1)
            unknown.append(f"{given!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
        else:
            ids.append(found)
    if unknown:
        raise ConfigurationError(f"There is no calendar {', '.join(unknown)}.")
    return sorted(set(ids))
