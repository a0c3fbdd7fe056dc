"""Where events take place: addresses out of text, known places, and each strategy."""

from __future__ import annotations

from datetime import timedelta

import pytest

from calimport.errors import ConfigurationError
from calimport.geocoding import load
from calimport.placing import Placing
from calimport.postal import Address, country_of, parse
from calimport.settings import Settings
from calimport.venues import Place, Venues
from tests.importing import feed
from tests.loopback import LOOPBACK
from tests.web import Reply

LONDON, NEW_YORK = "Europe/London", "America/New_York"


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("1 Duke Street, London SW1A 1AA, UK", "GB", Address(("1 Duke Street", "London"), "SW1A 1AA", "GB")),
        ("Duke Street", "GB", Address(("Duke Street",), None, None)),
        ("Ukraine House, UKIP Road", "GB", Address(("Ukraine House", "UKIP Road"), None, None)),
        ("UK", "GB", Address(("UK",), None, None)),
        ("Leeds UK", "GB", Address(("Leeds",), None, "GB")),
        ("Hall, Manchester, UK, m1 1aa", "GB", Address(("Hall", "Manchester"), "M1 1AA", "GB")),
        ("Hall, Manchester M11AA UK", "GB", Address(("Hall", "Manchester"), "M1 1AA", "GB")),
        ("Room E1 4th floor", "GB", Address(("Room E1 4th floor",), None, None)),
        ("AM1 1AAB Hall", "GB", Address(("AM1 1AAB Hall",), None, None)),
        ("Hall, Cardiff, Wales", "GB", Address(("Hall", "Cardiff"), None, "GB")),
        ("Hall,, London ,EC1A1BB", None, Address(("Hall", "London"), "EC1A 1BB", "GB")),
        (
            "Café, Hauptstr. 5, 10115 Berlin, Deutschland",
            "DE",
            Address(("Café", "Hauptstr. 5", "Berlin"), "10115", "DE"),
        ),
        ("Hauptstr. 5, 10115 Berlin, Germany", None, Address(("Hauptstr. 5", "Berlin"), "10115", "DE")),
        ("Bahnhof, CH-8001 Zürich", "CH", Address(("Bahnhof", "Zürich"), "8001", "CH")),
        ("12345 Main Street, Springfield", "US", Address(("12345 Main Street", "Springfield"), None, None)),
        ("Oval, Stanford, CA 94305, USA", None, Address(("Oval", "Stanford", "CA"), "94305", "US")),
        ("Newark, New Jersey", "US", Address(("Newark", "New Jersey"), None, None)),
        ("Aquarium, Atlanta, Georgia", "US", Address(("Aquarium", "Atlanta", "Georgia"), None, None)),
        ("San Francisco, CA", "US", Address(("San Francisco", "CA"), None, None)),
        ("Dam 1, 1012JS Amsterdam", "NL", Address(("Dam 1", "Amsterdam"), "1012 JS", "NL")),
        ("Hall, K1A0B1, Canada", "GB", Address(("Hall",), "K1A 0B1", "CA")),
        ("Hall, Dublin D02 X285", "IE", Address(("Hall", "Dublin"), "D02 X285", "IE")),
        ("Hall (M1 1AA)", "GB", Address(("Hall",), "M1 1AA", "GB")),
        ("Hall M1 1AA.", "GB", Address(("Hall",), "M1 1AA", "GB")),
        ("Hall; 5 Duke Street | M1 1AA", "GB", Address(("Hall", "5 Duke Street"), "M1 1AA", "GB")),
        ("Hall - 5 Duke Street - M1 1AA", "GB", Address(("Hall - 5 Duke Street",), "M1 1AA", "GB")),
        ("Hall, Mexico Road, London E16 1AA", "GB", Address(("Hall", "Mexico Road", "London"), "E16 1AA", "GB")),
        ("India House, M1 1AA", "GB", Address(("India House",), "M1 1AA", "GB")),
        ("Gwynedd LL57 2DG, Cymru", "GB", Address(("Gwynedd",), "LL57 2DG", "GB")),
        ("Unit 5, W1A 0AX", "GB", Address(("Unit 5",), "W1A 0AX", "GB")),
        ("BFPO 57", "GB", Address((), "BFPO 57", "GB")),
        ("Loi 16, B-1000 Bruxelles, Belgium", "GB", Address(("Loi 16", "Bruxelles"), "1000", "BE")),
        ("10 Rue de Rivoli, 75001 Paris", "FR", Address(("10 Rue de Rivoli", "Paris"), "75001", "FR")),
        ("Via Roma 1, 00184 Roma RM, Italia", "IT", Address(("Via Roma 1", "Roma RM"), "00184", "IT")),
        ("Calle Mayor 1, 28013 Madrid, Spain", None, Address(("Calle Mayor 1", "Madrid"), "28013", "ES")),
        ("Rua A 1, 1100-053 Lisboa, Portugal", "PT", Address(("Rua A 1", "Lisboa"), "1100-053", "PT")),
        ("ul. Nowa 1, 00-001 Warszawa, Polska", "PL", Address(("ul. Nowa 1", "Warszawa"), "00-001", "PL")),
        ("Storgatan 1, 111 22 Stockholm, Sverige", "SE", Address(("Storgatan 1", "Stockholm"), "111 22", "SE")),
        ("Nørregade 1, 1165 København K", "DK", Address(("Nørregade 1", "København K"), "1165", "DK")),
        ("Nám. 1, 110 00 Praha 1, Česko", "CZ", Address(("Nám. 1", "Praha 1"), "110 00", "CZ")),
        ("Stephansplatz 1, 1010 Wien", "AT", Address(("Stephansplatz 1", "Wien"), "1010", "AT")),
        ("1 George St, Sydney NSW 2000", "AU", Address(("1 George St", "Sydney NSW"), "2000", "AU")),
        ("1 Queen St, Auckland 1010, New Zealand", None, Address(("1 Queen St", "Auckland"), "1010", "NZ")),
        ("SP, 01310-100, Brazil", None, Address(("SP",), "01310-100", "BR")),
        ("Rajpath 1, New Delhi 110001, India", None, Address(("Rajpath 1", "New Delhi"), "110001", "IN")),
        ("Orchard Rd, Singapore 238801", "SG", Address(("Orchard Rd",), "238801", "SG")),
        ("DC 20500-0003, USA", None, Address(("DC",), "20500-0003", "US")),
        ("Ottawa, ON K1A 0A9", "CA", Address(("Ottawa", "ON"), "K1A 0A9", "CA")),
        ("Beyoğlu, 34430 İstanbul, Türkiye", "TR", Address(("Beyoğlu", "İstanbul"), "34430", "TR")),
        ("Hotel Deutschland, Leipzig", "DE", Address(("Hotel Deutschland", "Leipzig"), None, None)),
        ("Chiyoda, Tokyo 100-0001, Japan", None, Address(("Chiyoda", "Tokyo"), "100-0001", "JP")),
    ],
)
def test_an_address_is_taken_apart(text, country, expected):
    assert parse(text, country=country) == expected


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("1 Duke Street,London sw1a1aa, UK", "GB", "1 Duke Street, London SW1A 1AA"),
        ("Oval, Stanford, CA 94305, USA", "US", "Oval, Stanford, CA 94305"),
        ("Weg 5, D-10115 Berlin", "DE", "Weg 5, 10115 Berlin"),
        ("Somewhere , else", None, "Somewhere, else"),
    ],
)
def test_an_address_is_written_in_its_own_order(text, country, expected):
    assert str(parse(text, country=country)) == expected


