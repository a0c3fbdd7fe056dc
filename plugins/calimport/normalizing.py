"""From a feed to the uniform frame: parse and expand, clean text, find the place, hash each row's meaning."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from calimport import frame, sources
from calimport.placing import Place, locate
from calimport.settings import Settings
from calimport.sources.base import Notice, ParseContext, Parsed
from calimport.text import markdown, plain, storable

if TYPE_CHECKING:
    import pandas as pd

#: Part of every fingerprint: raise it when the same feed gives other rows, so that each calendar is expanded anew.
VERSION: Final = 2

_PRIVATE: Final = ("private", "confidential")


@dataclass(frozen=True)
class Meaning:
    """What a calendar's configuration adds to what its feed says."""

    activity_type: str | None = None
    strategy: str = "event_override"
    place: Place | None = None
    #: An event whose description holds this text is left out: its owner's wish.
    ignore_marker: str = Settings.ignore_marker


@dataclass(frozen=True)
class Normalized:
    """The occurrences of one feed in one window.

    ``frame`` has exactly the columns of :data:`calimport.frame.COLUMNS`, sorted by start and UID, one row per
    ``(uid, recurrence_id)``.
    """

    frame: pd.DataFrame
    parsed: Parsed
    notices: list[Notice]


def normalize(feed: bytes, *, kind: str, context: ParseContext, meaning: Meaning) -> Normalized:
    """The uniform frame of a feed.

    :raises FeedInvalid: the feed as a whole cannot be read. Single events that cannot are notices.
    """
    parsed = sources.load(kind).parse(feed, context)
    rows = [_complete(occurrence, meaning) for occurrence in parsed.occurrences]
    kept = [row for row in rows if not _left_out(row, meaning)]
    unique = {(row["uid"], row["recurrence_id"]): row for row in kept}
    ordered = sorted(unique.values(), key=lambda row: (row["start_at"], row["uid"], row["recurrence_id"] or ""))
    notices = merge_notices([*parsed.notices, *_left_out_notices(rows, meaning)])
    return Normalized(frame.build(ordered), replace(parsed, occurrences=[]), notices)


def merge_notices(notices: list[Notice]) -> list[Notice]:
    """One notice per code and subject; the last sentence stands, and an event once kept stays kept."""
    merged: dict[tuple[str, str], Notice] = {}
    for notice in notices:
        earlier = merged.get((notice.code, notice.subject))
        keeps = notice.keeps_uid or (earlier is not None and earlier.keeps_uid)
        merged[notice.code, notice.subject] = replace(notice, keeps_uid=keeps)
    return list(merged.values())


def _complete(row: dict[str, Any], meaning: Meaning) -> dict[str, Any]:
    row = storable(row)
    location = plain(row["location"])
    place_id, address = locate(meaning.strategy, location, meaning.place)
    completed = {
        **row,
        "summary": plain(row["summary"]),
        "description": markdown(row["description"]),
        "location": location,
        "activity_type": meaning.activity_type,
        "place_id": place_id,
        "address": address,
    }
    completed["content_hash"] = content_hash(completed)
    return completed


def content_hash(row: dict[str, Any]) -> bytes:
    """BLAKE2b-128 of the row's meaning: all columns that count as content, in the frame's order."""
    meaning = json.dumps([row[name] for name in frame.CONTENT], default=_to_json, ensure_ascii=False, sort_keys=True)
    return hashlib.blake2b(meaning.encode(), digest_size=16).digest()


def _to_json(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def _left_out(row: dict[str, Any], meaning: Meaning) -> bool:
    return _is_private(row) or _is_marked(row, meaning)


def _is_private(row: dict[str, Any]) -> bool:
    return row["visibility"] in _PRIVATE


def _is_marked(row: dict[str, Any], meaning: Meaning) -> bool:
    return bool(meaning.ignore_marker) and meaning.ignore_marker in (row["description"] or "")


def _left_out_notices(rows: list[dict[str, Any]], meaning: Meaning) -> list[Notice]:
    private = {row["uid"] for row in rows if _is_private(row)}
    marked = {row["uid"] for row in rows if _is_marked(row, meaning)} - private
    notices = []
    if private:
        notices.append(Notice("private", f"Private events were left out: {len(private)}."))
    if marked:
        notices.append(Notice("ignored", f"Events marked {meaning.ignore_marker} were left out: {len(marked)}."))
    return notices
