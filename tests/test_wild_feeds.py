"""Real calendars from the wild, in one run of the DAG. Skipped where their folder is missing: they are not ours."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from calimport.sources.ics import feed_timezone
from tests.test_dag_run import airflow, home, run_dag, shared, web  # noqa: F401 - fixtures
from tests.web import Reply

FEEDS = Path(__file__).parents[2] / "shared" / "feeds"
START, END = "2010-01-01", "2028-01-01"

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not FEEDS.is_dir(), reason="the folder of feeds from the wild is not here"),
]


def independent(content: bytes) -> list[tuple[str, datetime, datetime]]:
    """UID, start and end of each occurrence, by the library over the whole calendar at once, and nothing of ours.

    Two events of one UID of which neither recurs are the producer's mistake; the library keeps one, we keep both.
    """
    import icalendar
    import recurring_ical_events

    (calendar,) = icalendar.Calendar.from_ical(content, multiple=True)
    zone = ZoneInfo(feed_timezone(content) or "UTC")
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


def test_one_run_imports_every_feed_as_an_independent_expansion_has_it_and_a_second_writes_nothing(home, web, run_dag):  # noqa: F811
    files = sorted(FEEDS.glob("*.ics"))
    assert files
    for file in files:
        home.add(file.stem, web.feed(Reply(file.read_bytes()), f"/{file.name}"))
    window = {"window_start": START, "window_end": END}

    first = run_dag(conf=window)

    assert (first.state, set(first.tasks.values())) == ("success", {"success"})
    assert home.rows("select name from calimport.calendars where state <> 'idle'") == []
    for file in files:
        rows = home.rows(
            "select uid, start_at, end_at from calimport.events join calimport.calendars on calendars.id = calendar_id"
            " where calendars.name = %s",
            file.stem,
        )
        assert sorted(rows) == independent(file.read_bytes()), file.name

    second = run_dag(conf=window | {"force": True})

    assert (second.state, set(second.tasks.values())) == ("success", {"success"})
    assert home.rows("select distinct dag_run_id from calimport.history") == [(first.run_id,)]
    written = home.rows(
        "select relname, n_tup_upd + n_tup_del + n_dead_tup from pg_stat_user_tables"
        " where schemaname = 'calimport' and relname in ('events', 'changes') order by 1"
    )
    assert written == [("changes", 0), ("events", 0)]