@pytest.mark.parametrize(
    ("zone", "country"),
    [(LONDON, "GB"), (NEW_YORK, "US"), ("Europe/Berlin", "DE"), ("UTC", None), (None, None), ("Nowhere/Town", None)],
)
def test_the_country_of_a_zone(zone, country):
    assert country_of(zone) == country


HALL = Place(1, "The Town Hall", "1 Market Square, Manchester", "M1 1AA", "GB")
OTHER_HALL = Place(2, "Town-Hall", "9 High Street, Leeds", "LS1 1AA", "GB")
CAFE = Place(3, "Café Zürich & Söhne", "2 Duke Street", None, "GB")
FLAT = Place(4, "Flat", "3 Duke Street", "M2 2BB", "GB")
OFFICE = Place(5, "Office", "3 Duke Street", "M2 2BB", "GB")
VENUES = Venues([HALL, OTHER_HALL, CAFE, FLAT, OFFICE])


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("Town Hall, M1 1AA", 1),
        ("town hall, LS11AA", 2),
        ("Town Hall", None),  # there are two
        ("Town Hall, M9 9ZZ", None),  # and this is a third
        ("Room 5, cafe zurich and sohne", 3),
        ("CAFÉ ZÜRICH & SÖHNE, M9 9ZZ", 3),
        ("1 Market Square, M1 1AA", 1),
        ("1 Market Square", None),
        ("M1 1AA", None),
        ("3 Duke Street, M2 2BB", None),  # two places stand there
        ("Flat, 3 Duke Street, M2 2BB", 4),
        ("Not the Town Hall, M1 1AA", None),
    ],
)
def test_a_venue_is_matched_by_name_and_postcode(location, expected):
    found = VENUES.match(parse(location, country="GB"))
    assert (found and found.id) == expected


