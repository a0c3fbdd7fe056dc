"""Whatever feeds came in whatever order: undoing their runs from the last to the first is the way back, row by row."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calimport import undoing
from calimport.errors import ConfigurationError
from tests.importing import Importer, feed
from tests.web import Reply

COLUMNS = ("id", "uid", "recurrence_id", "start_at", "end_at", "summary", "content_hash")

single = st.builds(
    lambda uid, day, hour, title: (
        f"UID:{uid}\nDTSTART:202611{day}T{hour}0000Z\nDTEND:202611{day}T{hour}3000Z\nSUMMARY:{title}"
    ),
    uid=st.sampled_from("abc"),
    day=st.integers(15, 22),
    hour=st.integers(10, 12),
    title=st.sampled_from(["Yoga", "Talk"]),
)
series = st.builds(
    lambda uid, hour, count: (
        f"UID:{uid}\nDTSTART:20261117T{hour}0000Z\nDTEND:20261117T{hour}3000Z\nRRULE:FREQ=DAILY;COUNT={count}\nSUMMARY:S"
    ),
    uid=st.sampled_from("xy"),
    hour=st.integers(10, 14),
    count=st.integers(1, 5),
)
feeds = st.lists(st.one_of(single, series), max_size=5).map(lambda events: feed(*events))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(st.tuples(feeds, st.booleans()), min_size=2, max_size=5))
def test_undo_from_the_last_run_to_the_first_is_the_way_back(importer: Importer, web, story):
    importer.connection.execute("delete from calimport.calendars")
    importer.add("club", web.feed(Reply(b"")))
    states = []
    for content, force in story:
        web.feed(Reply(content))
        name = f"run {next(importer.numbers)}"
        states.append((name, importer.rows("club", *COLUMNS)))
        importer.run(name, calendars=["club"], force=force)

    for name, before in reversed(states):
        importer.now += timedelta(seconds=1)
        with suppress(ConfigurationError):  # the run changed nothing
            undoing.undo(importer.connection, name, actor="os:anna", clock=importer.now)
        assert importer.rows("club", *COLUMNS) == before

    # The feed of the last run is what it was, so nothing of it comes back.
    assert importer.run(later=timedelta(days=1), calendars=["club"]).changed == 0
    assert importer.rows("club", *COLUMNS) == []
