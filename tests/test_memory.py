"""What a task's memory grows with: the largest feed that it holds, and not how many calendars its batch has.

Each step is a process of its own and says what the kernel counted (`benchmarks/memory.py`, which prints more of it).
"""

from __future__ import annotations

import pytest

from benchmarks.memory import STEPS, calendars, peaks
from calimport.database import Connection
from calimport.settings import Settings

#: Bytes of memory for a byte of feed, where each event of it becomes a row; measured: 7, 21 and nothing.
PER_BYTE = {"extract": 10, "normalize": 30, "diff": 1, "apply": 1}


@pytest.fixture
def opened(connection: Connection) -> Connection:
    connection.commit()
    connection.autocommit = True
    return connection


def test_memory_does_not_grow_with_the_calendars_of_a_batch(opened):
    """Were each one's feed kept, it would be 23 MB more, and what is made of a feed is larger than it is."""
    feed = len(calendars(1, 200, "size")[0])
    few, many = Settings().fetch_concurrency, 250

    first = peaks(opened, calendars(few, 200, "few"), run_id="few")
    then = peaks(opened, calendars(many, 200, "many"), run_id="many")

    assert (many - few) * feed > 23e6
    assert {step: then[step] - first[step] for step in STEPS if then[step] > first[step] + 10} == {}


def test_memory_grows_no_more_than_so_many_times_with_the_bytes_of_a_feed(opened):
    sizes, found = [], []
    for events in (2000, 16_000):
        bodies = calendars(1, events, f"events{events}")
        sizes.append(len(bodies[0]) / 2**20)
        found.append(peaks(opened, bodies, run_id=f"events{events}", days=800))
    rows = opened.execute("select count(*) as all from calimport.events").fetchone()

    assert rows == {"all": 18_000}
    more = sizes[1] - sizes[0]
    assert more > 5
    grown = {step: (found[1][step] - found[0][step]) / more for step in PER_BYTE}
    assert {step: grown[step] for step, most in PER_BYTE.items() if grown[step] > most} == {}
    assert grown["normalize"] > 1, "the feed is not what was measured"
