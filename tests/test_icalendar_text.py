"""From bytes to text: charsets, line ends, and what is no whole calendar."""

from __future__ import annotations

import gzip
import random

import pytest

from calimport import icalendar_text
from calimport.errors import FeedEmpty, FeedIsWebPage, FeedTruncated, FeedUnparsable
from calimport.icalendar_text import clean, decode, meaning_hash, received, without_volatile

TEXT = "BEGIN:VCALENDAR\nSUMMARY:Žižkov – Café 😀\nEND:VCALENDAR\n"
CRLF = TEXT.replace("\n", "\r\n")
WESTERN = TEXT.replace("Žižkov", "Ort").replace(" 😀", "")
MARK = b"\xef\xbb\xbf"

FORMS = {
    "LF": TEXT.encode(),
    "CRLF": CRLF.encode(),
    "CR": TEXT.replace("\n", "\r").encode(),
    "CRCRLF": TEXT.replace("\n", "\r\r\n").encode(),
    "two marks": MARK + MARK + CRLF.encode(),
    "a mark that was encoded twice": MARK.decode("latin-1").encode() + CRLF.encode(),
    "gzip": gzip.compress(CRLF.encode()),
    "control characters": CRLF.replace("SUMMARY", "\0\x1fSUM\x85MARY\x7f").encode(),
    "a character over a fold": CRLF.encode().replace("é".encode(), b"\xc3\r\n \xa9"),
    "four bytes over two folds": CRLF.encode().replace("😀".encode(), b"\xf0\x9f\r\n \x98\n\t\x80"),
    **{
        f"{name} {kind}": mark.encode(name) + CRLF.encode(name)
        for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
        for kind, mark in (("with a mark", "\ufeff"), ("without a mark", ""))
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_text(form):
    assert decode(FORMS[form]) == TEXT


@pytest.mark.parametrize("form", FORMS)
def test_a_feed_is_stored_as_it_came_where_it_is_one_calendar_in_utf_8(form):
    as_it_came = form in ("LF", "CRLF", "control characters")
    stored = received(FORMS[form])
    assert stored == (FORMS[form] if as_it_came else TEXT.encode())
    assert decode(stored) == TEXT


@pytest.mark.parametrize("others", [0, 1, 49, 50, 51, 200])
def test_control_characters_go_however_many_others_begin_as_they_do(others):
    spaces = "\xa0" * others
    given = f"BEGIN:VCALENDAR\nSUMMARY:{spaces}\x85{spaces}\x80\x9f|\xa0\nEND:VCALENDAR\n"
    assert decode(given.encode()) == f"BEGIN:VCALENDAR\nSUMMARY:{spaces}{spaces}|\xa0\nEND:VCALENDAR\n"


@pytest.mark.parametrize(
    ("content", "content_type", "summary"),
    [
        (WESTERN.encode("cp1252"), "", "Ort – Café"),
        (WESTERN.encode("cp1252"), "text/calendar; charset=ISO-8859-1", "Ort – Café"),
        (WESTERN.encode("cp1252"), "text/calendar; charset=utf-8", "Ort – Café"),
        (WESTERN.encode("cp1252"), "text/calendar; charset=idna", "Ort – Café"),
        (WESTERN.encode("cp1252"), "text/calendar; charset=undefined", "Ort – Café"),
        (WESTERN.encode("cp1252"), "text/calendar; charset=no-such", "Ort – Café"),
        (WESTERN.encode("cp1252"), "text/calendar; charset=utf-16", "Ort – Café"),
        (WESTERN.encode(), "text/calendar; charset=ISO-8859-1", "Ort – Café"),
        (b"BEGIN:VCALENDAR\nSUMMARY:\xd6\xd0\nEND:VCALENDAR", 'text/calendar;charset="GB2312"', "中"),
        (b"BEGIN:VCALENDAR\nSUMMARY:caf\xe9 caf\xc3\xa9 \x81\nEND:VCALENDAR", "", "café café \ufffd"),
        (b"BEGIN:VCALENDAR\nSUMMARY:\xed\xa0\x80\nEND:VCALENDAR", "", "í\xa0€"),
    ],
)
def test_charsets(content, content_type, summary):
    assert decode(content, content_type=content_type).split("\n")[1] == f"SUMMARY:{summary}"


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"begin:vcalendar\nend:vcalendar", ["begin:vcalendar", "end:vcalendar"]),
        (b"  BEGIN:VCALENDAR \n\tEND:VCALENDAR\t", ["  BEGIN:VCALENDAR ", "\tEND:VCALENDAR\t"]),
        (b"BEGIN: VCALENDAR\nEND : VCALENDAR", ["BEGIN: VCALENDAR", "END : VCALENDAR"]),
        (b"BEGIN:VCALENDAR\nEND:VCALENDAR\nbye", ["BEGIN:VCALENDAR", "END:VCALENDAR", "bye"]),
        (b"BEGIN:VCALENDAR\nEND:VCALENDAR</pre>", ["BEGIN:VCALENDAR", "END:VCALENDAR", "</pre>"]),
        (
            b"<b>Notice</b><br />BEGIN:VCALENDAR\nEND:VCALENDAR",
            ["<b>Notice</b><br />", "BEGIN:VCALENDAR", "END:VCALENDAR"],
        ),
        (b"<html><pre>\nBEGIN:VCALENDAR\nEND:VCALENDAR", ["<html><pre>", "BEGIN:VCALENDAR", "END:VCALENDAR"]),
        (
            b"BEGIN:VCALENDAR\nEND:VCALENDAR" + MARK + b"BEGIN:VCALENDAR\nEND:VCALENDAR",
            ["BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VCALENDAR", "END:VCALENDAR"],
        ),
    ],
)
def test_what_stands_around_a_calendar_does_no_harm(content, lines):
    assert decode(content).split("\n") == lines


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", FeedEmpty),
        (b" \r\n\t", FeedEmpty),
        (b"\0\0", FeedUnparsable),
        (b"[]", FeedUnparsable),
        (b"SUMMARY:BEGIN:VCALENDAR", FeedTruncated),
        (b"<html><pre>BEGIN:VCALENDAR\nEND:VCALENDAR</pre>", FeedIsWebPage),
        (b"<!-- a --><!-- b -->\n<html>", FeedIsWebPage),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT", FeedTruncated),
        (b"BEGIN:VCALENDAR\nEND:VCALENDA", FeedTruncated),
        (b"BEGIN:VCALENDAR\nSUMMARY:END:VCALENDAR", FeedTruncated),
        (b"BEGIN:VCALENDAR\nBEGIN:VCALENDAR\nEND:VCALENDAR\n", FeedTruncated),
        (("BEGIN:VCALENDAR\n" * 2).encode("utf-16"), FeedTruncated),
    ],
)
def test_what_is_no_whole_calendar_is_refused(content, error):
    with pytest.raises(error):
        decode(content)
    with pytest.raises(error):
        received(content)


