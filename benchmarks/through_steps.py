"""Feeds through `extract` and `normalize` as in a run: stored, staged in a real PostgreSQL, each statement counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import NamedTuple

import httpx

from benchmarks import database, feeds
from benchmarks.reading import timed
from calimport.settings import Settings
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from calimport.steps.plan import plan
from calimport.steps.report import report
from calimport.steps.runs import RunKey, Step
from calimport.windows import Window

SETTINGS = Settings(allowed_networks="127.0.0.0/8", max_batches=1, host_requests_per_second=1000)
#: Next imports of which the best counts; the two before make known how each feed changes.
_TIMES = 8


class Steps(NamedTuple):
    """CPU seconds of this process for all feeds in one batch."""

    extract: float
    normalize: float


def window(days: int) -> Window:
    """The window of calendars with as many days before the run and after it."""
    midnight = datetime.combine(feeds.AS_OF, time(), feeds.AS_OF.tzinfo)
    return Window(midnight - timedelta(days), midnight + timedelta(days + 1))


def imports(contents: Mapping[str, bytes], change: Callable[[bytes], bytes], days: int) -> tuple[Steps, Steps]:
    """The first import of these feeds, and the best of the next ones, before each of which all of them changed.

    The answers come from memory, without a network.

    :param days: as :func:`window`.

    :raises RuntimeError: not all of them were imported.
    """
    served = dict(contents)

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/").removesuffix(".ics")
        return httpx.Response(200, content=served[name], headers={"content-type": "text/calendar"})

    transport = httpx.MockTransport(answer)
    done = []
    with database.server() as (_, connection):
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into calimport.calendars (name, source, days_back, days_ahead) values (%s, %s, %s, %s)",
                [(name, f"http://127.0.0.1/{name}.ics", days, days) for name in served],
            )
        for number in range(_TIMES + 3):
            now = feeds.AS_OF + timedelta(minutes=5 * number)
            connection.execute("update calimport.calendars set next_import_at = null")
            step = Step(connection, RunKey("benchmark", str(number)), now, SETTINGS)
            (batch,) = plan(step, as_of=now)
            ids = batch["calendar_ids"]
            extracting = timed(lambda step=step, ids=ids: extract(step, ids, transport))
            normalizing = timed(lambda step=step, ids=ids: normalize(step, ids))
            done.append(Steps(extracting, normalizing))
            diff(step, ids)
            apply(step, ids)
            if (found := report(step)).imported != len(served):
                raise RuntimeError(found.counts())
            served = {name: change(content) for name, content in served.items()}
    return done[0], min(done[3:], key=sum)
