"""Extract: fetch the calendars of a batch at once, store what came, and end the work where nothing changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx
import psycopg

from calimport import logs
from calimport.budgets import Rate, host_key
from calimport.client import open_network
from calimport.errors import CalendarBusy, CalimportError, LeaseLost, SourceUnsupported
from calimport.fetching import Http, http_url
from calimport.hosts import host
from calimport.shared_budget import SharedBudget, shared_budget
from calimport.sources.base import FetchRequest
from calimport.sources.detecting import AUTO, by_address, fetch
from calimport.steps import mirrors
from calimport.steps.fingerprint import fingerprint
from calimport.steps.runs import AT_ONCE, Run, Step, by_index, columns, raise_if_none_left, recorded

log = logs.logger(__name__)

#: Between two looks at whether calendars that another run holds are free.
WAIT: Final = timedelta(seconds=20)


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought, stored but perhaps not yet recorded: as ``record_extracts`` and ``renew_feeds`` take it."""

    run: Run
    is_unchanged: bool
    renewal: dict[str, Any] | None
    record: dict[str, Any]


def extract(step: Step, calendar_ids: Sequence[int], transport: httpx.AsyncBaseTransport | None = None) -> int:
    """Fetch each calendar; return how many are left for normalize.

    A calendar whose feed, window, configuration and code are those of its last import is done here.

    :param transport: replaces the network, for replay and for tests.
    :raises CalendarBusy: others hold calendars of the batch, and it is not yet time to give them up.
    :raises CalimportError: nothing is left, and something failed.
    """
    errors: dict[str, CalimportError] = {}
    with by_index(step):
        _take(step, calendar_ids)
        left = asyncio.run(_extract_all(step, calendar_ids, transport, errors))
    raise_if_none_left(errors, left)
    return left


async def _extract_all(
    step: Step,
    calendar_ids: Sequence[int],
    transport: httpx.AsyncBaseTransport | None,
    errors: dict[str, CalimportError],
) -> int:
    taken = step.take(calendar_ids)
    runs = _loaded(step, calendar_ids)
    unchanged: list[Fetched] = []
    left = 0

    async def fetch_one_by_one(network: httpx.AsyncBaseTransport) -> None:
        nonlocal left
        for run in runs:
            with recorded(step, run, errors):
                if run.calendar_id not in taken:
                    raise LeaseLost()
                fetched = await _extract_one(step, run, network, budget)
                if fetched.is_unchanged:
                    unchanged.append(fetched)
                else:
                    left += 1
            if len(unchanged) >= AT_ONCE:
                _record_unchanged(step, unchanged, errors)

    with shared_budget() as budget:
        budget.prepare(_first_slots(step, calendar_ids))
        async with open_network(step.settings) as network:
            slots = range(min(step.settings.fetch_concurrency, len(calendar_ids)))
            await asyncio.gather(*(fetch_one_by_one(transport or network) for _ in slots))
    _record_unchanged(step, unchanged, errors)
    return left


def _loaded(step: Step, calendar_ids: Sequence[int]) -> Iterator[Run]:
    """The runs of a batch, some at a time, so that a batch of any size needs little memory."""
    for start in range(0, len(calendar_ids), AT_ONCE):
        yield from step.load_all(calendar_ids[start : start + AT_ONCE])


def _take(step: Step, calendar_ids: Sequence[int]) -> None:
    """Open the attempts, and take every lease of the batch or none.

    Those that others still hold when patience is at its end fail one by one, and the rest goes on.
    """
    step.run("open_attempts", calendar_ids=list(calendar_ids), clock=step.clock)
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


async def _extract_one(step: Step, run: Run, transport: httpx.AsyncBaseTransport, budget: SharedBudget) -> Fetched:
    """Fetch one calendar, store its feed, and record it where there is something to normalize."""
    began = time.perf_counter()
    known = run.kind if run.kind != AUTO else by_address(run.source, connection_id=run.connection_id)
    request = FetchRequest(
        source=run.source,
        connection_id=run.connection_id,
        timezone=run.timezone,
        window=run.window_request,
        # Where only the answer tells the kind, they also hold what was found the last time.
        validators=mirrors.validators(step, run, known or run.feed_kind or AUTO),
        stamps_stay=bool(run.feed_stamps_stay) and not run.force,
    )
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
    # Where no feed came there is none to store, and what is recorded stands for itself.
    with step.connection.transaction() if feed.content is not None else nullcontext():
        stored = mirrors.store(step, run, kind, feed, feed_timezone)
        found = fingerprint(run, step.settings, stored.meaning_hash, window, zone)
        fetched = Fetched(
            run,
            is_unchanged=found == run.imported_fingerprint and not run.force,
            renewal=stored.renewal,
            record={
                "run_id": run.run_id,
                "kind": kind,
                "feed_timezone": feed_timezone,
                "feed_id": stored.feed_id,
                "window_start": window.start,
                "window_end": window.end,
                "timezone": zone,
                "timezone_source": "calendar" if run.timezone or feed_timezone else "default",
                "fingerprint": found,
                "fresh_for": feed.fresh_for,
                "requests": feed.requests,
                "bytes_received": feed.bytes_received,
                "seconds": round(time.perf_counter() - began, 4),
            },
        )
        if not fetched.is_unchanged:
            _record(step, [fetched])
    log.info(
        "Fetched %s: %s, %d bytes in %d requests%s",
        run.name,
        "not modified"
        if feed.content is None
        else f"{len(feed.content)} bytes of {kind}{', changes alone' if feed.is_delta else ''}",
        feed.bytes_received,
        feed.requests,
        "; unchanged" if fetched.is_unchanged else "",
    )
    return fetched


def _record_unchanged(step: Step, unchanged: list[Fetched], errors: dict[str, CalimportError]) -> None:
    """End the runs of calendars that have nothing new, all in one transaction, and empty the list.

    Where that fails for a reason that lies in one of them, each is recorded by itself.
    """
    fetched, unchanged[:] = list(unchanged), []
    try:
        with step.connection.transaction():
            _record(step, fetched)
            step.finish([one.run for one in fetched], "unchanged")
    except psycopg.DataError:
        for one in fetched:
            with recorded(step, one.run, errors), step.connection.transaction():
                _record(step, [one])
                step.finish([one.run], "unchanged")


def _record(step: Step, fetched: Sequence[Fetched]) -> None:
    renewals = [one.renewal for one in fetched if one.renewal]
    if renewals:
        step.run("renew_feeds", **columns(renewals))
    if fetched:
        step.run("record_extracts", fetched_at=step.clock, **columns([one.record for one in fetched]))
