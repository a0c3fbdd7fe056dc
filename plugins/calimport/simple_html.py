"""What nh3 leaves of a description as Markdown, in one pass, and to the character as markdownify writes it.

markdownify builds a tree with Beautiful Soup and searches it again at each tag, which takes a millisecond a
description. nh3's tags are few, closed and without attributes but a link's; so what stands beside a text is known when
the next tag comes, and nothing has to be built. The rules are markdownify's (each named by its function there), odd
ones too: rows must not depend on which of the two wrote them.

https://github.com/matthewwithanm/python-markdownify
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final
from urllib.parse import quote, urlsplit

from calimport.markdown_escaping import escape_part
from calimport.text import readable

_TAG: Final = re.compile(r'<(/?)(p|div|br|ul|ol|li|a|strong|b|em|i|h3|h4|h5|h6|blockquote)(?: href="([^"<>]*)")?>')
_LISTS: Final = frozenset({"ul", "ol"})
_HEADINGS: Final = {"h3": "###", "h4": "####", "h5": "#####", "h6": "######"}
#: Beside and within which blanks are nobody's.
_BLOCKS: Final = frozenset({"p", "div", "blockquote", "li", *_LISTS, *_HEADINGS})
_MARKS: Final = {"strong": "**", "b": "**", "em": "*", "i": "*"}

#: Blanks as HTML has them, unlike the no-break space.
_BLANKS: Final = " \t\r\n"
_AROUND_NEWLINE: Final = re.compile(r"[\t \r\n]*[\r\n][\t \r\n]*")
_SPACES: Final = re.compile(r"[\t ]+")
_ALL_BLANKS: Final = re.compile(r"[\t \r\n]+")
#: What would end a link's destination.
_ENDING: Final = re.compile(r"[\s()<>\"\\`{}|^]")


class _Element:
    """An element that is open, and what its children have become so far."""

    __slots__ = ("href", "in_heading", "in_item", "in_link", "is_block", "items", "last", "list_at", "name", "pieces")

    def __init__(self, name: str, href: str | None = None, parent: _Element | None = None) -> None:
        self.name, self.href, self.is_block = name, href, name in _BLOCKS
        self.in_link: bool = name == "a" or (parent is not None and parent.in_link)
        self.in_heading: bool = name in _HEADINGS or (parent is not None and parent.in_heading)
        self.in_item: bool = name == "li" or (parent is not None and parent.in_item)
        self.pieces: list[str] = []
        #: The name of the last child that is an element.
        self.last = ""
        #: The piece that is a list, as long as nothing but blanks has come after it; and the items of this list.
        self.list_at = -1
        self.items = 0


def convert(safe: str) -> str | None:
    """Markdown of HTML that nh3 wrote; None where it has other tags than :data:`calimport.text.TAGS` and ``div``."""
    parts = _TAG.split(safe)
    if len(parts) // 4 != safe.count("<"):
        return None
    element, opened = _Element("div"), list[_Element]()
    said = list[str]()
    is_odd = not safe.isprintable()
    for text, closing, name, href in zip(parts[:-1:4], parts[1::4], parts[2::4], parts[3::4], strict=True):
        if text:
            _add_text(element, text, "" if closing else name, said, is_odd=is_odd)
        if closing:
            # What was not closed (a rule's `div`) ends with what it is in.
            while opened:
                closed, element = element, opened.pop()
                _add_closed(element, closed, said)
                if closed.name == name:
                    break
            continue
        if element.list_at >= 0:
            _follow_list(element, name)
        if name == "br":
            element.pieces.append(" " if element.in_heading else "  \n")
            element.last = name
            continue
        if name == "a":
            if element.in_link:
                return None
            said.clear()
        opened.append(element)
        element = _Element(name, href, element)
    if text := parts[-1]:
        _add_text(element, text, "", said, is_odd=is_odd)
    while opened:
        closed, element = element, opened.pop()
        _add_closed(element, closed, said)
    return _joined(element.pieces).strip()


def linked(text: str, *, said: str, href: str | None) -> str:
    """A link, where ``text`` is what is in it as Markdown and ``said`` the same as it is shown."""
    label = " ".join(text.split())
    address = _destination(href) if label else None
    if address is None:
        return text
    before, after = (" " if text[:1].isspace() else ""), (" " if text[-1:].isspace() else "")
    if said.strip() == address and "mailto:" not in address:
        return f"{before}<{address}>{after}"
    return f"{before}[{label}]({address}){after}"


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


def _add_text(element: _Element, text: str, following: str, said: list[str], *, is_odd: bool) -> None:
    """``process_text``; ``following`` is the name of the next sibling, or empty."""
    if "&" in text:
        text = unescape(text)
    if element.in_link:
        said.append(text)
    opens = element.last in _BLOCKS if element.last else element.is_block
    ends = following in _BLOCKS if following else element.is_block
    if not text.strip():
        if opens or ends:
            return
        if not text.strip(" \t\r\n\f"):
            text = "\n" if "\n" in text else " "
    elif element.list_at >= 0:
        _follow_list(element, "")
    if is_odd:
        text = readable(_SPACES.sub(" ", _AROUND_NEWLINE.sub("\n", text)))
    elif "  " in text:
        text = _SPACES.sub(" ", text)
    text = escape_part(text, in_link=element.in_link)
    if opens:
        text = text.lstrip(_BLANKS)
    if ends:
        text = text.rstrip()
    if text:
        element.pieces.append(text)


def _follow_list(element: _Element, name: str) -> None:
    """Something to read comes after a list: it stands apart, unless it is a list too."""
    if name not in _LISTS:
        element.pieces[element.list_at] += "\n"
    element.list_at = -1


def _add_closed(parent: _Element, closed: _Element, said: list[str]) -> None:
    """The element as the next child of its parent."""
    name = parent.last = closed.name
    text = _converted(parent, closed, _joined(closed.pieces), said)
    if name in _LISTS and not parent.in_item:
        parent.list_at = len(parent.pieces)
    if text:
        parent.pieces.append(text)


def _converted(parent: _Element, closed: _Element, text: str, said: list[str]) -> str:
    """``text`` as markdownify's function of the element's name writes it."""
    name = closed.name
    if name == "p":
        text = text.strip(_BLANKS)
    elif name == "div":
        text = text.strip()
    elif mark := _MARKS.get(name):
        return _marked(text, mark)
    elif name == "a":
        return linked(text, said="".join(said), href=closed.href and unescape(closed.href))
    elif name == "li":
        parent.items += 1
        return _item(text.strip(), f"{parent.items}. " if parent.name == "ol" else "- ")
    elif name in _LISTS:
        return f"\n{text.rstrip()}" if parent.in_item else f"\n\n{text}"
    elif name == "blockquote":
        text = text.strip(_BLANKS)
        return f" {text} " if parent.in_heading else _quoted(text)
    else:
        return text if parent.in_heading else f"\n\n{_HEADINGS[name]} {_ALL_BLANKS.sub(' ', text.strip())}\n\n"
    if parent.in_heading:
        return f" {text} "
    return f"\n\n{text}\n\n" if text else ""


def _joined(pieces: list[str]) -> str:
    """``process_tag``: where newlines meet, as many as the more of both, but two at most."""
    if len(pieces) < 2:
        return pieces[0] if pieces else ""
    whole, ends = list[str](), 0
    for piece in pieces:
        content = piece
        if piece[0] == "\n":
            content = piece.lstrip("\n")
            if ends:
                whole[-1] = whole[-1][:-ends]
                piece = "\n" * min(2, max(ends, len(piece) - len(content))) + content
        whole.append(piece)
        # Newlines alone meet nothing: what comes next begins as it would.
        ends = len(content) - len(content.rstrip("\n")) if piece[-1] == "\n" else 0
    return "".join(whole)


def _marked(text: str, mark: str) -> str:
    """``abstract_inline_conversion``: blanks at its edges go outside."""
    inner = text.strip()
    if not inner:
        return ""
    return f"{' ' if text[0] == ' ' else ''}{mark}{inner}{mark}{' ' if text[-1] == ' ' else ''}"


def _item(text: str, bullet: str) -> str:
    """``convert_li``: its further lines stand below its first."""
    if "\n" in text:
        indent = " " * len(bullet)
        text = "\n".join([indent + line if line else "" for line in text.split("\n")])[len(bullet) :]
    return f"{bullet}{text}\n" if text else "\n"


def _quoted(text: str) -> str:
    """``convert_blockquote``."""
    if not text:
        return "\n"
    lines = "\n".join([f"> {line}" if line else ">" for line in text.split("\n")])
    return f"\n{lines}\n\n"
