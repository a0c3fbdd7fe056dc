"""Plain text as Markdown: only that is escaped which a CommonMark renderer would take for something else.

Text that needs nothing stays as it is, character for character: ``5 < 6``, ``2 * 3``, ``[Zoom] Talk``, ``#1``. What
would become markup is kept from it: tags, links, images, headings, rules, code, emphasis, entities, and lists that
begin with a number that is none of a list (``3. Dezember``). Bullets and quotes stay what their writer meant.

https://spec.commonmark.org/0.31.2/
"""

from __future__ import annotations

import re
from typing import Final

#: None of these two, and the text is its own Markdown.
_ANY: Final = re.compile(r"[\\`*_<&\]#=~-]")
_ANY_NUMBER: Final = re.compile(r"\d[.)]")
#: None of these, and a part of a text is its own Markdown but where a line begins and where it ends.
_ANY_WITHIN: Final = re.compile(r"[\\`*_<&\[\]]")
#: 2.4: a backslash before punctuation escapes it; before a line's end it is a break.
_BACKSLASH: Final = re.compile(r"\\(?=[!-/:-@\[-`{-~]|[ \t]*(?:\n|\Z))")
#: 6.6: what may begin a tag, a comment, a declaration; but 6.5, an address in angle brackets that leads where it says.
_ANGLE: Final = re.compile(
    r"<(?=[a-zA-Z/!?])(?!(?:https?://[^\s<>\\]+|(?:mailto:)?[\w.+-]{1,64}@[a-zA-Z0-9.-]{1,255})>)", re.IGNORECASE
)
#: 2.5.
_ENTITY: Final = re.compile(r"&(?=#?[a-zA-Z0-9]{1,32};)")
#: 6.3, 6.4, 4.7: what makes brackets a link, an image, or a definition of one.
_BRACKET: Final = re.compile(r"\](?=[(\[:])")
_ANY_BRACKET: Final = re.compile(r"[\[\]]")
#: How a first and a further line may begin that the next four are about.
_START: Final = re.compile(r"[ \t]*+[#=_*~>+0-9-]")
_FURTHER_START: Final = re.compile(r"\n[ \t]*+[#=_*~>+0-9-]")
#: … and what may stand before it: quotes and bullets, and numbers of lists.
_QUOTES: Final = r"^((?:[ \t>]|[-+*][ \t](?=[ \t]*\S))*+)"
_MARKS: Final = r"^((?:[ \t>]|(?:[-+*]|\d{1,9}[.)])[ \t](?=[ \t]*\S))*+)"
#: 4.2, 4.1 and 4.3, 4.5.
_HEADING: Final = re.compile(_MARKS + r"(#{1,6})(?=[ \t]|$)", re.MULTILINE)
_RULE: Final = re.compile(
    _MARKS + r"(?=(?:=+|-+|-(?:[ \t]*-){2,}|_(?:[ \t]*_){2,}|\*(?:[ \t]*\*){2,})[ \t]*$)", re.MULTILINE
)
_FENCE: Final = re.compile(_MARKS + r"(?=~{3})", re.MULTILINE)
#: 5.2.
_NUMBER: Final = re.compile(_QUOTES + r"(\d{1,9})([.)])(?=[ \t]|$)", re.MULTILINE)
#: 6.2.
_DELIMITERS: Final = re.compile(r"\*+|_+")
_PARAGRAPHS: Final = re.compile(r"(\n[ \t]*\n)")
#: In a part of a text that more text may follow: what would only then become markup.
_LAST: Final = re.compile(r"[<&!\]]\Z")


def escape(text: str) -> str:
    """A whole text as Markdown that renders as this text."""
    if not _ANY.search(text) and not _ANY_NUMBER.search(text):
        return text
    text = _escape_always(text)
    if text.count("`") > 1:
        text = text.replace("`", "\\`")
    if "*" in text or "_" in text:
        paragraphs = _PARAGRAPHS.split(text)
        text = "".join([_escape_emphasis(one) if _has_emphasis(one) else one for one in paragraphs])
    return _escape_line_starts(text)


def escape_part(text: str, *, in_link: bool) -> str:
    """A piece of text between tags: what comes before and after it is not known, so more is escaped."""
    if not _ANY_WITHIN.search(text):
        return _escape_line_starts(f"{text[:-1]}\\!" if text.endswith("!") else text)
    last = "" if in_link and text.endswith("]") else _LAST.search(text)
    text = _escape_always(text, brackets=_ANY_BRACKET if in_link else _BRACKET).replace("`", "\\`")
    if last:
        text = text[:-1] + ("&lt;" if text[-1] == "<" else f"\\{text[-1]}")
    # Whatever stands beside it, a delimiter at its edge may be one.
    return _escape_line_starts(_escape_emphasis(f".{text}.")[1:-1])


def _escape_always(text: str, *, brackets: re.Pattern[str] = _BRACKET) -> str:
    if "\\" in text:
        text = _BACKSLASH.sub(r"\\\\", text)
    if "&" in text:
        text = _ENTITY.sub(r"\\&", text)
    if "<" in text:
        text = _ANGLE.sub("&lt;", text)  # not with a backslash: some renderers know no escape of it
    return brackets.sub(r"\\\g<0>", text) if "]" in text or "[" in text else text


def _escape_line_starts(text: str) -> str:
    if not _START.match(text) and not _FURTHER_START.search(text):
        return text
    if "#" in text:
        text = _HEADING.sub(r"\1\\\2", text)
    text = _RULE.sub(r"\1\\", text)
    if "~~~" in text:
        text = _FENCE.sub(r"\1\\", text)
    expected = 1

    def number(found: re.Match[str]) -> str:
        nonlocal expected
        if (given := int(found[2])) in (1, expected):
            expected = given + 1
            return found[0]
        return f"{found[1]}{found[2]}\\{found[3]}"

    return _NUMBER.sub(number, text)


def _has_emphasis(paragraph: str) -> bool:
    """Whether some delimiter may open emphasis and a later one close it."""
    opened: set[str] = set()
    for run in _DELIMITERS.finditer(paragraph):
        opens, closes = _flanking(paragraph, run)
        if closes and run[0][0] in opened:
            return True
        if opens:
            opened.add(run[0][0])
    return False


def _escape_emphasis(text: str) -> str:
    return _DELIMITERS.sub(lambda run: f"\\{run[0][0]}" * len(run[0]) if any(_flanking(text, run)) else run[0], text)


def _flanking(text: str, run: re.Match[str]) -> tuple[bool, bool]:
    """Whether a run of delimiters may open and may close emphasis: beside a blank it may not, ``_`` nor in a word."""
    before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
    blank_before, blank_after = not before.strip(), not after.strip()
    if run[0][0] == "_":
        return not blank_after and not before.isalnum(), not blank_before and not after.isalnum()
    return not blank_after, not blank_before
