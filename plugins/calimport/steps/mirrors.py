"""Stored feeds as mirrors: a complete feed and the deltas stored after it stand for all that the provider has.

A token advances only with what it brought: it is the validator of the feed that a run stored, and is asked with once
that run is finished and the calendar's ``feed_id`` leads to that feed. A run that fails or is killed leaves a feed that
nobody builds on, and the next one asks with the former token again.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from backports import zstd
from psycopg.types.json import Jsonb

from calimport import database, sources
from calimport.errors import FeedInvalid, InternalError, MirrorLost
from calimport.sources.base import Feed
from calimport.steps.runs import Run, Step

#: More deltas than this are folded into a complete feed, so that loading one stays cheap: each costs 0.2 s on 10,000
#: events.
LONGEST_CHAIN: Final = 20
#: Its multiples, taken without their whole part, divide the interval from 0 to 1 evenly, however many there are.
_GOLDEN_RATIO: Final = (5**0.5 - 1) / 2
#: RFC 8878, 3.1.1. What was stored before migration 0024 is as zlib writes it, and still there.
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Stored:
    """The stored feed that stands for what a fetch brought."""

    feed_id: int
    meaning_hash: bytes
    #: What is yet to be written of it, as ``renew_feeds.sql`` takes it; None: nothing.
    renewal: dict[str, Any] | None = None


class _Hashes(NamedTuple):
    """SHA-256 of the bytes that are stored, and of what they mean."""

    content: bytes
    meaning: bytes


class Loaded(NamedTuple):
    """A stored feed, its deltas folded in."""

    kind: str
    content: bytes
    validators: Mapping[str, Any]


def load(step: Step, feed_id: int) -> Loaded | None:
    """A stored feed; None where it is not stored (any more).

    :raises MirrorLost: what is stored cannot be read.
    """
    return load_all(step, [feed_id]).get(feed_id)


def load_all(step: Step, feed_ids: Sequence[int]) -> dict[int, Loaded]:
    """Stored feeds by their ids, of those that are stored (still).

    :raises MirrorLost: what is stored of one cannot be read.
    """
    # As text, bytes would be twice as many, to be written by the one side and read by the other.
    with step.connection.cursor(binary=True) as cursor:
        rows = cursor.execute(database.sql("load_feeds").encode(), {"feed_ids": list(feed_ids)}).fetchall()
    return {feed_id: _loaded(feed_id, list(chain)) for feed_id, chain in groupby(rows, itemgetter("wanted_id"))}


def _loaded(feed_id: int, chain: Sequence[Mapping[str, Any]]) -> Loaded:
    kind = chain[0]["kind"]
    try:
        complete, *deltas = (decompressed(one["body"]) for one in chain)
        for delta in deltas:
            complete = sources.merge(kind, complete, delta)
    except (zstd.ZstdError, zlib.error, FeedInvalid) as error:
        raise MirrorLost(detail=f"feed {feed_id}, {len(chain) - 1} deltas: {type(error).__name__}") from error
    return Loaded(kind, complete, chain[-1]["validators"])


def compressed(content: bytes) -> bytes:
    """The body of a stored feed: half as large as zlib makes it at its quickest, in a fifth of the time."""
    return zstd.compress(content, 1)


def decompressed(body: bytes) -> bytes:
    """What :func:`compressed` was given.

    :raises zstd.ZstdError, zlib.error: it is no stored feed.
    """
    return zstd.decompress(body) if body.startswith(_ZSTD) else zlib.decompress(body)


def validators(step: Step, run: Run, kind: str) -> dict[str, object]:
    """What to ask the provider with: empty where the whole calendar is to be fetched."""
    if run.force or run.feed_kind != kind or run.feed_complete_at is None:
        return {}
    period = timedelta(step.settings.full_sync_days)
    # An ETag speaks of the whole feed, so it cannot go wrong by and by.
    if sources.makes_deltas(kind) and full_sync_is_due(run.calendar_id, run.feed_complete_at, step.clock, period):
        return {}
    return run.feed_validators or {}


def full_sync_is_due(calendar_id: int, complete_at: datetime, clock: datetime, period: timedelta) -> bool:
    """Whether the calendar's own moment of the period has passed since it was last fetched whole.

    Each calendar has one such moment in every period, and those of all calendars lie evenly in it.
    """
    own_share = calendar_id * _GOLDEN_RATIO % 1
    before, now = (moment.timestamp() / period.total_seconds() + own_share for moment in (complete_at, clock))
    return now // 1 > before // 1


def store(step: Step, run: Run, kind: str, feed: Feed, feed_timezone: str | None) -> Stored:
    """Store a feed; one that means what the applied one does is not stored again.

    :raises MirrorLost: the feed is a delta to what cannot be read.
    """
    applied = run.feed_id if run.feed_kind == kind else None
    if feed.content is None or feed.is_delta:
        if applied is None or run.feed_meaning_hash is None or run.feed_complete_at is None:
            raise InternalError(detail=f"{kind}: only changes came, and nothing is stored that they are changes of")
        if feed.content is None:
            return _renewed(run, applied, feed, run.feed_meaning_hash, run.feed_complete_at)
        meaning_hash = sha256(run.feed_meaning_hash + sha256(feed.content).digest()).digest()
        content, base = feed.content, _base(step, applied, len(feed.content))
        if base is None:
            content = _folded(step, applied, kind, content)
        hashes = _Hashes(sha256(content).digest(), meaning_hash)
        return _insert(step, run, kind, feed, feed_timezone, content, hashes, base, run.feed_complete_at)
    known = run.feed_meaning_hash
    if applied is not None and known is not None and feed.meaning_hash == known:
        return _renewed(run, applied, feed, known, step.clock)
    content_hash = sha256(feed.content).digest()
    if applied is not None and known is not None and content_hash == run.feed_content_hash:
        return _renewed(run, applied, feed, known, step.clock)
    hashes = _Hashes(content_hash, feed.meaning_hash or content_hash)
    return _insert(step, run, kind, feed, feed_timezone, feed.content, hashes, None, step.clock)


def _renewed(run: Run, applied: int, feed: Feed, meaning_hash: bytes, complete_at: datetime) -> Stored:
    # Nothing came, so there is nothing that has yet to be applied before the token may advance.
    new = {"feed_id": applied, "validators": Jsonb(dict(feed.validators)), "complete_at": complete_at}
    return Stored(applied, meaning_hash, None if run.dry_run else new)


def _base(step: Step, applied: int, size: int) -> int | None:
    """The feed that a delta of ``size`` bytes is stored as a delta to; None where it is time to fold."""
    chain = step.run("measure_chain", feed_id=applied).fetchone()
    assert chain is not None  # noqa: S101 - an aggregate gives one row
    is_long = chain["deltas"] >= LONGEST_CHAIN or chain["delta_bytes"] + size > chain["complete_bytes"]
    return None if is_long else applied


def _folded(step: Step, applied: int, kind: str, delta: bytes) -> bytes:
    found = load(step, applied)
    if found is None:
        raise MirrorLost(detail=f"feed {applied} was removed meanwhile")
    return sources.merge(kind, found.content, delta)


def _insert(
    step: Step,
    run: Run,
    kind: str,
    feed: Feed,
    feed_timezone: str | None,
    content: bytes,
    hashes: _Hashes,
    base_feed_id: int | None,
    complete_at: datetime,
) -> Stored:
    stored = step.run(
        "store_feed",
        calendar_id=run.calendar_id,
        base_feed_id=base_feed_id,
        content_hash=hashes.content,
        body=compressed(content),
        size_bytes=len(content),
        meaning_hash=hashes.meaning,
        source=run.source,
        connection_id=run.connection_id,
        kind=kind,
        timezone=feed_timezone,
        validators=Jsonb(dict(feed.validators)),
        window_start=feed.window.start if feed.window else None,
        window_end=feed.window.end if feed.window else None,
        fetched_at=step.clock,
        complete_at=complete_at,
    ).fetchone()
    assert stored is not None  # noqa: S101 - an insert … returning gives its row
    return Stored(stored["id"], hashes.meaning)
