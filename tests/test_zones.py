"""What names of zones mean, and which evidence decides in a calendar."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from calimport.rfc5545.content_lines import read
from calimport.windows import Window
from calimport.zone_names import How, read_name
from calimport.zone_tables import ABBREVIATIONS, DISPLAY_NAMES, OLD_WINDOWS, WINDOWS
from calimport.zones import Zones, feed_zone, iana_name

FEEDS = Path(__file__).resolve().parents[2] / "shared" / "feeds"
WINDOW = Window(datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
LISBON = ZoneInfo("Europe/Lisbon")


@pytest.mark.parametrize(
    ("tzid", "name"),
    [
        # IANA's own, whatever the case and the quotes.
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/BERLIN", "Europe/Berlin"),
        (' "America/New_York" ', "America/New_York"),
        ("America/New York", "America/New_York"),
        ("US/Eastern", "US/Eastern"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("EST5EDT", "EST5EDT"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        # Windows' ids.
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("GMT Standard Time", "Europe/London"),
        ("greenwich standard time", "Atlantic/Reykjavik"),
        ("India Standard Time", "Asia/Kolkata"),
        ("US Mountain Standard Time", "America/Phoenix"),
        ("Kamchatka Standard Time", "Asia/Kamchatka"),
        ("Mid-Atlantic Standard Time", "Atlantic/South_Georgia"),
        ("UTC-11", "Etc/GMT+11"),
        ("Microsoft/Romance Standard Time", "Europe/Paris"),
        # Windows' display names in Outlook.
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Berlin"),
        (r"(UTC+01:00) Amsterdam\, Berlin\, Bern\, Rome\, Stockholm\, Vienna", "Europe/Berlin"),
        ("(GMT+01.00) Amsterdam / Berlin / Bern / Rome / Stockholm / Vienna", "Europe/Berlin"),
        ("(GMT) Greenwich Mean Time : Dublin, Edinburgh, Lisbon, London", "Europe/London"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC-05:00) Eastern Time (US &amp; Canada)", "America/New_York"),
        ("Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("(UTC+02:00) Istanbul", "Europe/Istanbul"),
        ("(UTC) Coordinated Universal Time", "UTC"),
        # Prefixes of global ids.
        ("/freeassociation.sourceforge.net/Tzfile/Europe/London", "Europe/London"),
        ("/freeassociation.sourceforge.net/Europe/London", "Europe/London"),
        ("/citadel.org/20210210_1/Europe/London", "Europe/London"),
        ("/mozilla.org/20070129_1/Europe/Berlin", "Europe/Berlin"),
        ("/softwarestudio.org/Olson_20011030_5/America/New_York", "America/New_York"),
        ("/kerio.com/Europe/Prague", "Europe/Prague"),
        ("/example.com/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("/Europe/Vienna", "Europe/Vienna"),
        # UTC.
        ("UTC", "UTC"),
        ("GMT", "UTC"),
        ("Z", "UTC"),
        ("Etc/UTC", "UTC"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("Universal Coordinated Time", "UTC"),
        # Offsets, east of Greenwich with a plus; IANA's names have POSIX' sign.
        ("GMT+01:00", "Etc/GMT-1"),
        ("GMT+0100", "Etc/GMT-1"),
        ("GMT-05:00", "Etc/GMT+5"),
        ("UTC+2", "Etc/GMT-2"),
        ("-0800", "Etc/GMT+8"),
        ("(UTC+01:00)", "Etc/GMT-1"),
        ("UTC+00:00", "UTC"),
        ("UTC+5:30", None),
        # Guesses, and what nobody knows.
        ("Berlin", None),
        ("PST", None),
        ("Unknown", None),
        ("floating", None),
        ("Customized Time Zone", None),
        ("tzone://Microsoft/Custom", None),
        ("localtime", None),
        ("GMT+25", None),
        ("GMT +0100 (Standard) / GMT +0200 (Daylight)", None),
        ("Etc/GMT+5 (x)", None),
        ("/", None),
        ("", None),
        ("Europe/Berlin" * 100, None),
    ],
)
def test_names_that_are_certain(tzid: str, name: str | None) -> None:
    assert iana_name(tzid) == name


@pytest.mark.parametrize(
    ("tzid", "name"),
    [
        ("Berlin", "Europe/Berlin"),
        ("Mexico City", "America/Mexico_City"),
        ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("Istanbul", "Europe/Istanbul"),
        ("Edinburgh", "Europe/London"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("W. Europe Standard Time 1", "Europe/Berlin"),
        ("Pacific Daylight Time", "America/Los_Angeles"),
        ("British Summer Time", "Europe/London"),
        ("Central European Time", "Europe/Paris"),
        ("Mitteleuropäische Zeit", "Europe/Berlin"),
        ("Western/Central Europe", "Europe/Berlin"),
        ("Eastern", "America/New_York"),
        ("Romance", "Europe/Paris"),
        ("PST", "America/Los_Angeles"),
        ("BST", "Europe/London"),
        ("(GMT-11:00) Midway Island, Samoa", "Pacific/Midway"),
        ("(GMT-08:00) Pacific Time (US & Canada); Tijuana", "America/Los_Angeles"),
        ("(UTC-07:00) Chihuahua, La Paz, Mazatlan", "America/Mazatlan"),
        ("(GMT-03:00) Buenos Aires, Georgetown", "America/Argentina/Buenos_Aires"),
        ("(GMT-04:00) La Paz", "America/La_Paz"),
        ("Singapore Time", "Asia/Singapore"),
        ("Z=-1$DO=1$DL=3 -1 1 10 -1 1$ZX=12$ZN=W. Europe", "Europe/Berlin"),
        ("Europe-Berlin", "Europe/Berlin"),
        ("Europe/Berlin_old", "Europe/Berlin"),
        ("America/New_York-(Standard)", "America/New_York"),
        ("America/Argentina/Buenos_Aires (1)", "America/Argentina/Buenos_Aires"),
    ],
)
def test_names_that_are_guessed(tzid: str, name: str) -> None:
    reading = read_name(tzid)
    assert reading is not None
    assert (reading.name, reading.how) == (name, How.GUESS)


def test_an_offset_without_a_name() -> None:
    reading = read_name("GMT-0330")
    assert reading is not None
    assert (reading.name, datetime(2026, 1, 1, tzinfo=reading.tzinfo).utcoffset()) == (None, -timedelta(hours=3.5))


def test_each_name_of_the_tables_is_one_of_the_database() -> None:
    named = {name for _, name, _ in WINDOWS} | {*OLD_WINDOWS.values(), *ABBREVIATIONS.values(), *DISPLAY_NAMES.values()}
    assert named - available_timezones() == set()


def test_windows_ids_lead_where_cldr_leads() -> None:
    olson = pytest.importorskip("icalendar.timezone.windows_to_olson").WINDOWS_TO_OLSON
    assert {windows for windows, _, _ in WINDOWS} == olson.keys()
    # CLDR keeps older names of some zones; IANA has them as links, so their files are the same.
    moments = [datetime(year, month, 1, tzinfo=UTC) for year in range(1980, 2040) for month in (1, 7)]
    for windows, name, _ in WINDOWS:
        ours, theirs = ZoneInfo(name), ZoneInfo(olson[windows])
        assert [one.astimezone(ours).utcoffset() for one in moments] == [
            one.astimezone(theirs).utcoffset() for one in moments
        ], windows


def definition(tzid: str, standard: str, daylight: str = "", more: str = "") -> str:
    """A VTIMEZONE; with ``daylight`` clocks change as in the European Union, an hour after midnight UTC."""
    rules = {"STANDARD": (daylight, standard, 10), "DAYLIGHT": (standard, daylight, 3)}
    parts = [f"BEGIN:VTIMEZONE\nTZID:{tzid}\n{more}"]
    for kind, (before, after, month) in rules.items():
        if daylight:
            hour = (1 + int(before) // 100) % 24
            start, rule = f"19700101T{hour:02}0000", f"\nRRULE:FREQ=YEARLY;BYMONTH={month};BYDAY=-1SU"
        elif kind == "STANDARD":
            start, rule, before = "19700101T000000", "", after
        else:
            continue
        parts.append(f"BEGIN:{kind}\nDTSTART:{start}\nTZOFFSETFROM:{before}\nTZOFFSETTO:{after}{rule}\nEND:{kind}\n")
    return "".join(parts) + "END:VTIMEZONE\n"


def zones(text: str = "", calendar: ZoneInfo = LISBON, window: Window = WINDOW) -> Zones:
    (found,) = read(f"BEGIN:VCALENDAR\n{text}END:VCALENDAR\n")
    return Zones(found.walk("VTIMEZONE"), calendar, "calendar", window)


CET = "+0100", "+0200"
SAYS = "The calendar's own definition of the time zone"


@pytest.mark.parametrize(
    ("text", "tzid", "name", "offset", "evidence", "notice"),
    [
        pytest.param("", "Europe/Berlin", "Europe/Berlin", 1, "event", None, id="IANA"),
        pytest.param(definition("Europe/Berlin", *CET), "Europe/Berlin", "Europe/Berlin", 1, "event", None,
                     id="IANA, defined as in the database"),
        pytest.param(definition("Europe/Berlin", "+0300"), "Europe/Berlin", "Europe/Berlin", 1, "event",
                     f"{SAYS} 'Europe/Berlin' says 2026-11-14 03:00, where Europe/Berlin has 2026-11-14 01:00. "
                     "The time zone database was used: such definitions are often out of date.",
                     id="IANA, defined otherwise"),
        pytest.param("BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nEND:VTIMEZONE\n", "Europe/Berlin", "Europe/Berlin", 1,
                     "event", None, id="IANA, with a definition that defines nothing"),
        pytest.param("", "W. Europe Standard Time", "Europe/Berlin", 1, "event", None, id="Windows"),
        pytest.param(definition("W. Europe Standard Time", *CET), "W. Europe Standard Time", "Europe/Berlin", 1,
                     "event", None, id="Windows, defined as in the database"),
        pytest.param(definition("W. Europe Standard Time", "-0500"), "W. Europe Standard Time", None, -5, "vtimezone",
                     f"{SAYS} 'W. Europe Standard Time' says 2026-11-13 19:00, where Europe/Berlin has "
                     "2026-11-14 01:00. The definition was used.", id="Windows, defined otherwise"),
        pytest.param("", "Berlin", "Europe/Berlin", 1, "event",
                     "The time zone 'Berlin' was taken to be Europe/Berlin, by a guess.", id="a guess"),
        pytest.param(definition("Berlin", *CET), "Berlin", "Europe/Berlin", 1, "event", None, id="a guess confirmed"),
        pytest.param(definition("Eastern", "+1000"), "Eastern", None, 10, "vtimezone", None, id="a guess refuted"),
        pytest.param(definition("Home", "+0530"), "Home", None, 5.5, "vtimezone", None, id="only defined"),
        pytest.param(definition("Home", "+0000", "+0100"), "Home", "Europe/Lisbon", 0, "vtimezone", None,
                     id="only defined, and just as the calendar's own zone"),
        pytest.param(definition("Home", *CET, "X-LIC-LOCATION:Europe/Vienna\n"), "Home", "Europe/Vienna", 1, "event",
                     None, id="X-LIC-LOCATION"),
        pytest.param(definition("Home", *CET, "TZID-ALIAS-OF:Europe/Vienna\n"), "Home", "Europe/Vienna", 1, "event",
                     None, id="TZID-ALIAS-OF"),
        pytest.param(definition("Home", "+0530", more="X-LIC-LOCATION:Europe/Vienna\n"), "Home", None, 5.5, "vtimezone",
                     f"{SAYS} 'Home' says 2026-11-14 05:30, where Europe/Vienna has 2026-11-14 01:00. "
                     "The definition was used.", id="X-LIC-LOCATION against the definition"),
        pytest.param("", "Home", "Europe/Lisbon", 0, "calendar",
                     "The time zone 'Home' is not known. Its times were read in Europe/Lisbon.", id="nothing"),
        pytest.param("BEGIN:VTIMEZONE\nTZID:Home\nEND:VTIMEZONE\n", "Home", "Europe/Lisbon", 0, "calendar",
                     "The time zone 'Home' is not known. Its times were read in Europe/Lisbon. The calendar's own "
                     "definition of it cannot be used: it has neither STANDARD nor DAYLIGHT.",
                     id="a broken definition"),
        pytest.param("BEGIN:VTIMEZONE\nTZID:Home\nEND:VTIMEZONE\n" + definition("Home", "+0300"), "Home", None, 3,
                     "vtimezone", None, id="a broken definition and a good one"),
        pytest.param(definition("Home", "+0300"), '"home"', None, 3, "vtimezone", None, id="quotes and case"),
        pytest.param(definition("/example.com/Home", "+0300"), "example.com/Home ", None, 3, "vtimezone", None,
                     id="slash and blanks"),
        pytest.param(definition(r"(UTC+03:00) Home\, Away", "+0300"), "(UTC+03:00) Home, Away", None, 3, "vtimezone",
                     None, id="an escaped comma"),
        pytest.param(definition("EST", "-0500", "-0400"), "EST", None, -5, "vtimezone", None,
                     id="EST, defined with a summer time that IANA's EST has not"),
        pytest.param(definition("GMT", "+0000", "+0100"), "GMT", "Europe/Lisbon", 0, "vtimezone", None,
                     id="GMT with a summer time: the calendar's own zone"),
        pytest.param("", "EST", "EST", -5, "event", None, id="EST"),
        pytest.param("", "WET", "WET", 0, "event", None, id="WET"),
        pytest.param("", "UTC+5:30", None, 5.5, "event", None, id="an offset without a name"),
        pytest.param("", "", "Europe/Lisbon", 0, "calendar", None, id="no name at all"),
    ],
)  # fmt: skip
def test_the_chain_of_evidence(
    text: str, tzid: str, name: str | None, offset: float, evidence: str, notice: str | None
) -> None:
    found = zones(text).of(tzid)
    assert (found.name, found.evidence, found.notice) == (name, evidence, notice)
    assert WINDOW.start.astimezone(found.tzinfo).utcoffset() == timedelta(hours=offset)


def test_an_old_definition_that_is_right_in_the_window_is_no_contradiction() -> None:
    """Turkey keeps its summer time since 2016; a definition of before is right in summer and wrong in winter."""
    text = definition("Europe/Istanbul", "+0200", "+0300")
    summer = Window(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))
    assert zones(text, window=summer).of("Europe/Istanbul").notice is None
    assert zones(text).of("Europe/Istanbul").notice == (
        f"{SAYS} 'Europe/Istanbul' says 2026-11-14 02:00, where Europe/Istanbul has 2026-11-14 03:00. "
        "The time zone database was used: such definitions are often out of date."
    )


@pytest.mark.parametrize(("month", "day"), [(1, 10), (7, 10)])
@pytest.mark.parametrize("tzid", ["Europe/Brussels", "Romance Standard Time", "Brussels"])
def test_a_list_of_changes_says_nothing_of_later_years(tzid: str, month: int, day: int) -> None:
    """The Events Calendar lists the changes of the years that its events lie in."""
    text = re.sub(r"\nRRULE:.*", "", definition(tzid, *CET)).replace("19700101T020000", "20240331T020000")
    text = text.replace("19700101T030000", "20241027T030000")
    start = datetime(2026, month, day, tzinfo=UTC)
    found = zones(text, window=Window(start, start + timedelta(days=14))).of(tzid)
    assert (found.evidence, found.notice) == ("event", None)
    assert start.astimezone(found.tzinfo).utcoffset() == timedelta(hours=2 if month == 7 else 1)


def test_a_change_on_the_windows_last_days_that_the_definition_has_not_is_found() -> None:
    window = Window(datetime(2026, 10, 8, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC))
    notice = zones(definition("Europe/Berlin", "+0200"), window=window).of("Europe/Berlin").notice
    assert notice is not None
    assert notice.startswith(f"{SAYS} 'Europe/Berlin' says 2026-10-27 02:00, where Europe/Berlin has 2026-10-27 01:00.")


def test_a_clock_that_changes_an_hour_too_early_is_found() -> None:
    window = Window(datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 10, 30, tzinfo=UTC))
    text = definition("Europe/Berlin", *CET).replace("T030000", "T020000")
    assert zones(text, window=window).of("Europe/Berlin").notice == (
        f"{SAYS} 'Europe/Berlin' says 2026-10-25 01:00, where Europe/Berlin has 2026-10-25 02:00. "
        "The time zone database was used: such definitions are often out of date."
    )


@pytest.mark.parametrize(
    ("tzid", "calendar", "name"),
    [
        ("CST", "America/Chicago", "America/Chicago"),
        ("CST", "Asia/Shanghai", "Asia/Shanghai"),
        ("CST", "Europe/Lisbon", "America/Chicago"),
        ("IST", "Asia/Jerusalem", "Asia/Jerusalem"),
        ("IDT", "Asia/Jerusalem", "Asia/Jerusalem"),
        ("IST", "Europe/Lisbon", "Asia/Kolkata"),
        ("BST", "Europe/London", "Europe/London"),
    ],
)
def test_an_abbreviation_of_the_calendars_own_zone_means_that_zone(tzid: str, calendar: str, name: str) -> None:
    found = zones(calendar=ZoneInfo(calendar)).of(tzid)
    assert (found.name, found.notice) == (name, f"The time zone '{tzid}' was taken to be {name}, by a guess.")


def test_more_definitions_than_the_world_has_are_not_read() -> None:
    found = zones("".join(definition(f"Home {number}", "+0300") for number in range(201)))
    assert [found.of(f"Home {number}").evidence for number in (0, 199, 200)] == ["vtimezone", "vtimezone", "calendar"]


def test_floating_times_lie_in_the_calendars_zone() -> None:
    found = zones().calendar
    assert (found.tzinfo, found.name, found.evidence, found.notice) == (LISBON, "Europe/Lisbon", "calendar", None)


@pytest.mark.parametrize(
    ("start", "end"),
    [(datetime.min, datetime(1, 1, 20)), (datetime(9999, 12, 1), datetime.max), (datetime.min, datetime.max)],  # noqa: DTZ901
)
def test_windows_at_the_ends_of_the_calendar(start: datetime, end: datetime) -> None:
    window = Window(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
    assert zones(definition("Home", "+0530"), window=window).of("Home").evidence == "vtimezone"


@pytest.mark.parametrize(
    ("text", "name", "notice"),
    [
        ("X-WR-TIMEZONE:Europe/Rome\n", "Europe/Rome", None),
        ("X-WR-TIMEZONE;VALUE=TEXT:America/Sao_Paulo\r\n", "America/Sao_Paulo", None),
        ("x-wr-timezone:Eastern Standard Time\n", "America/New_York", None),
        ("TIMEZONE-ID:Europe/Rome\n", "Europe/Rome", None),
        ("X-WR-TIMEZONE:Rome\n", "Europe/Rome", "The time zone 'Rome' was taken to be Europe/Rome, by a guess."),
        ("X-WR-TIMEZONE:Nowhere\n", None, None),
        ("X-WR-TIMEZONE:GMT+05:30\n", None, None),
        ("", None, None),
        ("BEGIN:VEVENT\nEND:VEVENT\nX-WR-TIMEZONE:Europe/Rome\n", "Europe/Rome", None),
        (definition("America/Toronto", "-0500") + "X-WR-TIMEZONE:Europe/Rome\n", "Europe/Rome", None),
        (definition("America/Toronto", "-0500"), None, None),
    ],
)
def test_the_zone_that_a_feed_gives_for_itself(text: str, name: str | None, notice: str | None) -> None:
    found = feed_zone(f"BEGIN:VCALENDAR\n{text}BEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR\n")
    assert (found and found.name, found and found.notice) == (name, notice)


@pytest.mark.skipif(not FEEDS.is_dir(), reason="the feeds from the wild are not here")
def test_every_zone_of_the_feeds_from_the_wild_is_known() -> None:
    unknown = []
    named = re.compile(r"^(?:[^:\n]*;)?TZID[=:]\"?([^\";:\r\n]+)", re.MULTILINE)
    for path in sorted(FEEDS.glob("*.ics")):
        text = path.read_bytes().decode("utf-8", "replace")
        components = [zone for calendar in read(text) for zone in calendar.walk("VTIMEZONE")]
        found = Zones(components, LISBON, "calendar", WINDOW)
        unknown += [
            (path.name, tzid, zone.notice)
            for tzid in sorted(set(named.findall(text)))
            if (zone := found.of(tzid)).notice is not None or zone.evidence != "event"
        ]
    assert unknown == []
