"""HTML descriptions as Markdown: nh3 parses and sanitises them as browsers would, markdownify converts what is left."""

from __future__ import annotations

import re
from html import unescape
from typing import Any, Final
from urllib.parse import quote, urlsplit

import nh3
from markdownify import ATX, MarkdownConverter

from calimport.markdown_escaping import escape, escape_part
from calimport.shallow_html import shallow
from calimport.text import readable

#: Kept from nh3 to be what ends a line or a cell, and renamed before the conversion.
_BLOCKS: Final = frozenset(
    [
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "nav",
        "address",
        "center",
        "pre",
        "table",
        "caption",
        "dl",
        "figure",
        "figcaption",
        "hr",
        "fieldset",
        "form",
        "details",
        "summary",
    ]
)
_ROWS: Final = frozenset({"tr", "dt", "dd"})
_CELLS: Final = frozenset({"td", "th"})
_HEADINGS: Final = frozenset({"h1", "h2"})
_INLINE: Final = frozenset({"a", "strong", "b", "em", "i", "br"})
_TEXT_BLOCKS: Final = frozenset({"p", "ul", "ol", "li", "blockquote", "h3", "h4", "h5", "h6"})
_KEPT: Final = set(_BLOCKS | _ROWS | _CELLS | _HEADINGS | _INLINE | _TEXT_BLOCKS)
#: Whose content is nothing to read.
_SILENT: Final = {
    "script",
    "style",
    "title",
    "template",
    "noscript",
    "iframe",
    "noembed",
    "noframes",
    "svg",
    "math",
} | {
    *("object", "select", "textarea", "xmp", "plaintext"),
}

_RENAMED: Final = re.compile(r"<(/?)(\w+)>")
#: A page that has these needs no newline to end a line. Without them, the newlines are what its writer saw (Google).
_LAID_OUT: Final = re.compile(r"(?i)<(?:br|p|div|tr|html|body|!doctype)\b")
_PRE: Final = re.compile(r"<pre>[^<]*")
#: More than any writer nests or lists; the converter calls itself for each level, and counts a list anew for each item.
_DEEPEST: Final = 60
_MOST_TAGS: Final = 5000
_OPEN_OR_CLOSE: Final = re.compile(r"<(/?)(?!br\b)\w")
#: What would end a link's destination.
_ENDING: Final = re.compile(r"[\s()<>\"\\`{}|^]")


def convert(markup: str) -> str:
    """Markdown that says what the markup shows, with no other tags than :data:`calimport.text.TAGS` in it."""
    lines = shallow(markup)
    if lines is not markup:
        return escape(unescape(nh3.clean(lines, tags=set())))
    laid_out = _LAID_OUT.search(markup)
    safe = nh3.clean(
        markup if laid_out else markup.replace("\n", "<br>"),
        tags=_KEPT,
        clean_content_tags=_SILENT,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel=None,
    )
    if _is_too_much(safe):
        lines = _RENAMED.sub(lambda tag: tag[0] if tag[2] in _INLINE else "\n", safe)
        return escape(unescape(nh3.clean(lines, tags=set())))
    if laid_out:
        safe = _PRE.sub(lambda text: text[0].replace("\n", "<br>"), safe)
        safe = re.sub(r"\s+", " ", safe)
    # In an element of its own: Beautiful Soup warns of a text that looks like an address or the name of a file.
    whole = f"<div>{_RENAMED.sub(_rename, safe)}</div>"
    converted: str = _Converter(heading_style=ATX, bullets="-").convert(whole)
    return converted


def _rename(tag: re.Match[str]) -> str:
    closing, name = tag[1], tag[2]
    if name in _HEADINGS:
        return f"<{closing}h3>"
    if name in _CELLS:
        return " " if closing else ""
    if name in _ROWS:
        return "<br>" if closing else ""
    return f"<{closing}div>" if name in _BLOCKS else tag[0]


def _is_too_much(markup: str) -> bool:
    depth = deepest = count = 0
    for tag in _OPEN_OR_CLOSE.finditer(markup):
        count += 1
        depth += -1 if tag[1] else 1
        deepest = max(deepest, depth)
    return deepest > _DEEPEST or count > _MOST_TAGS


class _Converter(MarkdownConverter):
    """markdownify with our escaping: text that becomes neither tag nor link, and links that end where they should."""

    def escape(self, text: str, parent_tags: set[str]) -> str:
        return escape_part(readable(text), in_link="a" in parent_tags)

    def convert_a(self, el: Any, text: str, parent_tags: set[str]) -> str:
        label = " ".join(text.split())
        href = _destination(el.get("href"))
        if not label or href is None:
            return text
        before, after = (" " if text[:1].isspace() else ""), (" " if text[-1:].isspace() else "")
        if el.get_text().strip() == href and "mailto:" not in href:
            return f"{before}<{href}>{after}"
        return f"{before}[{label}]({href}){after}"


def _destination(href: str | None) -> str | None:
    """The address as a link's destination, which no character of it can end; None where it is none of ours."""
    address = readable(href or "").strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "mailto") or not (parts.netloc or parts.scheme == "mailto"):
        return None
    return _ENDING.sub(lambda found: quote(found[0]), address)
