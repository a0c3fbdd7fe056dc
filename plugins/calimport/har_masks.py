"""Recordings without secrets: what names itself a secret is replaced by ``masked``, in headers, URLs and bodies."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote_plus, urljoin, urlsplit, urlunsplit

MASK: Final = "masked"

_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-goog-api-key", "x-auth-token"}
)
_URL_HEADERS: Final = frozenset({"location", "content-location", "referer"})
#: Whole names, since `pageToken` and `syncToken` are no secrets, and without them pages are not told apart.
_SECRET_NAMES: Final = frozenset(
    {"token", "key", "secret", "sig", "signature", "access_token", "auth", "code", "password"}
    | {"api_key", "apikey", "api-key", "client_secret", "refresh_token", "id_token", "auth_token", "assertion"}
)
_TOKENS: Final = frozenset({"access_token", "refresh_token", "id_token"})
#: Google's and Outlook's private addresses are secret in the path.
_SECRET_PATH: Final = re.compile(r"(?<=/private-)[^/]+|(?<=/)[0-9a-fA-F]{16,}(?=/calendar\.(?:ics|html)$)")


def mask_url(url: str) -> str:
    """``url`` without its secrets, yet whole enough to tell requests apart; a user and password are left out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK  # a redirect to no URL at all
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, _SECRET_PATH.sub(MASK, parts.path), _mask_pairs(parts.query), ""))


def hide_url(url: str) -> str:
    """``url`` with scheme and host, and a digest by which equal ones are told: all of the rest is the secret."""
    parts = urlsplit(url)
    digest = sha256(f"{parts.path}?{parts.query}".encode()).hexdigest()[:16]
    return urlunsplit((parts.scheme, parts.netloc, f"/{MASK}-{digest}", "", ""))


def hide_urls(entry: dict[str, Any]) -> None:
    """Hide the addresses of a recorded exchange, in place, where a private address led to all of them."""
    asked, answered = entry["request"], entry["response"]
    for header in (*asked["headers"], *answered["headers"]):
        if header["name"].lower() in _URL_HEADERS:
            header["value"] = hide_url(urljoin(asked["url"], header["value"]))
    if answered["redirectURL"]:
        answered["redirectURL"] = hide_url(urljoin(asked["url"], answered["redirectURL"]))
    asked |= {"url": hide_url(asked["url"]), "queryString": []}


def mask_body(mime: str, body: str) -> str:
    """A form or JSON without the values of what names itself a secret."""
    if "x-www-form-urlencoded" in mime.lower():
        return _mask_pairs(body)
    try:
        return json.dumps(_mask_json(json.loads(body)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def mask_answer(body: bytes) -> bytes:
    """The answer of a token endpoint (RFC 6749, 5.1) without its tokens; any other as it is, since it is the feed."""
    if b'"access_token"' not in body:
        return body
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not isinstance(answer, dict) or "access_token" not in answer:
        return body
    return json.dumps({name: MASK if name in _TOKENS else value for name, value in answer.items()}).encode()


def mask_header(name: str, value: str) -> str:
    if name.lower() in _SECRET_HEADERS:
        return MASK
    return mask_url(value) if name.lower() in _URL_HEADERS else value


def _mask_pairs(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&")]
    return "&".join(
        f"{name}={MASK}" if unquote_plus(name).lower() in _SECRET_NAMES else f"{name}{equals}{value}"
        for name, equals, value in pairs
    )


def _mask_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_mask_json(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: MASK if name.lower() in _SECRET_NAMES and isinstance(one, str) else _mask_json(one)
        for name, one in value.items()
    }
