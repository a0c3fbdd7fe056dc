"""Every feed that we have, with one event more that changes: the next import is as if all of it were read.

The others' rows are staged as they are (`steps/changed.py`), whatever oddity each feed was written for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from calimport import clusters
from calimport.errors import CalimportError
from calimport.icalendar_text import clean, has_crlf, received
from calimport.steps import changed
from tests.web import Reply

CORPUS = Path(__file__).parent / "feeds"
WILD = Path(__file__).parents[2] / "shared" / "feeds"
#: Where nearly all claims of the corpus have their events.
NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)
#: So many that one of them is less than a fifth of any feed.
MORE = 12
WITH_WILD = pytest.mark.skipif(not WILD.is_dir(), reason="the folder is not here")


def with_more(content: bytes, title: str) -> bytes:
    """The feed with further events before its end, the last of this title; their lines end as its first one."""
    at = content.rfind(b"END:VCALENDAR")
    events = "".join(
        f"BEGIN:VEVENT\nUID:further-{number}@test\nDTSTAMP:20260101T000000Z\nDTSTART:202601{10 + number}T100000Z\n"
        f"DURATION:PT1H\nSUMMARY:{'Further' if number < MORE - 1 else title}\nEND:VEVENT\n"
        for number in range(MORE)
    )
    events = events.replace("\n", "\r\n") if has_crlf(content) else events
    return content[:at] + events.encode() + content[at:]


def versions(folder: Path, form: str) -> Iterator[tuple[str, bytes, bytes]]:
    """Each feed's name, it, and how it is later."""
    for path in sorted(folder.glob("*.ics")):
        try:
            came = path.read_bytes()
            content = received(came) if form == "as it came" else clean(came)
        except CalimportError:
            continue  # refused before anything is read
        if b"END:VCALENDAR" in content:
            yield path.stem, with_more(content, "Before"), with_more(content, "After")


def with_another_title(content: bytes) -> bytes:
    """The feed after the title of an event in its middle was changed."""
    ends = [found.end() for found in re.finditer(rb"\nSUMMARY[:;][^\r\n]*+(?:\r?\n[ \t][^\r\n]*+)*+", content)]
    at = ends[len(ends) // 2]
    return content[:at] + b" changed" + content[at:]


#: What the next import left in a calendar.
OUTCOME = [
    f"select {columns} from calimport.{table} where calendar_id = (select id from calimport.calendars where name = %s)"  # noqa: S608 - ours
    f" order by {order}"
    for table, columns, order in [
        (
            "events",
            "uid, recurrence_id, start_at, end_at, all_day, status, summary, content_hash",
            "uid, recurrence_id",
        ),
        ("notices", "code, subject, message, occurrences", "code, subject"),
        ("runs", "outcome, error_class, inserted, updated, deleted, held, rows_staged, quarantined", "id"),
    ]
]


def outcome(importer, calendar: str) -> list[object]:
    return [importer.connection.execute(query, [calendar]).fetchall() for query in OUTCOME]


@pytest.mark.parametrize(
    ("folder", "form", "one_in", "at_least"),
    [
        (CORPUS, "as it came", 1, 500),
        # Its lines end with LF then, and in all other ways it is the same: one in five, for the time that it takes.
        (CORPUS, "cleaned", 5, 100),
        pytest.param(WILD, "as it came", 1, 15, marks=WITH_WILD),
        pytest.param(WILD, "cleaned", 1, 15, marks=WITH_WILD),
    ],
)
def test_the_next_import_of_every_feed_is_as_if_all_of_it_were_read(
    importer, web, monkeypatch, folder, form, one_in, at_least
):
    feeds = list(versions(folder, form))[::one_in]
    assert len(imported_twice(importer, web, monkeypatch, feeds)) >= at_least


@WITH_WILD
def test_one_of_their_own_events_is_all_that_is_read_of_feeds_from_the_wild(importer, web, monkeypatch):
    contents = {path.stem: received(path.read_bytes()) for path in sorted(WILD.glob("*.ics"))}
    feeds = [
        (name, content, with_another_title(content))
        for name, content in contents.items()
        if content.count(b"BEGIN:VEVENT") > 5
    ]
    assert imported_twice(importer, web, monkeypatch, feeds) == {f"{name} changed" for name, _, _ in feeds}


def imported_twice(importer, web, monkeypatch, feeds: list[tuple[str, bytes, bytes]]) -> set[str]:
    """The names of those of which the second time only a part was read; the outcome is that of reading all."""
    read_in_part = set()
    normalize = changed.normalize

    def of_half(step, run, *rest):
        found = normalize(step, run, *rest) if run.name.endswith(" changed") else None
        if found is not None:
            read_in_part.add(run.name)
        return found

    monkeypatch.setattr(changed, "normalize", of_half)
    # Half of the feeds have an event of the UID "a": duplicates are another matter, and take minutes here.
    monkeypatch.setattr(clusters, "refresh", lambda connection: 0)
    importer.now = NOW
    for name, before, _ in feeds:
        for way in ("changed", "whole"):
            source = web.feed(Reply(before), f"/{name}/{way}.ics")
            importer.add(f"{name} {way}", source, days_back=60, days_ahead=90)
    importer.run()
    for name, _, after in feeds:
        for way in ("changed", "whole"):
            web.routes[f"/{name}/{way}.ics"] = Reply(after)
    importer.run()

    differing = [
        name for name, _, _ in feeds if outcome(importer, f"{name} changed") != outcome(importer, f"{name} whole")
    ]
    assert differing == []
    return read_in_part
