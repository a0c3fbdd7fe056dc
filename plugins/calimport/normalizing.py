"""From a feed to the uniform frame: parse and expand, clean text, find the place, hash each row's meaning."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from html import unescape
from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from calimport import copying, frame, online, privacy, reminders, sources
from calimport.errors import FeedTooLarge
from calimport.frame import Columns
from calimport.garbage import no_collection
from calimport.online import Online
from calimport.placing import Placing
from calimport.privacy import Privacy
from calimport.settings import Settings
from calimport.sources.base import Notice, ParseContext, Parsed, quoted
from calimport.text import link, markdown, plain, readable, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

#: Columns whose text comes from the source as it is, beside those that have a treatment of their own.
_READ: Final = ("timezone", "source_event_id", "source_series_id")
#: Columns that a source does not give, or that are read apart from the others.
_COMPLETED: Final = frozenset(
    {"uid", "description", "reminders", "reminder_methods", "activity_type", "place_id", "address", "content_hash"}
)
_READ_WITHIN: Final = ("categories", "organizer", "creator", "attendees")
_LONGEST_SUBJECT: Final = 200
_PRIVATE: Final = ("private", "confidential")
#: How a notice calls what a list had, where that was more than is kept.
_TOO_MANY: Final = {"attendees": "{} attendees", "categories": "{} categories", "reminders": "more than 50 reminders"}
#: Of lists that go side by side, all are cut where one is too long.
_CUT_TOGETHER: Final = {"reminders": ("reminders", "reminder_methods")}
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
    """The occurrences of one feed in one window, sorted by start and UID, one per ``(uid, recurrence_id)``."""

    #: The columns of :data:`calimport.frame.COLUMNS` by name, all of one length.
    columns: Columns
    #: The same as COPY reads them, a line each, see :mod:`calimport.copying`.
    lines: list[str]
    parsed: Parsed
    notices: list[Notice]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """A dict of all columns for each occurrence."""
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]

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
    columns: Columns = {name: [] for name in frame.NAMES}
    lines: list[str] = []
    found = list(map(_storable, parsed.notices))
    if parsed.occurrences:
        completion = _Completion(parsed.occurrences, meaning, context.timezone)
        columns = completion.columns()
        lines, columns["content_hash"] = _written(columns)
        found += completion.notices(columns)
    uids = frozenset(map(_stored, parsed.uids))
    return Normalized(columns, lines, replace(parsed, occurrences=[], uids=uids), merge_notices(found))


def _stored(uid: str) -> str:
    if uid.isprintable():
        return uid
    stored: str = storable(uid)
    return stored


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
    """The rows of one feed completed, column by column: what a text means is found out once a feed."""

    def __init__(self, given: list[dict[str, Any]], meaning: Meaning, timezone: str) -> None:
        self._meaning = meaning
        self._placing = replace(meaning.placing, timezone=meaning.placing.timezone or timezone)
        self._all_uids = list(map(_stored, _column(given, "uid")))
        descriptions = _each(markdown, _column(given, "description"))
        self._private = [one in _PRIVATE for one in _column(given, "visibility")]
        self._marked = _each(partial(_is_marked, meaning.ignore_marker), descriptions)
        kept = self._kept(given)
        self._given = [given[number] for number in kept]
        self._uids = [self._all_uids[number] for number in kept]
        self._descriptions = [descriptions[number] for number in kept]
        self._hidden = [place for place, number in enumerate(kept) if self._is_hidden(number)]
        #: By row the text of a location in which no address was found.
        self._unresolved: list[str | None] = []
        #: UID and column → the most that one of the event's rows had in it, where that was too many.
        self._cut: dict[tuple[str, str], int] = {}

    def _kept(self, given: list[dict[str, Any]]) -> list[int]:
        """The numbers of the rows that are kept, in their order; of one identity the last."""
        keeps_hidden = self._meaning.privacy.private_events == "busy"
        unique = {
            (uid, row["recurrence_id"]): number
            for number, (uid, row) in enumerate(zip(self._all_uids, given, strict=True))
            if keeps_hidden or not self._is_hidden(number)
        }
        order = [
            (given[number]["start_at"], uid, recurrence_id or "", number)
            for (uid, recurrence_id), number in unique.items()
        ]
        return [number for *_, number in sorted(order)]

    def _is_hidden(self, number: int) -> bool:
        return self._private[number] or self._marked[number]

    def columns(self) -> Columns:
        """All but the hash, as the calendar's privacy leaves them: what is not kept is not in the hash either."""
        given = _columns(self._given, [name for name in frame.NAMES if name not in _COMPLETED])
        lines = [_parts(text) for text in given["location"]]
        locations = _each(plain, given["location"])
        within = locations if lines == given["location"] else _each(plain, lines)
        where = _each(self._placing.locate, within)
        urls, online_urls = _each(link, given["url"]), _each(link, given["online_url"])
        asked = zip(online_urls, given["online_type"], within, self._descriptions, urls, strict=True)
        found = _each(_online, list(asked))
        wanted = [reminders.completed(row, self._meaning.default_reminders) for row in self._given]
        columns = given | {
            "reminders": _column(wanted, "reminders"),
            "reminder_methods": _column(wanted, "reminder_methods"),
            "uid": self._uids,
            "summary": _each(plain, given["summary"]),
            "description": self._descriptions,
            "location": locations,
            "url": urls,
            "color": _each(plain, given["color"]),
            "online_url": [one.url if one else None for one in found],
            "online_type": [one.type if one else None for one in found],
            "activity_type": [self._meaning.activity_type] * len(self._given),
            "place_id": [one.place_id for one in where],
            "address": [one.address for one in where],
        }
        self._unresolved = [one.unresolved for one in where]
        columns |= {name: _each(readable, columns[name]) for name in _READ}
        self._cut_short(columns)
        columns |= {name: _each_once(readable, columns[name]) for name in _READ_WITHIN}
        columns = self._meaning.privacy.applied(privacy.busy(columns, self._hidden))
        return {name: columns[name] for name in frame.NAMES if name != "content_hash"}

    def _cut_short(self, columns: Columns) -> None:
        """Lists as long as they are kept."""
        for name, most in frame.MOST.items():
            lengths = list(map(len, columns[name]))
            if max(lengths, default=0) <= most:
                continue
            for uid, length in zip(self._uids, lengths, strict=True):
                if length > most:
                    self._cut[uid, name] = max(length, self._cut.get((uid, name), 0))
            for cut in _CUT_TOGETHER.get(name, (name,)):
                columns[cut] = _each_once(itemgetter(slice(most)), columns[cut])

    def notices(self, columns: Columns) -> Iterator[Notice]:
        """What is said of hidden events, of lists that were too long, of locations in which no address was found."""
        yield from self._of_hidden()
        yield from self._too_long(columns)
        yield from self._without_address(columns)

    def _of_hidden(self) -> Iterator[Notice]:
        private, marked = set(compress(self._all_uids, self._private)), set(compress(self._all_uids, self._marked))
        became = 'kept as "Busy"' if self._meaning.privacy.private_events == "busy" else "left out"
        if private:
            yield Notice("private", f"Private events were {became}: {len(private)}.")
        if marked := marked - private:
            yield Notice("ignored", f"Events marked {self._meaning.ignore_marker} were {became}: {len(marked)}.")

    def _too_long(self, columns: Columns) -> Iterator[Notice]:
        told = dict[tuple[str, str], str]()
        for number, uid in enumerate(columns["uid"] if self._cut else ()):
            for name in frame.MOST:
                if columns[name][number] and (uid, name) in self._cut:
                    told.setdefault((uid, name), columns["summary"][number] or uid)
        for (uid, name), title in told.items():
            had = _TOO_MANY[name].format(self._cut[uid, name])
            message = f"The event {quoted(title)} has {had}; the first {frame.MOST[name]} were kept."
            yield Notice(f"too_many_{name}", message, subject=uid)

    def _without_address(self, columns: Columns) -> Iterator[Notice]:
        found = zip(self._unresolved, columns["location"], strict=True)
        texts = Counter(_shortened(text) for text, location in found if text and location)
        for location, count in texts.items():
            yield Notice(
                "location_unresolved",
                f"The location {location!r} names no known place and no postcode; it was kept as text.",
                subject=location,
                occurrences=count,
            )


