"""Privacy: what is kept of private events, of people and of texts; and erasure that leaves nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner
from psycopg import sql

from calimport import frame, privacy
from calimport.cli import main
from calimport.errors import ConfigurationError, CredentialsMissing
from calimport.privacy import BUSY, BUSY_KEEPS, FIELDS, POLICIES, RULES, Privacy, busy, digest
from calimport.steps.mirrors import decompressed
from tests.importing import Importer, feed
from tests.web import Reply

KEY = b"a key of these tests"
EVENT = """
UID:one
DTSTART;TZID=Europe/London:20261119T100000
DTEND;TZID=Europe/London:20261119T120000
TRANSP:TRANSPARENT
CLASS:{}
SUMMARY:Therapy
DESCRIPTION:With Dr Marker https://zoom.us/j/123456789
LOCATION:1 Marker Street\\, London SW1A 1AA
URL:https://example.org/marker
CATEGORIES:Marker
COLOR:red
ORGANIZER;CN=Marker:mailto:marker@example.org
ATTENDEE;CN=Marker;PARTSTAT=ACCEPTED:mailto:marker@example.org
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT10M
END:VALARM
"""


@pytest.fixture
def hash_key(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_HASH", json.dumps({"conn_type": "generic", "password": KEY.decode()}))


def test_every_column_of_the_frame_is_kept_or_masked_when_busy():
    assert (BUSY.keys() | BUSY_KEEPS, BUSY.keys() & BUSY_KEEPS) == (set(frame.NAMES), set())


@pytest.mark.parametrize("said", ["PRIVATE", "CONFIDENTIAL", "private"])
def test_private_events_are_skipped(importer, web, said):
    importer.add("club", web.feed(Reply(feed(EVENT.format(said)))))
    importer.run()
    assert importer.rows("club", "uid") == []
    assert importer.one("select message from calimport.notices") == "Private events were left out: 1."


MASKED = EVENT.format("PUBLIC").replace("DESCRIPTION:With", "DESCRIPTION:#placecal-ignore With")


@pytest.mark.parametrize(
    ("event", "visibility", "notice"),
    [
        (EVENT.format("PRIVATE"), "private", 'Private events were kept as "Busy": 1.'),
        (EVENT.format("CONFIDENTIAL"), "confidential", 'Private events were kept as "Busy": 1.'),
        (MASKED, "public", 'Events marked #placecal-ignore were kept as "Busy": 1.'),
    ],
)
def test_private_and_marked_events_are_kept_as_busy_with_every_field_masked(importer, web, event, visibility, notice):
    importer.add("club", web.feed(Reply(feed(event))), private_events="busy")

    importer.run()

    row = importer.connection.execute("select * from calimport.events").fetchone()
    assert {name: row[name] for name in BUSY} == dict(BUSY)
    assert (row["start_at"].isoformat(), row["end_at"].isoformat()) == (
        "2026-11-19T10:00:00+00:00",
        "2026-11-19T12:00:00+00:00",
    )
    assert (row["transparency"], row["visibility"], row["timezone"]) == ("transparent", visibility, "Europe/London")
    assert [one["message"] for one in importer.connection.execute("select message from calimport.notices")] == [notice]
    kept = importer.connection.execute("select events.*::text, changes.* from calimport.events, calimport.changes")
    assert "arker" not in str(kept.fetchall())
    assert importer.one("select count(*) from calimport.reminders") == 0


@pytest.mark.parametrize("marker", ["#mine", "*mine*", "<mine>", "[mine](x)", "_mine_", "1. mine", "mine & only"])
def test_a_marker_may_hold_what_markdown_escapes(importer, web, marker):
    importer.settings = replace(importer.settings, ignore_marker=marker)
    said = "UID:{}\nDTSTART:20261119T100000Z\nSUMMARY:A\nDESCRIPTION:{}"
    importer.add("club", web.feed(Reply(feed(said.format("one", f"So {marker} it is"), said.format("two", "mine")))))
    importer.run()
    assert importer.rows("club", "uid") == [("two",)]


def test_another_treatment_changes_the_rows_at_the_next_import_of_the_same_feed(importer, web):
    importer.add("club", web.feed(Reply(feed(EVENT.format("PRIVATE")))))
    seen = []
    for treatment in ("skip", "busy", "skip"):
        importer.connection.execute("update calimport.calendars set private_events = %s", [treatment])
        importer.run()
        seen.append(importer.rows("club", "summary"))
    assert seen == [[], [("Busy",)], []]


ANNA = {"name": "Anna", "email": "Anna@Example.org", "status": "accepted"}
ROOM = {"name": "Room 5", "email": None, "status": "needs-action"}
ANNAS = digest("anna@example.org", KEY)
ROOMS = digest("room 5", KEY)


@pytest.mark.parametrize(
    ("name", "policy", "given", "expected"),
    [
        ("attendees", "keep", [ANNA, ROOM], [ANNA, ROOM]),
        (
            "attendees",
            "mask",
            [ANNA, ROOM],
            [
                {"name": None, "email": None, "status": "accepted"},
                {"name": None, "email": None, "status": "needs-action"},
            ],
        ),
        (
            "attendees",
            "hash",
            [ANNA, ROOM],
            [
                {"name": None, "email": ANNAS, "status": "accepted"},
                {"name": None, "email": ROOMS, "status": "needs-action"},
            ],
        ),
        ("attendees", "hash", [{"name": None, "email": None}], [{"name": None, "email": None}]),
        ("attendees", "drop", [ANNA, ROOM], []),
        ("organizer", "keep", {"name": "A", "email": None}, {"name": "A", "email": None}),
        ("organizer", "mask", {"name": "A", "email": "a@b.c"}, {"name": None, "email": None}),
        ("organizer", "hash", {"name": "A", "email": " ANNA@example.org"}, {"name": None, "email": ANNAS}),
        ("organizer", "hash", None, None),
        ("organizer", "drop", {"name": "A", "email": "a@b.c"}, None),
        ("description", "keep", "text", "text"),
        ("description", "mask", "text", "(hidden)"),
        ("description", "mask", None, None),
        ("description", "hash", "text", digest("text", KEY)),
        ("description", "drop", "text", None),
    ],
)
def test_each_policy_of_each_field(name, policy, given, expected):
    assert RULES[name][policy](given, KEY) == expected


def test_there_is_a_rule_for_each_policy_of_each_field():
    assert {name: tuple(rules) for name, rules in RULES.items()} == dict.fromkeys(FIELDS, POLICIES)


def test_a_hash_is_nothing_without_its_key():
    assert digest("anna@example.org", KEY) != digest("anna@example.org", b"another key of these tests")
    assert digest("anna@example.org", KEY) == "hash:" + digest("anna@example.org", KEY)[5:].lower()
    assert len(digest("anna@example.org", KEY)) == 37
    assert KEY.decode() not in repr(Privacy(key=KEY))


def test_policies_govern_the_rows_of_an_import(importer, web, hash_key):
    policies = {"attendees_policy": "hash", "organizer_policy": "mask", "description_policy": "drop"}
    importer.add("club", web.feed(Reply(feed(EVENT.format("PUBLIC")))), **policies)

    importer.run()

    assert importer.rows("club", "attendees", "organizer", "description", "online_url") == [
        (
            [{"name": None, "email": digest("marker@example.org", KEY), "status": "accepted"}],
            {"name": None, "email": None},
            None,
            "https://zoom.us/j/123456789",
        )
    ]


def test_another_policy_and_another_key_change_the_rows_at_the_next_import(importer, web, hash_key, monkeypatch):
    importer.add("club", web.feed(Reply(feed(EVENT.format("PUBLIC")))))
    importer.run()
    importer.connection.execute("update calimport.calendars set organizer_policy = 'hash'")
    importer.run()
    other = "another key of these tests"
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_HASH", json.dumps({"conn_type": "generic", "password": other}))
    seen = importer.rows("club", "organizer")
    importer.run()
    seen += importer.rows("club", "organizer")
    assert seen == [
        ({"name": None, "email": digest("marker@example.org", KEY)},),
        ({"name": None, "email": digest("marker@example.org", other.encode())},),
    ]


def test_without_a_key_nothing_is_hashed(importer, web, monkeypatch):
    importer.add("club", web.feed(Reply(feed(EVENT.format("PUBLIC")))), attendees_policy="hash")
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_HASH", json.dumps({"conn_type": "generic", "password": "short"}))
    importer.run()
    assert (importer.rows("club", "uid"), importer.state("club")["error_class"]) == ([], "ConfigurationError")
    with pytest.raises(ConfigurationError, match="16 characters at least"):
        privacy.of_calendar(importer_row(importer))


def importer_row(importer):
    """The calendar's columns as attributes."""
    return type("Row", (), importer.state("club"))


