"""A preview: the occurrences that an import of a window would hold, without a database and without Airflow.

The same fetch, the same parser and the same normalization as an import's; only what a calendar's configuration adds
(activity type, place, strategy) is left at its defaults.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from calimport import frame, network_guard
from calimport.errors import ConfigurationError, FeedStatusUnexpected, FeedTooLarge, SourceUnsupported
from calimport.settings import Settings
from calimport.sources import detecting
from calimport.sources.base import Feed, FetchRequest, Notice, ParseContext
from calimport.sources.detecting import AUTO
from calimport.windows import Window, WindowRequest, parse_moment
from calimport.zones import iana_name

if TYPE_CHECKING:
    import httpx
    import pandas as pd

    from calimport.budgets import Budget
    from calimport.har_recorder import Recorder

_T = TypeVar("_T")


@dataclass(frozen=True)
class Preview:
    """What one look at one source gave."""

    #: See :data:`calimport.frame.COLUMNS`; sorted by start and UID.
    frame: pd.DataFrame
    notices: list[Notice]
    title: str | None
    timezone: str
    #: ``calendar`` when the zone was given or is the feed's own, else ``default``.
    timezone_source: str
    kind: str
    window: Window


def preview(
    source: str | os.PathLike[str],
    *,
    start: date | datetime | str | None = None,
    end: date | datetime | str | None = None,
    kind: str = AUTO,
    timezone: str | None = None,
    now: datetime | str | None = None,
    replay: str | os.PathLike[str] | None = None,
    record: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """The occurrences of ``source`` in a window, as the uniform frame (:data:`calimport.frame.COLUMNS`).

    :param source: a local iCalendar file, an http, https or webcal URL, or a provider's id of a calendar.
    :param start: a date (midnight in the calendar's zone) or an instant; default: seven days before ``now``.
    :param end: the same, exclusive; default: seven days after ``now``, the last one whole.
    :param timezone: the calendar's zone (IANA); default: what the feed says of itself, else UTC.
    :param now: what counts as the present; default: the clock's time.
    :param replay: an HTTP Archive that answers in the network's place.
    :param record: where to write the exchanges as an HTTP Archive, secrets masked.
    :raises CalimportError: the source cannot be read; ``str()`` of it is a sentence for people.
    """
    return look(source, start=start, end=end, kind=kind, timezone=timezone, now=now, replay=replay, record=record).frame


def look(
    source: str | os.PathLike[str] | None,
    *,
    start: date | datetime | str | None = None,
    end: date | datetime | str | None = None,
    kind: str = AUTO,
    timezone: str | None = None,
    now: datetime | str | None = None,
    replay: str | os.PathLike[str] | None = None,
    record: str | os.PathLike[str] | None = None,
    connection_id: str | None = None,
    settings: Settings | None = None,
    files: bool = True,
) -> Preview:
    """As :func:`preview`, with all that was found.

    :param source: None where the connection holds a private URL.
    :param connection_id: the Airflow connection with the secret, if the source needs one.
    :param files: whether ``source`` may be a local file, or an address of this machine: only where the person who names
        it may read this machine's.
    """
    from calimport.normalizing import Meaning, normalize

    settings = settings or Settings.from_environment()
    if files:
        settings = network_guard.with_own_machine(os.fspath(source or ""), settings)
    asked = WindowRequest(as_of=_now(now), start=_moment(start), end=_moment(end))
    zone = None if timezone is None else _zone(timezone)
    if files and (path := _local_file(source, kind)):
        kind, feed = "ics", _read(path, settings)
    else:
        name = None if source is None else os.fspath(source)
        kind = _kind(name, kind, connection_id=connection_id, replayed=replay is not None)
        request = FetchRequest(name, connection_id=connection_id, timezone=zone, window=asked)
        kind, feed = _in_event_loop(_fetch(kind, request, settings, _path(replay), _path(record)))
    if feed.content is None:
        raise FeedStatusUnexpected(detail="not modified, although nothing is known of the feed")
    resolved = zone or feed.timezone or "UTC"
    context = ParseContext(
        window=feed.window or asked.resolve(resolved),
        as_of=asked.as_of,
        timezone=resolved,
        timezone_source="calendar" if zone or feed.timezone else "default",
        max_occurrences=settings.max_occurrences,
    )
    normalized = normalize(feed.content, kind=kind, context=context, meaning=Meaning())
    return Preview(
        frame=normalized.frame,
        notices=[*detecting.notices(feed.validators), *normalized.notices],
        title=normalized.parsed.title,
        timezone=context.timezone,
        timezone_source=context.timezone_source,
        kind=kind,
        window=context.window,
    )


def occurrences(events: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as JSON has them: ``start`` and ``end`` as people read them, then the frame's columns.

    Instants are UTC ``YYYY-MM-DDTHH:MM:SSZ``, the content hash is hexadecimal. Sorted by ``start``, then ``uid``.
    """
    columns = {column.name: _column(events[column.name], column.dtype) for column in frame.COLUMNS}
    return in_order([dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)])


