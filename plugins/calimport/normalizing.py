"""From a feed to the uniform frame: parse and expand, clean text, find the place, hash each row's meaning."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from html import unescape
from typing import TYPE_CHECKING, Any, Final

from calimport import copying, frame, online, privacy, reminders, sources
from calimport.errors import FeedTooLarge
from calimport.garbage import no_collection
from calimport.placing import Placing
from calimport.privacy import Privacy
from calimport.settings import Settings
from calimport.sources.base import Notice, ParseContext, Parsed, quoted
from calimport.text import link, markdown, plain, readable, storable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

#: Columns whose text comes from the source as it is, beside those that have a treatment of their own.
_READ: Final = ("timezone", "source_event_id", "source_series_id")
_READ_WITHIN: Final = ("categories", "organizer", "creator", "attendees")
_LONGEST_SUBJECT: Final = 200
_PRIVATE: Final = ("private", "confidential")
#: How a notice calls what a list had, where that was more than is kept.
_TOO_MANY: Final = {"attendees": "{} attendees", "categories": "{} categories", "reminders": "more than 50 reminders"}
#: Characters of all rows of a feed in a window. Each date has the whole text of its event, so that a few kilobytes on
#: every minute would be gigabytes.
MOST_WRITTEN: Final = 256 * 1024 * 1024


@dataclass(frozen=True)
class Meaning:
    """What a calendar's configuration adds to what its feed says."""

    activity_type: str | None = None
    placing: Placing = field(default_factory=Placing)
    #: An event whose description holds this text is treated as a private one: its owner's wish.
    ignore_marker: str = Settings.ignore_marker
    privacy: Privacy = field(default_factory=Privacy)
    default_reminders: tuple[reminders.Default, ...] = ()


@dataclass(frozen=True)
class Normalized:
    """The occurrences of one feed in one window."""

    #: Dicts of exactly the columns of :data:`calimport.frame.COLUMNS`, sorted by start and UID, one per
    #: ``(uid, recurrence_id)``.
    rows: list[dict[str, Any]]
    #: The same as COPY reads them, see :mod:`calimport.copying`.
    lines: list[str]
    parsed: Parsed
    notices: list[Notice]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows as the uniform frame."""
        return frame.build(self.rows)


def normalize(feed: bytes, *, kind: str, context: ParseContext, meaning: Meaning) -> Normalized:
    """The uniform frame of a feed.

    :raises FeedInvalid: the feed as a whole cannot be read. Single events that cannot are notices.
    :raises FeedTooLarge: it has more than :data:`MOST_WRITTEN` to say: long texts on many dates.
    """
    with no_collection():
        return _normalized(sources.load(kind).parse(feed, context), context, meaning)


def _normalized(parsed: Parsed, context: ParseContext, meaning: Meaning) -> Normalized:
    completion = _Completion(meaning, context.timezone)
    rows = [completion.row(occurrence) for occurrence in parsed.occurrences]
    unique: dict[tuple[str, str | None], tuple[dict[str, Any], str]] = {}
    room = MOST_WRITTEN
    for row in rows:
        if _keeps_hidden(meaning) or not _is_hidden(row, meaning):
            kept = _as_kept(row, meaning)
            unique[kept["uid"], kept["recurrence_id"]] = kept, (line := _written(kept))
            room -= len(line)
            if room < 0:
                raise FeedTooLarge(detail=f"over {MOST_WRITTEN} characters in its dates")
    ordered = sorted(
        unique.values(), key=lambda one: (one[0]["start_at"], one[0]["uid"], one[0]["recurrence_id"] or "")
    )
    kept_rows, lines = [row for row, _ in ordered], [line for _, line in ordered]
    found = [*map(_storable, parsed.notices), *_hidden_notices(rows, meaning), *completion.notices(kept_rows)]
    uids = frozenset(uid if uid.isprintable() else storable(uid) for uid in parsed.uids)
    return Normalized(kept_rows, lines, replace(parsed, occurrences=[], uids=uids), merge_notices(found))


def _storable(notice: Notice) -> Notice:
    """With the UID as rows have it, or those would be taken as gone, and a text that PostgreSQL takes."""
    if notice.subject.isprintable() and notice.message.isprintable():
        return notice
    return replace(notice, subject=storable(notice.subject), message=readable(notice.message))


def merge_notices(notices: list[Notice]) -> list[Notice]:
    """One notice per code and subject; the last sentence stands, and an event once kept stays kept."""
    merged: dict[tuple[str, str], Notice] = {}
    for notice in notices:
        earlier = merged.get((notice.code, notice.subject))
        keeps = notice.keeps_uid or (earlier is not None and earlier.keeps_uid)
        occurrences = notice.occurrences + (earlier.occurrences if earlier else 0)
        merged[notice.code, notice.subject] = replace(notice, keeps_uid=keeps, occurrences=occurrences)
    return list(merged.values())


class _Completion:
    """Rows of one feed completed: what their texts mean is found out once a feed, not once an occurrence."""

    def __init__(self, meaning: Meaning, timezone: str) -> None:
        self._activity_type = meaning.activity_type
        self._default_reminders = meaning.default_reminders
        placing = replace(meaning.placing, timezone=meaning.placing.timezone or timezone)
        self._locate = cache(placing.locate)
        self._plain, self._markdown, self._link = cache(plain), cache(markdown), cache(link)
        self._storable, self._readable = cache(storable), cache(readable)
        self._online = cache(online.find)
        self._unresolved: dict[tuple[str, str | None], str] = {}
        #: What a list became, by its id: all dates of an event share one.
        self._lists: dict[int, tuple[Any, Any]] = {}
        #: UID and column → the most that one of the event's rows had in it, where that was too many.
        self._cut: dict[tuple[str, str], int] = {}

    def row(self, given: dict[str, Any]) -> dict[str, Any]:
        location = _parts(given["location"])
        where = self._locate(self._plain(location))
        description = self._markdown(given["description"])
        url, online_url = self._link(given["url"]), self._link(given["online_url"])
        found = self._online(
            online_url, given["online_type"], location=self._plain(location), description=description, url=url
        )
        completed = {
            **given,
            **reminders.completed(given, self._default_reminders),
            "uid": self._storable(given["uid"]),
            "summary": self._plain(given["summary"]),
            "description": description,
            "location": self._plain(given["location"]),
            "url": url,
            "color": self._plain(given["color"]),
            "online_url": found.url if found else None,
            "online_type": found.type if found else None,
            "activity_type": self._activity_type,
            "place_id": where.place_id,
            "address": where.address,
        }
        for name in _READ:
            if value := given[name]:
                completed[name] = self._readable(value)
        for name, most in frame.MOST.items():
            if (count := len(completed[name])) > most:
                key = completed["uid"], name
                self._cut[key] = max(count, self._cut.get(key, 0))
        for name in _READ_WITHIN:
            if value := given[name]:
                completed[name] = self._read_within(name, value)
        for name in ("reminders", "reminder_methods"):
            completed[name] = completed[name][: frame.MOST["reminders"]]
        if where.unresolved:
            self._unresolved[completed["uid"], completed["recurrence_id"]] = where.unresolved
        return completed

    def _read_within(self, name: str, value: Any) -> Any:
        """What dates share is read once, and as much of it as is kept."""
        known = self._lists.get(id(value))
        if known is None:
            known = self._lists[id(value)] = (
                value,
                readable(value[: frame.MOST[name]] if name in frame.MOST else value),
            )
        return known[1]

    def notices(self, rows: list[dict[str, Any]]) -> list[Notice]:
        """Of these rows, which are kept: lists that were too long, and locations in which no address was found."""
        return [*self._too_long(rows), *self._without_address(rows)]

    def _too_long(self, rows: list[dict[str, Any]]) -> Iterator[Notice]:
        told = dict[tuple[str, str], str]()
        for row in rows if self._cut else ():
            for name in frame.MOST:
                if row[name] and (row["uid"], name) in self._cut:
                    told.setdefault((row["uid"], name), row["summary"] or row["uid"])
        for (uid, name), title in told.items():
            had = _TOO_MANY[name].format(self._cut[uid, name])
            message = f"The event {quoted(title)} has {had}; the first {frame.MOST[name]} were kept."
            yield Notice(f"too_many_{name}", message, subject=uid)

    def _without_address(self, rows: list[dict[str, Any]]) -> list[Notice]:
        found = (self._unresolved.get((row["uid"], row["recurrence_id"])) for row in rows if row["location"])
        return [
            Notice(
                "location_unresolved",
                f"The location {location!r} names no known place and no postcode; it was kept as text.",
                subject=location,
                occurrences=count,
            )
            for location, count in Counter(_shortened(one) for one in found if one).items()
        ]


def _parts(location: str | None) -> str | None:
    """The lines of a location as parts between commas."""
    if not location or ("\n" not in location and "\r" not in location):
        return location
    return ", ".join(part for part in (line.strip(" \t,") for line in location.splitlines()) if part)


def _shortened(location: str) -> str:
    """A location that fits into a notice, and into its key."""
    return location if len(location) <= _LONGEST_SUBJECT else f"{location[: _LONGEST_SUBJECT - 1]}…"


def content_hash(row: dict[str, Any]) -> bytes:
    """The hash of a row's meaning, see :func:`calimport.copying.content_hash`."""
    return copying.content_hash(copying.fields(row))


