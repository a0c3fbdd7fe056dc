"""Where an event takes place: the calendar's strategy over its place and the event's own location.

========================  ========================================================================================
``place``                 the calendar's place and its address
``event``                 the address in the event's location; its place, where a known one is meant
``event_override``        as ``event`` where the event has an address, else as ``place``
``room_number``           the place, the event's location as the first line of its address
``no_location``           nothing
``online_only``           nothing
========================  ========================================================================================

A location that is only a link to a meeting, or says no more than "online", is no address. One that names neither a
known place nor a postcode is kept as text, and counted in a notice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from calimport import online
from calimport.postal import FIRST, country_of, parse
from calimport.venues import Place, Venues

#: Strategies that read addresses.
READING: Final = ("event", "event_override")


class Location(NamedTuple):
    """Where one event takes place."""

    place_id: int | None = None
    address: str | None = None
    #: The text of a location in which no address was found.
    unresolved: str | None = None


@dataclass(frozen=True)
class Placing:
    """What a calendar's configuration says about where its events take place."""

    strategy: str = "event_override"
    place: Place | None = None
    venues: Venues = field(default_factory=lambda: Venues(()))
    #: Where the calendar's events are, if its place has no country (IANA): whose postcodes are expected besides GB's.
    timezone: str | None = None

    def locate(self, location: str | None) -> Location:
        """Where an event with this location, one line of text, takes place."""
        if self.strategy in ("no_location", "online_only"):
            return Location()
        own = online.postal(location)
        if self.strategy == "event" or (self.strategy == "event_override" and own):
            return self._read(own) if own else Location()
        if self.place is None:
            return Location(None, own)
        if self.strategy == "room_number" and own:
            return Location(self.place.id, ", ".join(part for part in (own, self.place.postal) if part))
        return Location(self.place.id, self.place.postal)

    def _read(self, text: str) -> Location:
        country = (self.place and self.place.country) or country_of(self.timezone)
        address = parse(text, country=country)
        # Abroad, the country belongs to the address.
        written = str(address) if address.country in (country, FIRST) else text
        place = self.venues.match(address)
        if place:
            return Location(place.id, written if address.postcode else _completed(address.lines, place) or written)
        if address.postcode:
            return Location(None, written)
        expected = self.strategy == "event" or self.place is not None or len(self.venues) > 0
        return Location(None, text, text if expected else None)


def _completed(lines: tuple[str, ...], place: Place) -> str | None:
    """What is known of a place whose location has no postcode, under what the location says besides its name."""
    known = [part.strip() for part in (place.postal or "").split(",") if part.strip()]
    if not known or len(lines) == 1:
        return place.postal
    told = {line.casefold() for line in lines}
    return ", ".join([*lines, *(part for part in known if part.casefold() not in told)])
