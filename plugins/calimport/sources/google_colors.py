"""The colours that Google's events name: entries of the palette, and labels of their calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from calimport.completeness import part
from calimport.errors import FeedIncomplete
from calimport.sources.google_address import quoted
from calimport.sources.google_api import Api


async def colors_of(api: Api, events: Iterable[Mapping[str, Any]], known: Iterable[str]) -> dict[str, Any]:
    """The palette's entries that the events use and that are not known; asked for only if there are some."""
    given = used(events, "colorId", known)
    if not given:
        return {}
    try:
        with part("colors"):
            palette = (await api.get("/colors")).get("event")
    except FeedIncomplete:
        if api.replayed:
            return {}
        raise
    palette = palette if isinstance(palette, dict) else {}
    return {color: palette[color] for color in given if color in palette}


async def labels_of(
    api: Api, calendar: str, events: Iterable[Mapping[str, Any]], known: Iterable[str]
) -> dict[str, Any]:
    """The calendar's labels that the events have and that are not known: what replaced the palette."""
    given = used(events, "eventLabelId", known)
    if not given:
        return {}
    try:
        with part("labels"):
            properties = (await api.get(f"/calendars/{quoted(calendar)}")).get("labelProperties")
    except FeedIncomplete:
        if api.replayed:
            return {}
        raise
    listed = properties.get("eventLabels") if isinstance(properties, dict) else None
    labels = {one.get("id"): one for one in listed if isinstance(one, dict)} if isinstance(listed, list) else {}
    return {label: labels[label] for label in given if label in labels}


def used(events: Iterable[Mapping[str, Any]], name: str, known: Iterable[str]) -> list[str]:
    """What the events have in the field ``name`` and is not ``known``, each once."""
    return sorted({item[name] for item in events if isinstance(item.get(name), str) and item[name]} - set(known))
