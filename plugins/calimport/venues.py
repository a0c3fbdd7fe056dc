"""Known places, and which of them an event's address is: by name and postcode."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final, NamedTuple

from calimport.postal import Address, postcode_key


class Place(NamedTuple):
    """A known place. ``address`` has its parts separated by commas, without postcode and country."""

    id: int
    name: str
    address: str | None = None
    postcode: str | None = None
    country: str | None = None

    @property
    def postal(self) -> str | None:
        """Address and postcode as one line of text; None where neither is known."""
        return ", ".join(part for part in (self.address, self.postcode) if part) or None


_NOT_WORDS: Final = re.compile(r"[\W_]+")


class Venues:
    """The places that an event's location may be matched with, ready to be asked about many locations."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._by_name: dict[str, list[Place]] = {}
        self._by_street: dict[tuple[str, str], list[Place]] = {}
        for place in places:
            self._by_name.setdefault(_folded(place.name), []).append(place)
            postcode, street = postcode_key(place.postcode), _folded((place.address or "").split(",")[0])
            if postcode and street:
                self._by_street.setdefault((postcode, street), []).append(place)
        self._by_name.pop("", None)

    def __len__(self) -> int:
        return len(self._by_name)

    def match(self, address: Address) -> Place | None:
        """The one place that a part of this address names; or that stands in the same street under the same postcode.

        Where both have a postcode it must be the same: there is more than one Town Hall. Nothing, where two would do.
        """
        if not self._by_name and not self._by_street:
            return None
        postcode = postcode_key(address.postcode)
        parts = [_folded(line) for line in address.lines]
        for part in parts:
            named = [place for place in self._by_name.get(part, []) if _agrees(place, postcode)]
            if len(named) == 1:
                return named[0]
        if postcode:
            found = {place.id: place for part in parts for place in self._by_street.get((postcode, part), [])}
            if len(found) == 1:
                return next(iter(found.values()))
        return None


def _agrees(place: Place, postcode: str | None) -> bool:
    own = postcode_key(place.postcode)
    return own is None or postcode is None or own == postcode


def _folded(name: str) -> str:
    """Names are the same when these are: without case, accents, punctuation and a leading article."""
    plain = name.casefold()
    if not plain.isascii():
        plain = "".join(one for one in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(one))
    words = " ".join(_NOT_WORDS.sub(" ", plain.replace("'", "").replace("’", "").replace("&", " and ")).split())
    return words.removeprefix("the ")
