"""``meetup``: a group on Meetup, ``https://www.meetup.com/GROUP/``, by the iCalendar feed of its coming events.

https://help.meetup.com (adding a group's events to a calendar)
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from calimport.completeness import may_go_on
from calimport.errors import FeedNotFound, SourceUnsupported
from calimport.fetching import Http
from calimport.sources import ics
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed

HOSTS: Final = ("www.meetup.com",)
RETAINS_PAST: Final = False
#: A group's page, in whatever language; what else Meetup has at the top is none.
_URL: Final = re.compile(
    r"https?://(?:www\.)?meetup\.com/(?:[a-z]{2}(?:-[a-z0-9]{2,4})?/)?"
    r"(?!(?:find|home|topics|cities|help|login|register|about|apps|pro|blog|lp|media|start|events|messages|account)\b)"
    r"([\w-]{3,})(?:/events(?:/ical)?)?/?(?:[?#]|$)",
    re.IGNORECASE,
)


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """GET the group's feed, conditionally where validators are known.

    :raises FeedNotFound: Meetup knows no such group.
    :raises CalimportError: it cannot be fetched, is no calendar, or is not whole.
    """
    found = _URL.match(request.source or "")
    if not found:
        raise SourceUnsupported(
            "This is not the page of a group on Meetup, such as https://www.meetup.com/group-name/."
        )
    url = f"https://www.meetup.com/{found[1]}/events/ical"
    try:
        return await ics.fetch(replace(request, source=url, connection_id=None), http)
    except FeedNotFound as error:
        raise FeedNotFound(
            "Meetup has no such group any more: it was closed or renamed. Please give its new address.",
            detail=error.detail,
        ) from error


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """As :func:`calimport.sources.ics.parse`; the feed holds the next events, how many it does not say."""
    parsed = ics.parse(feed, context)
    last = max((row["start_at"] for row in parsed.occurrences), default=context.as_of)
    until = last if may_go_on(feed.count(b"BEGIN:VEVENT")) else None
    return replace(parsed, published_from=context.as_of, published_until=until)