def test_a_calendar_that_control_characters_hide_is_found_when_it_is_read():
    hidden = b"BEGIN:VCALENDAR\nBEGIN:VCAL\0ENDAR\nEND:VCALENDAR\n"
    with pytest.raises(FeedTruncated):
        decode(received(hidden))


@pytest.mark.parametrize(
    "content",
    [
        b"<!--" * 200_000,
        b"<!-- -->" * 100_000,
        b"\xff" * 1_000_000 + b"\nBEGIN:VCALENDAR",
        b"BEGIN:VCALENDAR\n" + b"\xc3\xa9\xff" * 300_000,
        b"BEGIN:VCALENDAR\n" + b"\xc3\n " * 300_000,
        b" " * 1_000_000 + b"x",
        b"BEGIN:VCALENDAR" * 70_000,
    ],
)
def test_much_of_a_kind_is_refused_as_little_of_it(content):
    with pytest.raises((FeedUnparsable, FeedTruncated)):
        decode(content)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("A:1\nDTSTAMP:1\n 2\n\t3\nB:2\n", True),
        ("A:1\nDTSTAMP;X=1:1\nlast-modified:2\n 3\nCREATED:1\nB:2", True),
        ("A:1\nB:2\n", False),
        ("A:1\nDTSTAMP:1\nB:2\n C:3\n", False),
        ("A:1\nCREATEDX:1\nB:2\n", False),
        ("A:1\nDTSTAMP:1\n DTSTART:2\nB:2\n", False),
        ("A:1\nDTSTAMP:1\n 2\n DTSTART:2\nB:2\n", False),
        ("A:1\nDTSTAMP:1\rC:3\nB:2\n", False),
        ("A:1\nDTSTAMP:1\n 2\rC:3\nB:2\n", False),
    ],
)
def test_the_meaning_leaves_out_what_is_rewritten_at_every_request(text, same, line_end):
    first, second = (f"{one}\n".replace("\n", line_end).encode() for one in (text.strip(), "A:1\nDTSTAMP:0\nB:2"))
    assert (meaning_hash(first) == meaning_hash(second)) is same


