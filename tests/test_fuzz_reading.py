"""Whatever bytes come: text and components come out, in bounds, or an error of ours."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from calimport.errors import CalimportError
from calimport.icalendar_text import decode, meaning_hash
from calimport.rfc5545.content_lines import read
from calimport.rfc5545.escaping import split_list, unescape

FEED = """BEGIN:VCALENDAR
VERSION:2.0
X-WR-TIMEZONE:Europe/Paris
BEGIN:VTIMEZONE
TZID:(UTC+01:00) Amsterdam, Berlin
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:040000008200E00074C5B7101A82E00800000000
DTSTART;TZID="(UTC+01:00) Amsterdam, Berlin":20261122T100000
DTEND;TZID="(UTC+01:00) Amsterdam, Berlin":20261122T110000
RRULE:FREQ=WEEKLY;BYDAY=MO,TU;COUNT=5
EXDATE;VALUE=DATE:20261124,20261130
SUMMARY;LANGUAGE=fr:Café\\, réunion – 会議
DESCRIPTION:One line that is folded where it reaches its seventy-five oct
 ets\\nand another\\; the end
ATTENDEE;CN="Smith: John";PARTSTAT=ACCEPTED;X-NUM-GUESTS=0:mailto:john@exa
 mple.org
BEGIN:VALARM
TRIGGER:-PT15M
ACTION:DISPLAY
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;VALUE=DATE:20261122
NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0A=
b
END:VEVENT
END:VCALENDAR
"""
LINES = FEED.encode().splitlines(keepends=True)
PIECES = [
    *LINES, b"\r\n", b"\n ", b"\r", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3", b"\xe2\x80\xa8", b'"', b":", b";",
    b"=", b"\\",    b"BEGIN:", b"END:", b"BEGIN:VEVENT\n", b"END:VEVENT\n", b"\x1f\x8b", b"\x01",
]  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A feed with lines doubled, lost and exchanged, and then bytes changed, put in or cut off."""
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - not for secrets
    lines = list(LINES)
    for _ in range(draw(st.integers(0, 4))):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                lines.insert(at, lines[other])
            case 1:
                del lines[at]
                lines = lines or [b""]
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                lines.insert(at, chance.choice(PIECES))
    content = b"".join(lines)
    for _ in range(draw(st.integers(0, 4))):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(4):
            case 0:
                content = content[:at] + chance.choice(PIECES) + content[at:]
            case 1:
                content = content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
            case 2:
                content = content[:at] + content[at + chance.randrange(9) :]
            case _:
                content = content[:at] if chance.randrange(4) == 0 else content
    return content


def bounded(text: str) -> None:
    """Read a text, and all that can be asked of what was read."""
    characters, left = 0, [(one, 1) for one in read(text)]
    while left:
        component, depth = left.pop()
        left += [(one, depth + 1) for one in component.components]
        assert component.name == component.name.upper() != ""
        assert depth <= 33
        assert max(len(component.damage), len(component.repairs)) <= 10
        for name, given_ones in component.properties.items():
            for one in given_ones:
                assert one.name == name == name.upper()
                one.parameter("TZID")
                one.parameter_list("MEMBER")
                unescape(one.value)
                split_list(one.value)
                characters += len(name) + len(one.parameters) + len(one.value)
    # A name in upper case may be longer by a letter or two, as that of ß.
    assert characters <= 3 * len(text)


def check(content: bytes) -> None:
    bounded(content.decode("utf-8", "surrogateescape"))
    try:
        text = decode(content, max_bytes=1 << 20)
    except CalimportError:
        return
    assert not set(text) & {"\r", "\0", "\ufeff", "\x85"}
    assert len(meaning_hash(text.encode())) == 32
    bounded(text)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(content):
    check(content)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=60))
def test_any_order_of_pieces(pieces):
    check(b"BEGIN:VCALENDAR\n" + b"".join(pieces) + b"\nEND:VCALENDAR\n")


@settings(max_examples=400, deadline=None)
@given(mutations())
def test_a_feed_that_was_damaged(content):
    check(content)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=100))
def test_any_text(text):
    bounded(text)
    bounded(f"BEGIN:VEVENT\nSUMMARY:a\n{text}\nEND:VEVENT")
