"""How long an answer may be taken to stay as it is, by its own word (RFC 9111, 4.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

_MAX_AGE: Final = re.compile(r'\s*max-age\s*=\s*"?(\d{1,9})"?\s*', re.IGNORECASE)
_NOT_WITHOUT_ASKING: Final = re.compile(r"\s*(no-cache|no-store)\b", re.IGNORECASE)


def fresh_for(headers: Mapping[str, str]) -> timedelta | None:
    """What is left of ``Cache-Control: max-age`` after ``Age``; None where the answer promises nothing.

    Without a cache of others between us and our users, ``s-maxage`` is not for us (5.2.2.10), and who writes only
    ``Expires`` has rarely thought of how soon a calendar changes.

    :param headers: names in any case, as httpx has them.
    """
    directives = headers.get("cache-control", "").split(",")
    given = [int(found.group(1)) for one in directives if (found := _MAX_AGE.fullmatch(one))]
    if not given or any(_NOT_WITHOUT_ASKING.match(one) for one in directives):
        return None
    age = headers.get("age", "").strip()
    left = min(given) - (int(age) if age.isdecimal() and len(age) < 10 else 0)
    return timedelta(seconds=left) if left > 0 else None
