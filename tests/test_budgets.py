"""Budgets that workers share through PostgreSQL: the sum holds, whoever asks."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from calimport.budgets import Rate, credential_key, host_key
from calimport.settings import Settings
from calimport.shared_budget import SharedBudget, shared_budget
from tests.importing import Importer
from tests.loopback import LOOPBACK, Loopback
from tests.web import Asked, Reply, serve

#: A worker of its own process: asks as often as it may for some seconds.
WORKER = """
import asyncio, sys, time
from calimport.fetching import Auth, Http
from calimport.settings import Settings
from calimport.shared_budget import shared_budget

url, seconds = sys.argv[1], float(sys.argv[2])
settings = Settings(host_requests_per_second=20, host_request_burst=5, allowed_networks="127.0.0.0/8")

async def work():
    with shared_budget() as budget:
        until = time.monotonic() + seconds
        async with Http(settings, budget=budget) as http:
            while time.monotonic() < until:
                await http.get(url, auth=Auth.bearer("shared") if sys.argv[3] == "key" else None)

asyncio.run(work())
"""


@pytest.fixture
def budget(connection_uri):
    with shared_budget() as opened:
        yield opened


@pytest.fixture
def other(connection_uri):
    """Another worker."""
    with shared_budget() as opened:
        yield opened


@pytest.mark.parametrize("what", ["host", "key"])
def test_two_processes_together_ask_no_more_often_than_one_may(connection_uri, what):
    """20 a second after 5 at once: each gap of 5 + n requests takes at least n twentieths of a second."""
    times: list[float] = []

    def answer(asked: Asked) -> Reply:
        times.append(time.monotonic())
        return Reply(b"ok")

    with serve() as web:
        # Two addresses of one host; with a key also two hosts.
        urls = [web.feed(answer, "/a"), web.feed(answer, "/b")]
        if what == "key":
            urls[1] = urls[1].replace("127.0.0.1", "localhost")
        command = [sys.executable, "-c", WORKER]
        workers = [subprocess.Popen([*command, url, "2", what], cwd=Path(__file__).parents[1]) for url in urls]
        assert [worker.wait(60) for worker in workers] == [0, 0]

    times.sort()
    # A slot is used when the request has left, some milliseconds after it was due, so a window may look shorter.
    span = times[-1] - times[0]
    assert 20 < len(times) <= 5 + 20 * span + 2


def test_slots_are_shared_and_a_wait_is_for_everybody(budget, other):
    rate = {host_key("a.example"): Rate(per_second=1, burst=2)}

    assert [budget.reserve(rate), other.reserve(rate)] == [0.0, 0.0]
    assert 0.8 < budget.reserve(rate) <= 1.0
    assert 1.8 < other.reserve(rate) <= 2.0
    budget.postpone(rate, 60.0)
    assert 59.0 < other.reserve(rate) <= 60.0
    assert 60.0 < budget.reserve(rate) <= 61.0, "no burst after it"


def test_a_shorter_wait_takes_nothing_from_a_longer_one(budget, other):
    rate = {host_key("a.example"): Rate(per_second=1, burst=1)}
    budget.postpone(rate, 60.0)
    other.postpone(rate, 5.0)

    assert other.reserve(rate) > 59.0


@pytest.mark.parametrize("seconds", [1e9, float("inf")])
def test_nobody_can_close_a_host_for_longer_than_a_day(budget, seconds):
    rate = {host_key("a.example"): Rate(per_second=1, burst=1)}
    budget.postpone(rate, seconds)

    assert 86_390 < budget.reserve(rate) <= 86_400


def test_a_request_takes_from_all_of_its_keys_and_waits_for_the_last(budget):
    one_key = {credential_key("s3cret"): Rate(per_second=1, burst=1)}
    both = one_key | {host_key("a.example"): Rate(per_second=10, burst=10)}

    assert budget.reserve(both) == 0.0
    assert 0.8 < budget.reserve(both) <= 1.0


def test_a_credential_is_stored_as_its_hash(budget, connection):
    budget.reserve({credential_key("s3cret"): Rate(per_second=1, burst=1)})

    keys = [row["key"] for row in connection.execute("select key from calimport.request_budgets")]
    assert keys == ["credential 1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0"]


def test_prepared_slots_cost_one_statement_and_are_slots_like_others(budget, other):
    rate = Rate(per_second=1, burst=1)
    keys = {host_key(f"{number}.example"): rate for number in range(1000)}
    budget.prepare(keys)

    assert [budget.reserve({key: rate}) for key in keys] == [0.0] * 1000
    assert other.reserve({host_key("7.example"): rate}) > 0
    assert budget.reserve({host_key("8.example"): rate}) > 0


def test_a_prepared_slot_is_lost_when_the_provider_asks_for_a_wait(budget):
    rate = {host_key("a.example"): Rate(per_second=1, burst=5)}
    budget.prepare(rate)
    budget.postpone(rate, 60.0)

    assert budget.reserve(rate) > 59.0


def test_a_batch_reserves_for_all_its_hosts_at_once(connection, monkeypatch):
    """Calendars of twenty hosts in one batch: no other statement than the one that prepares."""
    calls: list[int] = []
    reserve = SharedBudget._reserve
    monkeypatch.setattr(SharedBudget, "_reserve", lambda self, keys: (calls.append(len(keys)), reserve(self, keys))[1])
    body = b"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\nEND:VCALENDAR\n"
    with serve() as web:
        web.feed(Reply(body), "/feed.ics")
        names = [f"club{number}.example" for number in range(20)]
        importer = Importer(
            connection,
            Settings(allowed_networks=LOOPBACK, fetch_attempts=1, max_batches=1),
            transport=Loopback(dict.fromkeys(names, web.root)),
        )
        for name in names:
            importer.add(name, f"https://{name}/feed.ics")

        result = importer.run()

    assert (result.counts()["imported"], result.counts()["failed"], calls) == (20, 0, [20])
