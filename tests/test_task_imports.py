"""No task's process imports what it does not use: at ten thousand calendars that is paid for dozens of times a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.importing import feed
from tests.web import Reply, Web

ROOT = Path(__file__).parents[1]
#: Each takes a tenth of a second to import, or much more.
HEAVY = [
    "airflow", "babel", "bs4", "fastapi", "httpx", "icalendar", "lxml", "markdown_it", "markdownify", "numpy",
    "pandas", "pyarrow", "pydantic", "sqlalchemy", "yaml",
]  # fmt: skip
#: What a task of the DAG does, but for Airflow's part of it.
TASK = """
import json, sys
from datetime import UTC, datetime
from importlib import import_module
from calimport import database
from calimport.settings import Settings
from calimport.steps.runs import RunKey, Step

name, run_id, heavy = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
work = getattr(import_module(f"calimport.steps.{name}"), name)
with database.connect(autocommit=True) as connection:
    now = datetime.now(UTC)
    step = Step(connection, RunKey("calendar_import", run_id), now, Settings.from_environment())
    result = work(step, as_of=now) if name == "plan" else work(step) if name == "report" else work(step, [1])
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
EVENT = "UID:one\nSUMMARY:Choir\nDTSTART:20260303T180000Z\nRRULE:FREQ=DAILY\nDESCRIPTION:<p>Bring <b>a friend</b></p>"


def imported(step: str, run_id: str) -> list[str]:
    """Of :data:`HEAVY` what a process has imported that does a step of a run."""
    done = subprocess.run(
        [sys.executable, "-c", TASK, step, run_id, json.dumps(HEAVY)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_no_step_imports_what_it_does_not_use(importer, web: Web):
    importer.add("club", web.feed(Reply(feed(EVENT), etag='"1"')))

    found = {step: imported(step, "first") for step in ("plan", "extract", "normalize", "diff", "apply", "report")}

    assert importer.one("select count(*) from calimport.events") > 0
    assert found == {"plan": [], "extract": ["httpx"], "normalize": [], "diff": [], "apply": [], "report": []}


def test_an_unchanged_feed_is_neither_parsed_nor_made_a_frame(importer, web: Web):
    importer.add("club", web.feed(Reply(feed(EVENT), etag='"1"')))
    importer.run()
    importer.connection.execute("update calimport.calendars set next_import_at = null")
    imported("plan", "again")

    assert imported("extract", "again") == ["httpx"]
