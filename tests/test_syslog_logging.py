"""Where lines for a syslog server go, and what they say. That they arrive: test_scheduler_operating.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from calimport.errors import ConfigurationError
from tests.listening import udp

pytestmark = pytest.mark.airflow

FILE = "/logs/dag_id=calendar_import/run_id=manual__1/task_id=import.extract/map_index=3/attempt=1.log"


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("given", "address"),
    [("logs.example.org:514", ("logs.example.org", 514)), ("[::1]:514", ("::1", 514))],
)
def test_the_address_is_a_host_and_a_port(monkeypatch, given, address):
    from calimport import syslog_logging

    monkeypatch.setenv("CALIMPORT_SYSLOG", given)
    assert syslog_logging.address() == address


@pytest.mark.parametrize("given", ["", "logs.example.org", ":514", "logs.example.org:papertrail"])
def test_an_address_that_makes_no_sense_is_named(monkeypatch, given):
    from calimport import syslog_logging

    monkeypatch.setenv("CALIMPORT_SYSLOG", given)
    with pytest.raises(ConfigurationError, match="CALIMPORT_SYSLOG must be HOST:PORT"):
        syslog_logging.address()


def test_a_line_of_a_task_names_it_and_goes_on_to_its_file(monkeypatch):
    from calimport.syslog_logging import SyslogTaskLog

    event = {"event": "Failed", "level": "error", "error_detail": [{"exc_type": "FeedNotFound"}]}
    with udp() as heard:
        monkeypatch.setenv("CALIMPORT_SYSLOG", f"127.0.0.1:{heard.port}")
        (send,) = SyslogTaskLog().processors
        passed = send(SimpleNamespace(_file=SimpleNamespace(name=FILE)), "error", event)
        other = send(SimpleNamespace(_file=SimpleNamespace(name="scheduler.log")), "info", {"event": "a component's"})

    (line,) = heard.lines
    assert line.endswith("calimport: ERROR calendar_import/manual__1/import.extract/3: Failed [FeedNotFound]")
    assert (passed, other) == (event, {"event": "a component's"})