def test_a_missing_key_says_which_connection_to_add(importer, web, monkeypatch):
    monkeypatch.setattr(privacy, "read_connection", _missing)
    importer.add("club", web.feed(Reply(feed(EVENT.format("PUBLIC")))), attendees_policy="hash")
    importer.run()
    assert importer.state("club")["error_message"] == "There is no Airflow connection calimport_hash."


def _missing(connection_id):
    raise CredentialsMissing(f"There is no Airflow connection {connection_id}.")


def test_a_row_masked_as_busy_is_the_same_whatever_it_hid():
    nothing = {name: [None] for name in frame.NAMES}
    one, other = ({**nothing, "summary": [name], "attendees": [[ANNA]]} for name in "ab")
    assert busy(one, [0]) == busy(other, [0]) != busy(one, [])


# Erasure.

MARKER = "arker"


def places_of_marker(importer: Importer) -> list[str]:
    """Every table and column of the database that holds the marker, in texts, JSON and bytes, compressed feeds too."""
    columns = importer.connection.execute(
        "select table_schema, table_name, column_name from information_schema.columns"
        " where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2, 3"
    ).fetchall()
    found = []
    for column in columns:
        table = sql.Identifier(column["table_schema"], column["table_name"])
        query = sql.SQL("select {}::text as text, {} as raw from {}").format(
            sql.Identifier(column["column_name"]), sql.Identifier(column["column_name"]), table
        )
        for row in importer.connection.execute(query):
            raw = bytes(row["raw"]) if isinstance(row["raw"], bytes | memoryview) else b""
            if column["column_name"] == "body":
                raw = decompressed(raw)
            if MARKER in (row["text"] or "") or MARKER.encode() in raw:
                found.append(f"{column['table_name']}.{column['column_name']}")
                break
    return found


