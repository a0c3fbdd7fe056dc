"""The matrix of faults names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_fault_has_a_test_that_exists():
    rows = re.findall(r"^\| (?!fault|what|-)(.+) \|$", PAGE.partition("## Anything in any order")[0], re.MULTILINE)
    existing = {
        name
        for file in TESTS.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }

    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row.split("|")[-1])
        assert named, f"no test: {row}"
        assert set(named) <= existing, row
