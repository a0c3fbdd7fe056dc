"""The DAG calendar_reminders in a real Airflow: what it is, and a run of it with a real notifier."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.airflow_home import ROOT, Home, new_calimport, new_metadata

pytestmark = pytest.mark.airflow

#: A notifier with a template, as those of Airflow's providers are, in a module of its own.
NOTIFIERS = """
from airflow.sdk import BaseNotifier

class FileNotifier(BaseNotifier):
    template_fields = ("line",)

    def __init__(self, line, path):
        super().__init__()
        self.line, self.path = line, path

    def notify(self, context):
        with open(self.path, "a") as file:
            file.write(self.line + "\\n")

def to_a_file():
    return FileNotifier("{{ reminder.method }} {{ reminder.summary }} {{ dag.dag_id }}", __file__ + ".sent")
"""

#: Runs the DAG twice by `dag.test()`; prints what it is and what became of the runs.
RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
dag = bag.dags["calendar_reminders"]
runs = [dag.test(logical_date=None) for _ in range(2)]
print(json.dumps({
    "import_errors": bag.import_errors,
    "schedule": dag.timetable.expression,
    "catchup": dag.catchup,
    "max_active_runs": dag.max_active_runs,
    "paused": dag.is_paused_upon_creation,
    "documented": all(task.python_callable.__doc__ for task in dag.tasks),
    "states": [str(run.state) for run in runs],
}))
"""


@pytest.fixture
def home(tmp_path_factory, postgres_host, template) -> Home:
    folder = tmp_path_factory.mktemp("airflow")
    return Home(folder, postgres_host, new_metadata(postgres_host, folder), new_calimport(postgres_host, template))


def test_a_due_reminder_is_handed_to_the_notifier_once(home):
    (home.folder / "our_notifiers.py").write_text(NOTIFIERS)
    calendar = home.add("club", "https://example.org/a.ics")
    with home.connect() as connection:
        connection.execute(
            "insert into calimport.events (calendar_id, uid, summary, start_at, end_at, all_day, status, categories,"
            " attendees, visibility, transparency, reminders, reminder_methods, is_recurring, content_hash,"
            " first_run_id, last_run_id) values (%s, 'x', 'Yoga', now() + interval '9 minutes',"
            " now() + interval '1 hour', false, 'confirmed', '{}', '[]', 'default', 'opaque',"
            " array[now() - interval '1 minute', now() + interval '5 minutes'], '{email,popup}', false,"
            " decode(repeat('00', 16), 'hex'), 1, 1)",
            [calendar],
        )
        connection.execute(
            "insert into calimport.reminders (event_id, remind_at, method) select events.id, remind_at, method"
            " from calimport.events, unnest(reminders, reminder_methods) as reminder (remind_at, method)"
        )
    environment = home.environment(CALIMPORT_REMINDER_NOTIFIER="our_notifiers.to_a_file")
    environment["PYTHONPATH"] += f":{home.folder}"

    done = subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT / "dags" / "calendar_reminders.py")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "import_errors": {},
        "schedule": "* * * * *",
        "catchup": False,
        "max_active_runs": 1,
        "paused": True,
        "documented": True,
        "states": ["success", "success"],
    }
    assert (home.folder / "our_notifiers.py.sent").read_text() == "email Yoga calendar_reminders\n"
    assert home.rows("select method, sent_at is not null from calimport.reminders order by remind_at") == [
        ("email", True),
        ("popup", False),
    ]
