"""What the conformance tests put into a provider's answers, and what they break them with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from calimport import errors
from tests.web import Asked, Reply


@dataclass(frozen=True)
class Sample:
    """An event that a provider's answer is to hold. What is None the answer leaves out."""

    uid: str
    title: str
    start: datetime
    end: datetime | None
    description: str | None = None
    location: str | None = None


def sample(number: int, title: str | None = None) -> Sample:
    start = datetime(2026, 11, 20, 18, tzinfo=UTC) + timedelta(days=number)
    return Sample(
        f"id-{number}", title or f"Event {number}", start, start + timedelta(hours=2), "All are welcome.", "Town Hall"
    )


GOOD = [sample(0), sample(1), sample(2)]
BARE = [Sample(one.uid, one.title, one.start, None) for one in GOOD]
#: Beyond the Basic Multilingual Plane, right to left, combined, and what markup begins with.
UNICODE = [sample(0, "𝄞 Musik 🎻"), sample(1, "ערב שירה"), sample(2, "Cafe\u0301 & Co")]

#: By status: what the answer to the listing's first request stands for, with and without a key.
STATUSES: dict[int, tuple[type[errors.CalimportError], ...]] = {
    401: (errors.CredentialsInvalid, errors.FeedForbidden),
    403: (errors.CredentialsForbidden, errors.FeedForbidden),
    404: (errors.FeedNotFound,),
    418: (errors.FeedStatusUnexpected,),
    429: (errors.QuotaExceeded,),
    500: (errors.FeedServerError,),
    503: (errors.FeedServerError,),
}
#: Whole answers with status 200 that are no calendar.
NOT_A_FEED = {
    "half a JSON document": b'{"events": [{"id": ',
    "half an XML document": b"<?xml version='1.0'?><feed><event>",
    "a page": b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Sign in</p></body></html>",
    "null": b"null",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "no text": b"\xff\xfe\x00\xd8",
    "deep nesting": b"[" * 100_000,
}
UNUSABLE = (errors.FeedInvalid, errors.FeedIncomplete, errors.FeedTruncated, errors.FeedStatusUnexpected)


def with_unknown(route: Reply | Callable[[Asked], Reply]) -> Reply | Callable[[Asked], Reply]:
    """The same answers with something in them that no document speaks of."""
    if isinstance(route, Reply):
        return Reply(_body_with_unknown(route.body), status=route.status, headers=route.headers)

    def changed(asked: Asked) -> Reply:
        reply = route(asked)
        return Reply(_body_with_unknown(reply.body), status=reply.status, headers=reply.headers)

    return changed


def _body_with_unknown(body: bytes) -> bytes:
    text = body.decode()
    if text.lstrip().startswith(("{", "[")):
        return json.dumps(_json_with_unknown(json.loads(text))).encode()
    if "BEGIN:VCALENDAR" in text:
        return re.sub(r"(BEGIN:VEVENT\r?\n)", r"\1X-UNKNOWN;X-P=1:new\r\n", text).encode()
    if "</body>" in text:
        return text.replace("</body>", '<section data-unknown="1"><p>New</p></section></body>').encode()
    # XML: an element of another kind at the end of each element that has elements.
    return re.sub(r"(</[\w:.-]+>)(?=\s*</)", r"\1<unknown-thing new='1'/>", text).encode()


def _json_with_unknown(value: Any) -> Any:
    if isinstance(value, list):
        return [_json_with_unknown(one) for one in value]
    if isinstance(value, dict):
        return {name: _json_with_unknown(one) for name, one in value.items()} | {"unknownThing": {"new": [1, None]}}
    return value
