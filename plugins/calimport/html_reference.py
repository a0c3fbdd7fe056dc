"""HTML as Markdown by markdownify: the reference of :mod:`calimport.simple_html`, and what converts the rest."""

from __future__ import annotations

from typing import Any

from markdownify import ATX, MarkdownConverter

from calimport.markdown_escaping import escape_part
from calimport.simple_html import linked
from calimport.text import readable


def convert(safe: str) -> str:
    """As :func:`calimport.simple_html.convert`, of any HTML."""
    # In an element of its own: Beautiful Soup warns of a text that looks like an address or the name of a file.
    converted: str = _Converter(heading_style=ATX, bullets="-").convert(f"<div>{safe}</div>")
    return converted


class _Converter(MarkdownConverter):
    """markdownify with our escaping: text that becomes neither tag nor link, and links that end where they should."""

    def escape(self, text: str, parent_tags: set[str]) -> str:
        return escape_part(readable(text), in_link="a" in parent_tags)

    def convert_a(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return linked(text, said=el.get_text(), href=el.get("href"))
