"""docs/safety.md shows what its commands print: they are run here, one after the other, on one calendar's story."""

from __future__ import annotations

import re
import shlex
from datetime import datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

from calimport import normalizing
from calimport.cli import explain, held, main, plan, replay, undo
from tests.importing import NOW, feed
from tests.web import Reply

PAGE = (Path(__file__).parents[1] / "docs" / "safety.md").read_text(encoding="utf-8")
#: Commands and what they print, in the page's order.
SHOWN = [
    (shlex.split(command), printed)
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for command, printed in re.findall(r"^\$ calimport (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


def event(title: str, day: int, hour: int = 10) -> str:
    start, end = f"DTSTART:202611{day}T{hour}0000Z", f"DTEND:202611{day}T{hour + 1}0000Z"
    return f"UID:{title.lower().replace(' ', '-')}@example.org\n{start}\n{end}\nSUMMARY:{title}"


OPENING = event("Opening", 13)
YOGA = "UID:yoga@example.org\nDTSTART:20261116T100000Z\nDTEND:20261116T110000Z\nRRULE:FREQ=WEEKLY;COUNT=6\nSUMMARY:Yoga"
COURSES = [event(f"Course {number}", 19 + number % 6) for number in range(11, 23)]
QUIZ, READING, CHOIR, FAIR = event("Quiz", 20), event("Reading", 21), event("Choir", 23), event("Fair", 24)


def test_the_commands_print_what_the_page_shows(importer, web, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            importer.now += timedelta(seconds=30)
            return importer.now

    for module in (explain, held, plan, replay, undo):
        monkeypatch.setattr(module, "datetime", Clock)
        monkeypatch.setattr(module, "os_user", lambda: "os:anna", raising=False)

    def fetch(*events: str, run: str = "scheduled", **params) -> None:
        web.feed(Reply(feed(*events)))
        moment = NOW.replace(hour=importer.now.hour, minute=importer.now.minute) + timedelta(minutes=5)
        importer.now = moment - timedelta(minutes=moment.minute % 5)
        importer.run(f"{run}__{importer.now.isoformat()}", later=timedelta(), calendars=["Library"], **params)

    def before(command: str) -> None:
        if command == "held list":
            importer.add("Library", web.feed(Reply(b"")), timezone="Europe/London")
            fetch(OPENING, YOGA, *COURSES)
            fetch(OPENING, YOGA)
        elif command == "undo":
            fetch(OPENING, YOGA, QUIZ, READING, CHOIR)
            fetch(OPENING, YOGA, event("Reading", 22), CHOIR, FAIR)
        elif command == "plan show":
            fetch(OPENING, YOGA, QUIZ, event("Reading", 21, 14), FAIR, run="manual", dry_run=True)
        elif command == "renormalize":
            clean = normalizing.plain
            monkeypatch.setattr(normalizing, "plain", lambda text: clean(text) and clean(text).replace("a", "á"))

    assert [words[0] for words, _ in SHOWN] == [
        *("held", "held", "undo", "plan", "plan", "replay", "explain", "explain", "renormalize")
    ]
    for words, printed in SHOWN:
        before(" ".join(words[:2]) if words[0] in ("held", "plan") else words[0])
        done = CliRunner().invoke(main, words)
        assert re.fullmatch(pattern(printed), done.output), f"{words}:\n{done.output}"


def pattern(printed: str) -> str:
    """What the page shows; a line that is an ellipsis stands for any lines, the id of a row for any id."""
    exact = "".join("(?:.*\n)+" if line.strip() == "…" else re.escape(line) for line in printed.splitlines(True))
    return re.sub(r"(?<=as\\ row\\ )[0-9]+", "[0-9]+", exact)
