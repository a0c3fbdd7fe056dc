"""Where a feed differs little from the one before, only what changed is read: the outcome is as if all of it were."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from calimport.errors import CalimportError
from calimport.icalendar_text import received
from calimport.normalizing import Meaning, Normalized, normalize
from calimport.sources import ics_changes
from calimport.sources.base import ParseContext
from calimport.sources.ics_changes import Changes, changes
from calimport.steps import changed
from calimport.steps import extract as extracting
from calimport.steps.changed import as_stored
from calimport.windows import Window
from tests.importing import NOW, feed
from tests.test_blocks import DIRT
from tests.web import Reply

#: Apple gives each alarm a UID, the same for each event that was copied.
ALARM = "\nBEGIN:VALARM\nUID:event-3@test\nTRIGGER:-PT15M\nACTION:DISPLAY\nEND:VALARM"


def event(number: int, **lines: str) -> str:
    """One of many events: days around the run, some series, places that nobody knows, some private."""
    day = 1 + number % 28
    given = {
        "UID": f"event-{number}@test",
        "DTSTAMP": "20261101T000000Z",
        "DTSTART": f"202611{day:02}T{8 + number % 12:02}0000Z",
        "DTEND": f"202611{day:02}T{9 + number % 12:02}0000Z",
        "SUMMARY": f"Event {number}",
        "LOCATION": f"Room {number % 3}",
    }
    if number % 7 == 0:
        given["RRULE"] = "FREQ=DAILY;COUNT=9"
    if number % 11 == 0:
        given["CLASS"] = "PRIVATE"
    return "\n".join(f"{name}:{value}" for name, value in (given | lines).items())


def override(number: int, **lines: str) -> str:
    """An instance of a series that takes place an hour later."""
    start = f"202611{2 + number % 28:02}T{8 + number % 12:02}0000Z"
    moved = {"DTSTART": f"202611{2 + number % 28:02}T213000Z", "DTEND": f"202611{2 + number % 28:02}T220000Z"}
    text = event(number, **(moved | lines)) + f"\nRECURRENCE-ID:{start}"
    return "\n".join(line for line in text.split("\n") if not line.startswith("RRULE"))


@pytest.fixture(params=["\n", "\r\n"], ids=["LF", "CRLF"])
def line_end(request):
    return request.param


def ended(text: bytes, line_end: str) -> bytes:
    return text.replace(b"\n", line_end.encode())


@pytest.fixture
def both(importer, web, monkeypatch, line_end):
    """Two calendars of one feed, of which the second is always read as a whole; how often the first was not."""
    taken = []
    whole = changed.normalize

    def normalize(step, run, *rest):
        found = None if run.name == "whole" else whole(step, run, *rest)
        if found is not None:
            taken.append(found)
        return found

    monkeypatch.setattr(changed, "normalize", normalize)
    for name in ("changed", "whole"):
        importer.add(name, web.url(f"/{name}.ics"))

    def serve(*events: str, line_end: str = line_end, **around: str) -> None:
        for name in ("changed", "whole"):
            web.routes[f"/{name}.ics"] = Reply(ended(feed(*events, **around), line_end))
        importer.run()

    return serve, taken


COLUMNS = ("uid", "recurrence_id", "start_at", "end_at", "status", "summary", "description", "location", "content_hash")


def check_same(importer) -> None:
    assert importer.rows("changed", *COLUMNS) == importer.rows("whole", *COLUMNS)
    told = "select code, subject, message, occurrences from calimport.notices where calendar_id = %s order by 1, 2"
    runs = (
        "select outcome, inserted, updated, deleted, held, rows_staged, quarantined, published_from, feed_retention"
        " from calimport.runs where calendar_id = %s order by id"
    )
    first, second = (importer.state(name)["id"] for name in ("changed", "whole"))
    for query in (told, runs):
        assert (
            importer.connection.execute(query, [first]).fetchall()
            == importer.connection.execute(query, [second]).fetchall()
        )


def test_one_changed_event_of_many_is_all_that_is_read(importer, both):
    serve, taken = both
    events = [event(number) for number in range(40)]
    serve(*events)
    events[17] = event(17, SUMMARY="Another title")

    serve(*events)

    (one,) = taken
    assert one.uids == {"event-17@test"}
    assert one.components == 40
    assert [row["summary"] for row in one.normalized.rows] == ["Another title"]
    check_same(importer)


def test_in_a_feed_with_odd_ends_of_lines_and_control_characters_one_changed_event_is_all_that_is_read(importer, both):
    serve, taken = both
    oddities = {5: "a\x0bb", 6: "a\\n\r c", 7: "\ufeffa\x85b", 8: "c\r\n d"}
    events = [event(number, DESCRIPTION=oddities.get(number, "e")) for number in range(40)]
    serve(*events)
    events[6] = event(6, SUMMARY="Another title", DESCRIPTION="a\x0bb\r c")
    serve(*events)
    assert [one.uids for one in taken] == [{"event-6@test"}]
    check_same(importer)


@pytest.mark.parametrize(
    "change",
    [
        lambda events: events.append(override(14)),
        lambda events: events.remove(event(19)),
        lambda events: events.append(event(100)),
        lambda events: events.__setitem__(14, event(14, RRULE="FREQ=DAILY;COUNT=3")),
        lambda events: events.__setitem__(16, event(16, DTSTART="20270101T100000Z", DTEND="20270101T110000Z")),
        lambda events: events.__setitem__(16, event(16, STATUS="CANCELLED", DTSTAMP="20261118T000000Z")),
        lambda events: events.__setitem__(16, event(16) + ALARM),
    ],
    ids=["an override", "one gone", "one new", "another rule", "out of the window", "cancelled", "an alarm"],
)
def test_what_changes_in_one_event_comes_out_as_if_all_were_read(importer, both, change):
    serve, taken = both
    events = [event(number) for number in range(40)]
    serve(*events)
    change(events)
    serve(*events)
    assert len(taken) == 1
    check_same(importer)


@pytest.mark.parametrize(
    "change",
    [
        lambda events: events.__setitem__(16, event(16, LOCATION="Nowhere")),
        lambda events: events.__setitem__(16, event(16, CLASS="PRIVATE")),
        lambda events: events.__setitem__(16, event(16, SEQUENCE="x")),
        lambda events: events.__setitem__(16, event(16, DTSTART="20261199T100000Z")),
        lambda events: events.__setitem__(16, event(16, DTSTART="20261001T100000Z", DTEND="20261001T110000Z")),
        lambda events: events.reverse(),
        lambda events: events.__setitem__(16, event(16, UID="")),
        lambda events: [events.__setitem__(at, event(at, SUMMARY="All anew")) for at in range(20)],
    ],
    ids=["a place", "private", "a guess", "not understood", "older than all", "another order", "no UID", "many"],
)
def test_where_more_than_events_of_their_own_may_change_everything_is_read(importer, both, change):
    serve, taken = both
    # Where places are known, a location that names none is told of, with how often it is there.
    importer.connection.execute(
        "insert into calimport.places (name, address, postcode, country) values ('Hall', 'High Street', 'M1 1AA', 'GB')"
    )
    events = [event(number) for number in range(40)]
    serve(*events)
    change(events)
    serve(*events)
    check_same(importer)
    told = {notice.code for one in taken for notice in one.normalized.notices}
    assert "event_unreadable" not in told


def test_where_lines_end_otherwise_than_before_everything_is_read_once(importer, both):
    """So it is where a feed was stored before feeds were stored as they came."""
    serve, taken = both
    events = [event(number) for number in range(40)]
    serve(*events, line_end="\n")
    for title, read_in_part in (("first", 0), ("second", 1)):
        events[17] = event(17, SUMMARY=title)
        serve(*events, line_end="\r\n")
        assert len(taken) == read_in_part
        check_same(importer)
    assert importer.history()[-1][0] == "update"


def test_rows_that_somebody_changed_are_not_taken_for_what_the_feed_said(importer, both):
    serve, taken = both
    events = [event(number) for number in range(40)]
    serve(*events)
    importer.connection.execute("update calimport.events set content_hash = decode(repeat('00', 16), 'hex')")
    events[17] = event(17, SUMMARY="Another title")
    serve(*events)
    assert taken == []
    check_same(importer)


@pytest.mark.parametrize("seed", range(4))
def test_many_random_changes_in_a_row_come_out_as_if_all_were_read_each_time(importer, both, seed):
    serve, taken = both
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    events = {number: [event(number)] for number in range(60)}
    for _ in range(8):
        for _ in range(chance.randint(1, 3)):
            number = chance.randrange(75)
            what = chance.choice(["title", "gone", "new", "override", "time", "private", "unknown place"])
            if what == "gone":
                events.pop(number, None)
            elif what == "override":
                events[number] = [event(number, RRULE="FREQ=DAILY;COUNT=5"), override(number)]
            elif what == "time":
                events[number] = [event(number, DTSTART="20261120T100000Z", DTEND="20261120T110000Z")]
            elif what == "private":
                events[number] = [event(number, CLASS="PRIVATE")]
            elif what == "unknown place":
                events[number] = [event(number, LOCATION=f"Barn {chance.randrange(9)}")]
            else:
                events[number] = [event(number, SUMMARY=f"Title {chance.random()}")]
        serve(*(one for group in events.values() for one in group))
        check_same(importer)
        importer.now += timedelta(hours=chance.randrange(3))
    assert taken


def test_what_is_rewritten_at_every_request_is_no_change(line_end):
    before = ended(feed(*(event(number) for number in range(20))), line_end)
    after = before.replace(b"DTSTAMP:20261101T000000Z", b"DTSTAMP:20261118T120000Z")
    found = changes(before, after.replace(b"Event 3", b"Event three", 1))
    assert found.uids == {"event-3@test"}
    assert b"SUMMARY:Event three" in found.after
    assert found.after.count(b"BEGIN:VEVENT") == found.before.count(b"BEGIN:VEVENT") == 1


def stamped(events: list[str], stamp: str) -> list[str]:
    """These events as a producer writes them that rewrites their stamps."""
    return [one.replace("DTSTAMP:20261101", f"DTSTAMP:{stamp}") for one in events]


def test_whether_stamps_stay_is_seen_in_the_other_events(line_end):
    events = [event(number) for number in range(20)]
    changed = [*events[:3], event(3, SUMMARY="Another title"), *events[4:]]
    touched = [*events[:5], *stamped(events[5:6], "20261118"), *events[6:]]
    versions = {
        "one changed": (changed, True),
        "one new": ([*events, event(20)], True),
        "one gone": (events[1:], True),
        "one rewritten": (touched, False),
        "one changed, one rewritten": ([*changed[:4], *touched[4:]], False),
        "one new, all rewritten": (stamped([*events, event(20)], "20261118"), False),
    }
    before = ended(feed(*events), line_end)
    found = {name: changes(before, ended(feed(*version), line_end)) for name, (version, _) in versions.items()}
    assert {name: one.stamps_stay for name, one in found.items()} == {
        name: stay for name, (_, stay) in versions.items()
    }
    assert not found["one rewritten"].uids


def seen(importer, name: str) -> list[tuple]:
    """Of each stored feed, whether stamps stayed, and whether its meaning is all of its bytes."""
    query = "select stamps_stay, meaning_hash = content_hash from calimport.feeds where calendar_id = %s order by id"
    return [tuple(row.values()) for row in importer.connection.execute(query, [importer.state(name)["id"]])]


def outcomes(importer, name: str) -> list[tuple]:
    query = "select outcome, coalesce(updated, 0) from calimport.runs where calendar_id = %s order by id"
    return [tuple(row.values()) for row in importer.connection.execute(query, [importer.state(name)["id"]])]


def test_where_stamps_stay_a_feed_means_what_its_bytes_are(importer, both, line_end):
    serve, taken = both
    events = [event(number) for number in range(40)]
    serve(*events)
    for title in ("first", "second"):
        events[17] = event(17, SUMMARY=title)
        serve(*events)
    serve(*events)  # the same bytes
    assert seen(importer, "changed") == [(None, False), (True, False), (True, True)]
    assert outcomes(importer, "changed") == [("imported", 0), ("imported", 1), ("imported", 1), ("unchanged", 0)]
    check_same(importer)
    assert len(taken) == 2

    # Its producer begins to rewrite stamps: that is seen once, and not taken for a change again.
    serve(*stamped(events, "20261118"))
    serve(*stamped(events, "20261119"))
    assert seen(importer, "changed")[3:] == [(False, True), (False, False)]
    for day in range(20, 25):
        serve(*stamped(events, f"202611{day}"))
    assert len(seen(importer, "changed")) == 5
    assert outcomes(importer, "changed")[4:] == [("imported", 0)] * 2 + [("unchanged", 0)] * 5
    assert importer.rows("changed", *COLUMNS) == importer.rows("whole", *COLUMNS)


def test_a_producer_that_rewrites_stamps_from_the_start_is_never_taken_for_one_that_changes(importer, both):
    serve, taken = both
    events = [event(number) for number in range(40)]
    for day in range(10, 20):
        if day in (13, 17):
            events[17] = event(17, SUMMARY=f"Title of {day}")
        serve(*stamped(events, f"202611{day}"))
    assert seen(importer, "changed") == [(None, False), (False, False), (False, False)]
    assert [outcome for outcome, _ in outcomes(importer, "changed")].count("unchanged") == 7
    check_same(importer)
    assert len(taken) == 2


def test_what_somebody_forces_is_compared_by_what_it_says(importer, web, monkeypatch):
    asked = []
    monkeypatch.setattr(extracting, "fetch", keeping(asked, extracting.fetch))
    importer.add("club", web.url("/club.ics"))
    for title in ("first", "second"):
        web.routes["/club.ics"] = Reply(feed(*(event(number) for number in range(20)), event(20, SUMMARY=title)))
        importer.run()
    importer.run()
    importer.run(force=True)
    assert [request.stamps_stay for request in asked] == [False, False, True, False]
    assert seen(importer, "club") == [(None, False), (True, False)]


def keeping(asked: list, fetch):
    async def kept(kind, request, http):
        asked.append(request)
        return await fetch(kind, request, http)

    return kept


ODD_UIDS = {
    "with a comma that is escaped": "tag:example.org\\,2008:7",
    "with one that is not": "tag:example.org,2008:7",
    "with backslashes": "a\\;b\\\\c",
    "folded": "a\n b\n\tc",
    "longer than an index takes": "a" * 2000,
}


@pytest.mark.parametrize("uid", ODD_UIDS.values(), ids=ODD_UIDS)
def test_an_event_whose_uid_is_odd_is_read_by_itself(importer, both, uid):
    serve, taken = both
    events = [event(number, UID=f"{uid}{number}") for number in range(40)]
    serve(*events)
    events[17] = event(17, UID=f"{uid}17", SUMMARY="Another title")
    serve(*events)
    assert [len(one.uids) for one in taken] == [1]
    check_same(importer)


def alarm(uid: str) -> str:
    return f"\nBEGIN:VALARM\nUID:{uid}\nTRIGGER:-PT15M\nACTION:DISPLAY\nDESCRIPTION:x\nEND:VALARM"


def test_events_whose_alarms_have_one_uid_are_read_each_by_itself(importer, both):
    serve, taken = both
    events = [event(number) + alarm("alarm-1") + alarm("alarm-2") for number in range(40)]
    serve(*events)
    events[17] = event(17, SUMMARY="Another title") + alarm("alarm-1") + alarm("alarm-2")
    serve(*events)
    assert [one.uids for one in taken] == [{"event-17@test"}]
    check_same(importer)


def test_an_event_whose_alarm_has_the_uid_of_another_is_read_with_that_one(line_end):
    events = [event(number) for number in range(40)]
    events[20] += alarm("event-17@test")
    events[30] += alarm("event-20@test")
    before = ended(feed(*events), line_end)
    events[17] = event(17, SUMMARY="Another title")
    found = changes(before, ended(feed(*events), line_end))
    assert found.uids == {f"event-{number}@test" for number in (17, 20, 30)}
    assert found.before.count(b"BEGIN:VEVENT") == found.after.count(b"BEGIN:VEVENT") == 3


@pytest.mark.parametrize("alarm", ["\nBEGIN:VALARM\nUID:a", "\nBEGIN:VALARM\nUID:a\nEND:VALARM\nEND:VALARM"])
def test_where_it_is_not_certain_what_belongs_to_an_alarm_everything_is_read(line_end, alarm):
    events = [event(number) for number in range(40)]
    before = ended(feed(*events), line_end)
    events[17] += alarm
    assert changes(before, ended(feed(*events), line_end)) is None


@pytest.mark.parametrize("uids", [("a\\,b", "a,b"), ("a,b", "a\\,b"), ("a;b", "a\\;b"), ("ab", "a\n b")], ids=repr)
def test_where_one_uid_is_written_in_two_ways_everything_is_read(importer, both, uids):
    serve, taken = both
    events = [event(number) for number in range(40)]
    series = event(7, UID=uids[0])
    serve(*events, series, override(7, UID=uids[1]))
    serve(*events, series, override(7, UID=uids[1], SUMMARY="Another title"))
    assert taken == []
    check_same(importer)


@pytest.mark.parametrize("changed", [["1"], ["1", "12"], ["1", "12", "123", "2", "3", "4"]], ids=len)
def test_all_components_of_a_uid_are_found_where_other_uids_begin_with_it(changed, line_end):
    uids = ["1", "12", "123", *map(str, range(2, 10)), *map(str, range(20, 100))]
    events = {uid: event(7, UID=uid) for uid in uids}
    instances = [override(7, UID=uid) for uid in ("1", "123", "20")]
    before = ended(feed(*events.values(), *instances), line_end)
    events |= {uid: event(7, UID=uid, SUMMARY="Another title") for uid in changed}
    after = ended(feed(*events.values(), *instances), line_end)
    found = changes(before, after)
    assert found.uids == set(changed)
    components = len(changed) + sum(uid in ("1", "123") for uid in changed)
    assert found.before.count(b"BEGIN:VEVENT") == found.after.count(b"BEGIN:VEVENT") == components
    assert found.after.count(b"SUMMARY:Another title") == len(changed)


def test_an_event_that_ends_like_another_begins_is_not_taken_for_it(line_end):
    events = [event(number) for number in range(20)]
    longer = [*events]
    longer[5] = event(5) + "\nX-MORE:1"
    for before, after in ((events, longer), (longer, events)):
        found = changes(*(ended(feed(*version), line_end) for version in (before, after)))
        assert found.uids == {"event-5@test"}
        assert (b"X-MORE" in found.before, b"X-MORE" in found.after) == (before is longer, after is longer)


CONTEXT = ParseContext(
    window=Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    as_of=NOW,
    timezone="UTC",
    timezone_source="default",
    max_occurrences=10_000,
)
#: What is cleaned away, or ends a line where no other ends so.
CHARACTERS = ("\r", "\n", "\r\n", "\r\r\n", "\r\n ", "\x0b", "\0", "\ufeff", "\x85")
STRUCTURE = ("\rUID:event-5@test\r", "\nEND:VEVENT\n", "\rBEGIN:VEVENT\r")


def understood(content: bytes) -> Normalized:
    return normalize(content, kind="ics", context=CONTEXT, meaning=Meaning())


def later(before: bytes, line_end: str, chance: random.Random) -> bytes:
    """A version with some dirt: lines, or characters within one."""
    lines = before.decode().split(line_end)
    for _ in range(chance.randint(1, 3)):
        behind_stamps = [number for number, line in enumerate(lines, 1) if line.startswith("DTSTAMP")]
        at = chance.choice(behind_stamps) if chance.random() < 0.2 else chance.randrange(len(lines))
        what = chance.random()
        if what < 0.4:
            lines.insert(at, chance.choice([*DIRT, "DESCRIPTION;ENCODING=QUOTED-PRINTABLE:=41", "\ufeff"]))
        elif what < 0.5:
            del lines[at]
        elif what < 0.6:
            lines.insert(chance.randrange(len(lines)), lines[at])
        elif what < 0.7:
            lines[at] = lines[at].replace("-1", "-2")
        else:
            where = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:where] + chance.choice([*CHARACTERS, *STRUCTURE]) + lines[at][where:]
    return line_end.join(lines).encode()


@pytest.fixture
def stretches(monkeypatch) -> Callable[[Callable[[], Changes | None]], Changes | None]:
    """Looks for changes event by event, and in stretches of several lengths: what is found is the same."""

    def look(find: Callable[[], Changes | None]) -> Changes | None:
        found = []
        for length in (1, 100, 1000, 3000, 8192):
            monkeypatch.setattr(ics_changes, "_AT_ONCE", length)
            found.append(find())
        assert all(one == found[0] for one in found)
        return found[0]

    return look


#: As Outlook has them, which are folded, and Localist, which have a comma.
UIDS = {"plain": "event-{}@test", "folded": f"{'0400E0' * 12}\n {'10' * 20}{{}}", "escaped": "tag:test\\,2008:event-{}"}


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
@pytest.mark.parametrize("seed", range(10))
def test_dirt_in_a_later_version_is_seen_where_only_what_differs_is_looked_at(seed, uid, line_end, stretches):
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    events = [
        event(number, UID=uid.format(number)) + (ALARM if number % 6 == 0 else alarm("any") if number % 5 == 0 else "")
        for number in range(30)
    ] + [override(number, UID=uid.format(number)) for number in (7, 14)]
    before = ended(feed(*events), line_end)
    there = understood(before)
    looked_at = 0
    for _ in range(30):
        try:
            after = received(later(before, line_end, chance))
            whole = understood(after)
        except CalimportError:
            continue
        found = stretches(lambda: changes(before, after, apart=True))  # noqa: B023 - it is called here
        assert found == changes(before, after)
        uids = as_stored(found.uids) if found is not None else None
        if uids is None:
            continue
        old, new = understood(found.before), understood(found.after)
        known = [line for row, line in zip(there.rows, there.lines, strict=True) if row["uid"] in uids]
        apart = all(one.parsed.events_apart and {row["uid"] for row in one.rows} <= uids for one in (old, new))
        if not apart or sorted(known) != sorted(old.lines) or any(one.keeps_uid for one in new.notices):
            continue  # and so says whoever compares (`steps/changed.py`)
        others = [line for row, line in zip(there.rows, there.lines, strict=True) if row["uid"] not in uids]
        assert sorted(others + new.lines) == sorted(whole.lines)
        assert not any(one.keeps_uid for one in whole.notices)
        looked_at += 1
        # What is known of a version of which a part was read is known of the next.
        before, there = after, whole
    assert looked_at >= 3


def test_whether_each_event_can_be_read_by_itself_is_remembered(importer, both):
    serve, taken = both
    events = [event(number) for number in range(40)]
    serve(*events)
    serve(*events[:-1], event(39) + "\nEND:VCALENDAR\nBEGIN:VCALENDAR")
    serve(*events)
    serve(*events[:-1], event(39, SUMMARY="Another title"))
    remembered = "select events_apart from calimport.runs where calendar_id = %s order by id"
    found = importer.connection.execute(remembered, [importer.state("changed")["id"]]).fetchall()
    assert [row["events_apart"] for row in found] == [True, False, True, True]
    assert len(taken) == 1
    check_same(importer)


@pytest.mark.parametrize("uid", ["", " ", "\rUID:event-5@test\r", "event-16@test\rX:1", "event-16@test\r b"])
def test_an_event_whose_uid_may_be_another_is_read_with_all_others(uid, line_end):
    events = [event(number) for number in range(20)]
    before = ended(feed(*events), line_end)
    events[16] = event(16, UID=uid)
    assert changes(before, ended(feed(*events), line_end)) is None


def test_a_calendar_that_says_something_else_of_itself_is_read_as_a_whole():
    events = [event(number) for number in range(20)]
    assert changes(feed(*events), feed(*events, head="X-WR-TIMEZONE:Europe/Paris\n")) is None
