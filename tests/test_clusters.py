"""The same event in several calendars: what matches and why, clusters that stay true, and what a person says."""

from __future__ import annotations

import random

import pytest
from click.testing import CliRunner

from calimport import clusters, database
from calimport.cli import main
from calimport.errors import ConfigurationError
from tests.importing import Importer, feed
from tests.plans import rows_passed
from tests.web import Reply

AT_TEN, AT_ELEVEN = "20261119T100000Z", "20261119T110000Z"


def event(uid: str, title: str, location: str = "Hall, M1 1AA", start: str = AT_TEN, *more: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{start}", f"SUMMARY:{title}", f"LOCATION:{location}", *more])


def serve_feeds(importer: Importer, web, **feeds: list[str]) -> None:
    """A calendar for each, or its new feed; and a run."""
    for name, events in feeds.items():
        address = web.feed(Reply(feed(*events)), f"/{name}.ics")
        if not importer.one("select count(*) from calimport.calendars where name = %s", name):
            importer.add(name, address)
    importer.run(force=True)


def found(importer: Importer) -> list[tuple[str, list[str]]]:
    """Each cluster: the calendar and title of its canonical row, then of the others."""
    rows = importer.connection.execute(
        "select cluster_id, calendars.name || ' ' || coalesce(summary, '') as row from calimport.event_clusters"
        " join calimport.calendars on calendars.id = calendar_id order by cluster_id, is_canonical desc, event_id"
    ).fetchall()
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row["cluster_id"], []).append(row["row"])
    return list(found.values())


def event_id(importer: Importer, calendar: str, uid: str = "a") -> int:
    return importer.one(
        "select min(events.id) from calimport.events join calimport.calendars on calendars.id = calendar_id"
        " where name = %s and uid = %s",
        calendar,
        uid,
    )


#: Two events of two calendars, and score and reasons of their match; None: they are two events.
MATCHES = {
    "same UID": (event("a", "Yoga"), event("a", "Yoga", ""), (1.0, ["same UID"])),
    "same UID, masked": (event("a", "Yoga"), event("a", "Busy", ""), (1.0, ["same UID"])),
    "same UID, moved in one": (event("a", "Yoga"), event("a", "Yoga", "", AT_ELEVEN), (0.9, ["same UID"])),
    "UIDs that are numbers": (event("1", "Yoga"), event("1", "Chess", "", AT_ELEVEN), None),
    "same in all": (
        event("a", "Yoga"),
        event("b", "Yoga"),
        (1.0, ["same place", "same start", "same title"]),
    ),
    "same UID and all": (
        event("a", "Yoga"),
        event("a", "Yoga"),
        (1.0, ["same UID", "same place", "same start", "same title"]),
    ),
    "spelling": (
        event("a", "The Café\\, Yoga!"),
        event("b", "yoga — cafe", "HALL M1 1AA"),
        (1.0, ["same place", "same start", "same title"]),
    ),
    "apostrophe": (
        event("a", "St. John’s Fair"),
        event("b", "St John's fair"),
        (1.0, ["same place", "same start", "same title"]),
    ),
    "similar title": (
        event("a", "Yoga class"),
        event("b", "Yoga"),
        (0.78, ["same place", "same start", "similar title"]),
    ),
    "similar place": (
        event("a", "Yoga", "Hall\\, 1 High Street\\, M1 1AA"),
        event("b", "Yoga", "Hall\\, M1 1AA"),
        (0.89, ["same start", "same title", "similar place"]),
    ),
    "same link": (
        event("a", "Talk", "https://zoom.us/j/123456789"),
        event("b", "Talk", "https://zoom.us/j/123456789"),
        (1.0, ["same place", "same start", "same title"]),
    ),
    "other title": (event("a", "Yoga class"), event("b", "Chess class"), None),
    "other place": (event("a", "Yoga"), event("b", "Yoga", "Library, M2 2BB"), None),
    "other start": (event("a", "Yoga"), event("b", "Yoga", "Hall, M1 1AA", AT_ELEVEN), None),
    "no place": (event("a", "Lunch", ""), event("b", "Lunch", ""), None),
    "one without place": (event("a", "Lunch"), event("b", "Lunch", ""), None),
    "no title": (event("a", ""), event("b", ""), None),
    "only little words": (event("a", "The"), event("b", "Of"), None),
    "all-day and timed": (
        event("a", "Fair").replace(AT_TEN, "20261119T000000Z"),
        event("b", "Fair").replace(f":{AT_TEN}", ";VALUE=DATE:20261119"),
        None,
    ),
}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("name", MATCHES)
def test_what_matches_and_why(importer, web, name, at_once):
    one, other, expected = MATCHES[name]

    if not at_once:
        serve_feeds(importer, web, one=[one])
    serve_feeds(importer, web, one=[one], other=[other])

    rows = importer.connection.execute("select score, reasons from calimport.event_matches").fetchall()
    assert [(row["score"], row["reasons"]) for row in rows] == ([expected] if expected else [])
    assert importer.one("select count(*) from calimport.canonical_events") == (1 if expected else 2)


