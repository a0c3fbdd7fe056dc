"""Extract: fetch the calendars of a batch at once, store what came, and end the work where nothing changed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import httpx

from calimport import logs, privacy
from calimport.budgets import Rate, host_key
from calimport.errors import CalendarBusy, CalimportError, SourceUnsupported
from calimport.fetching import Http, http_url
from calimport.hosts import host
from calimport.normalizing import VERSION
from calimport.settings import Settings
from calimport.shared_budget import SharedBudget, shared_budget
from calimport.sources.base import FetchRequest
from calimport.sources.detecting import AUTO, by_address, fetch
from calimport.steps import mirrors
from calimport.steps.runs import Run, Step, raise_if_none_left, recorded, timed
from calimport.windows import Window

log = logs.logger(__name__)

#: Between two looks at whether calendars that another run holds are free.
WAIT: Final = timedelta(seconds=20)


def extract(step: Step, calendar_ids: Sequence[int], transport: httpx.AsyncBaseTransport | None = None) -> int:
    """Fetch each calendar; return how many are left for normalize.

    A calendar whose feed, window, configuration and code are those of its last import is done here.

    :param transport: replaces the network, for replay and for tests.
    :raises CalendarBusy: others hold calendars of the batch, and it is not yet time to give them up.
    :raises CalimportError: nothing is left, and something failed.
    """
    _take(step, calendar_ids)
    errors: dict[str, CalimportError] = {}
    left = asyncio.run(_extract_all(step, calendar_ids, transport, errors))
    raise_if_none_left(errors, left)
    return left


async def _extract_all(
    step: Step,
    calendar_ids: Sequence[int],
    transport: httpx.AsyncBaseTransport | None,
    errors: dict[str, CalimportError],
) -> int:
    slots = asyncio.Semaphore(step.settings.fetch_concurrency)

    left: list[int] = []

    async def one(calendar_id: int) -> None:
        async with slots:
            run = step.load(calendar_id)
            with recorded(step, run, errors):
                step.take(run)
                if await _extract_one(step, run, transport, budget):
                    left.append(calendar_id)

    with shared_budget() as budget:
        budget.prepare(_first_slots(step, calendar_ids))
        await asyncio.gather(*(one(calendar_id) for calendar_id in calendar_ids))
    return len(left)


def _take(step: Step, calendar_ids: Sequence[int]) -> None:
    """Open the attempts, and take every lease of the batch or none.

    Those that others still hold when patience is at its end fail one by one, and the rest goes on.
    """
    for calendar_id in calendar_ids:
        step.run("open_attempt", calendar_id=calendar_id, clock=step.clock)
    busy = step.run(
        "take_batch",
        calendar_ids=list(calendar_ids),
        owner=step.key.owner,
        clock=step.clock,
        lease_until=step.clock + step.settings.lease,
    ).fetchall()
    patience = timedelta(seconds=step.settings.lease_patience)
    if any(row["waits_since"] is None or step.clock < row["waits_since"] + patience for row in busy):
        names = ", ".join(row["name"] for row in busy)
        raise CalendarBusy(detail=f"waiting for {names}", retry_after=WAIT.total_seconds())


def _first_slots(step: Step, calendar_ids: Sequence[int]) -> dict[str, Rate]:
    """A slot for each host of the batch's own addresses, so that a feed a host does not cost a statement a feed."""
    rate = Rate(step.settings.host_requests_per_second, step.settings.host_request_burst)
    rows = step.run("sources_of_batch", calendar_ids=list(calendar_ids)).fetchall()
    keys = []
    for row in rows:
        with suppress(SourceUnsupported):  # said of its calendar, when it is fetched
            keys.append(host_key(host(http_url(row["source"]))))
    return dict.fromkeys(keys, rate)


async def _extract_one(step: Step, run: Run, transport: httpx.AsyncBaseTransport | None, budget: SharedBudget) -> bool:
    """Fetch one calendar and store its feed; True when there is something to normalize."""
    known = run.kind if run.kind != AUTO else by_address(run.source, connection_id=run.connection_id)
    request = FetchRequest(
        source=run.source,
        connection_id=run.connection_id,
        timezone=run.timezone,
        window=run.window_request,
        # Where only the answer tells the kind, they also hold what was found the last time.
        validators=mirrors.validators(step, run, known or run.feed_kind or AUTO),
    )
    with timed(step, run, "extract"):
        async with Http(step.settings, transport, budget=budget) as http:
            try:
                kind, feed = await fetch(run.kind, request, http)
            except CalimportError:
                step.run("record_cost", run_id=run.run_id, requests=http.requests, bytes_received=http.bytes_received)
                raise
    feed_timezone = feed.timezone
    if feed_timezone is None and (feed.content is None or feed.is_delta):
        # A conditional answer speaks of the feed that is stored, and so of the zone that it gave.
        feed_timezone = run.feed_timezone
    zone = run.timezone or feed_timezone or "UTC"
    window = feed.window or request.window.resolve(zone)
    with step.connection.transaction():
        feed_id, meaning_hash = mirrors.store(step, run, kind, feed, feed_timezone)
        found = fingerprint(run, step.settings, meaning_hash, window, zone)
        step.run(
            "record_extract",
            run_id=run.run_id,
            calendar_id=run.calendar_id,
            kind=kind,
            feed_timezone=feed_timezone,
            feed_id=feed_id,
            fetched_at=step.clock,
            window_start=window.start,
            window_end=window.end,
            timezone=zone,
            timezone_source="calendar" if run.timezone or feed_timezone else "default",
            fingerprint=found,
            fresh_for=feed.fresh_for,
            requests=feed.requests,
            bytes_received=feed.bytes_received,
        )
        unchanged = found == run.imported_fingerprint and not run.force
        if unchanged:
            step.finish(run, "unchanged")
    log.info(
        "Fetched %s: %s, %d bytes in %d requests%s",
        run.name,
        "not modified"
        if feed.content is None
        else f"{len(feed.content)} bytes of {kind}{', changes alone' if feed.is_delta else ''}",
        feed.bytes_received,
        feed.requests,
        "; unchanged" if unchanged else "",
    )
    return not unchanged


def fingerprint(run: Run, settings: Settings, meaning_hash: bytes, window: Window, zone: str) -> bytes:
    """Hash of all that the rows follow from; equal means that importing again would change nothing."""
    parts = (
        meaning_hash.hex(),
        window.start.isoformat(),
        window.end.isoformat(),
        zone,
        run.activity_type,
        run.strategy,
        run.place_id,
        run.place_address,
        privacy.of_calendar(run).fingerprint(),
        run.default_reminders,
        settings.ignore_marker,
        settings.max_occurrences,
        VERSION,
        _zone_data_version(),
    )
    return hashlib.sha256(repr(parts).encode()).digest()


def _zone_data_version() -> str:
    """New zone data may move what lies in the future, so every calendar is expanded anew after an upgrade."""
    try:
        return version("tzdata")
    except PackageNotFoundError:
        return ""
