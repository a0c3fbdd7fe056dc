"""JSON (RFC 8259): read from a provider, and written so that equal documents are equal bytes."""

from __future__ import annotations

import json
from typing import Any

from calimport.errors import FeedUnparsable


def loads(content: bytes) -> Any:
    """The document.

    :raises FeedUnparsable: these bytes are not JSON, or nested deeper than Python goes.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        # No cause: its text quotes the answer, which may hold what is private.
        raise FeedUnparsable(
            "The provider answered with something that is not a calendar's data. Please check the address.",
            detail=f"not JSON: {type(error).__name__} in {len(content)} bytes",
        ) from None


def canonical(document: Any) -> bytes:
    """The document in UTF-8, members by name, no blanks. A lone surrogate, which JSON can write, stays as it is."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
