"""What changed in a CalDAV collection: by its sync token (RFC 6578), else by its ctag and the ETags of its members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from calimport import logs
from calimport.completeness import Page, pages, part
from calimport.errors import FeedIncomplete
from calimport.fetching import Response
from calimport.sources.caldav_collection import Collection, Dav
from calimport.sources.caldav_xml import (
    CALDAV,
    DAV,
    has_precondition,
    multiget,
    multistatus,
    path_of,
    sync_collection,
)

log = logs.logger(__name__)

DATA: Final = f"{CALDAV}calendar-data"
_ETAG: Final = f"{DAV}getetag"
#: Members whose texts are asked for at once.
_BATCH: Final = 100
#: What a server says of a member that is not there (any more).
_GONE: Final = (404, 410)


@dataclass
class Changes:
    """Which members' texts to ask for, which members are gone, and what to ask with next time."""

    changed: list[str]
    removed: list[str]
    #: Since the applied feed; else ``changed`` is all that there is.
    is_delta: bool
    validators: dict[str, str] = field(default_factory=dict)
    etags: dict[str, str] | None = None


class _TokenRefused(FeedIncomplete):
    """The server no longer knows what has changed since this token (RFC 6578, 3.2: ``DAV:valid-sync-token``)."""


async def changes(dav: Dav, collection: Collection, known: Mapping[str, str]) -> Changes | None:
    """What changed in the way that the collection offers; None where it offers none."""
    if collection.syncs:
        if (token := known.get("sync_token")) is not None:
            try:
                return await _since(dav, collection, token)
            except _TokenRefused:
                log.info("The server no longer knows the sync token; everything is read anew")
        return await _since(dav, collection, "")
    if collection.ctag:
        return await _by_etags(dav, collection, known)
    return None


async def _since(dav: Dav, collection: Collection, token: str) -> Changes:
    """By sync-collection, page after page (RFC 6578, 3.6); everything where ``token`` is empty."""
    if token and token == collection.sync_token:
        return Changes([], [], is_delta=True, validators={"sync_token": token})
    here = path_of(collection.url, collection.url).rstrip("/")
    newest = token

    async def ask(cursor: str) -> Page:
        nonlocal newest
        response = await dav.report(collection.url, sync_collection(cursor), depth=0)
        if cursor and _is_token_refused(response):
            raise _TokenRefused(detail=f"HTTP {response.status} to a sync token")
        answer = multistatus(response)
        if answer.sync_token is None:
            raise FeedIncomplete(detail="the answer to a sync-collection has no sync token")
        newest = answer.sync_token
        is_cut = any(one.status == 507 and one.path.rstrip("/") == here for one in answer.members)
        items = [{"path": one.path, "status": one.status} for one in answer.members if one.path.rstrip("/") != here]
        return Page(items, answer.sync_token if is_cut else None)

    is_there: dict[str, bool] = {}
    async for items in pages(ask, token, max_pages=dav.http.settings.max_pages):
        for item in items:
            if item["status"] not in (None, 200, *_GONE):
                raise FeedIncomplete(detail=f"a member has the status {item['status']}")
            if not item["path"].endswith("/"):
                is_there[item["path"]] = item["status"] not in _GONE
    return Changes(
        changed=[path for path, there in is_there.items() if there],
        removed=[path for path, there in is_there.items() if not there],
        is_delta=bool(token),
        validators={"sync_token": newest},
    )


async def _by_etags(dav: Dav, collection: Collection, known: Mapping[str, str]) -> Changes | None:
    """By the collection's ctag, and its members' ETags where that is another one; None where a member has none."""
    ctag = collection.ctag or ""
    before: dict[str, str] = json.loads(known.get("etags", "{}"))
    if ctag == known.get("ctag"):
        return Changes([], [], is_delta=True, validators={"ctag": ctag}, etags=before)
    answer, url = await dav.propfind(collection.url, (_ETAG, f"{DAV}resourcetype"), depth=1)
    here = path_of(url, url).rstrip("/")
    etags: dict[str, str] = {}
    for one in answer.members:
        if one.status not in (None, 200):
            raise FeedIncomplete(detail=f"a member has the status {one.status}")
        if one.path.rstrip("/") == here or f"{DAV}collection" in one.names(f"{DAV}resourcetype"):
            continue
        if (etag := one.text(_ETAG)) is None:
            return None
        etags[one.path] = etag
    return Changes(
        changed=[path for path, etag in etags.items() if before.get(path) != etag],
        removed=[path for path in before if path not in etags],
        is_delta="ctag" in known,
        validators={"ctag": ctag},
        etags=etags,
    )


async def texts(dav: Dav, collection: Collection, paths: list[str]) -> tuple[dict[str, str], set[str]]:
    """The texts of these members, and those of them that are gone by now.

    :raises FeedIncomplete: the server does not answer for each of them.
    """
    found: dict[str, str] = {}
    gone: set[str] = set()
    for first in range(0, len(paths), _BATCH):
        batch = paths[first : first + _BATCH]
        with part(f"events from {first + 1} on"):
            answer = multistatus(await dav.report(collection.url, multiget(batch), depth=None))
        for one in answer.members:
            if one.status in _GONE:
                gone.add(one.path)
            elif one.status in (None, 200) and one.path in batch and (data := one.properties.get(DATA)) is not None:
                found[one.path] = data.text or ""
        if missing := set(batch) - found.keys() - gone:
            raise FeedIncomplete(detail=f"{len(missing)} of {len(batch)} members were not given")
    return found, gone


def _is_token_refused(response: Response) -> bool:
    """By the precondition; some servers send the status alone."""
    if response.status in (409, 410, 412):
        return True
    return 400 <= response.status < 500 and has_precondition(response, f"{DAV}valid-sync-token")
