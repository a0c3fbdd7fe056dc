"""The reader of content lines: RFC 5545, 3.1, and what producers write instead, quirk by quirk."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import Any

import pytest

from calimport.icalendar_text import decode
from calimport.rfc5545.content_lines import Component, Property, read
from calimport.rfc5545.escaping import split_list, unescape

FEEDS = Path(__file__).parents[2] / "shared" / "feeds"
FIRST = "DTSTART:20261122T100000Z"


def event(*lines: str) -> Component:
    """The one event of a calendar that has these lines in it."""
    text = "\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:a", *lines, "END:VEVENT", "END:VCALENDAR", ""])
    (calendar,) = read(text)
    (found,) = calendar.walk("VEVENT")
    return found


def values(component: Component, *without: str) -> dict[str, list[str]]:
    return {
        name: [unescape(one.value) for one in given]
        for name, given in component.properties.items()
        if name not in without
    }


def shape(component: Component) -> Any:
    """Names of a component and of all below it."""
    return (component.name, [shape(one) for one in component.components])


# Lines that are as they should be


def test_a_line_has_a_name_parameters_and_a_value():
    found = event('ORGANIZER;CN="Smith: John";SENT-BY="mailto:a@b.example":mailto:john@b.example')

    assert found.first("ORGANIZER") == Property(
        "ORGANIZER", 'CN="Smith: John";SENT-BY="mailto:a@b.example"', "mailto:john@b.example"
    )
    assert found.first("LOCATION") is None
    assert found.all("LOCATION") == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("fold", [" ", "\t"])
def test_folded_lines_are_one_whatever_ends_them(end, fold):
    lines = [
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT",
        "SUMM",
        f"{fold}ARY;LANGU",
        f"{fold}AGE=en:One ",
        f"{fold}two",
        "END:VEVENT",
    ]

    (calendar,) = read(end.join([*lines, "END:VCALENDAR", ""]))

    (found,) = calendar.components
    assert found.properties == {"SUMMARY": [Property("SUMMARY", "LANGUAGE=en", "One two")]}
    assert (found.line, found.repairs, found.damage) == (2, [], [])


def test_the_line_of_a_component_counts_folds_and_blank_lines():
    text = "BEGIN:VCALENDAR\nNAME:long\n er\n\nBEGIN:VEVENT\nUID:a\n b\n\tc\nEND:VEVENT\nBEGIN:VEVENT\nEND:VEVENT\n"

    (calendar,) = read(text)

    assert [one.line for one in calendar.components] == [5, 10]


def test_components_lie_in_one_another_and_are_walked_in_order():
    text = (
        "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nBEGIN:STANDARD\nEND:STANDARD\nBEGIN:DAYLIGHT\nEND:DAYLIGHT\nEND:VTIMEZONE\n"
        "BEGIN:VEVENT\nUID:1\nBEGIN:VALARM\nEND:VALARM\nEND:VEVENT\nBEGIN:X-ROOM\nBEGIN:VEVENT\nUID:2\nEND:VEVENT\n"
        "END:X-ROOM\nBEGIN:VEVENT\nUID:3\nEND:VEVENT\nEND:VCALENDAR"
    )

    (calendar,) = read(text)

    assert shape(calendar) == (
        "VCALENDAR",
        [
            ("VTIMEZONE", [("STANDARD", []), ("DAYLIGHT", [])]),
            ("VEVENT", [("VALARM", [])]),
            ("X-ROOM", [("VEVENT", [])]),
            ("VEVENT", []),
        ],
    )
    assert [one.all("UID")[0].value for one in calendar.walk("VEVENT")] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("parameters", "name", "first", "all_of_it"),
    [
        ("TZID=Europe/Paris", "TZID", "Europe/Paris", ["Europe/Paris"]),
        ("VALUE=DATE;TZID=X", "TZID", "X", ["X"]),
        ('CN="a;b,c:d"', "CN", "a;b,c:d", ["a;b,c:d"]),
        ('MEMBER="mailto:a@x","mailto:b@x"', "MEMBER", "mailto:a@x", ["mailto:a@x", "mailto:b@x"]),
        ("CN=one^ntwo^'three^'^^four^x", "CN", 'one\ntwo"three"^four^x', ['one\ntwo"three"^four^x']),  # RFC 6868
        ("cn=John", "CN", "John", ["John"]),
        (" CN = John ", "CN", "John", ["John"]),
        ("CN=Smith, John", "CN", "Smith, John", ["Smith", "John"]),
        ("CN=Smith\\, John", "CN", "Smith, John", ["Smith\\", "John"]),
        ("CN=Smith; John;ROLE=CHAIR", "CN", "Smith; John", ["Smith; John"]),
        ("CN=a;CN=b", "CN", "a", ["a"]),
        ("RSVP;CN=a", "RSVP", "", []),
        ("CN=;ROLE=CHAIR", "CN", "", []),
        ('TZID="Europe/Paris;VALUE=DATE-TIME', "TZID", "Europe/Paris", ["Europe/Paris"]),
        ('CN=John "Jo" Smith', "CN", 'John "Jo" Smith', ['John "Jo" Smith']),
        ("TZID=X", "VALUE", None, []),
        ("", "TZID", None, []),
    ],
)
def test_parameters(parameters, name, first, all_of_it):
    one = Property("X", parameters, "")

    assert (one.parameter(name), one.parameter_list(name)) == (first, all_of_it)


# Lines that are not: what is read and what is said of it

UNTOLD: list[str] = []
LINES: dict[str, tuple[list[str], dict[str, list[str]], list[str]]] = {
    "lower case": (["summary:a", "dtStart:20261122"], {"SUMMARY": ["a"], "DTSTART": ["20261122"]}, UNTOLD),
    "blanks around a name": ([FIRST, "SUMMARY :a"], {"DTSTART": [FIRST[8:]], "SUMMARY": ["a"]}, UNTOLD),
    "a group, as in vCard": (["item1.SUMMARY:a"], {"SUMMARY": ["a"]}, UNTOLD),
    "a name that nobody knows": (["NEW-THING:a", "X-A_B:b"], {"NEW-THING": ["a"], "X-A_B": ["b"]}, UNTOLD),
    "no value": (["LOCATION:", "SUMMARY:a"], {"LOCATION": [""], "SUMMARY": ["a"]}, UNTOLD),
    "no rule": (["RRULE:", "SUMMARY:a"], {"SUMMARY": ["a"]}, ["line 4 has an empty RRULE, read as none"]),
    "a property twice": (["SUMMARY:a", "SUMMARY:b"], {"SUMMARY": ["a", "b"]}, UNTOLD),
    "commas and semicolons": (["SUMMARY:a, b; c: d"], {"SUMMARY": ["a, b; c: d"]}, UNTOLD),
    "blank lines": (["SUMMARY:a", "", "  ", "LOCATION:b"], {"SUMMARY": ["a "], "LOCATION": ["b"]}, UNTOLD),
    "a blank line in a fold": (["SUMMARY:a", "", " b"], {"SUMMARY": ["ab"]}, UNTOLD),
    "a raw line break": (
        ["DESCRIPTION:one", "two", "", "three", "LOCATION:b"],
        {"DESCRIPTION": ["one\ntwo\n\nthree"], "LOCATION": ["b"]},
        ["DESCRIPTION has a line break of its own before line 5"],
    ),
    "raw lines that look like properties": (
        ["DESCRIPTION:Come!", "Price: 5", "https://a.example/b:c", "Location: here", "End: 18:00", "NOTE: x", "12:30"],
        {"DESCRIPTION": ["Come!\nPrice: 5\nhttps://a.example/b:c\nLocation: here\nEnd: 18:00\nNOTE: x\n12:30"]},
        ["DESCRIPTION has a line break of its own before line 5"],
    ),
    "a fold without its space": (
        ["URL:https://a.example/" + "x" * 53, "yz", "SUMMARY:a"],
        {"URL": ["https://a.example/" + "x" * 53 + "yz"], "SUMMARY": ["a"]},
        ["line 5 goes on with URL and does not begin with a space"],
    ),
    "a rule over two lines": (
        ["RRULE:FREQ=WEEKLY;BYDAY=MO,", "TU"],
        {"RRULE": ["FREQ=WEEKLY;BYDAY=MO,TU"]},
        ["line 5 goes on with RRULE and does not begin with a space"],
    ),
    "a line of nothing": (
        [FIRST, "no colon here", "SUMMARY:a"],
        {"DTSTART": ["20261122T100000Z"], "SUMMARY": ["a"]},
        ["line 5 is no line of a calendar and was left out"],
    ),
    "a parameter over two lines": (
        ["ATTENDEE;CN=Ann;PARTSTAT=ACC", "EPTED:mailto:a@x.example"],
        {"ATTENDEE": ["mailto:a@x.example"]},
        ["line 4 begins with ATTENDEE and has no colon"],
    ),
    "a date with a space before it": (
        ["SUMMARY:a", " DTSTART:20261122T100000Z"],
        {"SUMMARY": ["a"], "DTSTART": ["20261122T100000Z"]},
        UNTOLD,
    ),
    "quoted-printable": (
        ["SUMMARY;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Caf=C3=A9 =", "LOCATION: x=0D=0Ay", "LOCATION:b"],
        {"SUMMARY": ["Café LOCATION: x\ny"], "LOCATION": ["b"]},
        UNTOLD,
    ),
}


@pytest.mark.parametrize("quirk", LINES)
def test_a_quirk_of_lines(quirk):
    lines, expected, repairs = LINES[quirk]

    found = event(*lines)

    assert (values(found, "UID"), found.repairs, found.damage) == (expected, repairs, [])


QUOTES = "should stand in quotes"
PARAMETERS = {
    "DTSTART;TZID=(UTC+01:00) Amsterdam, Berlin:20261122T100000": ("(UTC+01:00) Amsterdam, Berlin", "20261122T100000"),
    'DTSTART;TZID="Europe/Paris:20261122T100000': ("Europe/Paris", "20261122T100000"),
    "DTSTART:TZID=Europe/Paris:20261122T100000": ("Europe/Paris", "20261122T100000"),
    "DTSTART;TZID=Europe/Paris:2026-11-22T10:00:00": ("Europe/Paris", "2026-11-22T10:00:00"),
    "DTSTART:2026-11-22T10:00:00": (None, "2026-11-22T10:00:00"),
    "DTSTART ; TZID=Europe/Paris :20261122T100000": ("Europe/Paris", "20261122T100000"),
    "DTSTART;:20261122": (None, "20261122"),
    "EXDATE;TZID=GMT +01:00:20261122T100000,20261123T100000": ("GMT +01:00", "20261122T100000,20261123T100000"),
    "ORGANIZER;CN=Smith, John:mailto:j@x.example": ("Smith, John", "mailto:j@x.example"),
    "ORGANIZER;CN=Desk: John;ROLE=CHAIR:MAILTO:j@x.example": ("Desk: John", "MAILTO:j@x.example"),
    'ORGANIZER;CN="Smith, John:mailto:j@x.example': ("Smith, John", "mailto:j@x.example"),
    "ORGANIZER;CN=mailto:j@x.example:mailto:j@x.example": ("mailto:j@x.example", "mailto:j@x.example"),
    "LOCATION;ALTREP=http://x.example/a:Hall: left": ("http://x.example/a", "Hall: left"),
    'LOCATION;ALTREP="http://x.example/a":Hall "A": left': ("http://x.example/a", 'Hall "A": left'),
}


@pytest.mark.parametrize("line", PARAMETERS)
def test_where_a_value_begins(line):
    found = event(line, "SUMMARY:last")

    name = next(name for name in found.properties if name not in ("UID", "SUMMARY"))
    (one,) = found.properties[name]
    parameter = {"ORGANIZER": "CN", "LOCATION": "ALTREP"}.get(name, "TZID")
    assert (one.parameter(parameter), one.value) == PARAMETERS[line]
    assert found.damage == []


@pytest.mark.parametrize(
    ("lines", "damage"),
    [
        (["DTSTART=20261122T100000"], ["line 4 begins with DTSTART and has no colon"]),
        (["DTSTART;TZID=Europe/Paris 20261122"], ["line 4 begins with DTSTART and has no colon"]),
        (["RRULE"], ["line 4 begins with RRULE and has no colon"]),
        ([FIRST, "DTSTART:20261123T100000Z"], ["it has several DTSTART that differ"]),
        ([FIRST, "UID:b"], ["it has several UID that differ"]),
        ([FIRST, FIRST], []),
        ([FIRST, "STATUS:CONFIRMED", "STATUS:TENTATIVE"], []),
        (["DESCRIPTION:The", "DURATION is long"], []),
        ([FIRST, "DURATION:PT1H", "REPEAT:2", "END:VALARM"], ["line 7 ends a VALARM that does not begin"]),
        (
            [FIRST, "BEGIN:VALARM", "DURATION:PT1H"],
            ["the VALARM of line 5 does not end, so its DURATION may be the event's"],
        ),
    ],
)
def test_what_leaves_the_time_open_is_damage(lines, damage):
    assert event(*lines).damage == damage


# Components that do not begin or end

ALONE = "UID:{0}\nDTSTART:2026112{0}\n"
EVENT = "BEGIN:VEVENT\n" + ALONE + "END:VEVENT\n"
ONE, TWO = EVENT.format(1), EVENT.format(2)
TOLD: dict[str, tuple[str, list[tuple[str, bool, bool]]]] = {
    "as it should be": (f"BEGIN:VCALENDAR\n{ONE}{TWO}END:VCALENDAR\n", [("1", False, False), ("2", False, False)]),
    "blanks and lower case": (
        f"BEGIN:VCALENDAR\n{ONE}begin:vevent \n{ALONE.format(2)}End: VEVENT\nEND:VCALENDAR",
        [("1", False, False), ("2", False, False)],
    ),
    "no END:VEVENT before the next": (
        f"BEGIN:VCALENDAR\n{ONE.replace('END:VEVENT', '')}{TWO}END:VCALENDAR\n",
        [("1", True, False), ("2", False, False)],
    ),
    "no END:VEVENT before the calendar's": (
        f"BEGIN:VCALENDAR\n{TWO.replace('END:VEVENT', '')}END:VCALENDAR\n",
        [("2", True, False)],
    ),
    "no END:VEVENT and no start": (
        f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n{TWO}END:VCALENDAR\n",
        [("1", False, True), ("2", False, False)],
    ),
    "no BEGIN:VEVENT": (
        f"BEGIN:VCALENDAR\n{ONE}{TWO.replace('BEGIN:VEVENT', '')}END:VCALENDAR\n",
        [("1", False, False), ("2", False, True)],
    ),
    "neither": (f"BEGIN:VCALENDAR\n{ALONE.format(1)}{TWO}END:VCALENDAR\n", [("1", False, True), ("2", False, False)]),
    "a misspelt END": (
        f"BEGIN:VCALENDAR\n{ONE.replace('END:VEVENT', 'END:VEVNT')}{TWO}END:VCALENDAR\n",
        [("1", True, False), ("2", False, False)],
    ),
    "a misspelt BEGIN": (
        f"BEGIN:VCALENDAR\n{ONE.replace('BEGIN:VEVENT', 'BEGIN:VEVNT')}{TWO}END:VCALENDAR\n",
        [("1", True, False), ("2", False, False)],
    ),
    "an END of something else": (
        f"BEGIN:VCALENDAR\n{ONE.replace('END:VEVENT', 'END:VTODO')}{TWO}END:VCALENDAR\n",
        [("1", True, False), ("2", False, False)],
    ),
    "an END too many": (
        f"BEGIN:VCALENDAR\n{ONE}END:VEVENT\n{TWO}END:VCALENDAR\n",
        [("1", False, False), ("2", False, False)],
    ),
    "a BEGIN too many": (
        f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{ONE}{TWO}END:VCALENDAR\n",
        [("1", False, False), ("2", False, False)],
    ),
    "an alarm without END": (
        f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nBEGIN:VALARM\nTRIGGER:-PT5M\n{ALONE.format(1)}END:VEVENT\n{TWO}END:VCALENDAR\n",
        [("1", False, False), ("2", False, False)],
    ),
    "an alarm without BEGIN": (
        f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{ALONE.format(1)}TRIGGER:-PT5M\nEND:VALARM\nEND:VEVENT\n{TWO}END:VCALENDAR\n",
        [("1", True, False), ("2", False, False)],
    ),
    "a zone without END": (
        f"BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:19700101T000000\n{ONE}{TWO}END:VCALENDAR\n",
        [("1", False, False), ("2", False, False)],
    ),
    "an event outside": (
        f"BEGIN:VCALENDAR\n{ONE}END:VCALENDAR\n{TWO}",
        [("1", False, False), ("2", True, False)],
    ),
    "events without any calendar": (f"{ONE}{TWO}", [("1", True, False), ("2", True, False)]),
    "cut in the middle": (
        f"BEGIN:VCALENDAR\n{ONE}BEGIN:VEVENT\n{ALONE.format(2)}",
        [("1", False, False), ("2", True, True)],
    ),
    "glued": (
        f"BEGIN:VCALENDAR\n{ONE.rstrip()}{TWO}END:VCALENDAR",
        [("1", False, False), ("2", False, False)],
    ),
    "indented": (
        "BEGIN:VCALENDAR\n  VERSION:2.0\n  BEGIN:VEVENT\n    UID:1\n    DTSTART:20261121\n  END:VEVENT\nEND:VCALENDAR",
        [("1", False, False)],
    ),
}


@pytest.mark.parametrize("quirk", TOLD)
def test_a_quirk_of_components(quirk):
    text, expected = TOLD[quirk]

    events = [one for calendar in read(text) for one in calendar.walk("VEVENT")]

    found = [(uid.value if (uid := one.first("UID")) else "", bool(one.repairs), bool(one.damage)) for one in events]
    assert found == expected
    assert {one.properties["DTSTART"][0].value for one in events if not one.damage} <= {"20261121", "20261122"}


def test_calendars_stand_side_by_side():
    inner = f"BEGIN:VCALENDAR\nNAME:inner\n{TWO}END:VCALENDAR\n"

    calendars = read(f"\ufeffBEGIN:VCALENDAR\nNAME:outer\n{ONE}{inner}{EVENT.format(3)}END:VCALENDAR\n\ufeff{inner}")

    assert [(one.all("NAME")[0].value, len(one.components)) for one in calendars] == [
        ("outer", 2),
        ("inner", 1),
        ("inner", 1),
    ]


def test_what_is_no_calendar_stays_where_it_is():
    assert [one.name for one in read("BEGIN:VCARD\nFN:x\nEND:VCARD\nBEGIN:VCALENDAR\nEND:VCALENDAR")] == [
        "VCARD",
        "VCALENDAR",
    ]
    assert read("") == read("no calendar\n\n at all") == []


# Dirt in large amounts

SIZE = 100_000
MUCH = {
    "nested": "BEGIN:X\n" * SIZE,
    "ends of nothing": "BEGIN:VCALENDAR\n" + "BEGIN:A\n" * 1000 + "END:B\n" * SIZE,
    "lines of nothing": "BEGIN:VCALENDAR\n" + "x\n" * SIZE,
    "raw line breaks": "BEGIN:VCALENDAR\nNAME:a\n" + "x\n" * SIZE,
    "folds": "BEGIN:VCALENDAR\nNAME:a\n" + " x\n" * SIZE,
    "short folds that look like dates": "BEGIN:VCALENDAR\nNAME:a\n" + " DTSTART:2\n" * SIZE,
    "quotes": 'BEGIN:VCALENDAR\nNAME;A="' + '";B="' * SIZE + ":x\n",
    "open quotes": "BEGIN:VCALENDAR\n" + 'NAME;A="b\n' * SIZE,
    "colons": "BEGIN:VCALENDAR\nDTSTART;TZID=a" + ":b" * SIZE + "\n",
    "semicolons": "BEGIN:VCALENDAR\nATTENDEE" + ";" * SIZE + ":mailto:x\n",
    "blanks": "BEGIN:VCALENDAR\nNAME" + " " * SIZE + "x\n" + " \n" * SIZE,
    "blanks after a fold": "BEGIN:VCALENDAR\nNAME:x\n" + "\t" * SIZE + "y\n",
    "dots": "BEGIN:VCALENDAR\n" + "a." * SIZE + ":b\n",
    "quoted-printable without end": "BEGIN:VCALENDAR\nA;QUOTED-PRINTABLE:=\n" + "=\n" * SIZE,
    "backslashes": "BEGIN:VCALENDAR\nNAME:" + "\\" * SIZE + "\n",
    "one long line": "BEGIN:VCALENDAR\nNAME:" + "x" * 1_000_000 + "\n",
    "a long name": "BEGIN:VCALENDAR\n" + "x" * 1_000_000 + ":a\n",
    "names": "BEGIN:VCALENDAR\n" + "".join(f"X-{number};A={number}:b\n" for number in range(SIZE)),
    "a component's long name": f"BEGIN:{'V' * SIZE}\nEND:{'V' * SIZE}X\n",
}


@pytest.mark.parametrize("kind", MUCH)
def test_much_of_a_kind_is_read(kind):
    roots = read(MUCH[kind])

    properties, deepest, left = 0, 0, [(one, 1) for one in roots]
    while left:
        component, depth = left.pop()
        deepest = max(deepest, depth)
        left += [(one, depth + 1) for one in component.components]
        assert max(len(component.damage), len(component.repairs)) <= 10
        for one in (one for given in component.properties.values() for one in given):
            properties += 1
            assert len(unescape(one.value)) + len(split_list(one.value)) + len(one.parameter_list("A")) >= 0
    assert 1 <= deepest <= 33
    assert properties <= MUCH[kind].count("\n")


def test_the_garbage_collector_is_as_it_was():
    before = gc.isenabled()
    gc.disable()
    try:
        read(ONE)
        assert not gc.isenabled()
    finally:
        gc.enable()
    read(ONE)
    assert gc.isenabled()
    if not before:
        gc.disable()


# TEXT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain, text; here", "plain, text; here"),
        (r"one\ntwo\Nthree", "one\ntwo\nthree"),
        (r"a\, b\; c\\d", r"a, b; c\d"),
        (r"C:\\new", r"C:\new"),
        (r"C:\temp\x", r"C:\temp\x"),
        ("ends in \\", "ends in \\"),
        ("a\\\nb", "a\nb"),
        (r"\\\,", r"\,"),
    ],
)
def test_unescape(value, expected):
    assert unescape(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A,B", ["A", "B"]),
        (r"A\, B,C\\,D", ["A, B", "C\\", "D"]),
        (" A , ,B,", ["A", "B"]),
        ("", []),
        ("A\\", ["A\\"]),
    ],
)
def test_split_list(value, expected):
    assert split_list(value) == expected


# The same as another reader has it


@pytest.mark.skipif(not FEEDS.is_dir(), reason="the folder of feeds from the wild is not here")
@pytest.mark.parametrize("path", sorted(FEEDS.glob("*.ics")), ids=lambda path: path.stem)
def test_feeds_from_the_wild_hold_what_icalendar_finds_in_them(path):
    import icalendar

    text = decode(path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [one for each in icalendar.Calendar.from_ical(text, multiple=True) for one in each.walk("VEVENT")]

    ours = [one for calendar in read(text) for one in calendar.walk("VEVENT")]

    assert len(ours) == len(theirs) > 0
    assert [one.damage for one in ours if one.damage] == []
    for mine, other in zip(ours, theirs, strict=True):
        assert {name: sorted(map(_parts, given)) for name, given in values(mine).items()} == {
            name: sorted(_parts(_raw(one)) for one in (given if isinstance(given, list) else [given]))
            for name, given in other.items()
        }


def _raw(value: Any) -> str:
    if isinstance(value, str):
        return value
    raw = value.to_ical()
    return unescape(raw if isinstance(raw, str) else raw.decode())


def _parts(value: str) -> tuple[str, ...]:
    """The library writes the parts of a rule in an order of its own."""
    return tuple(sorted(value.split(";"))) if value.startswith("FREQ=") else (value,)
