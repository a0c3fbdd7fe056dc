"""Text as it comes from feeds, made safe to store and plain to read.

A title or location becomes one line of plain text, a description becomes Markdown, and :func:`html` renders that on
request. Both forms are harmless on their own: whichever CommonMark renderer shows the Markdown, nothing comes of it but
the tags of :data:`TAGS`, and links to http, https and mailto.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from calimport.markdown_escaping import escape
from calimport.shallow_html import parted, shallow

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

#: What a rendered description may be made of; the only attribute is a link's ``href``.
TAGS: Final = frozenset(
    {"p", "a", "strong", "b", "em", "i", "ul", "ol", "li", "blockquote", "h3", "h4", "h5", "h6", "br"}
)
SCHEMES: Final = frozenset({"http", "https", "mailto"})

#: Where the address of a page or a meeting may lead.
_LINKED: Final = SCHEMES | {"webcal", "webcals", "tel", "sip", "sips", "xmpp", "message", "ftp", "msteams", "zoommtg"}
#: A name with a dot before the colon is a host without a scheme, and its port.
_SCHEME: Final = re.compile(r"([^/?#:.]*):")
#: Control characters but tab and newline: PostgreSQL refuses NUL, and logs and terminals obey the others.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: What is not seen but changes what is: bidirectional embeddings, overrides and isolates (they show `exe.gpj` as
#: `jpg.exe`), zero-width characters, the tag characters. Kept are marks of direction, which reorder no letter; joiners
#: inside scripts and emoji that need them; and the tags that make the flags of England, Scotland and Wales (group 1).
_PERHAPS_INVISIBLE: Final = re.compile(
    "[\u00ad\u180e\u200b-\u200d\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_INVISIBLE: Final = re.compile(
    "(\U0001f3f4[\U000e0020-\U000e007e]{1,6}\U000e007f)"
    "|[\u00ad\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
    "|(?<![^\x00-\u02ff])[\u200c\u200d]|[\u200c\u200d](?=[\x00-\u02ff\u200c\u200d]|\\Z)"
)
#: What browsers leave out of an address (WHATWG URL, 4.4), and what ends a line of an export.
_IN_LINKS: Final = re.compile(r"[\t\n\r\u2028\u2029]")
_BLANKS: Final = re.compile(r"\s+")
_BLANK_LINES: Final = re.compile(r"\n{3,}")
#: Something between angle brackets, or from the last one to the end, where a page around it would close it.
_TAG: Final = re.compile(r"<[/!?]?([a-zA-Z][a-zA-Z0-9]*+|--)([^<>]*+)(?:>|\Z)")
#: Attributes that do something, on an element of whatever name.
_ACTIVE: Final = re.compile(r"(?i)[\s/\"'](?:on[a-z]{1,30}|style|href|src|srcdoc)\s{0,9}=")
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
#: The first byte of a sequence of UTF-8 and a second one, read as Latin-1 or Windows-1252.
_MOJIBAKE: Final = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d"
    "\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]"
)
#: Twice or thrice escaped is a mistake of producers; what is escaped more often gets no further chance to be a tag.
_MOST_ROUNDS: Final = 5

#: https://html.spec.whatwg.org/multipage/indices.html#elements-3, and what older pages have.
_ELEMENTS: Final = frozenset(
    re.findall(
        r"\w+",
        """
    a abbr acronym address applet area article aside audio b base bdi bdo big blink blockquote body br button canvas
    caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl doctype dt em embed
    fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe
    img input ins isindex kbd label legend li link main map mark marquee math menu meta meter nav nobr noembed
    noframes noscript object ol optgroup option output p param picture plaintext portal pre progress q rp rt ruby s
    samp script search section select slot small source span strike strong style sub summary sup svg table tbody td
    template textarea tfoot th thead time title tr track tt u ul var video wbr xmp
    """,
    )
)


def storable(value: Any) -> Any:
    """``value`` with every string in it free of what PostgreSQL refuses: NUL, other controls, lone surrogates."""
    return _each_string(value, _storable)


def readable(value: Any) -> Any:
    """As :func:`storable`, and free of what deceives the eye: bidirectional controls, zero-width characters."""
    return _each_string(value, _readable)


def plain(value: str | None) -> str | None:
    """One line of plain text (a title, a location), without markup; None where nothing is left.

    It is text, not HTML: whoever puts it on a page escapes it.
    """
    if not value:
        return None
    text = _readable(_mended(value))
    for _ in range(_MOST_ROUNDS):
        before = text
        text = _unescaped(text)
        if is_html(text):
            text = _without_tags(text)
        if text == before:
            break
    else:
        text = text.replace("<", "").replace(">", "")
    return " ".join(text.split()) or None


def markdown(value: str | None) -> str | None:
    """A description, HTML or plain text, as safe Markdown; None where nothing is left.

    HTML is reduced to :data:`TAGS` (h1 and h2 become h3). Of plain text only that is escaped which Markdown would take
    for something else. A newline is a line break in either form.
    """
    if not value:
        return None
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    text = _readable(_mended(value))
    if is_html(text):
        from calimport.html_to_markdown import convert

        text = convert(text)
    else:
        text = escape(_unescaped(text))
    if " \n" in text or "\t\n" in text:
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip() or None


def link(value: str | None) -> str | None:
    """An address as it is; None where a browser would not go there but run it, or where it is empty."""
    address = _IN_LINKS.sub("", _readable(value or "").strip())
    # Browsers skip blanks inside a scheme.
    scheme = _SCHEME.match("".join(address[:99].split()))
    known = scheme is None or scheme[1].lower() in _LINKED
    return address if address and known else None


def html(text: str) -> str:
    """HTML of a description's Markdown, of :data:`TAGS` alone, safe whatever the Markdown is."""
    import nh3

    rendered: str = _renderer().render(_readable(text))
    rendered = rendered.replace("<h1>", "<h3>").replace("</h1>", "</h3>")
    rendered = rendered.replace("<h2>", "<h3>").replace("</h2>", "</h3>")
    return nh3.clean(
        parted(rendered),
        tags=set(TAGS),
        attributes={"a": {"href"}},
        url_schemes=set(SCHEMES),
        url_relative="deny",
        link_rel=None,
    ).strip()


