"""Our own conversion of HTML beside markdownify's: the same Markdown to the character, or None."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calimport import html_reference, html_to_markdown, markdown_escaping, simple_html, text
from calimport.icalendar_text import clean
from calimport.rfc5545.content_lines import read
from calimport.rfc5545.escaping import unescape
from tests.test_text import HOSTILE

WILD = Path(__file__).parents[2] / "shared" / "feeds"

INLINE = ["a", "strong", "b", "em", "i"]
BLOCKS = ["p", "div", "ul", "ol", "li", "blockquote", "h3", "h4", "h5", "h6"]
DIRT = [
    "*",
    "_",
    "**",
    "`",
    "[",
    "]",
    "(x)",
    "!",
    "#",
    "## x",
    "-",
    "- x",
    "---",
    "1.",
    "2) x",
    "3. x",
    "=",
    ">",
    "+ x",
]
DIRT += ["\\", "<", "&", "&amp;", "<b>", "~~~", "|", "http://x.de", "x@y.de", "a_b_c", "2*3*4", ".", "\u200d", "\ufeff"]
BLANKS = [" ", "  ", "\n", "\n\n", " \n ", "\t", "\r", "\r\n", "\f", "\x0b", "\xa0", "\u2003", "\u2028", ""]
HREFS = [
    "https://x.de",
    "http://x.de/a(b)?c=1&d=[2]",
    "mailto:a@x.de",
    'https://x.de/ü <>"\\`',
    " https://x.de ",
    "",
    "x",
]
HREFS += ["javascript:alert(1)", "http://[::1", "mailto:", "https:x", "http://x.de/*a*_b_"]

texts = st.lists(st.sampled_from([*DIRT, *BLANKS, *BLANKS, "word", "two words", "Ünïcode", "12"]), max_size=5).map(
    "".join
)
hrefs = st.none() | st.sampled_from(HREFS)


def element(name: str, href: str | None, inner: Iterable[str]) -> str:
    """As nh3 writes it."""
    attribute = f' href="{escape(href)}"' if name == "a" and href is not None else ""
    return f"<{name}{attribute}>{''.join(inner)}</{name}>"


def elements(inner: st.SearchStrategy[str], names: list[str]) -> st.SearchStrategy[str]:
    return st.builds(element, st.sampled_from(names), hrefs, st.lists(inner, max_size=5))


leaves = texts.map(lambda text: escape(text, quote=False).replace("\xa0", "&nbsp;")) | st.sampled_from(
    ["<br>", "<br><br>", " ", "\n", "", "https://x.de"]
)
trees = st.recursive(leaves, lambda inner: elements(inner, BLOCKS) | elements(inner, [*INLINE, *BLOCKS]), max_leaves=25)
safe = st.lists(trees, max_size=6).map("".join)
#: What writers and their programs make, of which nh3 makes something of the above.
SOUP = [f"<{name}>" for name in [*INLINE, *BLOCKS]] + [f"</{name}>" for name in [*INLINE, *BLOCKS]]
SOUP += [
    "<br>",
    "<br/>",
    "</br>",
    "<hr>",
    "<table>",
    "<tr>",
    "<td>",
    "</td>",
    "<th>x</th>",
    "</tr>",
    "</table>",
    "<dl><dt>",
]
SOUP += ["<dd>", "<h1>", "</h1>", "<h2>", "<pre>\n x", "</pre>", "<span>", "</span>", "<!-- x -->", "<style>x</style>"]
SOUP += ["<section>", "<a href='https://x.de'>", '<a href="http://x.de/\'&quot;&lt;p>">', "<A HREF=//x>", "<p class=x>"]
SOUP += ["&nbsp;", "&amp;", "&lt;b&gt;", "&#10;", "&#13;", "&#12;", "&copy", "&#x200b;", "<", "word", "two words"]
soups = st.lists(st.sampled_from([*SOUP, *DIRT, *BLANKS]), max_size=40).map("".join)


def by_reference(markup: str) -> str:
    """As :func:`calimport.html_to_markdown.convert` without our own conversion."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simple_html, "convert", lambda _: None)
        return html_to_markdown.convert(markup)


@settings(max_examples=250)
@given(safe)
@example("<ul><li>a<ol><li>b</li> <li>c</li></ol>\n</li></ul> x")
@example("<ol><li>a</li></ol> <ul><li>b</li></ul><p>c</p>")
@example("<li>a<ul><li>b</li></ul>c</li><blockquote><p>d</p>e</blockquote>")
@example('<h3>a<br><p>b</p><h4>c</h4></h3><a href="https://x.de"> https://x.de <br></a>')
@example("a  b<p>c  d</p>")
@example('<a href="https://x.de">https://x.de</a> <a href="https://y.de">https://y.de</a>')
@example("<p>a<br></p><br>\n\n<br><div>&nbsp;</div> <b> </b><i> x</i>")
def test_it_is_the_same_as_the_reference(markup: str):
    found = simple_html.convert(markup)
    if found is None:
        assert markup.count("<a") > 1
    else:
        assert found == html_reference.convert(markup)


@settings(max_examples=600)
@given(soups)
@example("a<hr>b<p>c<hr>d</p>e")
@example("<ul><li>a<hr>b</ul>c")
@example("<table><tr><th>a<td>b<tr><td><h1>c</h1></table>d")
@example("one\n\ntwo <b>three\nfour</b>\n- five")
@example("<pre>a\n b</pre>\nc &#10; d")
def test_so_it_is_for_whatever_a_description_holds(markup: str):
    assert html_to_markdown.convert(markup) == by_reference(markup)


def test_blanks_become_one_and_none_is_lost():
    # A bracket is escaped at the end of a text, and a blank behind it is part of the text until then.
    assert html_to_markdown.convert("<p>a \t\n\u2003b</p>\n&lt; ") == "a b\n\n<"
    assert html_to_markdown.convert("<p>a</p>&lt;") == "a\n\n&lt;"


@pytest.mark.parametrize(
    "markup",
    [
        "<p>a<u>b</u></p>",
        "<a href='https://x.de'>a</a>",
        '<a href="https://x.de">a<a href="https://y.de">b</a></a>',
        "<p",
    ],
)
def test_it_declines_what_it_has_no_rule_for(markup: str):
    assert simple_html.convert(markup) is None


@given(texts, st.booleans())
def test_a_part_without_markup_is_escaped_as_any_other(part: str, in_link: bool):
    found = markdown_escaping.escape_part(part, in_link=in_link)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markdown_escaping, "_ANY_WITHIN", markdown_escaping.re.compile(""))
        assert found == markdown_escaping.escape_part(part, in_link=in_link)


@pytest.mark.parametrize("markup", HOSTILE.values(), ids=HOSTILE)
def test_so_it_is_for_what_is_hostile(markup: str):
    storable = text.storable(markup)
    assert html_to_markdown.convert(storable) == by_reference(storable)


@pytest.mark.skipif(not WILD.is_dir(), reason="the folder of feeds from the wild is not here")
def test_so_it_is_for_every_description_from_the_wild(monkeypatch):
    calendars = [
        calendar for path in sorted(WILD.glob("*.ics")) for calendar in read(clean(path.read_bytes()).decode())
    ]
    events = [event for calendar in calendars for event in calendar.components if event.name == "VEVENT"]
    said = {unescape(one.value) for event in events for one in event.properties.get("DESCRIPTION", [])}
    found = {markup: html_to_markdown.convert(markup) for markup in said if text.is_html(markup)}
    assert len(found) > 200

    monkeypatch.setattr(simple_html, "convert", lambda _: None)

    assert {markup: html_to_markdown.convert(markup) for markup in found} == found
