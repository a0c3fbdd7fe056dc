"""What passes between a source and the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from calimport.json_text import canonical
from calimport.settings import Settings
from calimport.windows import Window, WindowRequest

#: Bytes. An entry of a B-tree takes at most a third of a page, 2,704 bytes.
_LONGEST_UID: Final = 1000
_LONGEST_NAME: Final = 100


@dataclass(frozen=True)
class FetchRequest:
    """What a source needs to fetch one calendar."""

    #: Public URL or provider id; None where the connection holds a private URL.
    source: str | None
    #: Airflow connection with the secret, if any.
    connection_id: str | None
    #: The zone configured for the calendar (IANA); None: the feed's own.
    timezone: str | None
    #: For sources that list by time: ``window.resolve(zone)``.
    window: WindowRequest
    #: ``Feed.validators`` of the feed that the calendar's events stand for; empty: fetch everything anew. The source
    #: itself compares what a token is bound to, and fetches everything where that is no longer so.
    validators: Mapping[str, Any] = field(default_factory=dict)
    #: Whether the producer of that feed was seen to leave DTSTAMP, LAST-MODIFIED and CREATED of what does not change.
    stamps_stay: bool = False


@dataclass(frozen=True)
class Feed:
    """What one complete fetch of one calendar brought. A fetch that is not complete raises instead.

    ``content`` is None when the provider says that nothing changed since ``FetchRequest.validators``; with ``is_delta``
    it is only what did change, for the source's ``merge``.
    """

    content: bytes | None
    #: SHA-256 of the content without what the producer rewrites at every request; equal means unchanged. None: it is
    #: unchanged only where all its bytes are the same.
    meaning_hash: bytes | None
    #: IANA zone that the feed gives for itself, if it does.
    timezone: str | None = None
    #: What to ask with next time, as JSON: ``etag``, ``last_modified``; ``sync_token`` and ``parameters`` that bind it.
    validators: Mapping[str, Any] = field(default_factory=dict)
    #: Whether ``content`` is what changed since ``FetchRequest.validators``, deleted items included.
    is_delta: bool = False
    #: How long it stays as it is, by its own word (RFC 9111, 4.2.1).
    fresh_for: timedelta | None = None
    #: What was asked for, where the source lists by time; None: all that the source has.
    window: Window | None = None
    #: What it cost. Filled in by :func:`calimport.sources.fetch`.
    requests: int = 0
    bytes_received: int = 0

    @classmethod
    def of_json(cls, document: Any, *, timezone: str | None = None) -> Feed:
        """A feed of one JSON document, the same bytes however its members were ordered and its pages cut."""
        return cls.of_bytes(canonical(document), timezone=timezone)

    @classmethod
    def of_bytes(cls, content: bytes, *, timezone: str | None = None) -> Feed:
        """A feed all of whose bytes mean something."""
        return cls(content, sha256(content).digest(), timezone=timezone)


@dataclass(frozen=True)
class Notice:
    """A sentence for the calendar's owner about something in the feed that they can mend."""

    code: str
    message: str
    #: The UID, or the TZID, that it is about; empty for the whole calendar.
    subject: str = ""
    #: True when the event could not be understood: its rows are not taken as gone. With an empty subject, no row is.
    keeps_uid: bool = False
    #: How often it was found in this feed.
    occurrences: int = 1


@dataclass(frozen=True)
class ParseContext:
    """What parsing depends on besides the bytes."""

    window: Window
    #: When the feed was fetched (or the run's time, where that is later): what ended before it is past.
    as_of: datetime
    #: The calendar's zone (IANA): configured, else the feed's own, else UTC. Floating times and dates lie here.
    timezone: str
    #: ``calendar`` when the zone was configured or is the feed's own, else ``default``.
    timezone_source: str
    max_occurrences: int = Settings.max_occurrences
    #: Whether the events of an iCalendar feed may be read each by itself (``rfc5545/blocks.py``). Without, all of it is
    #: read line by line, with the same result.
    blocks: bool = True


@dataclass(frozen=True)
class Parsed:
    """A feed as occurrences in the window, before text, place and hash.

    ``occurrences`` are dicts of the frame's columns (see :mod:`calimport.frame`), those that the source knows;
    :func:`calimport.normalizing.normalize` fills in the rest. ``description`` may be HTML there.
    """

    occurrences: list[dict[str, Any]]
    notices: list[Notice] = field(default_factory=list)
    title: str | None = None
    color: str | None = None
    #: The end of the oldest past single event, where only the feed itself shows how much of its past a source
    #: publishes; the present where it shows none. None: the source publishes all of its past.
    #: The absence of an event that ended before proves nothing …
    published_from: datetime | None = None
    #: … unless its UID is still there, with a date that lies behind too: these UIDs, where `published_from` is given.
    uids: frozenset[str] = frozenset()
    #: The start of the last event listed, where the list may go on beyond it: the absence of one that starts then or
    #: later proves nothing. None: the list is whole.
    published_until: datetime | None = None
    #: iCalendar: how many VEVENTs the feed has, and how many of them were read line by line.
    components: int = 0
    read_by_reference: int = 0
    #: iCalendar: whether each VEVENT can be read by itself (:mod:`calimport.rfc5545.blocks`); None: nobody looked.
    events_apart: bool | None = None


def quoted(name: str) -> str:
    """A title or UID in quotation marks for a sentence, its beginning where it is long."""
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…")


def bounded_uid(uid: str) -> str:
    """``uid``, or its beginning and a digest where it is longer than an index of PostgreSQL takes (RFC 5545: any)."""
    # A character has four bytes at most.
    if len(uid) <= _LONGEST_UID // 4 or len(uid.encode("utf-8", "replace")) <= _LONGEST_UID:
        return uid
    return f"{uid[:100]}…{sha256(uid.encode('utf-8', 'replace')).hexdigest()}"