@pytest.fixture
def filled(importer, web):
    """A calendar of Anna's with all that there is of one, and somebody else's."""
    user = importer.one("insert into calimport.users (name, email) values ('Anna', 'marker@example.org') returning id")
    broken = "UID:marker-broken\nDTSTART:soon\nSUMMARY:Marker\n"
    public = EVENT.format("PUBLIC").strip()
    importer.add("Anna's", web.feed(Reply(feed(public, broken)), "/marker.ics"), user_id=user)
    importer.run()
    web.feed(Reply(feed(public.replace("Therapy", "Marker's therapy"), broken)), "/marker.ics")
    importer.run()
    other = feed("UID:other\nDTSTART:20261119T100000Z\nSUMMARY:Other\n")
    importer.add("Bo's", web.feed(Reply(other), "/bo.ics"))
    importer.add("Bo's too", web.feed(Reply(other), "/bo2.ics"))
    importer.run()
    # What a run that was killed leaves in staging, and what a geocoder said.
    run = importer.one(
        "select max(runs.id) from calimport.runs join calimport.calendars on calendars.id = calendar_id"
        " where name = 'Anna''s'"
    )
    importer.connection.execute(
        "insert into calimport.staged_uids values (%s, 'marker'), (999999, 'marker of a run that is gone')", [run]
    )
    importer.connection.execute(
        "insert into calimport.geocodes values ('1 Marker Street, London SW1A 1AA', 51, 0, '2026-11-18Z')"
    )
    # The same event in another calendar, what people said of it, and secret addresses of exports.
    importer.add("Copy", web.feed(Reply(feed("UID:one\nDTSTART:20261119T100000Z\nSUMMARY:Copy\n")), "/copy.ics"))
    importer.run()
    importer.connection.execute(
        "insert into calimport.cluster_overrides (calendar_id, uid) select id, 'marker' from calimport.calendars"
        " where name = 'Anna''s'"
    )
    importer.connection.execute(
        "insert into calimport.export_tokens (calendar_id, user_id, format, secret_hash, created_at)"
        " select id, null, 'ics', decode(repeat('00', 32), 'hex'), now() from calimport.calendars"
        " where name = 'Anna''s'"
        " union all select null, id, 'ics', decode(repeat('00', 32), 'hex'), now() from calimport.users"
    )
    assert set(places_of_marker(importer)) == EVERYWHERE
    return importer