@pytest.mark.parametrize("blank", ["", "\n", "\n\n", "\n\t"])
def test_a_stamp_before_the_fold_of_another_line_is_no_stamp_alone(blank):
    fold = f"A:1\nDTSTAMP:1{blank}\n B:2\n"
    # Without it, B is part of A.
    assert meaning_hash(fold.encode()) != meaning_hash(fold.replace("\nDTSTAMP:1", "").encode())


def test_what_is_left_of_a_feed_without_stamps_has_its_ends_of_lines():
    calendar = b"BEGIN:VCALENDAR\r\nDTSTAMP:1%bA:1\r\nEND:VCALENDAR\r\n"
    even, other = (calendar % line_end for line_end in (b"\r\n", b"\n"))
    assert without_volatile(even)(even).count(b"\r\n") == 3
    assert without_volatile(other)(other) == other
    assert meaning_hash(even) == meaning_hash(other)


@pytest.mark.parametrize("seed", range(200))
def test_feeds_of_one_meaning_as_they_came_are_of_one_meaning_as_they_are_cleaned(seed):
    """What was not seen to change where a feed is hashed as it came would not be seen at all."""
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    bits = (*BITS, b"\r\nDTSTAMP:2", b"\nDTSTAMP:3", b"\rDTSTAMP:4", b"\r\n 2:3", b"\r\n\r\n")
    bits = tuple(bit for bit in bits if bit != b"\xe9")
    meanings: dict[bytes, bytes] = {}
    for _ in range(300):
        body = b"".join(chance.choices(bits, k=chance.randrange(6)))
        came = b"BEGIN:VCALENDAR\r\nA:1\r\n%b\r\nEND:VCALENDAR\r\n" % body
        cleaned = meaning_hash(clean(came))
        assert meanings.setdefault(meaning_hash(received(came)), cleaned) == cleaned


#: What pieces are cut at, and what they might tear apart.
BITS = (
    b"A:1",
    b"DTSTAMP:1",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\r\n",
    b"\r\0\n",
    MARK,
    "ï»¿".encode(),
    "é😀\x85".encode(),
    b"\xe9",
    b"\n 2",
)


@pytest.mark.parametrize("seed", range(200))
def test_a_feed_is_the_same_in_whatever_pieces_it_is_cleaned(seed, monkeypatch):
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    events = [b"".join(chance.choices(BITS, k=chance.randrange(9))) for _ in range(9)]
    content = b"".join(b"BEGIN:VEVENT\r\n%b\r\nEND:VEVENT\r\n" % event for event in events)
    content = b"BEGIN:VCALENDAR\r\n%bEND:VCALENDAR\r\n" % content
    at_once = clean(content)
    monkeypatch.setattr(icalendar_text, "_AT_ONCE", chance.randrange(40))
    in_pieces = clean(content)
    assert in_pieces == at_once
    hashed = meaning_hash(in_pieces)
    monkeypatch.undo()
    assert meaning_hash(at_once) == hashed
