"""Filters in Django's manner, ``field__operator=value``, as conditions on :data:`calimport.store.tables.shown`.

A field that is not in :data:`calimport.store.fields.FIELDS`, an operator that its kind does not have and a filter
without a value are errors: what was meant is not known, and a deletion would take more than was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func

from calimport.config_values import nearest
from calimport.store import fields
from calimport.store.fields import FIELDS, OPERATORS, Field
from calimport.store.refusals import FilterInvalid
from calimport.store.tables import shown

_LARGEST: Final = 2**63 - 1
_NUMBER: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_USER_URI: Final = re.compile(rf"(?:{re.escape(fields.ROOT)}/user/)?([0-9]{{1,19}})/?", re.ASCII)
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
#: Operators that take several values: a list, or one text with commas.
_SEVERAL: Final = frozenset({"in", "range"})
_MOST_VALUES: Final = 1000
#: Operators that let nothing through above their last value.
_BEFORE: Final = frozenset({"exact", "lt", "lte", "range"})

_OPERATIONS: Final[Mapping[str, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "exact": lambda column, value: column == value,
    "iexact": lambda column, value: func.lower(column) == func.lower(value),
    "in": lambda column, values: column.in_(values),
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "range": lambda column, values: column.between(*values),
    "contains": lambda column, value: column.contains(value, autoescape=True),
    "icontains": lambda column, value: column.icontains(value, autoescape=True),
    "startswith": lambda column, value: column.startswith(value, autoescape=True),
    "isnull": lambda column, value: column.is_(None) if value else column.is_not(None),
}


def known() -> list[str]:
    """Every filter there is, as ``field__operator``."""
    return [f"{field.name}__{operator}" for field in FIELDS.values() for operator in OPERATORS[field.kind]]


def conditions(given: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """A condition for each filter. A value is of the field's type, or a text of it, or a list where several may be.

    :raises FilterInvalid: the sentence names the filter and, where it is unknown, those that are known.
    """
    return [_condition(name, value) for name, value in given.items()]


def order(given: str | Iterable[str] | None) -> list[ColumnElement[Any]]:
    """``start``, ``-start,title`` or a list of such: columns to sort by, with the id at the end; default: by start.

    :raises FilterInvalid: a name is no field, or one without an order.
    """
    names = given.split(",") if isinstance(given, str) else list(given or ["start"])
    found = []
    for name in names:
        field = FIELDS.get(name.removeprefix("-"))
        if field is None or field.kind in ("object", "instants"):
            sortable = [one.name for one in FIELDS.values() if one.kind not in ("object", "instants")]
            raise FilterInvalid(f"{name!r} is nothing to order by. There are: {', '.join(sortable)}.")
        column = shown.c[field.column]
        found.append(column.desc() if name.startswith("-") else column.asc())
    return [*found, shown.c.id.asc()]


def _condition(name: str, given: Any) -> ColumnElement[bool]:
    field, operator = _understood(name)
    values = _values(name, operator, given)
    column: Any = shown.c[field.column]
    if field.kind == "instants":
        if operator == "contains":
            return column.contains([_read(name, field, value) for value in values])  # type: ignore[no-any-return]
        return (func.cardinality(column) == 0) == _flag(name, values[0])
    if operator == "isnull":
        return _OPERATIONS[operator](column, _flag(name, values[0]))
    read = [_read(name, field, value) for value in values]
    if operator == "range" and len(read) != 2:
        raise FilterInvalid(f"{name} needs two values, the first and the last: {name}=10,20.")
    found: ColumnElement[bool] = _OPERATIONS[operator](column, read if operator in _SEVERAL else read[0])
    if field.name == "end" and operator in _BEFORE:
        # No event ends before it starts, and starts have an index.
        return and_(found, shown.c.start_at <= read[-1])
    return found


def _understood(name: str) -> tuple[Field, str]:
    word, _, operator = name.partition("__")
    field = FIELDS.get(word)
    operator = operator or "exact"
    if field is None or operator not in OPERATORS[field.kind]:
        near = nearest(name, [*FIELDS, *known()])
        raise FilterInvalid(f"{name!r} is not a filter.{near} There are: {', '.join(known())}.")
    return field, operator


def _values(name: str, operator: str, given: Any) -> Sequence[Any]:
    several = operator in _SEVERAL or name.startswith("reminders")
    if isinstance(given, str):
        values: list[Any] = given.split(",") if several else [given]
    elif isinstance(given, list | tuple | set | frozenset):
        values = list(given)
        if len(values) == 1 and isinstance(values[0], str) and several:
            values = values[0].split(",")
    else:
        values = [given]
    if not values or any(value is None or value == "" for value in values):
        raise FilterInvalid(f"The filter {name} has no value.")
    if len(values) > 1 and not several:
        raise FilterInvalid(f"The filter {name} is given {len(values)} values and takes one.")
    if len(values) > _MOST_VALUES:
        raise FilterInvalid(f"The filter {name} has more than {_MOST_VALUES} values.")
    return values


def _read(name: str, field: Field, value: Any) -> Any:
    if field.kind == "text":
        if not isinstance(value, str) or "\0" in value:
            raise FilterInvalid(f"The filter {name} takes text without NUL.")
        return value.encode("utf-8", "replace").decode()
    if field.kind == "flag":
        return _flag(name, value)
    number = _number(name, field, value)
    if field.kind == "number":
        return number
    try:
        return fields.instant(number)
    except ValueError as error:
        raise FilterInvalid(f"{name} {error}") from None


def _number(name: str, field: Field, value: Any) -> int:
    if isinstance(value, str):
        if field.name == "user" and (uri := _USER_URI.fullmatch(value)):
            value = uri[1]
        value = int(value) if _NUMBER.fullmatch(value) else None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise FilterInvalid(f"The filter {name} takes a whole number.")
    return value


def _flag(name: str, value: Any) -> bool:
    found = value if isinstance(value, bool) else _FLAGS.get(str(value).lower())
    if found is None:
        raise FilterInvalid(f"The filter {name} takes true or false.")
    return found
