"""What a hostile provider may send costs bounded time and memory, and no calendar but its own.

Each document is read in a process of its own that the system ends when it takes more memory or processor time than the
limits: they are far from what is needed, and nearer than what growth by the square would take.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Callable

import pytest

from calimport.settings import Settings
from tests.importing import feed
from tests.loopback import LOOPBACK
from tests.web import Reply

#: Of one process: address space (what the libraries map is a good part of it) and processor time.
MEMORY = 4 * 1024**3
SECONDS = 120

READER = """
import json, resource, sys
from datetime import UTC, datetime

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]),) * 2)

from calimport import json_text, xml_text
from calimport.errors import CalimportError
from calimport.icalendar_text import decode
from calimport.normalizing import Meaning, normalize
from calimport.sources import json_ld, ticketsolve
from calimport.sources.base import ParseContext
from calimport.windows import Window

def ics(content):
    window = Window(datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC))
    context = ParseContext(window, window.end, "UTC", "default", max_occurrences=20_000)
    found = normalize(decode(content).encode(), kind="ics", context=context, meaning=Meaning())
    longest = max((len(notice.message) for notice in found.notices), default=0)
    return {"rows": len(found.frame), "notices": len(found.notices), "longest": longest}

def page(content):
    found, damaged = json_ld.read([content.decode()], "https://example.org/")
    return {"rows": len(found), "notices": damaged}

def listing(content):
    # Looked at before anything else: a page where a list is due.
    return {"is_page": ticketsolve._IS_PAGE.match(content) is not None}

readers = {"listing": listing, "ics": ics, "json": json_text.loads, "xml": xml_text.loads, "page": page}
try:
    found = readers[sys.argv[3]](sys.stdin.buffer.read())
    print(json.dumps(found if isinstance(found, dict) else {}))
except CalimportError as error:
    print(json.dumps({"error": error.error_class, "longest": len(str(error))}))
