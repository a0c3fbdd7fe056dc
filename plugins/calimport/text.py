"""Text as it comes from feeds, made safe to store and plain to read."""

from __future__ import annotations

import html
import re
from typing import Any, Final

#: Control characters but tab and newline: PostgreSQL refuses NUL, and logs and terminals obey the others.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BLANKS: Final = re.compile(r"\s+")
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_TRAILING: Final = re.compile(r"[ \t]+\n")
_TAG: Final = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*(\s[^<>]*)?/?>")
_ENTITY: Final = re.compile(r"&(#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+\d*);")

_ALLOWED_TAGS: Final = {
    "p", "a", "strong", "b", "em", "i", "ul", "ol", "li", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "br",
}  # fmt: skip


def storable(value: Any) -> Any:
    """``value`` with every string in it free of what PostgreSQL refuses: NUL, other controls, lone surrogates."""
    if isinstance(value, str):
        return _CONTROL.sub("", value).encode("utf-8", "ignore").decode()
    if isinstance(value, list):
        return [storable(one) for one in value]
    if isinstance(value, dict):
        return {name: storable(one) for name, one in value.items()}
    return value


def plain(value: str | None) -> str | None:
    """One line of plain text (a title, a location); None where nothing is left."""
    if not value:
        return None
    text = _BLANKS.sub(" ", _CONTROL.sub("", value.replace("\r", "\n"))).strip()
    return text or None


def markdown(value: str | None) -> str | None:
    """A description as Markdown; HTML is reduced to an allow-list first. None where nothing is left."""
    if not value:
        return None
    text = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    if _TAG.search(text):
        text = _html_to_markdown(text)
    elif _ENTITY.search(text):
        text = html.unescape(text)
    text = _BLANK_LINES.sub("\n\n", _TRAILING.sub("\n", text)).strip()
    return text or None


def _html_to_markdown(text: str) -> str:
    # Imported here: most feeds have no HTML, and a task process pays for each import.
    import nh3
    from markdownify import ATX, markdownify

    safe = nh3.clean(
        # A newline in a description that also has tags is one that its writer saw (Google's editor).
        text.replace("\n", "<br>"),
        tags=_ALLOWED_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )
    for high in ("h1", "h2"):
        safe = safe.replace(f"<{high}>", "<h3>").replace(f"</{high}>", "</h3>")
    converted: str = markdownify(safe, heading_style=ATX, bullets="-")
    return converted
