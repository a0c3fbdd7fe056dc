"""The matrix of faults, and the tables of what is feared, name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
PAGE = (DOCS / "reliability.md").read_text(encoding="utf-8")


def existing() -> set[str]:
    files = (file.read_text(encoding="utf-8") for file in TESTS.glob("test_*.py"))
    return {name for text in files for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}


def test_every_fault_has_a_test_that_exists():
    rows = re.findall(r"^\| (?!fault|what|-)(.+) \|$", PAGE.partition("## Anything in any order")[0], re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row.split("|")[-1])
        assert named, f"no test: {row}"
        assert set(named) <= existing(), row


def test_every_test_that_the_page_on_security_names_exists():
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    files = set(re.findall(r"`tests/(test_[\w*]+\.py)`", page))

    assert len(named) > 20
    assert named <= existing(), named - existing()
    assert all(list(TESTS.glob(file)) for file in files)
