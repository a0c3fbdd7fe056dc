"""From the bytes of a response to iCalendar text: compression, charset, line ends, and what is no calendar at all."""

from __future__ import annotations

import codecs
import hashlib
import re
import zlib
from functools import partial
from typing import TYPE_CHECKING, Final

from calimport.errors import FeedEmpty, FeedIsWebPage, FeedTooLarge, FeedTruncated, FeedUnparsable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GZIP: Final = b"\x1f\x8b"
_FOLD: Final = r"(?:\n[ \t])?+"
#: Any line may be folded anywhere, these too (RFC 5545, 3.1).
_BEGIN, _END = (
    re.compile(
        rf"^[ \t]*+{_FOLD.join(step)}[ \t]*+{_FOLD}:{_FOLD}[ \t]*+{_FOLD.join('VCALENDAR')}[ \t]*$",
        re.IGNORECASE | re.MULTILINE,
    )
    for step in ("BEGIN", "END")
)
#: A script's warnings before, a page's frame behind, or the next of several joined feeds, without a line end between.
_GLUED_BEGIN: Final = re.compile(r"[^\n](?=BEGIN:VCALENDAR[ \t]*$)", re.MULTILINE)
_GLUED_END: Final = re.compile(r"^END:VCALENDAR[ \t]*+(?=[^\n])", re.MULTILINE)
_WEB_PAGE: Final = re.compile(
    r"\s*+(<\?xml[^>]*>\s*+)?(<!--.*?-->\s*+)*+<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
#: `idna` and `punycode` take time by the square of the length; the others are no charsets of texts.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"})
#: What is declared as Latin-1 or ASCII is Windows-1252 (WHATWG Encoding, 4.2).
_READ_AS: Final = {"iso8859-1": "cp1252", "ascii": "cp1252"}
#: A UTF-8 character over a fold that counts octets (RFC 5545, 3.1 allows it): no other text has these bytes there.
_SPLIT_CHARACTER: Final = re.compile(rb"(?<=[\xc2-\xf4\x80-\xbf])\r*\n[ \t](?=[\x80-\xbf])")
_UTF_8: Final = re.compile(  # RFC 3629, 4
    rb"((?:[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})++)"
)
#: Each starts with its byte order mark or, without one, has its first letters in these bytes.
_WIDE: Final = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_WHERE_TEXT_BEGINS: Final = 4096
#: Rewritten at every request by Google, Meetup and others (RFC 5545, 3.8.7): no part of what a feed says. A fold with a
#: colon is one: a space too many may have made it a fold (``repairs.hidden_lines``). A line with a lone CR is left,
#: since that ends a line too. To ignore case takes a quarter longer.
_NAMES: Final = rb"\n(?:DTSTAMP|LAST-MODIFIED|CREATED|dtstamp|last-modified|created)[:;]"
_LINES: Final = [
    rb"%b[^\r\n]*+%b(?:\n[ \t][^\r\n:]*+%b)*+" % (_NAMES, line_end, line_end)
    for line_end in (rb"(?:\r(?=\n)|(?![^\n]))", rb"\r(?=\n)")
]
#: Not simply repeated: what begins with one byte is searched for by it.
_VOLATILE, _VOLATILE_CRLF = (re.compile(rb"%b(?:%b)*+" % (line, line)) for line in _LINES)
#: Where they were: what follows may be a fold, or have no name, and then it is part of the line before.
_WHERE_THEY_WERE: Final = b"\n\0"
#: A line takes memory however short it is; those of real feeds have 30 bytes and more.
MOST_LINES: Final = 5_000_000
#: C0 controls but tab, newline and return are not allowed in content lines (RFC 5545, 3.1).
_C0: Final = bytes(set(range(32)) - set(b"\t\n\r")) + b"\x7f"
_LONE_RETURN: Final = re.compile(rb"\r[^\n]")
#: C1 controls, which mean nothing in any, as UTF-8; and how each begins, which is found faster.
_C1: Final = re.compile(rb"\xc2[\x80-\x9f]")
_BEGIN_OF_C1, _BEHIND_C1, _FEW = 0xC2, 0xA0, 50
#: Byte order marks: each of several files that a script joins brings its own, some encoded twice. Each has a byte that
#: few texts have.
_MARKS: Final = {0xEF: "\ufeff".encode(), 0xAF: "\u00ef\u00bb\u00bf".encode()}
#: What is made of so many bytes stays in the processor's cache; megabytes at once take two to four times as long.
_AT_ONCE: Final = 32 * 1024


def decode(content: bytes, *, content_type: str = "", max_bytes: int = 128 * 1024 * 1024) -> str:
    """The text of a feed: that of :func:`clean`."""
    return clean(content, content_type=content_type, max_bytes=max_bytes).decode()


def received(content: bytes, *, content_type: str = "", max_bytes: int = 128 * 1024 * 1024) -> bytes:
    """A feed as it is stored, to be read by :func:`clean`: as it came, or what that makes of it.

    As it came where it is one calendar in UTF-8 from its first line to its last, as nearly all feeds are: to clean all
    of a feed in which little has changed takes longer than to read that.

    :raises CalimportError: as :func:`clean`.
    """
    if _is_plain(content) and not _has_too_many_lines(content) and _is_utf_8(content):
        return content
    return clean(content, content_type=content_type, max_bytes=max_bytes)


def clean(content: bytes, *, content_type: str = "", max_bytes: int = 128 * 1024 * 1024) -> bytes:
    """A feed in UTF-8, with ``\\n`` as line end, without byte order marks and control characters.

    Tolerated: gzip that the server did not announce; CR, LF, CRLF or CRCRLF as line ends; UTF-16 and UTF-32, also
    without a mark; UTF-8 with characters cut by folds or lines in Windows-1252 between; for a text that is mostly
    something else the declared charset; text before and behind the calendars, if it is no web page that has none.

    :raises FeedEmpty: there is nothing in it.
    :raises FeedIsWebPage: it is HTML.
    :raises FeedUnparsable: it is something else than iCalendar.
    :raises FeedTruncated: a VCALENDAR begins and does not end.
    :raises FeedTooLarge: it decompresses to more than ``max_bytes``, or has more than :data:`MOST_LINES` lines.
    """
    if content.startswith(_GZIP):
        content = _gunzip(content, max_bytes)
    if not content or content.isspace():
        raise FeedEmpty()
    if wide := _wide(content):
        encoding, start = wide
        content = content[start:].decode(encoding, errors="replace").encode()
    try:
        content = clean_lines(content)
    except UnicodeDecodeError:
        content = clean_lines(_to_utf_8(content, content_type))
    if _has_too_many_lines(content):
        raise FeedTooLarge(detail=f"over {MOST_LINES} lines")
    return content if _is_plain(content) else _whole(content.decode(), content_type).encode()


def _whole(text: str, content_type: str) -> str:
    """The text with each calendar on lines of its own, if there is one and all of them end."""
    text = _GLUED_END.sub("END:VCALENDAR\n", text)
    begins, ends = len(_BEGIN.findall(text)), len(_END.findall(text))
    if begins == 0:
        if _WEB_PAGE.match(text) or ("html" in content_type.lower() and "<" in text):
            raise FeedIsWebPage()
        text = _GLUED_BEGIN.sub("\\g<0>\n", text)
        begins = len(_BEGIN.findall(text))
    if begins == 0 and not _holds_events(text):
        raise FeedUnparsable("The address gives a file that is not a calendar (it has no BEGIN:VCALENDAR).")
    if ends < begins:
        raise FeedTruncated(detail=f"{begins} BEGIN:VCALENDAR, {ends} END:VCALENDAR")
    return text


def meaning_hash(content: bytes) -> bytes:
    """SHA-256 of a feed, as :func:`received` leaves it, without the lines that producers rewrite at every request."""
    # What is rewritten begins with the end of a line; before the first one there is none.
    first, *others = _pieces(content, b"\nBEGIN:VEVENT")
    said = hashlib.sha256(_VOLATILE.sub(_WHERE_THEY_WERE, b"\n" + first)[1:])
    for piece in others:
        said.update(_VOLATILE.sub(_WHERE_THEY_WERE, piece))
    said.update(b"\n")
    return said.digest()


def _holds_events(text: str) -> bool:
    """If it is VEVENTs without a VCALENDAR around them, each with its end: single files of a store, pasted together."""
    begins, ends = (len(re.findall(rf"^{step}:VEVENT[ \t]*$", text, re.I | re.M)) for step in ("BEGIN", "END"))
    return 0 < begins == ends


def without_volatile(feed: bytes) -> Callable[[bytes], bytes]:
    """What leaves of lines of this feed what they say, without those that producers rewrite at every request.

    Where its lines end with CRLF, none that ends otherwise is taken away: what is left ends as before.
    """
    return partial((_VOLATILE_CRLF if has_crlf(feed) else _VOLATILE).sub, _WHERE_THEY_WERE)


def has_crlf(content: bytes) -> bool:
    """Whether the lines of a feed end with CRLF, by its first one."""
    return content.startswith(b"BEGIN:VCALENDAR\r\n")


def _is_plain(content: bytes) -> bool:
    """If it is one calendar from its first line to its last, as nearly all feeds are: then nothing is searched."""
    return (
        content.startswith((b"BEGIN:VCALENDAR\n", b"BEGIN:VCALENDAR\r\n"))
        and content.endswith((b"\nEND:VCALENDAR", b"\nEND:VCALENDAR\n", b"\nEND:VCALENDAR\r\n"))
        and content.count(b"VCALENDAR") == 2
    )


def _has_too_many_lines(content: bytes) -> bool:
    return len(content) > MOST_LINES and content.count(b"\n") > MOST_LINES


def _gunzip(content: bytes, max_bytes: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        inflated = inflater.decompress(content, max_bytes + 1)
    except zlib.error as error:
        raise FeedUnparsable(detail=f"gzip: {error}") from error
    if len(inflated) > max_bytes:
        raise FeedTooLarge(detail=f"over {max_bytes} bytes decompressed")
    if not inflater.eof:
        raise FeedTruncated(detail="gzip stream ends early")
    return inflated


def clean_lines(content: bytes) -> bytes:
    """Lines as :func:`clean` leaves them, whatever they say.

    :raises UnicodeDecodeError: it is no UTF-8.
    """
    return b"".join(map(_clean, _pieces(content, b"\n")))


def _clean(lines: bytes) -> bytes:
    """UTF-8 without marks and controls, its lines ended by LF; CRCRLF is CRLF written by a Windows program as text.

    :raises UnicodeDecodeError: it is no UTF-8.
    """
    has_others = not lines.isascii()
    if has_others:
        lines.decode()
    if not lines.endswith(b"\r") and _LONE_RETURN.search(lines) is None:
        lines = lines.translate(None, _C0 + b"\r")
    else:
        lines = lines.translate(None, _C0)
        lines = lines.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if has_others:
        for byte, mark in _MARKS.items():
            if byte in lines:
                lines = lines.replace(mark, b"")
        if _may_have_c1(lines):
            lines = _C1.sub(b"", lines)
    return lines


def _may_have_c1(lines: bytes) -> bool:
    """No where each character that begins as they do, of which most texts have few, is another."""
    at = -1
    for _ in range(_FEW):
        at = lines.find(_BEGIN_OF_C1, at + 1)
        if at < 0:
            return False
        if lines[at + 1] < _BEHIND_C1:
            return True
    return True


def _pieces(content: bytes, end: bytes) -> Iterator[bytes]:
    """The content in pieces of :data:`_AT_ONCE` bytes or little more, each but the last one up to an ``end``."""
    start = 0
    while (found := content.find(end, start + _AT_ONCE)) >= 0:
        cut = found + len(end)
        yield content[start:cut]
        start = cut
    yield content[start:]


def _to_utf_8(content: bytes, content_type: str) -> bytes:
    """What is no UTF-8 as it."""
    joined = _SPLIT_CHARACTER.sub(b"", content)
    if _is_utf_8(joined):
        return joined
    return _declared(content, content_type) or b"\n".join(map(_mixed, joined.split(b"\n")))


def _is_utf_8(content: bytes) -> bool:
    try:
        for piece in _pieces(content, b"\n"):
            if not piece.isascii():
                piece.decode()
    except UnicodeDecodeError:
        return False
    return True


def _wide(content: bytes) -> tuple[str, int] | None:
    """The UTF-16 or UTF-32 that a text is in, and where it begins: by its mark, or where its first word stands."""
    head = content[:_WHERE_TEXT_BEGINS].lower()
    for encoding in _WIDE:
        mark = "\ufeff".encode(encoding)
        # A mark of UTF-16 and a NUL behind it are one of UTF-32, which stands before it in the list.
        if content.startswith(mark):
            return encoding, len(mark)
        width = len(mark)
        found = head.find("begin:".encode(encoding))
        if found >= 0 and found % width == 0:
            return encoding, 0
    return None


def _declared(content: bytes, content_type: str) -> bytes | None:
    """The text from the charset of the Content-Type header (RFC 5545, 8.1), if it is one, and a calendar in it."""
    declared = _CHARSET.search(content_type)
    if declared is None:
        return None
    try:
        name = codecs.lookup(declared.group(1)).name
        if name in _NO_CHARSETS or name.startswith("utf-8"):
            return None
        text = content.decode(_READ_AS.get(name, name))
    except (LookupError, UnicodeError, ValueError):
        return None
    return text.encode("utf-8", "replace") if "BEGIN" in text.upper() else None


def _mixed(line: bytes) -> bytes:
    """A line in UTF-8, and what is none of it in Windows-1252: scripts that join texts of several sources."""
    if _is_utf_8(line):
        return line
    parts = _UTF_8.split(line)
    parts[::2] = [part.decode("cp1252", "replace").encode() for part in parts[::2]]
    return b"".join(parts)
