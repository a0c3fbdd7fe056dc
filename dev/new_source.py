"""The files of a new source: ``python -m dev.new_source NAME`` (``make new-source NAME=…``).

Writes the module, its test with the conformance class, a folder for fixtures, the section of docs/sources.md and the
line of the registry. What its author has to write raises NotImplementedError, so its tests fail until it is there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

_MODULE: Final = '''"""``{kind}``: what it reads, and how, in a sentence or two.

The provider's page that documents the format.
"""

from __future__ import annotations

from typing import Final

from calimport.fetching import Http
from calimport.sources.base import Feed, FetchRequest, ParseContext, Parsed

#: The provider's hosts. The calendar's own host may be asked without being named here.
HOSTS: Final[tuple[str, ...]] = ()
#: Whether a fetch brings past events too; None where only the feed itself shows it.
RETAINS_PAST: Final[bool | None] = False


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """Everything, or an error.

    :raises CalimportError: it cannot be fetched, or not as a whole.
    """
    raise NotImplementedError


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :raises FeedUnparsable: these are not the bytes that ``fetch`` makes.
    """
    raise NotImplementedError
'''

_TEST: Final = '''"""The source ``{kind}``, against a server that answers as the provider documents it."""

from __future__ import annotations

from tests.source_conformance import SourceConformance


class TestConformance(SourceConformance):
    kind = "{kind}"
    source = "https://www.example.com/"
    hosts = ("www.example.com",)

    def answers(self, samples):
        raise NotImplementedError
'''

_FIXTURES: Final = """# Answers of {kind}

Written by hand after the provider's documentation: which page, and when it was read.
"""

_SECTION: Final = """
## {kind}

Which addresses it reads, and what it asks for.

*Connection*: none.

*Errors*: none of its own.

*Limits*: the usual ones.

*Retains its past*: no.
"""


def write(kind: str, root: Path = ROOT) -> list[Path]:
    """The files that were written or changed.

    :raises ValueError: this is no name of a kind, or there is such a kind.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", kind):
        raise ValueError(f"{kind!r} is no name for a kind of source: small letters, digits, single hyphens.")
    name = kind.replace("-", "_")
    registry = root / "plugins" / "calimport" / "sources" / "__init__.py"
    docs = root / "docs" / "sources.md"
    module = registry.with_name(f"{name}.py")
    new = {
        module: _MODULE,
        root / "tests" / f"test_{name}.py": _TEST,
        root / "tests" / "fixtures" / "sources" / kind / "README.md": _FIXTURES,
    }
    if taken := [path for path in new if path.exists()]:
        raise ValueError(f"{taken[0].relative_to(root)} exists already.")
    registered = registry.read_text(encoding="utf-8")
    begin = registered.index("MODULES: Final")
    end = registered.index("\n}", begin) + 1
    line = f'    "{kind}": "calimport.sources.{name}",\n'
    registry.write_text(registered[:end] + line + registered[end:], encoding="utf-8")
    for path, template in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.format(kind=kind), encoding="utf-8")
    docs.write_text(docs.read_text(encoding="utf-8").rstrip("\n") + "\n" + _SECTION.format(kind=kind), encoding="utf-8")
    return [*new, registry, docs]


def main() -> None:
    """Write the files and name them, or say in a line why not."""
    if len(sys.argv) != 2:
        sys.exit("Name the kind of source: make new-source NAME=eventbrite")
    try:
        written = write(sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
    for path in written:
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
