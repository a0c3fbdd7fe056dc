"""``ld-json``: a web page that describes its events in JSON-LD, as search engines ask for: any page.

One GET. https://schema.org/Event, https://www.w3.org/TR/json-ld11/#embedding-json-ld-in-html-documents
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from calimport import json_text
from calimport.completeness import may_go_on
from calimport.errors import FeedUnparsable
from calimport.fetching import Http, raise_for_status
from calimport.fetching_errors import Response
from calimport.sources import json_ld, web_page
from calimport.sources.base import Feed, FetchRequest, Notice, ParseContext, Parsed
from calimport.sources.json_ld_rows import rows

HOSTS: Final[tuple[str, ...]] = ()
RETAINS_PAST: Final = False

ACCEPT: Final = {"Accept": "text/html, application/xhtml+xml;q=0.9, */*;q=0.5"}


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """The events of the page, conditionally where validators are known.

    :raises FeedUnparsable: the page describes nothing in JSON-LD, or so that it cannot be read.
    :raises CalimportError: it cannot be fetched.
    """
    headers = dict(ACCEPT)
    if etag := request.validators.get("etag"):
        headers["If-None-Match"] = etag
    if last_modified := request.validators.get("last_modified"):
        headers["If-Modified-Since"] = last_modified
    response = await http.get(http.own(request.source or ""), headers=headers)
    raise_for_status(response)
    if response.status == 304:
        return Feed(None, None, validators=dict(request.validators))
    page = web_page.parse(response.content, response.headers.get("content-type", ""))
    found = described(page, response)
    goes_on = page.goes_on or may_go_on(len(found["events"]))
    document = {"title": title(page), "goes_on": goes_on, **found}
    given = {"etag": response.headers.get("etag"), "last_modified": response.headers.get("last-modified")}
    return replace(Feed.of_json(document), validators={name: value for name, value in given.items() if value})


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    document = json_text.loads(feed)
    found = rows(document["events"], context)
    if document["damaged"]:
        message = "A part of the events on the page could not be read; events that are missing were left as they were."
        found.notices.append(Notice("page_damaged", message, keeps_uid=True))
    goes_on = document.get("goes_on") is True
    return found.parsed(retains_past=RETAINS_PAST, goes_on=goes_on, title=document["title"])


def described(page: web_page.Page, response: Response) -> dict[str, Any]:
    """The page's events, sorted, and how many of its parts are damaged.

    :raises FeedUnparsable: it has no script in JSON-LD, or all that it has are damaged.
    """
    scripts = [one.text for one in page.scripts("application/ld+json") if one.text.strip()]
    events, damaged = json_ld.read(scripts, response.url)
    if damaged == len(scripts):
        raise FeedUnparsable(
            "This page does not describe its events in a way that programs can read. "
            "Please look for a calendar feed on it (often called iCal, ICS or subscribe).",
            detail=f"{damaged} damaged of {len(scripts)} scripts in JSON-LD",
        )
    damaged += not page.is_whole
    return {"events": sorted(events, key=json_text.canonical), "damaged": damaged}


def title(page: web_page.Page) -> str | None:
    """The site's name, else the page's."""
    return next((one for one in page.metas("og:site_name") if one), None) or page.title
