"""A venue's name and address, as providers give them in parts, as one line of text."""

from __future__ import annotations

from typing import Any

from calimport.sources.loose import listed, text


def address_line(*lines: Any, towns: tuple[Any, ...] = (), postcode: Any = None, country: Any = None) -> str | None:
    """``The Hall, 1 High Street, Leeds, LS1 4AB``; None where nothing is known.

    :param lines: the name and the lines of the address.
    :param towns: town, region: each unless the lines hold it already.
    :param postcode: unless the lines hold it already.
    :param country: the same, where it is a name and no code of two or three letters.
    """
    found = listed(*lines) or ""
    for town in towns:
        found = _with(found, text(town))
    code = text(postcode)
    if code and _bare(code) not in _bare(found):
        found = listed(found, code) or ""
    nation = text(country)
    return _with(found, nation if nation and len(nation) > 3 else None) or None


def _with(found: str, name: str | None) -> str:
    if not name or name.casefold() in (part.strip().casefold() for part in found.split(",")):
        return found
    return listed(found, name) or ""


def _bare(value: str) -> str:
    return "".join(value.split()).casefold()
