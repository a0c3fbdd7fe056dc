"""A Microsoft calendar through the whole flow: changes, cancelled occurrences, and failures that delete nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.fake_microsoft import FakeMicrosoft, error
from tests.importing import Importer
from tests.loopback import Loopback
from tests.test_microsoft import ANNA, TALK, fake, set_connection, time  # noqa: F401 - fixtures
from tests.web import Reply, serve


@pytest.fixture
def importer(connection, fake, monkeypatch) -> Iterator[Importer]:  # noqa: F811
    connection.commit()
    connection.autocommit = True
    set_connection(monkeypatch)
    with serve() as web:
        hosts = ("graph.microsoft.com", "login.microsoftonline.com")
        importer = Importer(connection, transport=Loopback({name: web.url(f"/{name}") for name in hosts}))
        web.routes = dict(fake.routes())
        importer.add("anna", ANNA, kind="microsoft", connection_id="graph")
        yield importer


def requests(importer: Importer) -> int:
    return importer.one("select requests from calimport.runs order by id desc limit 1")


def test_import_change_and_delete(importer, fake: FakeMicrosoft):  # noqa: F811
    first = importer.run()
    unchanged = importer.run()
    assert (first.inserted, unchanged.unchanged, requests(importer)) == (3, 1, 1)
    state = importer.state("anna")
    assert (state["feed_title"], state["feed_timezone"]) == ("Calendar", "Europe/London")

    fake.put({**TALK, "isCancelled": True})
    fake.remove("AAMkPractice=.2026-11-12T19:00")
    changed = importer.run()

    # The round, and the occurrences that are left of the series.
    assert (changed.inserted, changed.updated, changed.deleted, requests(importer)) == (0, 1, 1, 2)
    assert importer.rows("anna", "uid", "recurrence_id", "status") == [
        ("0400PRACTICE", "2026-11-19T19:00:00Z", "confirmed"),
        ("040000008200E000", None, "cancelled"),
    ]

    # The window of the next day, with an occurrence more in it, is listed whole.
    assert importer.run(later=timedelta(days=1)).inserted == 1


def test_a_round_that_fails_moves_no_link(importer, fake: FakeMicrosoft):  # noqa: F811
    importer.run()
    before = importer.rows("anna", "id", "uid", "xmin")
    fake.remove("AAMkTalk=")
    fake.requests.clear()
    fake.failures = {("delta", 1): Reply(status=500), ("delta", 2): error(429, "TooManyRequests")}

    assert importer.run().failed == ["anna"]
    importer.now += timedelta(hours=1)
    assert importer.run().failed == ["anna"]
    assert importer.rows("anna", "id", "uid", "xmin") == before
    importer.now += timedelta(hours=4)

    assert importer.run().deleted == 1
    assert requests(importer) == 1


def test_a_link_that_was_forgotten_is_a_whole_listing_in_one_run(importer, fake: FakeMicrosoft):  # noqa: F811
    importer.run()
    fake.remove("AAMkTalk=")
    fake.remembers_from = 100

    assert importer.run().deleted == 1
    # The refusal, the calendar, the zone, the listing.
    assert requests(importer) == 4