PLACE = Place(7, "Library", "5 Long Lane, Leeds", "LS2 2BB", "GB")
AT_PLACE = (7, "5 Long Lane, Leeds, LS2 2BB", None)
NOWHERE = (None, None, None)
ZOOM = "https://zoom.us/j/1"


@pytest.mark.parametrize(
    ("strategy", "location", "expected"),
    [
        ("place", None, AT_PLACE),
        ("place", "Elsewhere, M1 1AA", AT_PLACE),
        ("place", ZOOM, AT_PLACE),
        ("event", None, NOWHERE),
        ("event", "Town Hall, M1 1AA", (1, "Town Hall, M1 1AA", None)),
        ("event", "Café Zürich & Söhne", (3, "2 Duke Street", None)),
        ("event", "Room 3, Flat", (4, "Room 3, Flat, 3 Duke Street, M2 2BB", None)),
        ("event", "Room 3, Café Zürich & Söhne", (3, "Room 3, Café Zürich & Söhne, 2 Duke Street", None)),
        ("event", "Duke Street, m11aa, UK", (None, "Duke Street, M1 1AA", None)),
        ("event", "Somewhere", (None, "Somewhere", "Somewhere")),
        ("event", "Rathaus, 10115 Berlin, Germany", (None, "Rathaus, 10115 Berlin, Germany", None)),
        ("event", ZOOM, NOWHERE),
        ("event", "Online", NOWHERE),
        ("event", f"Town Hall, M1 1AA, {ZOOM}", (1, "Town Hall, M1 1AA", None)),
        ("event_override", None, AT_PLACE),
        ("event_override", "Town Hall, M1 1AA", (1, "Town Hall, M1 1AA", None)),
        ("event_override", "Duke Street, M1 1AA", (None, "Duke Street, M1 1AA", None)),
        ("event_override", "Somewhere", (None, "Somewhere", "Somewhere")),
        ("event_override", ZOOM, AT_PLACE),
        ("event_override", f"Zoom: {ZOOM}", AT_PLACE),
        ("room_number", None, AT_PLACE),
        ("room_number", "Room 12", (7, "Room 12, 5 Long Lane, Leeds, LS2 2BB", None)),
        ("room_number", ZOOM, AT_PLACE),
        ("no_location", "Town Hall, M1 1AA", NOWHERE),
        ("online_only", "Town Hall, M1 1AA", NOWHERE),
    ],
)
def test_where_each_strategy_places_an_event(strategy, location, expected):
    assert Placing(strategy, PLACE, VENUES, timezone=LONDON).locate(location) == expected


@pytest.mark.parametrize(
    ("strategy", "location", "expected"),
    [
        # Nothing is known that it could be matched with, so there is nothing to tell the owner either.
        ("event_override", "Somewhere", (None, "Somewhere", None)),
        ("event_override", None, NOWHERE),
        ("event", "Somewhere", (None, "Somewhere", "Somewhere")),
        ("event", "Duke Street, M1 1AA", (None, "Duke Street, M1 1AA", None)),
    ],
)
def test_a_calendar_without_a_place(strategy, location, expected):
    assert Placing(strategy).locate(location) == expected


def event(uid: str, location: str, *more: str) -> str:
    lines = (f"UID:{uid}", "DTSTAMP:20261101T000000Z", "DTSTART:20261119T100000Z", f"LOCATION:{location}", *more)
    return "\n".join(lines)


def notices(importer) -> list[tuple[str, str, int]]:
    rows = importer.connection.execute("select code, subject, occurrences from calimport.notices order by subject")
    return [(row["code"], row["subject"], row["occurrences"]) for row in rows.fetchall()]


def test_a_location_that_cannot_be_resolved_never_drops_the_event(importer, web):
    body = feed(
        event("one", "Somewhere", "RRULE:FREQ=DAILY;COUNT=3"),
        event("two", "Somewhere"),
        event("three", "Elsewhere"),
        event("four", "Duke Street\\, Leeds LS1 1AA"),
        event("five", "Secret", "CLASS:PRIVATE"),
    )
    importer.add("club", web.feed(Reply(body)), strategy="event")
    importer.run()
    assert sorted(importer.rows("club", "uid", "address")) == [
        ("four", "Duke Street, Leeds LS1 1AA"),
        ("one", "Somewhere"),
        ("one", "Somewhere"),
        ("one", "Somewhere"),
        ("three", "Elsewhere"),
        ("two", "Somewhere"),
    ]
    assert [found for found in notices(importer) if found[0] == "location_unresolved"] == [
        ("location_unresolved", "Elsewhere", 1),
        ("location_unresolved", "Somewhere", 4),
    ]