def _written(row: dict[str, Any]) -> str:
    """The row for COPY; its hash goes into the row too."""
    fields = copying.fields(row)
    row["content_hash"] = copying.content_hash(fields)
    return copying.line(fields, row["content_hash"])


def _as_kept(row: dict[str, Any], meaning: Meaning) -> dict[str, Any]:
    """The row as the calendar's privacy leaves it: what is not kept is not in the hash either."""
    return privacy.busy(row) if _is_hidden(row, meaning) else meaning.privacy.applied(row)


def _keeps_hidden(meaning: Meaning) -> bool:
    return meaning.privacy.private_events == "busy"


def _is_hidden(row: dict[str, Any], meaning: Meaning) -> bool:
    return _is_private(row) or _is_marked(row, meaning)


def _is_private(row: dict[str, Any]) -> bool:
    return row["visibility"] in _PRIVATE


def _is_marked(row: dict[str, Any], meaning: Meaning) -> bool:
    """By its text: the description is Markdown already, in which ``*mine*`` may have backslashes."""
    marker, said = meaning.ignore_marker, row["description"] or ""
    return bool(marker) and (marker in said or marker in unescape(said.replace("\\", "")))


def _hidden_notices(rows: list[dict[str, Any]], meaning: Meaning) -> list[Notice]:
    private = {row["uid"] for row in rows if _is_private(row)}
    marked = {row["uid"] for row in rows if _is_marked(row, meaning)} - private
    became = 'kept as "Busy"' if _keeps_hidden(meaning) else "left out"
    notices = []
    if private:
        notices.append(Notice("private", f"Private events were {became}: {len(private)}."))
    if marked:
        notices.append(Notice("ignored", f"Events marked {meaning.ignore_marker} were {became}: {len(marked)}."))
    return notices
