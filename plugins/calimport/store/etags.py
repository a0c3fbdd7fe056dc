"""Entity tags and the conditions that name them (RFC 9110, 8.8.3 and 13.1)."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

_TAG: Final = re.compile(r'(W/)?"[^"]*"')


def of(representation: Any) -> str:
    """The strong ETag of a representation: bytes, or what JSON can hold."""
    given = representation if isinstance(representation, bytes) else json.dumps(representation, sort_keys=True).encode()
    return f'"{hashlib.blake2b(given, digest_size=16).hexdigest()}"'


def is_match(header: str, tag: str) -> bool:
    """Whether ``If-Match`` is fulfilled: by ``*``, or by this strong tag (13.1.1)."""
    return header.strip() == "*" or tag in _tags(header)


def is_none_match(header: str, tag: str) -> bool:
    """Whether ``If-None-Match`` is fulfilled, so that the answer has to be sent: weak tags compare too (13.1.2)."""
    return header.strip() != "*" and tag not in {found.removeprefix("W/") for found in _tags(header)}


def _tags(header: str) -> set[str]:
    return {found[0] for found in _TAG.finditer(header)}
