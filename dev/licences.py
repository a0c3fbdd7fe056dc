"""The licences of what calimport runs on, from what is installed: ``python -m dev.licences``. Needs no network.

Only requirements.txt counts: what requirements-dev.txt adds is never shipped.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINS: Final = Path(__file__).parents[1] / "requirements.txt"

#: Licences that ask for no more than to be named, in all the ways in which packages write them.
ALLOWED: Final = frozenset(
    {
        *("0BSD", "Apache", "Apache 2.0", "Apache License", "Apache Software License", "Apache-2.0"),
        *("3-Clause BSD License", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "BSD 3-Clause"),
        *("CC0-1.0", "CNRI-Python", "ISC", "ISC License (ISCL)", "MIT", "MIT License", "MIT-0"),
        *("PSF-2.0", "Python Software Foundation License", "The Unlicense (Unlicense)", "Zlib"),
    }
)
#: Others, one by one, and why they may be here.
EXCEPTIONS: Final = {
    "certifi": "MPL 2.0: a list of certificates, used as it is",
    "pathspec": "MPL 2.0: used as it is, by Airflow",
    "psycopg": "LGPL 3: a library, imported and unchanged, that anybody may replace",
    "psycopg-binary": "LGPL 3: as psycopg",
    "psycopg2-binary": "LGPL: as psycopg; Airflow's own driver",
    "text-unidecode": "Artistic or GPL, as one chooses: Artistic; by Airflow's slugs",
    "tqdm": "MPL 2.0 and MIT: used as it is, by libraries of Google",
}


def problems(pins: Path = PINS) -> Iterator[str]:
    """A line for each pinned package whose licence is not allowed, or not known because it is not installed."""
    for requirement in required(pins):
        name = canonicalize_name(requirement.name)
        if name in EXCEPTIONS:
            continue
        try:
            found = licence(metadata.distribution(name).metadata)
        except metadata.PackageNotFoundError:
            yield f"{name}: not installed, so nobody knows its licence"
            continue
        if not is_allowed(found):
            yield f"{name}: {found or 'says nothing of its licence'}"


def required(pins: Path = PINS) -> list[Requirement]:
    """What is pinned for this Python and this machine."""
    lines = [line for line in pins.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    wanted = map(Requirement, lines)
    return [one for one in wanted if one.marker is None or one.marker.evaluate()]


def licence(given: metadata.PackageMetadata) -> str:
    """As the package says it: the SPDX expression, else its classifiers, else the first line of the free text."""
    if expression := given.get("License-Expression"):
        return str(expression)
    classifiers = (str(one).split(" :: ") for one in given.get_all("Classifier") or ())
    named = [parts[-1] for parts in classifiers if parts[0] == "License" and parts[-1] != "OSI Approved"]
    return " OR ".join(named) or str(given.get("License") or "").strip().partition("\n")[0]


def is_allowed(expression: str) -> bool:
    """Whether each part of an ``AND`` is allowed, or one of an ``OR``."""
    choices = re.split(r"\s+OR\s+", expression)
    return any(all({part, part.strip("() ")} & ALLOWED for part in re.split(r"\s+AND\s+", one)) for one in choices)


def main() -> None:
    found = list(problems())
    print("\n".join(found) if found else f"Licences of {len(required())} packages are allowed.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
