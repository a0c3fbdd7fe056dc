"""Events in JSON-LD with schema.org's words: from the scripts of a page to plain objects.

Read for what sites write, not as linked data: names are taken without their prefix or address, so no ``@context`` is
needed, and none is fetched. https://schema.org/Event
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import unescape
from typing import Any, Final
from urllib.parse import urljoin

from calimport.sources.loose import text

#: What is kept of an event; the rest (offers, images, ratings) changes without a change of the event.
FIELDS: Final = (
    *("@id", "name", "description", "url", "startDate", "endDate", "previousStartDate", "eventStatus"),
    *("eventAttendanceMode", "location", "organizer", "keywords"),
)
#: Subtypes of Event whose names do not end in it.
_OTHER_TYPES: Final = frozenset({"EventSeries", "Festival", "Hackathon", "CourseInstance"})
#: What may be there without being dated: it is only described.
_UNDATED_TYPES: Final = frozenset({"EventSeries", "CourseInstance"})
#: Names another event, which is told of elsewhere.
_NOT_ENTERED: Final = frozenset({"superEvent"})
#: A part says only in what it differs from the whole.
_INHERITED: Final = (
    *("name", "description", "url", "eventStatus", "eventAttendanceMode", "location", "organizer", "keywords"),
)
_DEEPEST: Final = 40
#: Scripts wrap their content against browsers of old; some templates leave a comma or a semicolon at an end.
_WRAPPING: Final = re.compile(
    r"\A\s*(?:<!--|//\s*<!\[CDATA\[|/\*.*?\*/|<!\[CDATA\[)"
    r"|(?:-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>|;)\s*\Z"
)
_SPARE_COMMA: Final = re.compile(r",(?=\s*[}\]])")


def read(scripts: Iterable[str], url: str) -> tuple[list[dict[str, Any]], int]:
    """The events of a page's scripts as objects of :data:`FIELDS` with absolute ``url``; how many scripts are damaged.

    Found wherever they stand: in lists, ``@graph``, an ``event`` of a place (whose location it then is), an
    ``ItemList``. The parts of an event (``subEvent``) are events of their own; a series is the sum of its parts, and so
    is an event whose parts bear its name. Whatever has neither name nor start is only a mention.

    :param url: the page's own.
    """
    documents, damaged = [], 0
    for script in scripts:
        if not script.strip():
            continue
        try:
            documents.append(_plain(_loads(script), 0))
        except ValueError:
            damaged += 1
    nodes: dict[str, dict[str, Any]] = {}
    found: list[dict[str, Any]] = []
    for document in documents:
        _index(document, nodes)
    for document in documents:
        _collect(document, {}, found)
    return [_finished(one, nodes, url) for one in found], damaged


def names(value: Any) -> list[str]:
    """The local names of a value such as ``https://schema.org/EventCancelled``, or of a list of them."""
    found = (first(one) for one in (value if isinstance(value, list) else [value]))
    return [_local(one) for one in found if one]


def first(value: Any) -> str | None:
    """The first text of a value: itself, of a list, or the name, else the address, of an object."""
    if isinstance(value, list):
        return next((found for one in value if (found := first(one))), None)
    if isinstance(value, dict):
        return first(value.get("name")) or first(value.get("url")) or text(value.get("@id"))
    return text(value)


def types(node: Any) -> list[str]:
    """The local names of its types."""
    return names(node.get("@type")) if isinstance(node, dict) else []


def _loads(script: str) -> Any:
    """The document; also where it is wrapped, has a comma too many, or was escaped as HTML.

    :raises ValueError: it is none.
    """
    bare = _WRAPPING.sub("", _WRAPPING.sub("", script.strip("\ufeff \t\r\n")))
    error: Exception | None = None
    for candidate in (script, bare, _SPARE_COMMA.sub("", bare), unescape(bare)):
        try:
            return json.loads(candidate, strict=False)  # line breaks in texts
        except (ValueError, RecursionError) as failed:
            error = failed
    raise ValueError(f"{type(error).__name__}")


