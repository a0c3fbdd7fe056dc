"""The fingerprint of an import: a hash of all that its rows follow from. The same one: nothing to do."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from calimport import privacy
from calimport.settings import Settings
from calimport.steps.runs import Run
from calimport.windows import Window

#: Part of every fingerprint: raise it when the same feed gives other rows (:mod:`calimport.normalizing`), so that each
#: calendar is expanded anew.
VERSION: Final = 10


def fingerprint(run: Run, settings: Settings, meaning_hash: bytes, window: Window, zone: str) -> bytes:
    """Hash of all that the rows follow from; equal means that importing again would change nothing."""
    parts = (
        meaning_hash.hex(),
        window.start.isoformat(),
        window.end.isoformat(),
        zone,
        run.activity_type,
        run.strategy,
        run.place_id,
        run.place_address,
        privacy.of_calendar(run).fingerprint(),
        run.default_reminders,
        settings.ignore_marker,
        settings.max_occurrences,
        VERSION,
        _zone_data_version(),
    )
    return hashlib.sha256(repr(parts).encode()).digest()


@cache
def _zone_data_version() -> str:
    """New zone data may move what lies in the future, so every calendar is expanded anew after an upgrade."""
    try:
        return version("tzdata")
    except PackageNotFoundError:
        return ""
