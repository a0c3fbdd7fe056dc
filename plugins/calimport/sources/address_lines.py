"""A venue's name and address, as providers give them in parts, as one line of text."""

from __future__ import annotations

from typing import Any

from calimport.sources.loose import listed, text


def address_line(*lines: Any, towns: tuple[Any, ...] = (), postcode: Any = None) -> str | None:
    """``The Hall, 1 High Street, Leeds, LS1 4AB``; None where nothing is known.

    :param lines: the name and the lines of the address.
    :param towns: town, region, country: each unless the lines hold it already. Codes of two letters are no names.
    :param postcode: unless the lines hold it already.
    """
    found = listed(*lines) or ""
    for town in towns:
        name = text(town)
        if name and len(name) > 2 and name.casefold() not in (part.strip().casefold() for part in found.split(",")):
            found = listed(found, name) or ""
    code = text(postcode)
    if code and _bare(code) not in _bare(found):
        found = listed(found, code) or ""
    return found or None


def _bare(value: str) -> str:
    return "".join(value.split()).casefold()
