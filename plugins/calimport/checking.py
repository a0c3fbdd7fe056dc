"""The check of a source before, or after, it is configured: can it be fetched, what is it, what does it hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from calimport.previewing import look, occurrences
from calimport.settings import Settings
from calimport.sources.base import Notice
from calimport.sources.detecting import AUTO

DAYS_AHEAD: Final = 365
SAMPLE: Final = 5


@dataclass(frozen=True)
class Check:
    """What a source that can be imported holds. One that cannot raises the error that an import would end in."""

    #: The kind that was used, never ``auto``.
    kind: str
    title: str | None
    #: The calendar's zone: the configured one, else the feed's own, else UTC.
    timezone: str
    #: ``calendar`` when the zone was configured or is the feed's own, else ``default``: floating times are a guess.
    timezone_source: str
    #: In the next 365 days: events, and the dates on which they take place.
    events: int
    occurrences: int
    #: The next five, as ``preview`` shows them.
    sample: list[Mapping[str, Any]]
    notices: list[Notice]


def check_source(
    source: str | None,
    *,
    kind: str = AUTO,
    connection_id: str | None = None,
    timezone: str | None = None,
    now: datetime,
    settings: Settings,
) -> Check:
    """Fetch ``source`` and say what it holds. Nothing is stored, and no local file is read.

    :param source: None where the connection holds a private URL.
    :raises CalimportError: it cannot be imported; ``str()`` of it is a sentence for the calendar's owner.
    """
    found = look(
        source,
        start=now,
        end=now + timedelta(days=DAYS_AHEAD),
        kind=kind,
        timezone=timezone,
        now=now,
        connection_id=connection_id,
        settings=settings,
        files=False,
    )
    return Check(
        kind=found.kind,
        title=found.title,
        timezone=found.timezone,
        timezone_source=found.timezone_source,
        events=found.frame["uid"].nunique(),
        occurrences=len(found.frame),
        sample=[*occurrences(found.frame.head(SAMPLE))],
        notices=found.notices,
    )