#: Where the marker is before: the test would prove nothing of a table that it never reached.
EVERYWHERE = {
    *("calendars.source", "changes.after", "changes.before", "events.address", "events.attendees"),
    *("events.categories", "events.description", "events.location", "events.organizer", "events.summary"),
    *("events.url", "feed_contents.body", "feeds.source", "geocodes.address", "notices.message", "notices.subject"),
    *("staged_uids.uid", "users.email", "history.after", "history.before", "owner_notices.message"),
    *("owner_notices.subject", "pending_reminders.user_email", "pending_reminders.summary"),
    *("pending_reminders.location", "canonical_events.address", "canonical_events.attendees"),
    *("canonical_events.categories", "canonical_events.description", "canonical_events.location"),
    *("canonical_events.organizer", "canonical_events.summary", "canonical_events.url"),
    *("cluster_overrides.uid", "event_clusters.summary"),
}


@pytest.mark.parametrize("arguments", [["--calendar", "Anna's"], ["--user", "Anna"]])
def test_erasure_leaves_nothing_anywhere(filled, arguments):
    before = filled.rows("Bo's", "id", "uid")

    done = CliRunner().invoke(main, ["erase", *arguments, "--yes"])

    assert done.exit_code == 0, done.output
    left = ["users.email"] if arguments[0] == "--calendar" else []
    assert places_of_marker(filled) == left
    assert filled.rows("Bo's", "id", "uid") == before
    assert "Backups, write-ahead log" in done.output


#: Tables whose rows go with their calendar or person although no foreign key takes them along, and what does so …
BY_STATEMENT = {
    "staged_events": "calendars/remove.sql",
    "staged_notices": "calendars/remove.sql",
    "staged_uids": "calendars/remove.sql",
    "feed_contents": "calendars/remove_contents.sql",
    "geocodes": "erase/remnants.sql",
    "request_budgets": "erase/remnants.sql",
    "audit_log": "forget_in_audit_log",
}
#: … and those that hold nothing of a calendar or person.
OF_NOBODY = {"schema_migrations", "partners", "places"}


def test_no_table_is_forgotten_by_erasure(connection):
    """A new table needs a foreign key that deletes its rows with the calendar or person, or a line above."""
    tables = {
        row["name"]
        for row in connection.execute(
            "select relname as name from pg_class"
            " where relnamespace = 'calimport'::regnamespace and relkind in ('r', 'p')"
        )
    }
    references = connection.execute(
        "select conrelid::regclass::text as child, confrelid::regclass::text as parent from pg_constraint"
        " where contype = 'f' and confdeltype = 'c' and connamespace = 'calimport'::regnamespace"
    ).fetchall()
    gone = {"calendars", "users"}
    while (
        more := {
            row["child"].removeprefix("calimport.")
            for row in references
            if row["parent"].removeprefix("calimport.") in gone
        }
        - gone
    ):
        gone |= more
    assert tables - gone - BY_STATEMENT.keys() - OF_NOBODY == set()


#: Columns that lead to a calendar, a person, or what hangs on one of them.
LEADING = re.compile(r"(?:other_|base_|first_|last_|held_|of_)*(calendar|user|event|run|feed)_id")


