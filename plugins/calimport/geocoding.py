"""Geocoding, where it is wanted: a function of yours says where an address lies, and the table ``geocodes`` keeps it.

The setting ``CALIMPORT_GEOCODER`` names the function, as ``package.module.function``. It is called as
``function(address)`` with the text of ``events.address``, and returns ``(latitude, longitude)`` in degrees (WGS 84), or
None where it knows no such address. No address is asked about twice but one that was not known, after thirty days.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from calimport import database, logs
from calimport.errors import ConfigurationError

log = logs.logger(__name__)

Geocoder = Callable[[str], "tuple[float, float] | None"]

_ASK_AGAIN_AFTER: Final = timedelta(days=30)
#: New addresses of one calendar in one run: a geocoder may be slow, and the others' turn comes with the next run.
_MOST_AT_ONCE: Final = 100
#: What the table takes. A longer text is no address.
_LONGEST: Final = 500


def load(name: str) -> Geocoder | None:
    """The function of this dotted name; None where the name is empty.

    :raises ConfigurationError: there is no such function.
    """
    if not name:
        return None
    module, _, function = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"CALIMPORT_GEOCODER: {name!r} cannot be loaded: {error}.") from error
    if not callable(found):
        raise ConfigurationError(f"CALIMPORT_GEOCODER: {name!r} is no function.")
    geocoder: Geocoder = found
    return geocoder


def geocode(connection: database.Connection, addresses: Iterable[str], geocoder: Geocoder, *, clock: datetime) -> int:
    """Ask about those of the addresses that are not known yet, and keep the answers; return how many were asked.

    A geocoder that fails ends the asking, not the import: it is logged, and the next run goes on.
    """
    wanted = sorted({address for address in addresses if 0 < len(address) <= _LONGEST})
    rows = database.run(
        connection, "missing_geocodes", addresses=wanted, ask_again_before=clock - _ASK_AGAIN_AFTER
    ).fetchall()
    asked = 0
    for row in rows[:_MOST_AT_ONCE]:
        try:
            latitude, longitude = _point(geocoder(row["address"]))
        except Exception as error:  # noqa: BLE001 - somebody else's code, which may raise what it likes
            log.warning("The geocoder failed: %s; %d addresses are left", type(error).__name__, len(rows) - asked)
            break
        database.run(
            connection,
            "store_geocode",
            address=row["address"],
            latitude=latitude,
            longitude=longitude,
            clock=clock,
        )
        asked += 1
    return asked


def _point(answer: tuple[float, float] | None) -> tuple[float, float] | tuple[None, None]:
    """Latitude and longitude.

    :raises ValueError: this is no point on earth.
    """
    if answer is None:
        return None, None
    latitude, longitude = (float(number) for number in answer)
    if not (math.isfinite(latitude) and abs(latitude) <= 90 and math.isfinite(longitude) and abs(longitude) <= 180):
        raise ValueError("no point on earth")
    return latitude, longitude