def test_duplicates_within_one_calendar_are_its_own_affair(importer, web):
    serve_feeds(importer, web, one=[event("a", "Yoga"), event("b", "Yoga")])
    assert found(importer) == []


def test_the_same_event_in_three_calendars_is_one_cluster(importer, web):
    feeds = {name: [event(name, "Yoga", "Hall, M1 1AA", AT_TEN, "DESCRIPTION:" + text)] for name, text in
             {"a": "Short", "b": "Much longer", "c": "Long"}.items()}  # fmt: skip

    serve_feeds(importer, web, **feeds)

    assert found(importer) == [["b Yoga", "a Yoga", "c Yoga"]]
    assert importer.one("select string_agg(uid, ',') from calimport.canonical_events") == "b"
    assert importer.one("select count(*) from calimport.events") == 3


def test_the_one_that_takes_place_stands_for_its_cluster(importer, web):
    serve_feeds(
        importer, web, a=[event("x", "Yoga", "Hall, M1 1AA", AT_TEN, "STATUS:CANCELLED")], b=[event("x", "Yoga")]
    )
    assert found(importer) == [["b Yoga", "a Yoga"]]


def test_each_date_of_a_series_is_a_cluster(importer, web):
    weekly = event("a", "Yoga", "Hall, M1 1AA", "20261112T100000Z", "RRULE:FREQ=WEEKLY;COUNT=2")
    serve_feeds(importer, web, one=[weekly], other=[weekly.replace("UID:a", "UID:b")])
    assert found(importer) == [["one Yoga", "other Yoga"], ["one Yoga", "other Yoga"]]


#: What becomes of a cluster of three when the feeds of some change.
AFTER = {
    "nothing": ({}, [["a Yoga", "b Yoga", "c Yoga"]]),
    "moved": ({"b": [event("b", "Yoga", "Hall, M1 1AA", AT_ELEVEN)]}, [["a Yoga", "c Yoga"]]),
    "renamed": ({"b": [event("b", "Chess")]}, [["a Yoga", "c Yoga"]]),
    "first deleted": ({"a": [event("z", "Chess")]}, [["b Yoga", "c Yoga"]]),
    "two deleted": ({"a": [event("z", "Chess")], "b": [event("y", "Tea")]}, []),
    "another comes": ({"d": [event("d", "Yoga")]}, [["a Yoga", "b Yoga", "c Yoga", "d Yoga"]]),
}


@pytest.mark.parametrize("name", AFTER)
def test_clusters_follow_what_changes(importer, web, name):
    changes, expected = AFTER[name]
    serve_feeds(importer, web, a=[event("a", "Yoga")], b=[event("b", "Yoga")], c=[event("c", "Yoga")])
    ids = importer.connection.execute("select id from calimport.events order by id").fetchall()

    serve_feeds(importer, web, **changes)

    assert found(importer) == expected
    if name == "nothing":
        assert importer.connection.execute("select id from calimport.events order by id").fetchall() == ids


def test_a_cluster_without_its_calendar_is_found_anew(importer, web):
    serve_feeds(importer, web, a=[event("a", "Yoga")], b=[event("b", "Yoga")], c=[event("c", "Yoga")])
    importer.connection.execute("delete from calimport.calendars where name = 'a'")
    clusters.refresh(importer.connection)
    assert found(importer) == [["b Yoga", "c Yoga"]]


