"""HTML pages: what is found in them, in which charset, and in bounded time."""

from __future__ import annotations

import pytest

from calimport.errors import FeedUnparsable
from calimport.sources.web_page import is_html, parse

PAGE = """<!doctype html><html><head>
<base href="/venue/"><title> What’s
 on &amp; when</title>
<meta name="Generator" content="Wix.com Website Builder"><meta property="og:site_name" content="The Hall">
<link rel="Alternate Feed" type="Text/Calendar; charset=utf-8" href="feed.ics"><link rel=stylesheet href=a.css>
<script type="application/ld+json; charset=utf-8">{"name": "a &amp; <b> <!-- c"}</script>
</head><body><p>One<p>Two</section>
<a href=" one.html#top ">One</a><a href="one.html">again</a><a href="https://other.example/x?y=1">other</a><a>none</a>
<a href="http://[bad">bad</a>
<script>var a = 1 < 2</script></body></html>"""


def test_scripts_links_meta_data_and_addresses():
    page = parse(PAGE.encode())

    assert page.title == "What’s on & when"
    assert [one.text for one in page.scripts("application/ld+json")] == ['{"name": "a &amp; <b> <!-- c"}']
    assert [one.text for one in page.scripts()] == ['{"name": "a &amp; <b> <!-- c"}', "var a = 1 < 2"]
    assert page.metas("generator") == ["Wix.com Website Builder"]
    assert page.metas("og:site_name") == ["The Hall"]
    assert [one.get("href") for one in page.links("alternate", "text/calendar")] == ["feed.ics"]
    assert page.addresses("https://hall.example/a/b") == [
        "https://hall.example/venue/one.html",
        "https://other.example/x?y=1",
    ]


def test_links_within_an_element():
    page = parse(
        b'<div id="live"><p>x<div id=inner><a href=/1>1</a></div><img id=i src=x><br><a href=/2>2</a></p></div>'
        b'<div id="past"><a href=/3>3</a></div><a href=/4>4</a>'
    )

    assert page.addresses("https://e.example/", within="live") == ["https://e.example/1", "https://e.example/2"]
    assert page.addresses("https://e.example/", within="past") == ["https://e.example/3"]
    assert page.ids == {"live", "inner", "i", "past"}


@pytest.mark.parametrize(
    ("content", "content_type", "title"),
    [
        ("<title>Café 𝄞 ערב</title>".encode(), "", "Café 𝄞 ערב"),
        ("<title>Café</title>".encode(), "text/html; charset=iso-8859-1", "Café"),
        (b"<title>Caf\xe9 \x93x\x94</title>", "text/html; charset=iso-8859-1", "Café “x”"),
        (b'<meta charset="windows-1251"><title>\xcf\xf0\xe8</title>', "text/html", "При"),
        (b"<title>Caf\xe9</title>", "text/html; charset=idna", "Café"),
        (b"<title>Caf\xe9</title>", "", "Café"),
        ("\ufeff<title>Café</title>".encode("utf-16-le"), "", "Café"),
        ("\ufeff<title>Café</title>".encode(), "", "Café"),
        (b"<title>a\x00b</title>", "", "ab"),
    ],
)
def test_charsets(content, content_type, title):
    assert parse(content, content_type).title == title


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"<!DOCTYPE html><p>x", "", True),
        (b"\xef\xbb\xbf\n<!-- c --><html>", "text/plain", True),
        (b"anything", "text/html; charset=utf-8", True),
        (b'{"html": "<html>"}', "text/html", False),
        (b"BEGIN:VCALENDAR", "text/calendar", False),
        (b"<?xml version='1.0'?><shows/>", "application/xml", False),
    ],
)
def test_what_is_a_page(content, content_type, expected):
    assert is_html(content, content_type) is expected


@pytest.mark.parametrize(
    "noise", ["<div>", "</p>", "<p><b>", "<table>", "<!--x-->", "&", "<a ", "<a b=1>"], ids=lambda noise: noise
)
def test_whatever_stands_before_it_a_script_is_found(noise):
    page = parse(f"{noise * 50_000}><script type='x'>1</script>".encode())

    assert [one.text for one in page.scripts("x")] == ["1"]


@pytest.mark.parametrize(
    ("content", "is_whole"),
    [
        (b"<html><body>x</body></html><!-- 5 ms -->\n", True),
        (b"<p>a part of a page", True),
        (b"<!doctype html><HTML lang=en><body>x</body></HTML >", True),
        (b"<!doctype html><html lang=en><body>x", False),
    ],
)
def test_whether_it_ends(content, is_whole):
    assert parse(content).is_whole is is_whole


def test_nothing_and_too_much():
    assert parse(b"").elements == []
    assert parse(b" \n").elements == []
    with pytest.raises(FeedUnparsable):
        parse(b"<script>" + b"x" * 12_000_000 + b"</script>")
