"""``residentadvisor``: what a club or a promoter announces on Resident Advisor, ``https://ra.co/{clubs,promoters}/ID``.

One GraphQL query. RA documents no API; this is the query behind its own pages: the next events, the earliest first, ten
where nobody says how many. Whether these are all it does not say. Times are those on the clocks of the
venue, without an offset, and nothing says where the venue lies: London, unless the calendar is configured otherwise.
"""

from __future__ import annotations

import re
from typing import Any, Final

from calimport import json_text
from calimport.completeness import may_go_on, objects
from calimport.errors import FeedIncomplete, FeedNotFound, FeedServerError, SourceUnsupported
from calimport.fetching import Http
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed
from calimport.sources.loose import ending, listed, member, required, starting, text
from calimport.sources.rows import Rows

HOSTS: Final = ("ra.co",)
RETAINS_PAST: Final = False

_ADDRESS: Final = re.compile(r"https?://(?:www\.)?ra\.co/(clubs|promoters)/(\d+)(?:[/?#]|$)", re.IGNORECASE)
_SUBJECTS: Final = {"clubs": "venue", "promoters": "promoter"}
_VENUE: Final = "id name address"
_EVENT: Final = f"id title content startTime endTime contentUrl venue {{ {_VENUE} }}"
_FIELDS: Final = {"venue": _VENUE, "promoter": "id name"}
_ZONE: Final = "Europe/London"
#: What RA's own pages and others ask for without a refusal.
_MOST: Final = 50


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """What is announced, with one query.

    :raises FeedNotFound: RA knows no such club or promoter.
    :raises FeedServerError: RA answers with ``errors``, whatever the HTTP status: that is no empty list.
    :raises CalimportError: it cannot be fetched.
    """
    subject, number = _subject(request.source)
    query = (
        f"{{ {subject}(id: {number}) {{ {_FIELDS[subject]} events(limit: {_MOST}, type: LATEST) {{ {_EVENT} }} }} }}"
    )
    answer = await http.post_json("https://ra.co/graphql", {"query": query})
    if errors := member(answer, "errors"):
        raise FeedServerError(detail=f"ra.co: GraphQL errors: {_messages(errors)}")
    data = member(answer, "data")
    if not isinstance(data, dict) or subject not in data:
        raise FeedIncomplete(detail="ra.co: the answer has no data")
    found = data[subject]
    if found is None:
        raise FeedNotFound("Resident Advisor has no such club or promoter. Please check the number in the address.")
    events = objects(member(found, "events"), "events")
    document = {
        "is_club": subject == "venue",
        "name": text(member(found, "name")),
        "address": text(member(found, "address")),
        "events": sorted(events, key=lambda event: str(event.get("id"))),
    }
    return Feed.of_json(document, timezone=_ZONE)


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    document = json_text.loads(feed)
    rows = Rows(context)
    for event in document["events"]:
        with rows.item(uid=event.get("id"), title=event.get("title")):
            path, start = text(event.get("contentUrl")), starting(event.get("startTime"))
            rows.add(
                uid=required(event.get("id"), "id"),
                start=start,
                end=ending(event.get("endTime"), start),
                title=text(event.get("title")),
                description=text(event.get("content")),
                location=_place(event, document),
                url=f"https://ra.co/{path.lstrip('/')}" if path else None,
            )
    goes_on = may_go_on(len(document["events"]))
    return rows.parsed(retains_past=RETAINS_PAST, goes_on=goes_on, title=document["name"])


def _subject(source: str | None) -> tuple[str, str]:
    """What is asked for, as the query names it, and its number."""
    found = _ADDRESS.match(source or "")
    if not found:
        raise SourceUnsupported(
            "This is not the page of a club or a promoter on Resident Advisor, such as https://ra.co/clubs/1234."
        )
    return _SUBJECTS[found[1].lower()], found[2]


def _place(event: dict[str, Any], document: dict[str, Any]) -> str | None:
    """Name and address of the venue; of a club's event it is the club, also where the event says nothing."""
    venue = event.get("venue")
    own = listed(member(venue, "name"), member(venue, "address"))
    return own or (listed(document["name"], document["address"]) if document["is_club"] else None)


def _messages(errors: Any) -> str:
    found = [text(member(one, "message")) for one in errors] if isinstance(errors, list) else []
    return "; ".join(one for one in found if one)[:200] or "without a message"