def test_what_a_killed_report_left_the_next_one_does(importer, web):
    serve_feeds(importer, web, a=[event("a", "Yoga")], b=[event("b", "Yoga")])
    importer.connection.execute("delete from calimport.event_matches")
    importer.connection.execute("delete from calimport.event_cluster_members")
    importer.connection.execute("update calimport.runs set clustered = false")
    assert (clusters.refresh(importer.connection), clusters.refresh(importer.connection)) == (2, 0)
    assert found(importer) == [["a Yoga", "b Yoga"]]


@pytest.mark.parametrize(("most_rows", "at_once"), [(1, 9), (3, 2), (7, 7), (1000, 1), (1000, 5), (1000, 1000)])
def test_however_many_rows_are_looked_at_at_once_the_clusters_are_the_same(importer, web, most_rows, at_once):
    draw = random.Random(5)  # noqa: S311 - examples, no secrets
    words = ["choir", "yoga", "club", "late", "new"]
    starts = [f"20261119T{hour}0000Z" for hour in (10, 11, 12)]
    feeds = {
        f"c{number:02}": [
            event(f"u{draw.randrange(9)}", " ".join(draw.sample(words, 2)), start=draw.choice(starts)),
            event(f"v{number}", "Choir"),
        ]
        for number in range(12)
    }
    serve_feeds(importer, web, **feeds)
    expected = found(importer)
    importer.connection.execute("delete from calimport.event_matches")
    importer.connection.execute("delete from calimport.event_cluster_members")
    importer.connection.execute("update calimport.runs set clustered = false")

    with importer.connection.transaction(force_rollback=True):
        database.run(importer.connection, "clusters/find_touched", event_ids=[], most_rows=most_rows)
        done = importer.one("select count(*) from calimport.runs where clustered")
    clusters.refresh(importer.connection, most_rows=most_rows, at_once=at_once)

    # Runs of two rows each: as many as it takes to reach so many rows.
    assert done == min(-(-most_rows // 2), 12)
    assert max(map(len, expected)) > 10
    assert found(importer) == expected


def test_what_a_person_says_stays(importer, web):
    serve_feeds(importer, web, a=[event("a", "Yoga")], b=[event("b", "Yoga")], c=[event("c", "Chess", "Library")])

    clusters.split(importer.connection, event_id(importer, "b", "b"))
    assert found(importer) == []
    clusters.join(importer.connection, event_id(importer, "a"), event_id(importer, "c", "c"))
    assert found(importer) == [["a Yoga", "c Chess"]]

    # Also when all of them change, and when they go and come back.
    longer = {name: [event(name, title)] for name, title in {"a": "Yoga now", "b": "Yoga now", "c": "Go"}.items()}
    serve_feeds(importer, web, **longer)
    assert found(importer) == [["a Yoga now", "c Go"]]
    serve_feeds(importer, web, c=[event("z", "Tea", "Café")])
    assert found(importer) == []
    serve_feeds(importer, web, c=[event("c", "Go", "Library")])
    assert found(importer) == [["a Yoga now", "c Go"]]

    assert clusters.undo(importer.connection, event_id(importer, "c", "c")) == 1
    assert clusters.undo(importer.connection, event_id(importer, "b", "b")) == 1
    assert found(importer) == [["a Yoga now", "b Yoga now"]]


def test_a_series_is_joined_on_all_its_dates(importer, web):
    weekly = event("a", "Yoga", "Hall", "20261112T100000Z", "RRULE:FREQ=WEEKLY;COUNT=2")
    serve_feeds(importer, web, a=[weekly], b=[weekly.replace("Yoga", "Chess").replace("UID:a", "UID:b")])
    clusters.join(importer.connection, event_id(importer, "a"), event_id(importer, "b", "b"))
    assert found(importer) == [["a Yoga", "b Chess"], ["a Yoga", "b Chess"]]


def test_an_event_is_not_joined_with_itself(importer, web):
    serve_feeds(importer, web, a=[event("a", "Yoga")])
    one = event_id(importer, "a")
    with pytest.raises(ConfigurationError, match="dates of one event"):
        clusters.join(importer.connection, one, one)
    with pytest.raises(ConfigurationError, match="There is no event 99"):
        clusters.split(importer.connection, 99)


def test_the_command_lists_joins_splits_and_undoes(importer, web):
    serve_feeds(importer, web, a=[event("a", "Yoga")], b=[event("b", "Yoga")])
    one, other = event_id(importer, "a"), event_id(importer, "b", "b")
    printed = [
        CliRunner().invoke(main, ["duplicates", *arguments]).output
        for arguments in (["list"], ["split", str(one)], ["list"], ["join", str(one), str(other)], ["undo", str(one)])
    ]
    assert printed == [
        f"2026-11-19 10:00Z  Yoga\n  * {one}  a  1.00: same place, same start, same title\n"
        f"    {other}  b  1.00: same place, same start, same title\n",
        f"Split {one} off.\n",
        "No duplicates.\n",
        f"Joined {one} and {other}.\n",
        f"Forgot 2 of {one}.\n",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Café, Straße & Co.", ["cafe", "co", "straße"]),
        ("St. John's / St John’s", ["johns", "st"]),
        ("Yoga yoga YOGA", ["yoga"]),
        ("The", ["the"]),
        ("東京 2026", ["2026", "東京"]),
        ("", []),
        (None, []),
    ],
)
def test_words_are_compared_without_case_accents_and_punctuation(connection, text, words):
    assert connection.execute("select calimport.words(%s) as found", [text]).fetchone()["found"] == words


def fill(
    importer: Importer, calendars: int, events: int, *, uid: str, title: str, place: str, later: str = "0"
) -> list[int]:
    """Calendars `c` with events `e`, an hour after each other, by SQL expressions; the ids of the rows."""
    importer.connection.execute(
        "insert into calimport.calendars (name, source)"
        " select 'c' || n, 'https://example.org/' || n from generate_series(1, %s) as n",
        [calendars],
    )
    importer.connection.execute(
        "insert into calimport.events (calendar_id, uid, summary, location, start_at, end_at, all_day, status,"  # noqa: S608 - no input
        " categories, attendees, visibility, transparency, reminders, is_recurring, content_hash, first_run_id,"
        f" last_run_id) select id, {uid}, {title}, {place},"
        f" '2026-11-19Z'::timestamptz + e * interval '1 hour' + {later} * interval '1 second', '2026-11-30Z', false,"
        " 'confirmed', '{}', '[]', 'default', 'opaque', '{}', false, decode(repeat('00', 16), 'hex'), 1, 1"
        f" from calimport.calendars, substr(name, 2) as c, generate_series(1, {events}) as e".encode()
    )
    importer.connection.execute("analyze calimport.events")
    return [row["id"] for row in importer.connection.execute("select id from calimport.events")]


def test_many_calendars_with_one_event_make_as_many_pairs_and_not_their_square(importer):
    """300 calendars have the same holiday, and each 20 events of its own at the hours that all have."""
    title = "case when e = 1 then 'New Year' else 'Class ' || c || e end"
    ids = fill(importer, 300, 21, uid="c || '-' || e", title=title, place="'Hall'")

    assert clusters.refresh(importer.connection, ids) == 6300

    assert importer.one("select count(*) from calimport.event_matches") == 299
    assert importer.one("select count(*) from calimport.canonical_events") == 6300 - 299


#: What many calendars `c` have in common at the hours `e`, as SQL, and whether it is one event.
COPIES: dict[str, tuple[dict[str, str], bool]] = {
    "one feed": ({"uid": "'u' || e", "title": "'Class ' || e", "place": "'Hall'"}, True),
    "one UID, other titles": ({"uid": "'u' || e", "title": "'Class of ' || c", "place": "'Hall'"}, True),
    "one UID, other times": (
        {"uid": "'u' || e", "title": "'Big class ' || c", "place": "null", "later": "c::int"},
        True,
    ),
    "UIDs that are numbers": (
        {"uid": "e::text", "title": "'Class ' || c", "place": "'Hall'", "later": "c::int"},
        False,
    ),
    "similar titles": ({"uid": "c || '-' || e", "title": "'Big class ' || c", "place": "'Hall'"}, True),
    "titles with words in common": ({"uid": "c || '-' || e", "title": "'Class ' || c", "place": "'Hall'"}, False),
    "similar places": ({"uid": "c || '-' || e", "title": "'Closed'", "place": "'Hall ' || c || ' Street'"}, True),
    "other places": ({"uid": "c || '-' || e", "title": "'Closed'", "place": "c || ' Street M' || c || 'x'"}, False),
}


def test_what_starts_at_one_time_is_read_once(importer, monkeypatch):
    """All of it is read to be compared, so that pieces of one start would each read the whole."""
    fill(importer, 30, 4, uid="c || '-' || e", title="'Class ' || c || e", place="'Hall'")
    rows = importer.connection.execute("select id, start_at from calimport.events").fetchall()
    starts = {row["id"]: row["start_at"] for row in rows}
    taken = []
    match = clusters._match
    monkeypatch.setattr(clusters, "_match", lambda connection, ids: (taken.append(ids), match(connection, ids)))

    assert clusters.refresh(importer.connection, list(starts), at_once=40) == 120

    assert [len(ids) for ids in taken] == [60, 60]
    assert [len({starts[one] for one in ids}) for ids in taken] == [2, 2]


@pytest.mark.parametrize("name", COPIES)
def test_the_work_grows_with_the_rows_and_not_with_the_square_of_their_copies(importer, name):
    columns, is_one = COPIES[name]
    passed = {}
    for calendars in (80, 240):
        ids = fill(importer, calendars, 2, **columns)
        parameters = {"event_ids": ids, "block": clusters._BLOCK, "neighbours": clusters._NEIGHBOURS}
        passed[calendars] = rows_passed(importer.connection, database.sql("clusters/match"), parameters)
        clusters.refresh(importer.connection, ids)
        pairs = importer.one("select count(*) from calimport.event_matches")
        assert [row["n"] for row in importer.connection.execute(
            "select count(*) as n from calimport.event_cluster_members group by cluster_id"
        )] == ([calendars] * 2 if is_one else [])  # fmt: skip
        assert pairs <= 5 * len(ids)
        importer.connection.execute("delete from calimport.calendars")

    # Three times the rows. Their square would be nine times.
    assert passed[240] < 5 * passed[80]


def test_of_what_starts_at_one_time_only_what_shares_a_word_is_compared(importer):
    ids = fill(importer, 400, 1, uid="c", title="'x' || c || 'x y' || c || 'y'", place="'Hall'")
    parameters = {"event_ids": ids[:3], "block": clusters._BLOCK, "neighbours": clusters._NEIGHBOURS}

    # Each is read, to see whether it shares a word; all that comes after would read each some twenty times.
    assert 400 < rows_passed(importer.connection, database.sql("clusters/match"), parameters) < 5 * 400


def test_what_has_a_rare_word_in_common_is_found_among_however_many_that_share_the_others(importer):
    """200 titles of one hour in one hall, each in two calendars, once with a word more."""
    title = "'Open ' || (c::int + 1) / 2 || ' x' || (c::int + 1) / 2 || repeat(' today', c::int % 2)"
    ids = fill(importer, 400, 1, uid="c", title=title, place="'Hall'")

    clusters.refresh(importer.connection, ids)

    sizes = importer.connection.execute(
        "select count(*) as n from calimport.event_cluster_members group by cluster_id"
    ).fetchall()
    assert [row["n"] for row in sizes] == [2] * 200


def test_titles_are_compared_by_their_rare_words_without_missing_a_pair(importer, web):
    """As all pairs of rows would be found by comparing each with each."""
    words = ["choir", "yoga", "club", "open", "late", "new", "film", "night", "big", "tea"]
    draw = random.Random(7)  # noqa: S311 - examples, no secrets
    titles = sorted({" ".join(draw.sample(words, draw.randint(1, 6))) for _ in range(60)})
    titles = list({frozenset(title.split()): title for title in titles}.values())
    feeds = {f"c{number:02}": [event(f"u{number}", title)] for number, title in enumerate(titles)}

    serve_feeds(importer, web, **feeds)

    sets = [set(title.split()) for title in titles]
    expected = {
        (titles[one], titles[other])
        for one in range(len(titles))
        for other in range(one + 1, len(titles))
        if 2 * len(sets[one] & sets[other]) / (len(sets[one]) + len(sets[other])) >= 0.6
    }
    pairs = importer.connection.execute(
        "select one.summary as one, other.summary as other from calimport.event_matches"
        " join calimport.events as one on one.id = event_id join calimport.events as other on other.id = other_event_id"
    ).fetchall()
    assert len(expected) > 100
    assert {tuple(sorted(pair.values())) for pair in pairs} == {tuple(sorted(pair)) for pair in expected}
