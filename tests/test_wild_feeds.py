"""Real calendars from the wild, in one run. They are not ours to redistribute: skipped where the folder is missing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from calimport.sources.ics import feed_timezone
from tests.importing import Importer
from tests.web import Reply, serve

FEEDS = Path(__file__).parents[2] / "shared" / "feeds"
START, END = "2010-01-01", "2028-01-01"

pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason="the folder of feeds from the wild is not here")


def independent(content: bytes) -> list[tuple[str, datetime, datetime]]:
    """UID, start and end of each occurrence, by the library over the whole calendar at once, and nothing of ours.

    Two events of one UID of which neither recurs are the producer's mistake; the library keeps one, we keep both.
    """
    import icalendar
    import recurring_ical_events

    (calendar,) = icalendar.Calendar.from_ical(content, multiple=True)
    zone = ZoneInfo(feed_timezone(content.decode()) or "UTC")
    seen: dict[str, int] = {}
    for event in calendar.walk("VEVENT"):
        if "RECURRENCE-ID" not in event and "RRULE" not in event:
            number = seen[event["UID"]] = seen.get(event["UID"], -1) + 1
            event["UID"] = f"{event['UID']}#{number}"
    start, end = (datetime.combine(date.fromisoformat(day), time(), zone) for day in (START, END))
    query = recurring_ical_events.of(calendar, components=["VEVENT"])
    found = []
    for event in query.between(start - timedelta(days=1), end + timedelta(days=1)):
        begins, ends = (as_instant(event[name].dt, zone) for name in ("DTSTART", "DTEND"))
        if (begins < end and ends > start) or begins == ends >= start:
            found.append((re.sub(r"#\d+$", "", event["UID"]), begins, ends))
    return sorted(found)


def as_instant(value: date, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), zone).astimezone(UTC)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


@pytest.fixture
def importer(connection):
    connection.commit()
    connection.autocommit = True
    importer = Importer(connection)
    with serve() as web:
        for file in sorted(FEEDS.glob("*.ics")):
            importer.add(file.stem, web.feed(Reply(file.read_bytes()), f"/{file.name}"))
        yield importer


def test_every_feed_is_imported_as_an_independent_expansion_has_it_and_a_second_run_writes_nothing(importer):
    files = sorted(FEEDS.glob("*.ics"))
    assert files

    first = importer.run(window_start=START, window_end=END)

    assert (first.imported, first.failed) == (len(files), [])
    for file in files:
        rows = sorted(importer.rows(file.stem, "uid", "start_at", "end_at"))
        assert rows == independent(file.read_bytes()), file.name
    changes = importer.one("select count(*) from calimport.changes")
    last_run = importer.last_run()

    second = importer.run(window_start=START, window_end=END, force=True)

    assert (second.imported, second.changed, second.failed) == (len(files), 0, [])
    assert importer.one("select count(*) from calimport.changes") == changes
    assert importer.one("select count(*) from calimport.events where last_run_id > %s", last_run) == 0
    importer.connection.execute("select pg_stat_force_next_flush()")
    written = importer.connection.execute(
        "select n_tup_upd + n_tup_del + n_dead_tup as rows from pg_stat_user_tables"
        " where schemaname = 'calimport' and relname in ('events', 'changes')"
    ).fetchall()
    assert [row["rows"] for row in written] == [0, 0]