def richer(text: str | None, markup: str | None) -> str | None:
    """Of a description's plain and HTML forms the one that says more: the HTML, unless it lacks words of the text.

    For sources whose format brings both (``X-ALT-DESC``, ``ALTREP``). What it gives goes through :func:`markdown`.
    """
    if not markup or not is_html(markup):
        return text or markup
    said = plain(markup) or ""
    return markup if len(said) >= 0.9 * len(_BLANKS.sub(" ", text or "").strip()) else text


def is_html(text: str) -> bool:
    """Whether there is a tag in it: one of HTML's elements, or of any name with what could act.

    There is none in ``a < b``, ``<TBA>``, ``a <b and c> d`` or ``<anna@example.org>``.
    """
    return "<" in text and any(map(_is_tag, _TAG.finditer(text)))


def _is_tag(found: re.Match[str]) -> bool:
    name, rest = found[1].lower(), found[2]
    if name == "--":
        return found[0].startswith("<!--")
    if name not in _ELEMENTS:
        return _ACTIVE.search(rest) is not None
    if not rest.strip(" \t\n/"):
        return found[0].endswith(">")
    return rest[0] in " \t\n/" and ("=" in rest or name == "doctype")


def _each_string(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each_string(one, change) for one in value]
    if isinstance(value, dict):
        return {name: _each_string(one, change) for name, one in value.items()}
    return value


def _storable(text: str) -> str:
    if _is_harmless(text):
        return text
    text = _CONTROL.sub("", text)
    return text if text.isascii() else text.encode("utf-8", "ignore").decode()


def _readable(text: str) -> str:
    if _is_harmless(text):
        return text
    text = _storable(text)
    return _INVISIBLE.sub(r"\1", text) if not text.isascii() and _PERHAPS_INVISIBLE.search(text) else text


def _is_harmless(text: str) -> bool:
    """Whether all of it is seen: no control, surrogate or invisible character is printable."""
    return text.replace("\n", "").replace("\t", "").isprintable()


def _mended(text: str) -> str:
    """UTF-8 that was once read as another encoding, where that is certain; else as it is.

    ftfy decides by whether the sequence is valid UTF-8 and makes no sense as it stands; its guesses about bytes that
    are lost are left out.
    """
    # UTF-8 of U+00C0 to U+00FF, and of nothing else, has this byte: one of them comes first in each such sequence.
    if text.isascii() or b"\xc3" not in text.encode("utf-8", "surrogatepass") or not _MOJIBAKE.search(text):
        return text
    import ftfy

    certain = ftfy.TextFixerConfig(restore_byte_a0=False, replace_lossy_sequences=False, fix_c1_controls=False)
    return ftfy.fix_encoding(text, certain)


def _unescaped(text: str) -> str:
    """Entities as the characters they stand for. One without a semicolon is part of a URL, or no entity."""
    return _readable(_ENTITY.sub(lambda found: entities.unescape(found[0]), text)) if "&" in text else text


def _without_tags(markup: str) -> str:
    # Imported here, as below: most feeds have no HTML, and a task process pays for each import.
    import nh3

    # A tag that ends a line for the eye must not join two words.
    spaced = re.sub(r"(?i)<(?:/?(?:p|div|li|ul|ol|tr|td|th|h[1-6])\b|br\b)", r" \g<0>", shallow(markup))
    return _unescaped(nh3.clean(parted(spaced), tags=set(), attributes={}, link_rel=None))


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Images are requests to others' servers; indented text is no code but somebody's layout.
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(
        ["image", "html_block", "html_inline", "code", "fence", "reference"]
    )
