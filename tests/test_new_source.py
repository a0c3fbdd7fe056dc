"""`make new-source`: what it writes is clean, and its tests fail only where its author has something to write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dev import new_source

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    """What git would commit, without its history."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{copy / 'plugins'}{os.pathsep}{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


def test_a_new_source_is_clean_and_fails_where_its_author_has_to_write(copy):
    made = run(copy, "dev.new_source", "village-hall")
    assert made.stdout.splitlines() == [
        "plugins/calimport/sources/village_hall.py",
        "tests/test_village_hall.py",
        "tests/fixtures/sources/village-hall/README.md",
        "plugins/calimport/sources/__init__.py",
        "docs/sources.md",
    ]
    files = [name for name in made.stdout.splitlines() if name.endswith(".py")]
    for command in (["ruff", "check", *files], ["ruff", "format", "--check", *files]):
        done = run(copy, *command)
        assert (done.returncode, done.stdout + done.stderr) == (0, done.stdout + done.stderr)

    documented = run(copy, "pytest", "-q", "-p", "no:cacheprovider", "tests/test_docs.py", "-k", "source or links")
    assert documented.returncode == 0, documented.stdout

    tests = run(copy, "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", "tests/test_village_hall.py")
    reasons = set(re.findall(r"^(?:E +|.*: )(\w+Error)\b", tests.stdout, re.MULTILINE))
    assert (tests.returncode, reasons) == (1, {"NotImplementedError"})
    assert " passed" not in tests.stdout


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("Village", "is no name for a kind of source"),
        ("village hall", "is no name for a kind of source"),
        ("../x", "is no name for a kind of source"),
        ("google", r"sources/google\.py exists already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(kind, message):
    with pytest.raises(ValueError, match=message):
        new_source.write(kind)
