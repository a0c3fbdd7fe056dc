"""``make vendor``: the one library of the pages, FullCalendar, from npm's registry into the repository.

What is in the repository is served, so nobody who uses calimport needs Node.js. To move to another version, change the
two constants (``npm view fullcalendar@VERSION dist.integrity``), run this, look at the pages, and commit what it wrote.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

VERSION: Final = "6.1.21"
INTEGRITY: Final = "sha512-yGZhflQmfCJKmmOlwJcQ0MPNAYABieaiJp9AaRgHBMRIUxNA+VFa6mkIbVNpjdSZIy9AY2HwteTt58tJ+3ktuQ=="
FOLDER: Final = Path(__file__).parents[1] / "plugins" / "calimport" / "web" / "static" / "vendor" / "fullcalendar"
#: File of the package → file here.
FILES: Final = {"package/index.global.min.js": "fullcalendar.min.js", "package/LICENSE.md": "LICENSE.md"}


def main() -> None:
    """Fetch the package, make sure that it is the one that was meant, and write the files that are used of it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", f"fullcalendar@{VERSION}", "--silent", "--pack-destination", folder]
        subprocess.run(command, check=True)
        (package,) = Path(folder).glob("*.tgz")
        check(package.read_bytes())
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tarfile.open(package) as archive:
            for name, target in FILES.items():
                member = archive.extractfile(name)
                assert member is not None, name  # noqa: S101 - a file, not a folder
                (FOLDER / target).write_bytes(member.read())
    print(f"Wrote FullCalendar {VERSION} to {FOLDER}")


def check(package: bytes) -> None:
    """Make sure that these are the bytes that were meant.

    :raises SystemExit: they are others.
    """
    found = f"sha512-{base64.b64encode(hashlib.sha512(package).digest()).decode()}"
    if found != INTEGRITY:
        raise SystemExit(f"fullcalendar {VERSION} is not what it was: {found}, and not {INTEGRITY}")


if __name__ == "__main__":
    main()