def _columns(rows: list[dict[str, Any]], names: list[str]) -> Columns:
    """Row after row, as they lie in memory: to walk through all of them for each column takes far longer."""
    if not rows:
        return {name: [] for name in names}
    return dict(zip(names, map(list, zip(*map(itemgetter(*names), rows), strict=True)), strict=True))


def _column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def _each(change: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Each value changed, equal ones once."""
    if values and values.count(values[0]) == len(values):
        return [change(values[0])] * len(values)
    changed = {value: change(value) for value in dict.fromkeys(values)}
    return list(map(changed.__getitem__, values))


def _each_once(change: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Each value changed that is not empty; one that dates of an event share is changed once."""
    changed = {id(value): change(value) for value in values if value}
    return [changed[id(value)] if value else value for value in values] if changed else values


def _online(asked: tuple[str | None, str | None, str | None, str | None, str | None]) -> Online | None:
    given, given_type, location, description, url = asked
    return online.find(given, given_type, location=location, description=description, url=url)


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


def _written(columns: Columns) -> tuple[list[str], list[bytes]]:
    """The rows for COPY, and their hashes."""
    lines, hashes, room = [], [], MOST_WRITTEN
    for fields in copying.rows(columns):
        hashes.append(found := copying.content_hash(fields))
        lines.append(line := copying.line(fields, found))
        room -= len(line)
        if room < 0:
            raise FeedTooLarge(detail=f"over {MOST_WRITTEN} characters in its dates")
    return lines, hashes


def _is_marked(marker: str, description: str | None) -> bool:
    """By its text: the description is Markdown already, in which ``*mine*`` may have backslashes."""
    said = description or ""
    return bool(marker) and (marker in said or marker in unescape(said.replace("\\", "")))
