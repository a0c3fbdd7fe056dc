"""What calimport runs on may be used as it is used, and what is known against it would be said."""

from __future__ import annotations

from email.message import Message
from importlib import metadata

import pytest
from packaging.utils import canonicalize_name

from dev import advisories, licences


def test_every_licence_is_allowed():
    assert list(licences.problems()) == []
    assert len(licences.required()) > 200


def test_every_exception_is_needed():
    pinned = {canonicalize_name(one.name) for one in licences.required()}
    assert licences.EXCEPTIONS.keys() - pinned == set()
    found = {name: licences.licence(metadata.distribution(name).metadata) for name in licences.EXCEPTIONS}
    assert [name for name, licence in found.items() if licences.is_allowed(licence)] == []


@pytest.mark.parametrize(
    ("expression", "is_good"),
    [
        ("MIT", True),
        ("MIT AND PSF-2.0", True),
        ("GPL-3.0-only OR Apache-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("GNU Affero General Public License v3", False),
        ("", False),
    ],
)
def test_an_expression_is_read_as_it_means(expression, is_good):
    assert licences.is_allowed(expression) is is_good


def test_what_is_not_allowed_or_not_installed_is_named(tmp_path, monkeypatch):
    pins = tmp_path / "requirements.txt"
    pins.write_text("httpx==1\nnothing-of-this-name==1\nother==1 ; python_version < '3'\n")
    monkeypatch.setattr(licences, "ALLOWED", frozenset())
    assert list(licences.problems(pins)) == [
        "httpx: BSD License",
        "nothing-of-this-name: not installed, so nobody knows its licence",
    ]


def test_a_licence_is_the_expression_else_the_classifiers_else_the_text():
    given = Message()
    given["License"] = "MIT\n\nPermission is hereby granted"
    assert licences.licence(given) == "MIT"
    given["Classifier"] = "License :: OSI Approved :: BSD License"
    given["Classifier"] = "License :: OSI Approved"
    assert licences.licence(given) == "BSD License"
    given["License-Expression"] = "ISC"
    assert licences.licence(given) == "ISC"


@pytest.mark.parametrize(
    ("dependencies", "expected"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], (["No advisory names any of 1 packages."], 0)),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
            (["a 1: CVE-1, mended in 2"], 1),
        ),
        (
            [{"name": "a", "skip_reason": "not found"}, {"name": "b", "version": "1", "vulns": []}],
            (["Not looked up: 1 of 2 packages; the advisories could not be reached."], 2),
        ),
    ],
)
def test_advisories_are_told_and_what_was_not_looked_up_is_no_success(dependencies, expected):
    assert advisories.told({"dependencies": dependencies}) == expected
