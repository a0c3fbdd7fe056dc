"""HTML descriptions as Markdown: nh3 parses and sanitises them as browsers would, what is left is converted."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

import nh3

from calimport import simple_html
from calimport.markdown_escaping import escape
from calimport.shallow_html import parted, shallow

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

_SANITISER: Final = nh3.Cleaner(
    tags=_KEPT,
    clean_content_tags=_SILENT,
    attributes={"a": {"href"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel=None,
)
_RENAMED: Final = re.compile(f"<(/?)({'|'.join(sorted(_BLOCKS | _ROWS | _CELLS | _HEADINGS, reverse=True))})>")
_ANY_TAG: Final = re.compile(r"<(/?)(\w+)>")
#: A page that has these needs no newline to end a line. Without them, the newlines are what its writer saw (Google).
_LAID_OUT: Final = re.compile(r"(?i)<(?:br|p|div|tr|html|body|!doctype)\b")
_PRE: Final = re.compile(r"<pre>[^<]*")
#: More than any writer nests or lists; the converter calls itself for each level, and counts a list anew for each item.
_DEEPEST: Final = 60
_MOST_TAGS: Final = 5000
_OPEN_OR_CLOSE: Final = re.compile(r"<(/?)(?!br\b)\w")


def convert(markup: str) -> str:
    """Markdown that says what the markup shows, with no other tags than :data:`calimport.text.TAGS` in it."""
    lines = shallow(markup)
    if lines is not markup:
        return escape(unescape(nh3.clean(parted(lines), tags=set())))
    laid_out = _LAID_OUT.search(markup)
    safe = _SANITISER.clean(parted(markup if laid_out else markup.replace("\n", "<br>")))
    if _is_too_much(safe):
        lines = _ANY_TAG.sub(lambda tag: tag[0] if tag[2] in _INLINE else "\n", safe)
        return escape(unescape(nh3.clean(parted(lines), tags=set())))
    if laid_out:
        if "<pre>" in safe:
            safe = _PRE.sub(lambda text: text[0].replace("\n", "<br>"), safe)
        safe = safe.replace("\n", " ")
        if "  " in safe or not safe.isprintable():
            safe = " ".join(f".{safe}.".split())[1:-1]
    safe = _RENAMED.sub(_rename, safe)
    converted = simple_html.convert(safe)
    if converted is None:
        # Imported here: few descriptions need it, and a task process pays for each import.
        from calimport import html_reference

        converted = html_reference.convert(safe)
    return converted


def _rename(tag: re.Match[str]) -> str:
    closing, name = tag[1], tag[2]
    if name in _HEADINGS:
        return f"<{closing}h3>"
    if name in _CELLS:
        return " " if closing else ""
    if name in _ROWS:
        return "<br>" if closing else ""
    return f"<{closing}div>"


def _is_too_much(markup: str) -> bool:
    if markup.count("<") - markup.count("</") - markup.count("<br>") <= _DEEPEST:
        return False  # no more elements than they may be deep
    depth = deepest = count = 0
    for tag in _OPEN_OR_CLOSE.finditer(markup):
        count += 1
        depth += -1 if tag[1] else 1
        deepest = max(deepest, depth)
    return deepest > _DEEPEST or count > _MOST_TAGS