def _column(values: pd.Series[Any], dtype: str) -> list[Any]:
    """A whole column as :func:`to_json` has its values, which takes too long one by one where there are many."""
    if dtype == frame.INSTANT:
        import numpy as np

        texts = np.datetime_as_string(values.dt.tz_convert(None).to_numpy("datetime64[s]")).tolist()
        return [None if text == "NaT" else f"{text}Z" for text in texts]
    if dtype == frame.TEXT:
        return values.astype(object).where(values.notna(), None).tolist()
    return [to_json(value) for value in values.tolist()]


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as JSON has them, with ``start`` and ``end`` before the frame's columns, by ``start``, then ``uid``."""
    shown = [
        {"start": row["start_date"], "end": row["end_date"], **row}
        if row["all_day"]
        else {"start": row["start_at"], "end": row["end_at"], **row}
        for row in rows
    ]
    return sorted(shown, key=lambda row: (row["start"], row["uid"], row["recurrence_id"] or ""))


def to_json(value: Any) -> Any:
    """A value of the frame as JSON has it: instants as UTC ``YYYY-MM-DDTHH:MM:SSZ``, bytes in hexadecimal."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, list):
        return [to_json(one) for one in value]
    if isinstance(value, dict):
        return {name: to_json(one) for name, one in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return None if math.isnan(value) else value
    # The only value that differs from itself is pandas' NaT; NA has no truth value, and so a name.
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def _now(given: datetime | str | None) -> datetime:
    """The time to count from. The edge of the program: nowhere below is the clock read."""
    moment = datetime.now(UTC) if given is None else _moment(given)
    if not isinstance(moment, datetime):
        raise ConfigurationError(f"The present must be an instant such as 2026-11-22T10:00:00Z, not {given!r}.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(given: date | datetime | str | None) -> date | datetime | None:
    return parse_moment(given) if isinstance(given, str) else given


def _zone(given: str) -> str:
    if name := iana_name(given):
        return name
    raise ConfigurationError(f"{given!r} is not an IANA time zone, such as Europe/London.")


def _path(given: str | os.PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given)


def _local_file(source: str | os.PathLike[str] | None, kind: str) -> Path | None:
    """The file that ``source`` names, if it names one.

    :raises ConfigurationError: it is written like the path of a file, and there is none.
    """
    if source is None or kind not in (AUTO, "ics") or "://" in os.fspath(source):
        return None
    if os.path.exists(source):
        return Path(source)
    if not isinstance(source, str) or os.sep in source or Path(source).suffix.lower() in (".ics", ".ical", ".ifb"):
        raise ConfigurationError(f"There is no file {os.fspath(source)!r}.")
    return None


def _read(path: Path, settings: Settings) -> Feed:
    """A local file as a feed.

    :raises CalimportError: it cannot be read, or is no calendar.
    """
    from calimport.icalendar_text import received
    from calimport.sources.ics import feed_timezone

    try:
        with path.open("rb") as file:
            content = file.read(settings.max_bytes + 1)
    except OSError as error:
        raise ConfigurationError(f"The file {str(path)!r} cannot be read: {error.strerror}.") from error
    if len(content) > settings.max_bytes:
        raise FeedTooLarge(detail=f"over {settings.max_bytes} bytes")
    content = received(content, max_bytes=settings.max_decompressed_bytes)
    return Feed(content, None, timezone=feed_timezone(content))


def _kind(source: str | None, kind: str, *, connection_id: str | None, replayed: bool) -> str:
    """The kind where the source's form tells it, else ``auto``: only the answer does."""
    if kind != AUTO:
        return kind
    # A provider's id is known without its connection: a replay needs none, and else it is the connection that lacks.
    by_id = replayed or (source is not None and "://" not in source)
    try:
        return detecting.by_address(source, connection_id=connection_id or ("none" if by_id else None)) or AUTO
    except SourceUnsupported:
        if source and "://" not in source:
            raise SourceUnsupported(f"{source!r} is no file, no address of a calendar and no calendar's id.") from None
        raise


async def _fetch(
    kind: str, request: FetchRequest, settings: Settings, replay: Path | None, record: Path | None
) -> tuple[str, Feed]:
    from calimport.fetching import Http

    private = request.source is None
    transport = _transport(replay, private)
    recorder = _recorder(record, transport, settings, private)
    try:
        async with Http(settings, recorder or transport, budget=_budget()) as http:
            return await detecting.fetch(kind, request, http)
    finally:
        if recorder and record:
            recorder.write(record)


@cache
def _budget() -> Budget:
    """One for all previews of this process, which has no database to share it through."""
    from calimport.budgets import LocalBudget

    return LocalBudget()


def _transport(replay: Path | None, private: bool) -> httpx.AsyncBaseTransport | None:
    if replay is None:
        return None
    from calimport.har import Replay

    return Replay(replay, private=private)


def _recorder(
    record: Path | None, transport: httpx.AsyncBaseTransport | None, settings: Settings, private: bool
) -> Recorder | None:
    if record is None:
        return None
    from calimport.client import tls
    from calimport.har_recorder import Recorder

    if not record.parent.is_dir():  # said before the fetch, not after it
        raise ConfigurationError(f"The recording {record} cannot be written: there is no folder {record.parent}.")
    return Recorder(transport or network_guard.transport(settings, tls()), settings, private=private)


def _in_event_loop(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
