"""TEXT values (RFC 5545, 3.3.11): from the escaped form on the line to what was meant."""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = re.compile(r"\\([nN,;\\\n])")
_MEANT: Final = {"n": "\n", "N": "\n", "\n": "\n", ",": ",", ";": ";", "\\": "\\"}
#: Those of a single backslash, the frequent ones first.
_MEANT_BY: Final = tuple((f"\\{one}", _MEANT[one]) for one in ",n;N\n")
#: A stretch up to the next comma that is not escaped. A backslash takes the character behind it along.
_ITEM: Final = re.compile(r"(?:[^,\\]++|\\.|\\)*+", re.DOTALL)


def unescape(value: str) -> str:
    r"""``\n \N \, \; \\`` as what they stand for. Any other backslash is kept: producers write it for itself.

    A comma or semicolon without its backslash is one all the same (Telerik RadScheduler, hand-written feeds).
    """
    if "\\" not in value:
        return value
    if "\\\\" not in value:
        # No backslash belongs to the one before it, so that each escape can be replaced for itself.
        for written, meant in _MEANT_BY:
            value = value.replace(written, meant)
            if "\\" not in value:
                break
        return value
    return _ESCAPE.sub(lambda found: _MEANT[found.group(1)], value)


def split_list(value: str) -> list[str]:
    """The items of a comma-separated TEXT list (CATEGORIES, RESOURCES), unescaped and stripped, without empty ones."""
    if "\\" not in value:
        return [item for part in value.split(",") if (item := part.strip())]
    items, position = [], 0
    while position <= len(value):
        end = _end_of_item(value, position)
        if item := unescape(value[position:end]).strip():
            items.append(item)
        position = end + 1
    return items


def _end_of_item(value: str, position: int) -> int:
    found = _ITEM.match(value, position)
    return found.end() if found else position
