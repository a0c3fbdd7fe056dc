"""Rows of the frame as PostgreSQL's COPY reads them, in text format, and the hash of what they mean.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-TEXT

The hash is that of the text, so that a row is written once for both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from hashlib import blake2b
from itertools import repeat
from operator import itemgetter
from typing import Any, Final

from calimport import frame

NULL: Final = "\\N"
_NOTHING: Final = (NULL, "{}", "[]")
_Writer = Callable[[Any], str]
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def rows(columns: frame.Columns) -> Iterator[tuple[str, ...]]:
    """:func:`fields` of each row. What stands in a column more than once is written once."""
    return zip(*(_column(columns[name], write) for name, write in _WRITERS), strict=True)


def fields(row: Mapping[str, Any]) -> list[str]:
    """Each column of a row as a field, in the order of :data:`calimport.frame.NAMES` but without `content_hash`."""
    return [_field(row[name], write) for name, write in _WRITERS]


def line(written: Sequence[str], content_hash: bytes) -> str:
    """A row of :func:`fields` with its hash: the columns :data:`NAMES`, without the line's end."""
    return f"{_TAB.join(written)}\t\\\\x{content_hash.hex()}"


def content_hash(written: Sequence[str]) -> bytes:
    """BLAKE2b-128 of a row's meaning: of all fields of columns that count as content, in the frame's order."""
    meaning = _TAB.join(_CONTENT(written))
    for name, index in _ADDED:
        if written[index] not in _NOTHING:
            meaning = f"{meaning}\t{name}\t{written[index]}"
    return blake2b(meaning.encode(), digest_size=16).digest()


def text(value: str) -> str:
    """A text as a field."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\n" in value:
        value = value.replace("\n", "\\n")
    if "\t" in value:
        value = value.replace("\t", "\\t")
    return value.replace("\r", "\\r") if "\r" in value else value


def _column(values: list[Any], write: _Writer) -> Iterable[str]:
    if values and values.count(values[0]) == len(values):
        return repeat(_field(values[0], write), len(values))
    if write in _OF_LISTS:
        # The dates of an event share one.
        by_id = {id(value): _field(value, write) for value in values}
        return [by_id[id(value)] for value in values]
    written = {value: write(value) for value in dict.fromkeys(values) if value is not None}
    written[None] = NULL
    return map(written.__getitem__, values)


def _field(value: Any, write: _Writer) -> str:
    return NULL if value is None else write(value)


def _flag(value: bool) -> str:
    return "t" if value else "f"


def _day(value: date) -> str:
    return value.isoformat()


def _json(value: Any) -> str:
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    return text(_ENCODE(value))


def _texts(values: list[str]) -> str:
    """An array of text, each item in quotes."""
    if not values:
        return "{}"
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return text(f'{{"{_QUOTES.join(quoted)}"}}')


def _instants(values: list[datetime]) -> str:
    return f'{{"{_QUOTES.join(map(str, values))}"}}' if values else "{}"


_TAB, _QUOTES = "\t", '","'
_BY_TYPE: Final[Mapping[str, _Writer]] = {
    "text": text,
    "timestamp with time zone": str,
    "boolean": _flag,
    "date": _day,
    "text[]": _texts,
    "jsonb": _json,
    "timestamp with time zone[]": _instants,
    "integer": str,
    "bigint": str,
}
#: Of what cannot be looked up.
_OF_LISTS: Final = frozenset({_texts, _json, _instants})
_COLUMNS: Final = [column for column in frame.COLUMNS if column.name != "content_hash"]
#: The columns of a line.
NAMES: Final = (*(column.name for column in _COLUMNS), "content_hash")
_WRITERS: Final = [(column.name, _BY_TYPE[column.sql_type]) for column in _COLUMNS]
_CONTENT: Final = itemgetter(
    *(i for i, column in enumerate(_COLUMNS) if column.content and column.name not in frame.ADDED)
)
_ADDED: Final = [(column.name, i) for i, column in enumerate(_COLUMNS) if column.name in frame.ADDED]