def ids_of_anna(importer: Importer) -> dict[str, set[int]]:
    """Kind of thing → the ids that Anna has."""
    found: dict[str, set[int]] = {kind: set() for kind in ("calendar", "user", "event", "run", "feed")}
    for row in importer.connection.execute(
        "with hers as (select id from calimport.calendars where name = 'Anna''s')"
        " select 'calendar' as kind, id from hers"
        " union all select 'user', id from calimport.users where name = 'Anna'"
        " union all select 'event', id from calimport.events where calendar_id in (select id from hers)"
        " union all select 'run', id from calimport.runs where calendar_id in (select id from hers)"
        " union all select 'feed', id from calimport.feeds where calendar_id in (select id from hers)"
    ):
        found[row["kind"]].add(row["id"])
    return found


def tables_leading_to(importer: Importer, ids: dict[str, set[int]]) -> set[str]:
    """Tables with a row that leads to one of these things, by the names of all columns there are."""
    columns = importer.connection.execute(
        "select relname, attname from pg_attribute join pg_class on pg_class.oid = attrelid"
        " where relnamespace = 'calimport'::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped"
    ).fetchall()
    found = set()
    for column in columns:
        leading = LEADING.fullmatch(column["attname"])
        if leading is None:
            continue
        query = sql.SQL("select exists(select 1 from calimport.{} where {} = any(%s)) as found").format(
            sql.Identifier(column["relname"]), sql.Identifier(column["attname"])
        )
        row = importer.connection.execute(query, [list(ids[leading[1]])]).fetchone()
        found |= {column["relname"]} if row and row["found"] else set()
    return found


@pytest.mark.parametrize("arguments", [["--calendar", "Anna's"], ["--user", "Anna"]])
def test_after_erasure_no_row_of_any_table_leads_to_what_was_erased(filled, arguments):
    ids = ids_of_anna(filled)
    before = tables_leading_to(filled, ids)
    assert before >= {
        *("calendars", "events", "reminders", "runs", "feeds", "changes", "notices", "staged_uids"),
        *("event_matches", "event_cluster_members", "cluster_overrides", "export_tokens"),
    }
    if arguments[0] == "--calendar":
        ids["user"] = set()  # who is still there

    assert CliRunner().invoke(main, ["erase", *arguments, "--yes"]).exit_code == 0

    assert tables_leading_to(filled, ids) - {"audit_log"} == set()


def test_a_dry_run_shows_counts_and_erases_nothing(filled):
    before = places_of_marker(filled)

    done = CliRunner().invoke(main, ["erase", "--user", "Anna", "--dry-run"])

    assert done.output.splitlines() == [
        "Calendars: Anna's",
        "  users: 1",
        "  calendars: 1",
        "  events: 1",
        "  reminders: 1",
        "  changes: 2",
        "  runs: 4",
        "  feeds: 2",
        "  feed contents: 2",
        "  notices: 1",
        "  staged: 1",
        "  overrides: 1",
        "Nothing was erased: --dry-run.",
    ]
    assert places_of_marker(filled) == before


def test_contents_that_another_calendar_has_too_stay(filled):
    done = CliRunner().invoke(main, ["erase", "--calendar", "Bo's", "--yes"])
    assert "1 contents of feeds stay: other calendars have the same, byte for byte." in done.output
    assert filled.rows("Bo's too", "uid") == [("other",)]
    assert filled.one("select count(*) from calimport.feeds join calimport.feed_contents using (content_hash)") == 4


def test_a_calendar_that_is_being_imported_is_not_erased(filled):
    filled.connection.execute(
        "update calimport.calendars set lease_owner = 'run', lease_until = now() + interval '1 hour'"
    )
    done = CliRunner().invoke(main, ["erase", "--calendar", "Anna's", "--yes"])
    assert (done.exit_code, filled.one("select count(*) from calimport.calendars")) == (1, 4)
    assert "an import is running just now" in done.output


def test_a_user_that_is_none_is_named(filled):
    done = CliRunner().invoke(main, ["erase", "--user", "Ana", "--yes"])
    assert "There is no user named 'Ana'. Did you mean Anna?" in done.output


def test_no_one_is_erased_without_being_named(filled):
    assert CliRunner().invoke(main, ["erase", "--yes"]).exit_code == 2
