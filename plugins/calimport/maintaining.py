"""The daily upkeep: what grows is trimmed, and a calendar whose source is away does not run dry.

Everything is deleted in batches, each in a transaction of its own, so that nothing waits for long, and so that it may
be killed at any moment: what was not done, the next day does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from calimport import database, logs, replaying
from calimport.database import Connection
from calimport.errors import CalimportError
from calimport.settings import Settings

log = logs.logger(__name__)

#: Rows of one transaction: a second or so.
BATCH: Final = 5000


@dataclass(frozen=True)
class Trimmed:
    """Rows that went."""

    #: Runs that nobody would have ended any more: they are recorded as interrupted.
    abandoned: int
    staged: int
    runs: int
    feeds: int
    contents: int


@dataclass(frozen=True)
class Expanded:
    """Calendars whose source is away, and whose stored feed was expanded again."""

    calendars: int
    #: Rows that came, changed or went by it.
    changes: int
    #: Names of those that could not be.
    failed: list[str]


def trim(connection: Connection, *, clock: datetime, settings: Settings, batch: int = BATCH) -> Trimmed:
    """Remove what is older than the settings keep it.

    :param connection: in autocommit.
    """
    before = {days: clock - timedelta(days=days) for days in _kept(settings)}
    abandoned = database.run(connection, "maintaining/end_abandoned", clock=clock).rowcount
    staged = database.run(connection, "maintaining/trim_staging").rowcount
    runs = _trim_runs(
        connection,
        batch,
        before=before[settings.keep_runs_days],
        # What found nothing new is of less interest, and never of more.
        idle_before=before[min(settings.keep_idle_runs_days, settings.keep_runs_days)],
    )
    feeds = _in_batches(connection, "maintaining/trim_feeds", batch, before=before[settings.keep_feeds_days])
    contents = _trim_contents(connection, batch, clock)
    found = Trimmed(abandoned=abandoned, staged=staged, runs=runs, feeds=feeds, contents=contents)
    log.info("Trimmed %d staged rows, %d runs, %d feeds, %d contents", staged, runs, feeds, contents)
    return found


def expand_failing(connection: Connection, *, actor: str, clock: datetime, settings: Settings) -> Expanded:
    """Expand the stored feeds of calendars in error into the present window; their error stays.

    A calendar that a run holds is left to it, and one whose feed is older than feeds are kept is no longer gone by.

    :param connection: in autocommit.
    """
    since = clock - timedelta(days=settings.keep_feeds_days)
    rows = database.run(connection, "maintaining/failing", fetched_since=since).fetchall()
    changes, failed = 0, []
    for row in rows:
        try:
            found = replaying.renormalize(
                connection, row["id"], apply=True, actor=actor, clock=clock, settings=settings
            )
        except CalimportError as error:
            log.warning("%s: its stored feed was not expanded: %s: %s", row["name"], error.error_class, error)
            failed.append(row["name"])
        else:
            changes += found.counts.total if found else 0
    log.info("Expanded the stored feeds of %d calendars in error: %d changes", len(rows) - len(failed), changes)
    return Expanded(calendars=len(rows) - len(failed), changes=changes, failed=failed)


def _kept(settings: Settings) -> tuple[float, ...]:
    return (settings.keep_runs_days, settings.keep_idle_runs_days, settings.keep_feeds_days)


def _trim_runs(connection: Connection, batch: int, **before: datetime) -> int:
    total = 0
    after: int | None = 0
    while after is not None:
        found = database.run(connection, "maintaining/trim_runs", most=batch, after=after, **before).fetchone()
        assert found is not None  # noqa: S101 - a query of counts gives one row
        total += found["deleted"]
        after = found["after"]
    return total


def _in_batches(connection: Connection, name: str, batch: int, **parameters: Any) -> int:
    total = 0
    while True:
        deleted = database.run(connection, name, most=batch, **parameters).rowcount
        total += deleted
        if deleted < batch:
            return total


def _trim_contents(connection: Connection, batch: int, clock: datetime) -> int:
    try:
        return _in_batches(connection, "maintaining/trim_contents", batch, clock=clock)
    except psycopg.errors.ForeignKeyViolation:
        log.info("A run has just stored bytes anew that were to go; the rest goes tomorrow")
        return 0
