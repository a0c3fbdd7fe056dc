"""docs/store.md shows what really happens: its Python is run, and then its commands."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from calimport.cli import main
from tests.store_client import client, user

PAGE = Path(__file__).parents[1] / "docs" / "store.md"


def test_what_the_store_page_shows_is_what_happens(connection):
    assert user(connection, "Anna") == 1

    done = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert (done.failed, done.attempted) == (0, 9)

    commands = re.findall(r"^\$ calimport (.+)\n((?:(?!\$|```).*\n)+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 5
    for command, shown in commands:
        printed = CliRunner().invoke(main, shlex.split(command)).output.replace("\r\n", "\n")
        assert re.fullmatch(re.escape(shown.strip()).replace("…", ".+"), printed.strip()), printed


def test_every_route_is_on_the_store_page(connection_uri):
    page = PAGE.read_text(encoding="utf-8")
    paths = client().get("/openapi.json").json()["paths"]
    named = {path.replace("{scope}", "calendar").replace("{form}", "ics") for path in paths}
    assert [path for path in named if f"/api/v1{path}" not in page] == []
