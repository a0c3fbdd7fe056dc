"""What users of calendar imports complain about most, each named as they say it: it does not happen here.

The numbers are those of the list of complaints. Where a rule has many cases, they stand in the tests of that rule.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from calimport import alerting, store
from calimport.errors import LeaseLost
from calimport.explaining import explain
from calimport.settings import Settings
from calimport.steps.extract import extract
from tests.importing import NOW, feed
from tests.test_google import TEAM, airflow_home, fake, server, service_account, sign_in  # noqa: F401 - fixtures
from tests.test_google_import import importer as google  # noqa: F401 - a fixture
from tests.test_network_guard import INSIDE, inside, names  # noqa: F401 - fixtures
from tests.web import Reply

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")


def event(uid: str, start: str = "20261119T100000Z", *lines: str) -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART:{start}", f"SUMMARY:{uid.title()}", *lines])


PAST = event("past", "20261114T100000Z")
DAYS = [event(f"day{number}", f"202611{19 + number % 6}T100000Z") for number in range(12)]


def test_01_a_failed_fetch_wiped_the_calendar(importer, web):
    importer.settings = replace(importer.settings, read_timeout=0.3)
    importer.add("club", web.feed(Reply(feed(PAST, *DAYS))))
    importer.run()
    before = importer.rows("club", "id", "uid", "xmin")
    assert len(before) == 13
    whole = feed(PAST, DAYS[0])
    for reply in (
        Reply(status=500),
        Reply(status=404),
        Reply(hangs=True),
        Reply(whole, cut_after=80),
        Reply(whole[:-14]),
        Reply(b"<html>Sign in</html>"),
        Reply(b""),
    ):
        web.feed(reply)
        assert importer.run(calendars=["club"]).failed == ["club"]
        assert importer.rows("club", "id", "uid", "xmin") == before


def test_02_deleted_events_stay_or_far_too_much_is_deleted(importer, web):
    """What is deleted goes; most of a calendar goes once three fetches agree, and then all of it."""
    importer.add("other", web.feed(Reply(feed(PAST, *DAYS)), "/other.ics"))
    importer.add("club", web.feed(Reply(feed(PAST, *DAYS))))
    importer.run()
    left = []
    for served in (DAYS[1:], [], [], []):
        web.feed(Reply(feed(PAST, *served)))
        importer.run()
        left.append(len(importer.rows("club", "uid")))
    assert left == [12, 12, 12, 1]
    assert len(importer.rows("other", "uid")) == 13


def test_03_token_expiry_hidden_as_success(google, fake, monkeypatch):  # noqa: F811
    google.run()
    sign_in(fake, monkeypatch, "1//refresh-revoked")

    assert google.run(force=True).failed == ["team"]

    state = google.state("team")
    assert (state["state"], state["error_class"]) == ("bad_source", "SignInRevoked")
    assert "sign in again" in state["error_message"]
    assert google.one("select outcome from calimport.runs order by id desc limit 1") == "failed"
    assert len(google.rows("team", "uid")) == 3


@pytest.mark.parametrize(
    ("head", "start", "expected"),
    [
        ("", ";TZID=Romance Standard Time:20261119T100000", ("09:00", "Europe/Paris", "event")),
        (
            "",
            ';TZID="(UTC-08:00) Pacific Time (US & Canada)":20261119T100000',
            ("18:00", "America/Los_Angeles", "event"),
        ),
        ("X-WR-TIMEZONE:Asia/Tokyo\n", ":20261119T100000", ("01:00", "Asia/Tokyo", "calendar")),
        ("", ":20261119T100000", ("10:00", "UTC", "default")),
        ("X-WR-TIMEZONE:Asia/Tokyo\n", ":20261119T100000Z", ("10:00", None, None)),
    ],
)
def test_04_outlook_and_exchange_zones_x_wr_timezone_floating_times(importer, web, head, start, expected):
    importer.add("club", web.feed(Reply(feed(f"UID:a\nDTSTART{start}\nSUMMARY:A", head=head))))
    importer.run()
    ((instant, zone, source),) = importer.rows("club", "start_at", "timezone", "timezone_source")
    at, expected_zone, expected_source = expected
    assert f"{instant:%H:%M}" == at
    assert expected_zone is None or (zone, source) == (expected_zone, expected_source)


def test_05_one_bad_line_rejects_a_feed(importer, web):
    bad = event("bad").replace("DTSTART:20261119", "DTSTART:20261399")
    odd = event("odd", "20261120T100000Z", "THIS IS NO LINE", "X-;=:", "RRULE:FREQ=SOMETIMES")
    importer.add("club", web.feed(Reply(feed(event("one"), bad, event("two"), odd))))

    assert importer.run().failed == []

    assert {"one", "two"} <= {uid for (uid,) in importer.rows("club", "uid")}
    notices = importer.connection.execute("select subject, message from calimport.owner_notices").fetchall()
    assert "bad" in {row["subject"] for row in notices}
    assert all(row["message"] for row in notices)


def test_06_uids_that_change_at_every_fetch_made_a_million_dead_rows(importer, web):
    """The rows stay those that they were, found again by what they say."""

    def served(fetch: int) -> bytes:
        return feed(
            *[
                event("club", f"202611{19 + number}T100000Z").replace("UID:", f"UID:{fetch}-{number}-")
                for number in range(5)
            ]
        )

    importer.add("club", web.feed(Reply(served(0))))
    importer.run()
    before = importer.rows("club", "id", "start_at")
    for fetch in range(1, 5):
        web.feed(Reply(served(fetch)))
        report = importer.run()
        assert (report.inserted, report.deleted) == (0, 0)
    assert importer.rows("club", "id", "start_at") == before
    assert importer.one("select count(*) from calimport.events") == 5


def test_07_volatile_properties_fake_changes(importer, web):
    lines = ("DTSTAMP:20261101T{0:06}Z", "LAST-MODIFIED:20261101T{0:06}Z", "CREATED:20261101T{0:06}Z", "SEQUENCE:{0}")
    importer.add("club", web.feed(Reply(feed())))
    changes = []
    for number in range(4):
        web.feed(Reply(feed(event("one", "20261119T100000Z", *(line.format(number) for line in lines)))))
        changes.append(importer.run(force=True).changed)
    assert changes == [1, 0, 0, 0]
    assert importer.one("select count(*) from calimport.changes") == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            "RECURRENCE-ID:20261119T180000Z\nDTSTART:20261120T090000Z\nSUMMARY:Moved",
            [("2026-11-19T18:00:00Z", "confirmed", "20 09:00")],
        ),
        (
            "RECURRENCE-ID;TZID=Asia/Tokyo:20261120T030000\nDTSTART;TZID=Asia/Tokyo:20261120T180000\nSUMMARY:Moved",
            [("2026-11-19T18:00:00Z", "confirmed", "20 09:00")],
        ),
        (
            "RECURRENCE-ID;TZID=Europe/London:20261119T180000\nDTSTART:20261119T180000Z\nSTATUS:CANCELLED",
            [("2026-11-19T18:00:00Z", "cancelled", "19 18:00")],
        ),
    ],
)
def test_08_moved_or_cancelled_occurrences_shown_twice(importer, web, written, expected):
    series = "UID:yoga\nDTSTART;TZID=Europe/London:20261119T180000\nRRULE:FREQ=WEEKLY;COUNT=1\nSUMMARY:Yoga"
    importer.add("club", web.feed(Reply(feed(series))))
    importer.run()
    (before,) = importer.rows("club", "id")
    web.feed(Reply(feed(series, f"UID:yoga\n{written}")))
    importer.run()
    found = importer.rows("club", "recurrence_id", "status", "start_at")
    assert [(rid, status, f"{start:%d %H:%M}") for rid, status, start in found] == expected
    assert importer.rows("club", "id") == [before]


def test_09_duplicates_in_one_calendar_the_same_event_in_several(importer, web):
    twice = feed(event("one"), event("one"), event("two", "20261120T100000Z"))
    for name in ("a", "b"):
        importer.add(name, web.feed(Reply(twice), f"/{name}.ics"))
    importer.run()

    assert importer.rows("a", "uid") == importer.rows("b", "uid") == [("one",), ("two",)]
    assert importer.one("select count(*) from calimport.events") == 4
    assert importer.one("select count(*) from calimport.canonical_events") == 2


def test_10_failure_is_invisible_to_the_owner_or_alerts_never_stop(importer, web):
    """The calendar says it for as long as it is so, in words that its owner can act on; an alert says it once."""
    for name in ("a", "b"):
        source = web.feed(Reply(feed(event("one"))), f"/{name}.ics")
        importer.add(name, source, contact_email=f"{name}@example.org", configured_at=NOW)
    told: list[tuple[str, set[str]]] = []
    errors = []
    for status in (200, 404, 404, 404, 200, 200):
        reply = Reply(status=404) if status == 404 else Reply(feed(event("one")))
        for name in ("a", "b"):
            web.feed(reply, f"/{name}.ics")
        importer.run(calendars=["a", "b"], force=True)
        errors.append(importer.state("a")["error_message"])
        alerting.send_changes(
            importer.connection,
            lambda: lambda context: told.append((context["digest"].subject, set(context["digest"].by_contact()))),
            clock=importer.now,
        )
    owners = {"a@example.org", "b@example.org"}
    assert told == [("Calendars: 2 broken", owners), ("Calendars: 2 well again", owners)]
    sentence = "There is no calendar at this address any more. Please check the address or publish it again."
    assert errors == [None, sentence, sentence, sentence, None, None]


def test_11_stuck_or_doubled_syncs(importer, web):
    calendar_id = importer.add("club", web.feed(Reply(feed(event("one")))))
    importer.plan("stuck")

    assert importer.plan("at the same time", calendars=["club"]) == []
    with pytest.raises(LeaseLost):
        extract(importer.step("at the same time"), [calendar_id])

    assert importer.run("later", later=timedelta(hours=1)).imported == 1
    assert importer.rows("club", "uid") == [("one",)]


def test_12_quotas(importer, web):
    """A provider that asks for a wait is given it, by all calendars on its host."""
    refused = Reply(status=429, headers={"Retry-After": "7200"})
    for name in ("a", "b", "c"):
        importer.add(name, web.feed(refused, f"/{name}.ics"))
    importer.settings = replace(importer.settings, fetch_attempts=3, fetch_concurrency=1, max_batches=1)

    importer.run()
    asked = len(web.asked)
    importer.run(later=timedelta(minutes=30))

    assert (asked, len(web.asked)) == (1, 1)
    assert {importer.state(name)["error_class"] for name in ("a", "b", "c")} == {"QuotaExceeded"}
    assert importer.state("a")["next_import_at"] >= importer.now + timedelta(minutes=90)


def test_13_large_calendars_crash(importer, web):
    """Each cap is a clear error, or a notice, of that calendar alone."""
    importer.settings = replace(importer.settings, max_bytes=20_000, fetch_timeout=2, max_occurrences=50)
    importer.add("good", web.feed(Reply(feed(event("one"))), "/good.ics"))
    importer.add(
        "bytes", web.feed(Reply(feed(event("one", "20261119T100000Z", f"DESCRIPTION:{'x' * 30_000}"))), "/b.ics")
    )
    importer.add("time", web.feed(Reply(b"x", endless=True, pause=0.1), "/time.ics"))
    often = "UID:often\nDTSTART:20261101T000000Z\nRRULE:FREQ=MINUTELY\nSUMMARY:Often"
    importer.add("dates", web.feed(Reply(feed(often, event("one"))), "/dates.ics"))

    assert sorted(importer.run().failed) == ["bytes", "time"]

    assert importer.rows("good", "uid") == [("one",)]
    assert importer.state("bytes")["error_class"] == "FeedTooLarge"
    assert importer.state("time")["error_class"] == "FeedTimeout"
    assert ("one",) in importer.rows("dates", "uid")
    assert len(importer.rows("dates", "uid")) <= 50
    assert importer.one("select code from calimport.owner_notices") == "too_many_occurrences"


def test_14_ssrf_private_loopback_link_local_metadata_cgnat_ipv6_ipv4_mapped_rebinding_redirects(
    importer,
    web,
    names,  # noqa: F811
    inside,  # noqa: F811
):
    """127.0.0.1 stands for the internet, 127.0.0.9 for a computer inside."""
    port, club = inside.port, feed(event("one"))
    inside.feed(Reply(club), "/a.ics")
    names.answers |= {
        "inside.example": [[INSIDE]],
        "six.example": [["::ffff:127.0.0.9"]],
        "rebound.example": [["127.0.0.1"], [INSIDE]],
    }
    away = web.feed(Reply(status=302, headers={"Location": f"http://{INSIDE}:{port}/a.ics"}), "/away.ics")
    web.feed(Reply(club), "/a.ics")
    forbidden = {
        "private": "http://10.0.0.1/a.ics",
        "loopback": f"http://{INSIDE}:{port}/a.ics",
        "loopback as a number": f"http://2130706441:{port}/a.ics",
        "link-local": "http://169.254.1.1/a.ics",
        "metadata": "http://169.254.169.254/latest/meta-data/",
        "CGNAT": "http://100.64.0.1/a.ics",
        "IPv6": "http://[::1]:1/a.ics",
        "private IPv6": "http://[fd00::1]/a.ics",
        "IPv4-mapped": f"http://[::ffff:127.0.0.9]:{port}/a.ics",
        "name": f"http://inside.example:{port}/a.ics",
        "name of IPv6": f"http://six.example:{port}/a.ics",
        "redirect": away,
    }
    importer.settings = Settings(fetch_attempts=1, allowed_networks="127.0.0.1/32")
    for name, source in forbidden.items():
        importer.add(name, source)
    importer.add("rebinding", f"http://rebound.example:{web.port}/a.ics")

    first, second = importer.run(), importer.run(force=True)

    assert sorted(first.failed) == sorted(forbidden)
    assert {importer.state(name)["error_class"] for name in forbidden} == {"FeedAddressForbidden"}
    # The name led outside at first, and then inside.
    assert "rebinding" in second.failed
    assert importer.state("rebinding")["error_class"] == "FeedAddressForbidden"
    assert importer.rows("rebinding", "uid") == [("one",)]
    assert inside.asked == []


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati", "UTC"])
def test_15_all_day_off_by_one(importer, web, zone):
    days = "UID:fair\nDTSTART;VALUE=DATE:20261121\nDTEND;VALUE=DATE:20261123\nSUMMARY:Fair"
    one = "UID:day\nDTSTART;VALUE=DATE:20261120\nSUMMARY:Day"
    importer.add("club", web.feed(Reply(feed(days, one))), timezone=zone)
    importer.run()
    assert importer.rows("club", "uid", "all_day", "start_date", "end_date") == [
        ("day", True, date(2026, 11, 20), date(2026, 11, 21)),
        ("fair", True, date(2026, 11, 21), date(2026, 11, 23)),
    ]


def test_16_wipe_and_reinsert_churn(importer, web):
    """Row ids are stable: what others keep of them stays true."""
    importer.add("club", web.feed(Reply(feed(PAST, *DAYS))))
    importer.run()
    before = dict(importer.rows("club", "uid", "id"))
    changed = [one.replace("T10", "T15").replace("SUMMARY:Day", "SUMMARY:Night") for one in DAYS]
    web.feed(Reply(feed(*reversed(changed), PAST, event("new"))))

    report = importer.run(force=True)

    assert (report.inserted, report.updated, report.deleted) == (1, 12, 0)
    after = dict(importer.rows("club", "uid", "id"))
    assert {uid: after[uid] for uid in before} == before
    assert store.activity_get(id=before["day3"])[0]["title"] == "Night3"


def test_17_why_is_my_event_missing(importer, web):
    """A ledger: private, out of the window, cancelled, quarantined, held, duplicate."""
    said = [
        event("there"),
        event("secret", "20261120T100000Z", "CLASS:PRIVATE"),
        event("far", "20270601T100000Z"),
        event("off", "20261121T100000Z", "STATUS:CANCELLED"),
        event("broken", "20261122T100000Z").replace("DTSTART:2", "DTSTART:x"),
        *DAYS,
    ]
    importer.add("club", web.feed(Reply(feed(PAST, *said))))
    importer.add("other", web.feed(Reply(feed(event("there"))), "/other.ics"))
    importer.run()
    web.feed(Reply(feed(PAST, *said[:5])))
    importer.run()

    def answers(uid: str, calendar: str = "club") -> set[str]:
        calendar_id = importer.state(calendar)["id"]
        found = explain(importer.connection, calendar_id, uid=uid, clock=importer.now, settings=importer.settings)
        assert all(one.sentence for one in found)
        return {one.answer for one in found}

    assert {uid: answers(uid) for uid in ("there", "secret", "far", "off", "broken", "day3", "nowhere")} == {
        "there": {"present"},
        "secret": {"private"},
        "far": {"out_of_window"},
        "off": {"cancelled"},
        "broken": {"quarantined"},
        "day3": {"held"},
        "nowhere": {"never_seen"},
    }
    assert answers("there", "other") == {"duplicate"}


BEHAVIOURS = Path(__file__).parents[2] / "shared" / "BEHAVIOURS.md"


@pytest.mark.skipif(not BEHAVIOURS.exists(), reason="the document of the two originals is outside of this repository")
def test_every_fault_of_the_document_has_a_test_of_its_name():
    said = BEHAVIOURS.read_text(encoding="utf-8")
    lists = re.findall(r"Faults not to repeat: (.*?)\.\n(?=\n)", said, re.DOTALL)
    complaints = re.findall(r"^(\d+\. .*?)(?: →|\? a|$)", said, re.MULTILINE)
    assert (len(lists), len(complaints)) == (2, 17)
    named = {
        name
        for path in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"^def test_(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    faults = [fault for one in lists for fault in one.split(";")]
    assert [fault for fault in faults if not any(_slug(fault).startswith(one) for one in named if len(one) > 25)] == []
    numbered = {name[:2]: name for name in named if re.match(r"\d\d_", name)}
    for complaint in complaints:
        number, _, words = complaint.partition(". ")
        assert _slug(words).startswith(numbered[number.zfill(2)][3:]), complaint


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
