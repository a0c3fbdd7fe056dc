"""The documents name every command and every setting, and name nothing that is not there."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from calimport import sources
from calimport.cli import COMMANDS, main
from calimport.cli.calendars import calendars
from calimport.cli.preview import preview
from calimport.errors import ConfigurationError
from calimport.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
ALL = "\n".join(DOCS.values())


known = {*COMMANDS, *(f"calendars {name}" for name in calendars.commands)}
named = set(re.findall(r"(?:^\$ (?:\S*/)?|`)calimport (calendars [a-z]+|[a-z]+)", ALL, re.MULTILINE))


def test_every_command_is_documented():
    """In a line to copy or in the running text; `check NAME` and the like are not enough."""
    assert known - named == {"calendars"}


def test_every_documented_command_exists():
    assert named - known == set()


def test_every_option_of_preview_is_documented():
    options = {option for param in preview.params for option in param.opts if option.startswith("--")}
    assert options == set(re.findall(r"`(--[a-z]+)`", DOCS["preview.md"]))


def test_what_the_preview_page_shows_is_what_is_printed():
    for command, printed in re.findall(
        r"^\$ calimport (.+)\n((?:.+\n|\n(?!```))+)```", DOCS["preview.md"], re.MULTILINE
    ):
        done = CliRunner().invoke(main, shlex.split(command))
        assert done.output.strip() == printed.strip()


def test_every_setting_is_in_the_table_with_its_default():
    table = dict(re.findall(r"^\| `(CALIMPORT_\w+)` \| `([^`]*)` \|", DOCS["operations.md"], re.MULTILINE))
    assert table == {f"CALIMPORT_{field.name.upper()}": str(field.default) for field in fields(Settings)}


def test_every_source_has_its_section():
    assert re.findall(r"^## (\S+)$", DOCS["sources.md"], re.MULTILINE) == list(sources.MODULES)


@pytest.mark.parametrize("page", DOCS)
def test_links_lead_somewhere(page):
    folder = ROOT if page == "README.md" else ROOT / "docs"
    targets = [target for target in re.findall(r"\]\(([^)#:]+)\)", DOCS[page]) if not (folder / target).exists()]
    assert targets == []


def test_every_claim_about_time_is_a_feed_of_the_corpus():
    claims = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){2,})`", DOCS["time.md"]))
    assert len(claims) > 50
    assert [one for one in claims if not (ROOT / "tests" / "feeds" / f"{one}.ics").exists()] == []


def test_every_sql_file_of_the_flow_is_in_the_architecture():
    """But those that only serve several steps, and the ledger of migrations."""
    files = {path.stem for path in (ROOT / "include" / "sql").glob("*.sql")}
    named = set(re.findall(r"`([a-z_]+)`", DOCS["architecture.md"]))
    served = {
        "begin_step",
        "count_staged",
        "current_runs",
        "fail_run",
        "open_runs",
        "record_seconds",
        "schema_migrations",
    }
    assert files - named == served


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("CALIMPORT_MAX_BATCHES", "many", "CALIMPORT_MAX_BATCHES must be of type int, not 'many'"),
        ("CALIMPORT_MAX_BATCHES", "0", "CALIMPORT_MAX_BATCHES must be greater than zero, not '0'"),
        ("CALIMPORT_READ_TIMEOUT", "-1", "CALIMPORT_READ_TIMEOUT must be greater than zero, not '-1'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(monkeypatch, variable, value, message):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=message):
        Settings.from_environment()


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CALIMPORT_MAX_BATCHES", "3")
    monkeypatch.setenv("CALIMPORT_HOLD_DELETES_RATIO", "0")
    settings = Settings.from_environment()
    assert (settings.max_batches, settings.hold_deletes_ratio, settings.max_redirects) == (3, 0.0, 8)
