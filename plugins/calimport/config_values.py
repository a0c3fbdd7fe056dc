"""Kinds of value in a configuration, and what is said of a wrong one.

A value may be typed (Python) or written (the command line, YAML): both lead to the same check here, so that
``days_back: 14`` in a file and ``days_back=14`` on the command line cannot differ.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from calimport import reminders


class Config(BaseModel):
    """The base of every configuration: it cannot be altered, and knows no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, use_attribute_docstrings=True)


def problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Key and sentence of everything that is wrong. No sentence repeats a source, which may hold a secret."""
    for found in error.errors(include_url=False):
        key = ".".join(map(str, found["loc"]))
        yield key, _sentence(found["type"], found.get("ctx", {}), found["input"], found["msg"])


def nearest(word: str, words: Iterable[str]) -> str:
    """`` Did you mean …?``, to put after a sentence; empty where nothing is near."""
    by_folded = {known.casefold(): known for known in words}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(by_folded[near] for near in found)}?" if found else ""


def one_of(value: str, words: Iterable[str]) -> str:
    """``value``, if it is one of ``words``."""
    known = list(words)
    if value not in known:
        raise ValueError(f"{value!r} is none of {', '.join(known)}.{nearest(value, known)}")
    return value


def format_interval(value: timedelta) -> str:
    """``5m``, ``1h30m``, ``1d``: the form that :data:`Interval` reads."""
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = zip((days, hours, minutes, seconds), "dhms", strict=True)
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def _sentence(kind: str, context: dict[str, Any], given: object, message: str) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "is required."
    if given is None or kind == "string_too_short":
        return "must not be empty."
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(given=given, **context)
    return f"{message}."


_SENTENCES: Final[dict[str, str]] = {
    "bool_parsing": "must be true or false, not {given!r}.",
    "bool_type": "must be true or false, not {given!r}.",
    "extra_forbidden": "is not a key here.",
    "float_parsing": "must be a number, not {given!r}.",
    "greater_than_equal": "must be at least {ge}, not {given}.",
    "int_from_float": "must be a whole number, not {given}.",
    "int_parsing": "must be a whole number, not {given!r}.",
    "int_type": "must be a whole number, not {given!r}.",
    "less_than_equal": "must be at most {le}, not {given}.",
    "string_too_long": "must have {max_length} characters at most.",
    "string_type": "must be text.",
}


def _check_printable(value: str) -> str:
    # Zl, Zp: PostgreSQL counts line and paragraph separators as control characters too. Cs cannot be stored at all.
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("must not hold line breaks or other control characters.")
    return value


def _check_address_length(value: str) -> str:
    # A row of the index `calendars_source` may have 2,704 bytes.
    if len(value.encode()) > 2000:
        raise ValueError("must have 2000 bytes at most.")
    return value


def _check_email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise ValueError(f"{value!r} is not an e-mail address.")
    return value


def _check_slug(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+([-_][a-z0-9]+)*", value):
        raise ValueError(f"{value!r} must be lower-case letters and digits, joined by hyphens: health-measurement.")
    return value


def _check_connection_id(value: str) -> str:
    # No colon, so that nobody puts a URL, and with it a secret, where the name of a secret belongs.
    if not re.fullmatch(r"[\w./-]+", value):
        raise ValueError("must be the id of an Airflow connection: letters, digits, hyphens, dots and underscores.")
    return value


def _check_country(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", value):
        raise ValueError(f"{value!r} is not an ISO 3166-1 code of two letters, such as GB.")
    return value.upper()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads folders each time it is called


def _check_zone(value: str) -> str:
    if value not in _zones():
        raise ValueError(f"{value!r} is not an IANA time zone, such as Europe/London.{nearest(value, _zones())}")
    return value


_INTERVAL = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)


def _parse_interval(value: object) -> object:
    if isinstance(value, timedelta):
        parsed = value
    elif isinstance(value, int) and not isinstance(value, bool):
        parsed = timedelta(minutes=min(value, 10**9))
    elif isinstance(value, str) and (written := value.strip().lower()):
        match = _INTERVAL.fullmatch(f"{written}m" if written.isdecimal() else written)
        if match is None:
            raise ValueError(f"{value!r} is not an interval: write 5m, 1h, 1d, or a number of minutes.")
        days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
        parsed = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    else:
        raise ValueError("must be an interval: write 5m, 1h, 1d, or a number of minutes.")
    if not timedelta(minutes=1) <= parsed <= timedelta(days=366):
        raise ValueError(f"must be between 1m and 366d, not {value}.")
    return parsed


def _check_names(value: str) -> str:
    return ", ".join(dict.fromkeys(name for part in value.split(",") if (name := part.strip())))


def _check_reminders(value: object) -> object:
    written = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
    return reminders.written(reminders.read(written)) if isinstance(written, str) and written.strip() else written


#: 200: Airflow's label of a mapped task has room for 250.
Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_check_printable)]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_check_printable)]
Address = Annotated[
    str, StringConstraints(min_length=1), AfterValidator(_check_printable), AfterValidator(_check_address_length)
]
#: Some names, in one spelling: ``anna, ben``.
Names = Annotated[Prose, AfterValidator(_check_names)]
Email = Annotated[Text, AfterValidator(_check_email)]
Slug = Annotated[Text, AfterValidator(_check_slug)]
ConnectionId = Annotated[Text, AfterValidator(_check_connection_id)]
Country = Annotated[str, AfterValidator(_check_country)]
Zone = Annotated[Text, AfterValidator(_check_zone)]
Days = Annotated[int, Field(ge=0, le=3660)]
Interval = Annotated[timedelta, BeforeValidator(_parse_interval)]
Reminders = Annotated[Text, BeforeValidator(_check_reminders)]
