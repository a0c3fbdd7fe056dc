"""Stored feeds read again: what a calendar would hold from the feed of another time, or under code that has changed.

Nothing is fetched. The feed goes through an import's own normalize and diff, in one transaction; what they plan is kept
as a run's plan, and applied only on request.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from calimport import audit
from calimport import calendars as store
from calimport.calendars import CalendarConfig
from calimport.database import Connection
from calimport.errors import ConfigurationError
from calimport.operations import Counts, Operation, operation
from calimport.settings import Settings
from calimport.steps.diff import diff
from calimport.steps.normalize import normalize
from calimport.steps.runs import Step
from calimport.windows import Window, WindowRequest


@dataclass(frozen=True)
class Replayed:
    """What a stored feed gave."""

    dag_run_id: str
    run_id: int
    #: When the feed was fetched.
    fetched_at: datetime
    window: Window
    #: Of the plan, which was applied or not.
    counts: Counts
    #: Deletions that the guard held (never by a replay, which a person has looked at).
    held: int
    applied: bool


def replay(
    connection: Connection,
    calendar_id: int,
    *,
    at: datetime,
    apply: bool = False,
    actor: str,
    clock: datetime,
    settings: Settings,
) -> Replayed:
    """Plan what the calendar would hold from the feed that its events stood for at a time; apply it if asked.

    The window is the present one, but that of the feed where its source was asked for a window alone. What is applied
    stays, as after an undo, until the feed changes.

    :raises ConfigurationError: no feed of that time is kept.
    :raises LeaseLost: a run is importing the calendar just now.
    :raises CalimportError: the feed cannot be read.
    """
    with operation(connection, "replay", [calendar_id], actor=actor, clock=clock) as doing:
        feed = doing.run("replaying/feed_at", calendar_id=calendar_id, at=at).fetchone()
        if feed is None:
            raise _none_kept(doing, calendar_id, at)
        found = _from_feed(doing, calendar_id, feed, settings=settings, apply=apply, keeps_rows=True)
        if apply:
            detail = {"at": at.isoformat(), "feed": feed["id"], **asdict(found.counts)}
            audit.record(
                connection, "calendar.replay", actor=actor, calendar_id=calendar_id, run_id=found.run_id, detail=detail
            )
    return found


def renormalize(
    connection: Connection,
    calendar_id: int,
    *,
    apply: bool = False,
    actor: str,
    clock: datetime,
    settings: Settings,
) -> Replayed | None:
    """Plan what the calendar would hold from its present feed, by this code, these zones and in the present window.

    None: no feed of its source is stored yet. The deletion guard watches, as in an import.

    :raises LeaseLost: a run is importing the calendar just now.
    :raises CalimportError: the feed cannot be read.
    """
    with operation(connection, "renormalize", [calendar_id], actor=actor, clock=clock) as doing:
        feed = doing.run("replaying/current_feed", calendar_id=calendar_id).fetchone()
        if feed is None:
            return None
        found = _from_feed(doing, calendar_id, feed, settings=settings, apply=apply, keeps_rows=False)
        if apply and found.counts.total:
            detail = {"feed": feed["id"], **asdict(found.counts)}
            audit.record(
                connection,
                "calendar.renormalize",
                actor=actor,
                calendar_id=calendar_id,
                run_id=found.run_id,
                detail=detail,
            )
    return found


def _from_feed(
    doing: Operation, calendar_id: int, feed: dict[str, Any], *, settings: Settings, apply: bool, keeps_rows: bool
) -> Replayed:
    run_id = doing.open(calendar_id, keeps_rows=keeps_rows)
    config = store.get(doing.connection, calendar_id).config
    zone = config.timezone or feed["timezone"] or "UTC"
    window = _window(feed, config, zone, doing.clock)
    doing.run(
        "replaying/begin",
        run_id=run_id,
        feed_id=feed["id"],
        force=keeps_rows,
        dry_run=not apply,
        window_start=window.start,
        window_end=window.end,
        timezone=zone,
        timezone_source="calendar" if config.timezone or feed["timezone"] else "default",
    )
    step = Step(doing.connection, doing.key, doing.clock, settings)
    normalize(step, [calendar_id])
    diff(step, [calendar_id])
    if apply:
        counts = doing.apply(run_id)
        if keeps_rows:
            doing.run("operations/keep", run_id=run_id)
        else:
            doing.run("apply_notices", run_ids=[run_id])
    else:
        counts = doing.planned(run_id)
    held = doing.connection.execute("select held from calimport.runs where id = %s", [run_id]).fetchone()
    doing.run("clear_staging", run_ids=[run_id])
    doing.finish(calendar_id, run_id, "imported" if apply else "planned")
    return Replayed(
        dag_run_id=doing.key.dag_run_id,
        run_id=run_id,
        fetched_at=feed["fetched_at"],
        window=window,
        counts=counts,
        held=held["held"] if held else 0,
        applied=apply,
    )


def _window(feed: dict[str, Any], config: CalendarConfig, zone: str, clock: datetime) -> Window:
    """What the run owns: of a feed that holds one window alone, no more than that one."""
    if feed["window_start"] is not None and feed["window_end"] is not None:
        return Window(feed["window_start"], feed["window_end"])
    return WindowRequest(as_of=clock, days_back=config.days_back, days_ahead=config.days_ahead).resolve(zone)


def _none_kept(doing: Operation, calendar_id: int, at: datetime) -> ConfigurationError:
    row = doing.run("replaying/kept_feeds", calendar_id=calendar_id).fetchone()
    name = doing.calendars[calendar_id]["name"]
    if row is None or not row["feeds"]:
        return ConfigurationError(f"{name}: no feed is stored.")
    return ConfigurationError(
        f"{name}: no feed of {at:%Y-%m-%d %H:%MZ} is stored; the oldest is of {row['first_at']:%Y-%m-%d %H:%MZ}."
    )