def test_venues_are_found_among_the_places_that_allow_it(importer, web):
    importer.connection.execute(
        "insert into calimport.places (name, address, postcode, country, match_venues) values"
        " ('Town hall', '1 Market Square', 'M1 1AA', 'GB', true), ('Home', '2 Duke Street', 'M2 2BB', 'GB', false)"
    )
    hall = importer.one("select id from calimport.places where name = 'Town hall'")
    body = feed(event("one", "TOWN HALL"), event("two", "Home"), event("three", "1 Market Square\\nM1 1AA"))
    importer.add("club", web.feed(Reply(body)))
    importer.run()
    assert sorted(importer.rows("club", "uid", "place_id", "address"), key=lambda row: row[0]) == [
        ("one", hall, "1 Market Square, M1 1AA"),
        ("three", hall, "1 Market Square, M1 1AA"),
        ("two", None, "Home"),
    ]


def test_a_place_whose_postcode_changes_changes_the_rows_of_an_unchanged_feed(importer, web):
    importer.connection.execute("insert into calimport.places (name, address, postcode) values ('Hall', 'A', 'M1 1AA')")
    place = importer.one("select id from calimport.places")
    importer.add("club", web.feed(Reply(feed(event("one", "x")))), place_id=place, strategy="place")
    importer.run()
    importer.connection.execute("update calimport.places set postcode = 'M2 2BB'")
    importer.run()
    assert importer.rows("club", "address") == [("A, M2 2BB",)]


ASKED: list[str] = []


def geocoder(address: str) -> tuple[float, float] | None:
    """Knows two addresses; fails at a third."""
    ASKED.append(address)
    if address == "Nowhere, M9 9ZZ":
        raise OSError("no network")
    return {"Hall, M1 1AA": (53.48, -2.24), "Café, M2 2BB": (53.47, -2.25)}.get(address)


@pytest.fixture
def geocoding(importer):
    ASKED.clear()
    importer.settings = Settings(allowed_networks=LOOPBACK, geocoder=f"{__name__}.geocoder")
    return importer


def geocodes(importer):
    rows = importer.connection.execute("select address, latitude, longitude from calimport.geocodes order by address")
    return [tuple(row.values()) for row in rows.fetchall()]


def test_each_address_is_geocoded_once(geocoding, web):
    body = feed(
        event("one", "Hall\\, m11aa"), event("two", "Hall\\, M1 1AA"), event("three", "Somewhere"), event("4", ZOOM)
    )
    geocoding.add("club", web.feed(Reply(body)), strategy="event")
    geocoding.run()
    geocoding.run(force=True)
    assert ASKED == ["Hall, M1 1AA", "Somewhere"]
    assert geocodes(geocoding) == [("Hall, M1 1AA", 53.48, -2.24), ("Somewhere", None, None)]
    geocoding.run(force=True, later=timedelta(days=31))
    assert ASKED == ["Hall, M1 1AA", "Somewhere"]  # they are out of the window by now
    geocoding.run(force=True, window_start="2026-11-11", window_end="2026-11-25")
    assert ASKED == ["Hall, M1 1AA", "Somewhere", "Somewhere"]


def test_a_geocoder_that_fails_ends_no_import(geocoding, web, caplog):
    body = feed(event("1", "Café\\, M2 2BB"), event("2", "Nowhere\\, M9 9ZZ"), event("3", "Town\\, M3 3CC"))
    geocoding.add("club", web.feed(Reply(body)), strategy="event")
    geocoding.run()
    assert len(geocoding.rows("club", "uid")) == 3
    assert geocodes(geocoding) == [("Café, M2 2BB", 53.47, -2.25)]
    assert "The geocoder failed: OSError; 2 addresses are left" in caplog.text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("calimport.nothing.here", "CALIMPORT_GEOCODER: 'calimport.nothing.here' cannot be loaded: "),
        ("calimport.settings.nothing", "CALIMPORT_GEOCODER: 'calimport.settings.nothing' cannot be loaded: "),
        ("geocode", "CALIMPORT_GEOCODER: 'geocode' cannot be loaded: "),
        ("calimport.settings.DATABASE_CONNECTION_ID", "is no function"),
    ],
)
def test_a_geocoder_that_is_not_there_is_named(name, message):
    with pytest.raises(ConfigurationError, match=message):
        load(name)


def test_without_the_setting_nothing_is_geocoded(importer, web):
    importer.add("club", web.feed(Reply(feed(event("one", "Hall\\, M1 1AA")))))
    importer.run()
    assert geocodes(importer) == []
