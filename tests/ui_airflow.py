"""A whole Airflow and a real browser, for the calendars page: who signs in how, and where things are."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from dev import processes
from tests.airflow_home import DAG, Home, new_calimport, new_metadata
from tests.airflow_stack import free_port, stop
from tests.importing import Importer
from tests.test_scheduler import database_of

#: Nothing that Chromium does of its own accord is part of a test.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Milliseconds, for what takes one where a machine has nothing else to do.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)

#: Names of users and their roles in Airflow's simple auth manager.
USERS = {"vera": "viewer", "olga": "op"}


@dataclass(frozen=True)
class Airflow:
    """An API server, and where asked for a scheduler, with the users of :data:`USERS`."""

    url: str
    home: Home

    def token(self, user: str) -> str:
        """What Airflow gives a user who signs in."""
        passwords = json.loads((self.home.folder / "simple_auth_manager_passwords.json.generated").read_text())
        given = {"username": user, "password": passwords[user]}
        answer = httpx.post(f"{self.url}/auth/token", json=given, trust_env=False, timeout=30)
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["access_token"]
        return token

    def client(self, user: str) -> httpx.Client:
        """Signed in as this user."""
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)

    def imported(self, name: str, source: str) -> int:
        """A calendar that has just been imported, without the scheduler; its id."""
        # In a thread of its own: in this one playwright has an event loop.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._imported, name, source).result()

    def _imported(self, name: str, source: str) -> int:
        with database_of(self.home) as connection:
            importer = Importer(connection, now=datetime.now(UTC))
            id = importer.add(name, source)
            importer.run(f"import {id}", calendars=[id], later=timedelta())
            assert importer.state(name)["state"] == "idle"
        return id


@contextmanager
def running(folder: Path, host: str, template: str, *, scheduler: bool = True, **settings: str) -> Iterator[Airflow]:
    """An Airflow in this folder, all of it ended at the end. Runs are only those that somebody starts."""
    home = Home(folder, host, new_metadata(host, folder), new_calimport(host, template))
    url = f"http://127.0.0.1:{free_port()}"
    environment = home.environment(
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__PARALLELISM="4",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"{url}/execution/",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="False",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=",".join(f"{name}:{role}" for name, role in USERS.items()),
        AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        AIRFLOW__API__BASE_URL=url,
        AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE="False",
        **settings,
    )
    commands = {"api-server": ["api-server", "--host", "127.0.0.1", "--port", url.rpartition(":")[2], "--workers", "1"]}
    if scheduler:
        commands |= {"scheduler": ["scheduler", "--skip-serve-logs"], "dag-processor": ["dag-processor"]}
    try:
        for name, arguments in commands.items():
            command = [sys.executable, "-m", "airflow", *arguments]
            processes.start(name, command, folder=folder, environment=environment)
        opened = Airflow(url, home)
        until(lambda: _is_up(opened, len(commands)), f"Airflow to come up; its logs are in {folder}", patience=180)
        if scheduler:
            pool = {"name": "calimport_fetch", "slots": 8, "description": None, "include_deferred": False}
            with opened.client("olga") as client:
                assert client.post("/api/v2/pools", json=pool).status_code == 201
        yield opened
    finally:
        stop(folder)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium, without a window. Skips the test where there is none."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("There is no Chromium on this machine.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def signed_in(browser: Browser, airflow: Airflow, user: str, **options: Any) -> BrowserContext:
    """A window of this user's, with the cookie that Airflow's sign-in leaves."""
    context = browser.new_context(base_url=airflow.url, **{"viewport": {"width": 1280, "height": 800}, **options})
    context.add_cookies([{"name": "_token", "value": airflow.token(user), "url": airflow.url}])
    context.set_default_timeout(PATIENCE)
    return context


def until(found: Callable[[], Any], what: str, patience: float = 60) -> Any:
    """The first true value of ``found()``."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.3)
    raise AssertionError(f"Waited {patience:g} s for {what}.")


def _is_up(airflow: Airflow, parts: int) -> bool:
    assert len(processes.running(airflow.home.folder)) == parts, "A part of Airflow has ended."
    try:
        health = httpx.get(f"{airflow.url}/api/v2/monitor/health", trust_env=False, timeout=10).json()
    except (httpx.HTTPError, ValueError):
        return False
    if parts == 1:
        return True
    known = airflow.home.metadata_rows("select 1 as one from serialized_dag where dag_id = %s", DAG)
    return bool(known) and health["scheduler"]["status"] == "healthy"
