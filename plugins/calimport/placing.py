"""Where an event takes place: the calendar's strategy over its place and the event's own location."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """The place configured for a calendar."""

    id: int
    address: str


def locate(strategy: str, location: str | None, place: Place | None) -> tuple[int | None, str | None]:
    """``(place_id, address)`` of an occurrence with this location.

    ========================  ==========================================================
    ``place``                 the calendar's place
    ``event``                 the event's location, as text
    ``event_override``        the event's location if it has one, else the place
    ``room_number``           the place, the event's location as the address's first line
    ``no_location``           nothing
    ``online_only``           nothing
    ========================  ==========================================================
    """
    if strategy in ("no_location", "online_only"):
        return None, None
    if strategy == "event" or (strategy == "event_override" and (location or place is None)):
        return None, location
    if place is None:
        return None, location
    if strategy == "room_number" and location:
        return place.id, f"{location}, {place.address}" if place.address else location
    return place.id, place.address or None
