"""Rules of the code itself: what all of calimport must do in one place is done nowhere else."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import pytest

from calimport import logs, text
from calimport.shallow_html import COMMENT, DEEPEST, MOST_ESCAPED, MOST_TAGS, parted, shallow

ROOT = Path(__file__).parents[1]
FILES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for folder in ("plugins", "dags", "dev", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
OURS = {name: text for name, text in FILES.items() if name.startswith(("plugins/", "dags/"))}


def lines_with(pattern: str, files: dict[str, str]) -> dict[str, list[str]]:
    found = {name: [line for line in text.splitlines() if re.search(pattern, line)] for name, text in files.items()}
    return {name: lines for name, lines in found.items() if lines}


def test_the_network_is_reached_through_the_guard_alone():
    """Who opens connections, and who makes sessions of libraries that do."""
    pattern = r"AsyncHTTPTransport|AsyncClient\(|httpx\.(get|post|Client)\b|urlopen|requests\.(get|post|Session)\b"
    assert set(lines_with(pattern, OURS)) == {
        "plugins/calimport/client.py",
        "plugins/calimport/network_guard.py",
        "plugins/calimport/guarded_requests.py",
    }
    assert "network_guard.transport(settings, tls())" in OURS["plugins/calimport/client.py"]


def test_every_logger_is_cleaned():
    """But that of the plugin's entry, which imports nothing of ours and logs nothing of a feed."""
    taken = lines_with(r"getLogger\(", OURS)
    del taken["plugins/calimport/logs.py"]
    others = {name: [line for line in lines if "setLevel" not in line] for name, lines in taken.items()}
    assert {name for name, lines in others.items() if lines} == {"plugins/calimport/airflow_plugin.py"}


def test_every_exception_to_a_rule_of_security_has_its_reason():
    suppressed = lines_with(r"#\s*noqa:[^#]*\bS\d{3}", FILES)
    assert suppressed
    without = {
        name: [line for line in lines if not re.search(r"noqa:[A-Z0-9, ]+- \S", line)]
        for name, lines in suppressed.items()
    }
    assert {name: lines for name, lines in without.items() if lines} == {}


def test_no_process_is_started_and_nothing_is_evaluated():
    """Neither a shell nor Python reads what came from outside."""
    pattern = r"\bsubprocess\b|os\.system|\beval\(|\bexec\(|pickle|yaml\.load\(|marshal|__import__\("
    assert lines_with(pattern, OURS) == {}


# Log lines.


@pytest.fixture
def logged(caplog):
    log = logs.logger("calimport.tests")
    caplog.set_level(logging.INFO, "calimport.tests")
    return log, caplog


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("two\n2026-11-27 FORGED", "two 2026-11-27 FORGED"),
        ("red \x1b[31m and \x9b31m", "red  [31m and  31m"),
        ("\r\x08\x00 over", "    over"),
        ("turned \u202e around \u2028 line", "turned  around   line"),
        (
            "at https://calendar.google.com/private-0123456789abcdef/basic.ics?token=x",
            "at https://calendar.google.com/…",
        ),
        ("100 % plain {} %s", "100 % plain {} %s"),
    ],
)
def test_a_line_of_a_log_stays_one_line(logged, given, expected):
    log, caplog = logged
    log.info("%s", given)
    log.info(given)
    assert caplog.messages == [expected, expected]


def test_a_traceback_is_set_in_and_its_addresses_are_masked(logged):
    log, caplog = logged
    try:
        int("bad\nFORGED \x1b[31m https://example.org/secret/a.ics")
    except ValueError:
        log.exception("Failed %s", "Choir\nFORGED")
    lines = caplog.messages[0].split("\n")
    assert lines[0] == "Failed Choir FORGED"
    assert all(line.startswith("    ") for line in lines[1:])
    assert "https://example.org/…" in caplog.text
    assert "secret/a.ics" not in caplog.text
    assert caplog.records[0].exc_info is None


def test_a_logger_is_cleaned_once():
    assert logs.logger("calimport.tests").filters == logs.logger("calimport.tests").filters
    assert len(logs.logger("calimport.tests").filters) == 1


# HTML, before a parser sees it.


@pytest.mark.parametrize(
    "markup",
    [
        "<p>one<p>two" * 2000,
        "<ul>" + "<li>x" * 4000 + "</ul>",
        "<div><b>x</b></div>" * 1200,
        "a < b " * 1000,
        "<div>" * DEEPEST,
    ],
)
def test_what_writers_write_is_left_to_the_parser(markup):
    assert shallow(markup) is markup


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * (DEEPEST + 1),
        "<b><p>" * 300,
        "<ul><li>x" * 300,
        "<div><!--</div>-->" * (MOST_TAGS + 1),
        "<div a='</div>'>" * (MOST_TAGS + 1),
        "<p>" * (MOST_TAGS + 1),
        "<a<b<c" * MOST_TAGS,
    ],
)
def test_what_is_too_deep_or_too_much_has_no_tag_left(markup):
    assert re.search(r"<[/!?]?[a-zA-Z]", shallow(markup + "end <i")) is None
    assert shallow(markup + "> end").endswith("end")


def test_this_file_sees_the_code():
    assert len(OURS) > 150
    assert sys.modules["calimport"].__file__ == str(ROOT / "plugins/calimport/__init__.py")


@pytest.mark.parametrize("escaped", ["&", "&amp; ", "&nbsp;", "\xa0", "a & b < c\n"])
def test_no_text_has_more_to_escape_than_is_written_at_once(escaped):
    markup = escaped * 9_999
    texts = parted(markup).split(COMMENT)
    assert "".join(texts) == markup
    assert max(text.count("&") + text.count("\xa0") for text in texts) == MOST_ESCAPED
    few = "<p>" + escaped * MOST_ESCAPED
    assert parted(few) is few


def test_what_is_written_in_parts_is_the_same():
    said = "Tom &amp; Jerry&nbsp;&amp; " * 3_000
    markdown = ("**x** " + "Tom & Jerry\xa0& " * 3_000).strip()
    assert text.markdown(f"<p><b>x</b> {said}</p>") == markdown
    assert text.plain(f"<p><b>x</b> {said}</p>") == ("x " + "Tom & Jerry & " * 3_000).strip()
    assert text.html(markdown) == f"<p><strong>x</strong> {said.strip()}</p>"