def _plain(value: Any, depth: int) -> Any:
    """Names without prefix, ``{"@value": …}`` as its value; what is nested deeper than any site nests is left out."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return [_plain(one, depth + 1) for one in value]
    if not isinstance(value, dict):
        return value
    if "@value" in value:
        return _plain(value["@value"], depth + 1)
    return {_local(name): _plain(one, depth + 1) for name, one in value.items() if name != "@context"}


def _local(name: str) -> str:
    return name if name.startswith("@") else re.split(r"[/#:]", name.strip().rstrip("/"))[-1]


def _index(value: Any, nodes: dict[str, dict[str, Any]]) -> None:
    """By ``@id``, all that say more than that."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, list):
            _index(one, nodes)
        elif isinstance(one, dict):
            if len(one) > 1 and (name := text(one.get("@id"))):
                nodes.setdefault(name, one)
            for member in one.values():
                _index(member, nodes)


def _collect(value: Any, outer: dict[str, Any], found: list[dict[str, Any]]) -> None:
    if isinstance(value, list):
        for one in value:
            _collect(one, outer, found)
    if not isinstance(value, dict):
        return
    if _is_event(value):
        _collect_event(value, outer, found)
        return
    for name, member in value.items():
        if name in _NOT_ENTERED:
            continue
        is_place = name in ("event", "events") and "address" in value
        _collect(member, {"location": _without_events(value)} if is_place else outer, found)


def _collect_event(node: dict[str, Any], outer: dict[str, Any], found: list[dict[str, Any]]) -> None:
    own = {name: node[name] for name in FIELDS if node.get(name) not in (None, "", [], {})}
    whole = outer | own
    parts: list[dict[str, Any]] = []
    for name in ("subEvent", "subEvents"):
        _collect(node.get(name), {name: whole[name] for name in _INHERITED if name in whole}, parts)
    dated = [one for one in parts if "startDate" in one]
    is_series = "EventSeries" in types(node)
    is_sum = bool(dated) and (is_series or all(first(one.get("name")) == first(whole.get("name")) for one in dated))
    is_dated = "startDate" in own
    is_mention = not is_dated and ("name" not in own or bool(dated) or not _UNDATED_TYPES.isdisjoint(types(node)))
    if not is_sum and not is_mention:
        found.append(whole)
    found += dated


def _is_event(node: dict[str, Any]) -> bool:
    return any(name.endswith("Event") or name in _OTHER_TYPES for name in types(node))


def _without_events(place: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in place.items() if name in ("@type", "@id", "name", "address", "url")}


def _finished(event: dict[str, Any], nodes: dict[str, dict[str, Any]], url: str) -> dict[str, Any]:
    """With what it refers to by ``@id``, and an absolute address: its own, or the page's."""
    event = event | {name: _resolved(event[name], nodes) for name in ("location", "organizer") if name in event}
    given = first(event.get("url")) or text(event.pop("@id", None)) or ""
    event.pop("@id", None)
    try:
        absolute = urljoin(url, given)
    except ValueError:
        absolute = url
    return event | {"url": absolute if absolute.startswith(("http://", "https://")) else url}


def _resolved(value: Any, nodes: dict[str, dict[str, Any]]) -> Any:
    if isinstance(value, list):
        return [_resolved(one, nodes) for one in value]
    if not isinstance(value, dict):
        return value
    whole = nodes.get(text(value.get("@id")) or "", value) if len(value) <= 2 else value
    kept = {name: one for name, one in whole.items() if name in ("@type", "name", "address", "url", "email")}
    address = kept.get("address")
    if isinstance(address, dict) and len(address) == 1 and "@id" in address:
        kept["address"] = nodes.get(text(address["@id"]) or "", address)
    return kept | ({name: one for name, one in whole.items() if name.startswith(("street", "address", "postal"))})