"""


def read(kind: str, content: bytes) -> dict[str, object]:
    """What comes of a document: counts, or the error's class."""
    done = subprocess.run(
        [sys.executable, "-c", READER, str(MEMORY), str(SECONDS), kind],
        input=content,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


HEAD = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n"
TAIL = "END:VCALENDAR\n"
TIMES = "DTSTART:20261119T100000Z\nDTEND:20261119T110000Z\n"


def one(lines: str, times: str = TIMES) -> str:
    return f"{HEAD}BEGIN:VEVENT\nUID:a\n{times}SUMMARY:s\n{lines}\nEND:VEVENT\n{TAIL}"


def many(count: int, lines: Callable[[int], str]) -> str:
    return HEAD + "".join(f"BEGIN:VEVENT\nUID:u{i}\n{lines(i)}\nEND:VEVENT\n" for i in range(count)) + TAIL


def moments(count: int) -> str:
    return ",".join(f"{1950 + i % 150}{1 + i % 12:02}{1 + i % 28:02}T{i % 24:02}{i % 60:02}00Z" for i in range(count))


def offset(given: str) -> str:
    """A VTIMEZONE whose only offset is this."""
    observance = f"BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:{given}\nEND:STANDARD\n"
    return f"BEGIN:VTIMEZONE\nTZID:Z\n{observance}END:VTIMEZONE\n"


EVERY_SECOND = "RRULE:FREQ=SECONDLY"
#: A feed, and what comes of it: the row of the event stays, or the error is clear.
FEEDS: dict[str, tuple[Callable[[], str], dict[str, object]]] = {
    "a property of twenty million characters": (lambda: one("DESCRIPTION:" + "x" * 20_000_000), {"rows": 1}),
    "a property folded a million times": (lambda: one("DESCRIPTION:" + "\n x" * 1_000_000), {"rows": 1}),
    "a million parameters": (lambda: one("ATTENDEE" + ";A=b" * 1_000_000 + ":mailto:x@example.org"), {"rows": 1}),
    "a million attendees": (
        lambda: one("\n".join(f"ATTENDEE;CN=N{i}:mailto:a{i}@example.org" for i in range(1_000_000))),
        {"rows": 1, "notices": 1},
    ),
    "a million categories": (
        lambda: one("CATEGORIES:" + ",".join(map(str, range(1_000_000)))),
        {"rows": 1, "notices": 1},
    ),
    "a million lines of categories": (
        lambda: one("\n".join(f"CATEGORIES:c{i}" for i in range(1_000_000))),
        {"rows": 1, "notices": 1},
    ),
    "a million X-properties": (lambda: one("\n".join(f"X-A{i};B=c:d" for i in range(1_000_000))), {"rows": 1}),
    "as many lines of attendees as a feed may have": (
        lambda: one("ATTENDEE:mailto:a\n" * 4_999_900),
        {"rows": 1, "notices": 1},
    ),
    "as many bytes as a feed may have, in the shortest of lines": (
        lambda: one("X-A:b\n" * (128 * 1024 * 1024 // 6 - 100)),
        {"error": "FeedTooLarge"},
    ),
    "a thousand attendees on every minute": (
        lambda: one(
            "RRULE:FREQ=MINUTELY\n" + "\n".join(f"ATTENDEE;CN=N{i}:mailto:a{i}@example.org" for i in range(1000))
        ),
        {"rows": 2000, "notices": 1},
    ),
    "a million different alarms": (
        lambda: one("".join(f"BEGIN:VALARM\nTRIGGER:-PT{i}M\nEND:VALARM\n" for i in range(1_000_000))),
        {"rows": 1, "notices": 1},
    ),
    "ten thousand alarms on every minute": (
        lambda: one(
            "RRULE:FREQ=MINUTELY\n" + "".join(f"BEGIN:VALARM\nTRIGGER:-PT{i}M\nEND:VALARM\n" for i in range(10_000))
        ),
        {"notices": 2},
    ),
    "a megabyte of text on every second": (
        lambda: one("RRULE:FREQ=SECONDLY\nDESCRIPTION:" + "word " * 200_000),
        {"error": "FeedTooLarge"},
    ),
    "a title of a megabyte on an event that nobody can read": (
        lambda: one("DTSTART:again\nSUMMARY:again\nDESCRIPTION:\n", f"DTSTART:soon\nSUMMARY:{'x' * 1_000_000}\n"),
        {"rows": 0, "notices": 1},
    ),
    "a million EXDATEs": (lambda: one("RRULE:FREQ=DAILY\nEXDATE:" + moments(1_000_000)), {}),
    "a million RDATEs": (lambda: one("RDATE:" + moments(1_000_000)), {}),
    "a million alarms": (
        lambda: one("BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT10M\nEND:VALARM\n" * 1_000_000),
        {"rows": 1},
    ),
    "a hundred thousand notices": (lambda: many(100_000, lambda i: f"DTSTART:nonsense{i}"), {"rows": 0}),
    "components a million deep": (lambda: f"{HEAD}{'BEGIN:X-A' + chr(10)}" + "BEGIN:X-A\n" * 1_000_000 + TAIL, {}),
    "ends of nothing": (lambda: HEAD + "END:VEVENT\n" * 1_000_000 + TAIL, {"rows": 0}),
    "a rule for each second of a year": (
        lambda: one(
            "RRULE:FREQ=YEARLY;BYYEARDAY={};BYHOUR={};BYMINUTE={};BYSECOND={};BYSETPOS={}".format(
                *(",".join(map(str, range(*bounds))) for bounds in ((1, 367), (24,), (60,), (60,), (1, 366)))
            )
        ),
        {},
    ),
    "ten thousand rules that never meet a date": (
        lambda: many(10_000, lambda _: f"{TIMES}{EVERY_SECOND};BYMONTH=2;BYMONTHDAY=30"),
        {},
    ),
    "ten thousand series of every second": (lambda: many(10_000, lambda _: f"{TIMES}{EVERY_SECOND}"), {}),
    "a rule with sixty thousand blanks": (lambda: one(f"RRULE:FREQ=DAILY;X={' ' * 60_000}A"), {"rows": 7}),
    "a zone of a hundred thousand observances": (
        lambda: (
            f"{HEAD}BEGIN:VTIMEZONE\nTZID:Z\n" + "BEGIN:STANDARD\nDTSTART:19700101T000000\nRRULE:FREQ=DAILY\n"
            "TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:STANDARD\n"
            * 100_000
            + "END:VTIMEZONE\n"
            + one("", "DTSTART;TZID=Z:20261119T100000\n").removeprefix(HEAD)
        ),
        {"rows": 1},
    ),
    "an offset of a million blanks": (
        lambda: one("", "DTSTART;TZID=Z:20261119T100000\n").replace(HEAD, HEAD + offset(f"UTC{' ' * 1_000_000}x")),
        {"rows": 1},
    ),
    "tags a hundred thousand deep": (
        lambda: one("DESCRIPTION:" + "<div>" * 100_000 + "x" + "</div>" * 100_000),
        {"rows": 1},
    ),
    "lists a hundred thousand deep": (lambda: one("DESCRIPTION:" + "<ul><li>x" * 100_000), {"rows": 1}),
    "a million open brackets": (lambda: one("DESCRIPTION:" + "[" * 500_000 + "](" * 250_000), {"rows": 1}),
    "a million marks of Markdown": (lambda: one("DESCRIPTION:" + "*_[`" * 250_000), {"rows": 1}),
    "a million quotations": (lambda: one("DESCRIPTION:" + "> " * 500_000), {"rows": 1}),
    "ampersands escaped a million times": (lambda: one("DESCRIPTION:&" + "amp;" * 1_000_000), {"rows": 1}),
    "a million characters read as another charset": (lambda: one("SUMMARY:" + "Ã©" * 500_000), {"rows": 1}),
    "a hundred thousand links": (lambda: one("DESCRIPTION:" + "https://zoom.us/j/1 " * 100_000), {"rows": 1}),
    "a location of a million words": (lambda: one("LOCATION:" + "1 Road, SW1A 1AA, " * 60_000), {"rows": 1}),
    "a location of a million commas": (lambda: one("LOCATION:" + "," * 1_000_000), {"rows": 1}),
    "a zone's name of a million slashes": (
        lambda: one("", f"DTSTART;TZID={'/' * 1_000_000}:20261119T100000\n"),
        {"rows": 1},
    ),
    "a number of a million digits": (lambda: one("SEQUENCE:" + "9" * 1_000_000), {"rows": 1}),
    "a duration of a million digits": (
        lambda: one("", f"DTSTART:20261119T100000Z\nDURATION:P{'1' * 1_000_000}D\n"),
        {},
    ),
    "two million backslashes": (lambda: one("DESCRIPTION:" + "\\" * 2_000_000), {"rows": 1}),
}
DEEP = 1_000_000
LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
DOCUMENTS: dict[str, tuple[str, Callable[[], bytes], dict[str, object]]] = {
    "JSON a million deep": ("json", lambda: b"[" * DEEP + b"]" * DEEP, {"error": "FeedUnparsable"}),
    "a number of a million digits in JSON": ("json", lambda: b"9" * DEEP, {"error": "FeedUnparsable"}),
    "a billion laughs": ("xml", lambda: f"{LAUGHS}]><a>&j;</a>".encode(), {"error": "FeedUnparsable"}),
    "a file of this machine as an entity": (
        "xml",
        lambda: b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>',
        {"error": "FeedUnparsable"},
    ),
    "XML a hundred thousand deep": ("xml", lambda: b"<a>" * 100_000 + b"</a>" * 100_000, {}),
    "a million attributes": (
        "xml",
        lambda: b"<a " + b" ".join(b'a%d="b"' % i for i in range(1_000_000)) + b"/>",
        {},
    ),
    "a million blanks where a list is due": ("listing", lambda: b" " * DEEP + b"x", {"is_page": False}),
    "JSON-LD a hundred thousand deep": (
        "page",
        lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        {"rows": 0, "notices": 1},
    ),
    "JSON-LD with a million blanks behind a comma": ("page", lambda: b"[1," + b" " * DEEP + b"x", {"notices": 1}),
    "JSON-LD of a hundred thousand events": (
        "page",
        lambda: json.dumps(
            [{"@type": "Event", "name": f"n{i}", "startDate": "2026-11-19"} for i in range(100_000)]
        ).encode(),
        {"rows": 100_000},
    ),
}


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_costs_no_more_than_the_limits(name):
    make, expected = FEEDS[name]
    found = read("ics", make().encode())
    assert found == found | expected
    assert int(str(found["longest"])) < 1000, "a sentence for people quotes no more of the feed than they can read"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_costs_no_more_than_the_limits(name):
    kind, make, expected = DOCUMENTS[name]
    found = read(kind, make())
    assert found == found | expected


# What travels.

BOMB = b"BEGIN:VCALENDAR\n" + b"X:" + b"0" * 30_000_000
GOOD = feed("UID:one\nDTSTART:20261119T100000Z\nSUMMARY:Choir")


def gzipped(content: bytes, times: int = 1) -> bytes:
    return content if times == 0 else gzipped(gzip.compress(content, 9), times - 1)


@pytest.mark.parametrize(
    ("reply", "error_class"),
    [
        (lambda: Reply(gzipped(BOMB), headers={"Content-Encoding": "gzip"}), "FeedTooLarge"),
        (lambda: Reply(zlib.compress(BOMB, 9), headers={"Content-Encoding": "deflate"}), "FeedTooLarge"),
        (lambda: Reply(gzipped(BOMB)), "FeedTooLarge"),
        (lambda: Reply(gzipped(BOMB, 2), headers={"Content-Encoding": "gzip"}), "FeedTooLarge"),
        (lambda: Reply(gzipped(BOMB, 2)), "FeedUnparsable"),
        (lambda: Reply(gzipped(BOMB, 2), headers={"Content-Encoding": "gzip, gzip"}), "FeedUnparsable"),
        (lambda: Reply(b"\x00" * 100, headers={"Content-Encoding": "br"}), "FeedUnparsable"),
        (lambda: Reply(b"\x28\xb5\x2f\xfd" * 10, headers={"Content-Encoding": "zstd"}), "FeedUnparsable"),
        (lambda: Reply(b"X:" + b"0" * 60_000 + b"\n", endless=True), "FeedTooLarge"),
        (lambda: Reply(b"x", endless=True, pause=0.05), "FeedTimeout"),
        (lambda: Reply(GOOD, content_length=10**15), "FeedTooLarge"),
        (lambda: Reply(GOOD, headers={"X-Long": "x" * 200_000}), "FeedConnectionFailed"),
    ],
    ids=[
        "gzip",
        "deflate",
        "gzip that is not announced",
        "gzip in gzip, announced once",
        "gzip in gzip, not announced",
        "gzip in gzip, announced twice",
        "brotli, which nobody asked for",
        "zstandard, which nobody asked for",
        "endless",
        "a byte now and then",
        "a length that nobody has",
        "a header that is a book",
    ],
)
def test_what_travels_is_bounded_and_fails_its_own_calendar_alone(importer, web, reply, error_class):
    importer.settings = Settings(
        fetch_attempts=1,
        allowed_networks=LOOPBACK,
        max_batches=1,
        max_bytes=1_000_000,
        max_decompressed_bytes=2_000_000,
        fetch_timeout=10,
    )
    importer.add("bad", web.feed(reply(), "/bad.ics"))
    importer.add("good", web.feed(Reply(GOOD), "/good.ics"))
    importer.run()
    assert importer.state("bad")["error_class"] == error_class
    assert importer.rows("good", "summary") == [("Choir",)]


def test_a_calendar_with_too_many_dates_brings_no_more_than_its_share_and_says_so(importer, web):
    importer.settings = Settings(fetch_attempts=1, allowed_networks=LOOPBACK, max_batches=1, max_occurrences=1000)
    series = many(100, lambda i: f"DTSTART:20261119T{i % 24:02}0000Z\nSUMMARY:s\nRRULE:FREQ=MINUTELY")
    importer.add("bad", web.feed(Reply(series.encode()), "/bad.ics"))
    importer.add("good", web.feed(Reply(GOOD), "/good.ics"))
    importer.run()
    assert len(importer.rows("bad", "uid")) <= 1000
    assert importer.one("select count(*) from calimport.notices join calimport.calendars on calendars.id = calendar_id"
                        " where calendars.name = 'bad'") > 0  # fmt: skip
    assert importer.rows("good", "summary") == [("Choir",)]


def test_what_travels_is_counted_before_it_is_decompressed(importer, web):
    """Not compressed, without a length and without an end: no more is read than may travel."""
    importer.settings = Settings(
        fetch_attempts=1, allowed_networks=LOOPBACK, max_bytes=1_000_000, max_decompressed_bytes=100_000_000
    )
    importer.add("bad", web.feed(Reply(b"X:" + b"0" * 60_000 + b"\n", endless=True), "/bad.ics"))
    importer.run()

    assert importer.state("bad")["error_class"] == "FeedTooLarge"
    assert importer.one("select bytes_received from calimport.runs") < 2_000_000
