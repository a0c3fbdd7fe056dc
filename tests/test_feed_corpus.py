"""The proof corpus: each file of ``tests/feeds`` is one claim about time, named by it, worked out from the RFC.

Beside each feed stands a sidecar of the same name (``.json``):

``why``
    The clause that rules, and what follows from it.
``from``, ``to``, ``timezone``
    What is asked, as on the command line.
``expected``
    The occurrences in order of start, UID and recurrence id. Each tells what it is sure of: ``start`` and any other
    field of an occurrence's JSON. Missing: which occurrences there are is not the claim.
``only``
    UIDs: what the feed makes of others is not the claim.
``count``
    How many occurrences, where that is enough.
``notices``
    All codes, sorted; missing: none (where something is noticed or quarantined: not the claim); null: not the claim.
``noticed``
    UIDs that a notice must name; null for a notice whatever it names.
``quarantined``
    All UIDs that are kept because they could not be understood; missing: none; null: not the claim.
``error``
    The class of the error that the whole feed is.
``max_occurrences``
    The setting of that name.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from calimport import previewing
from calimport.errors import CalimportError
from calimport.settings import Settings

FEEDS = Path(__file__).parent / "feeds"
NOW = "2026-01-01T00:00:00Z"
CLAIMS = sorted(path.stem for path in FEEDS.glob("*.ics"))
KEYS = {
    *("why", "from", "to", "timezone", "expected", "only", "count"),
    *("notices", "noticed", "quarantined", "error", "max_occurrences"),
}


def sidecar(claim: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FEEDS / f"{claim}.json").read_text(encoding="utf-8"))
    return found


def look(claim: str, asked: dict[str, Any]) -> previewing.Preview:
    return previewing.look(
        FEEDS / f"{claim}.ics",
        start=asked["from"],
        end=asked["to"],
        timezone=asked.get("timezone"),
        now=NOW,
        settings=Settings(max_occurrences=asked.get("max_occurrences", Settings.max_occurrences)),
    )


@pytest.mark.parametrize("claim", CLAIMS)
def test_claim(claim):
    asked = sidecar(claim)
    if error := asked.get("error"):
        with pytest.raises(CalimportError) as raised:
            look(claim, asked)
        assert type(raised.value).__name__ == error
        return

    found = look(claim, asked)

    rows = [row for row in previewing.occurrences(found.frame) if row["uid"] in asked.get("only", [row["uid"]])]
    if (expected := asked.get("expected")) is not None:
        told = [{key: row[key] for key in sorted({key for one in expected for key in one})} for row in rows]
        if len(expected) == len(rows):
            told = [{key: row[key] for key in one} for one, row in zip(expected, rows, strict=True)]
        assert told == expected
    assert len(rows) == asked.get("count", len(rows))
    check_notices(found, asked)


def check_notices(found: previewing.Preview, asked: dict[str, Any]) -> None:
    quarantined = asked.get("quarantined", [])
    if quarantined is not None:
        assert sorted({one.subject for one in found.notices if one.keeps_uid and one.subject}) == quarantined
    for uid in asked.get("noticed", []):
        assert uid in {one.subject for one in found.notices} if uid else found.notices
    codes = asked.get("notices", None if "noticed" in asked or quarantined != [] else [])
    if codes is not None:
        assert sorted(one.code for one in found.notices) == codes


def test_the_corpus_is_as_large_as_it_says():
    assert len(CLAIMS) >= 500


def test_each_feed_has_a_sidecar_and_each_sidecar_a_feed():
    assert {path.name for path in FEEDS.iterdir()} == {f"{claim}{end}" for claim in CLAIMS for end in (".ics", ".json")}


def test_each_claim_is_in_words_and_differs_from_the_others_by_more_than_case():
    assert [claim for claim in CLAIMS if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", claim)] == []
    assert len({claim.casefold() for claim in CLAIMS}) == len(CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS)
def test_each_claim_has_its_clause_and_says_what_is_expected(claim):
    asked = sidecar(claim)

    assert asked.keys() <= KEYS
    assert re.match(r"RFC \d{4}, \d+(\.\d+)*\b.*: .+\.$", asked["why"])
    assert {"expected", "count", "error", "notices"} & asked.keys()


@pytest.mark.parametrize("claim", CLAIMS)
def test_no_feed_is_larger_than_its_claim_needs(claim):
    assert (FEEDS / f"{claim}.ics").stat().st_size < (12_000 if "ten_thousand" in claim else 1_500)
