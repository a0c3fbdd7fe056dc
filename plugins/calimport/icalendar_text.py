"""From the bytes of a response to iCalendar text: compression, charset, line ends, and what is no calendar at all."""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Final

from calimport.errors import FeedEmpty, FeedIsWebPage, FeedTooLarge, FeedTruncated, FeedUnparsable

_GZIP: Final = b"\x1f\x8b"
_BEGIN: Final = re.compile(r"^[ \t]*BEGIN:VCALENDAR[ \t]*$", re.IGNORECASE | re.MULTILINE)
_END: Final = re.compile(r"^[ \t]*END:VCALENDAR[ \t]*$", re.IGNORECASE | re.MULTILINE)
_WEB_PAGE: Final = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
#: Rewritten at every request by Google, Meetup and others (RFC 5545, 3.8.7): no part of what a feed says.
_VOLATILE: Final = re.compile(
    rb"^(?:DTSTAMP|LAST-MODIFIED|CREATED)[:;][^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
#: C0 controls but tab and newline are not allowed in content lines (RFC 5545, 3.1).
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def decode(content: bytes, *, content_type: str = "", max_bytes: int = 128 * 1024 * 1024) -> str:
    """The text of a feed, with ``\\n`` as line end.

    Tolerated: gzip that the server did not announce, byte order marks, CR or LF as line ends, a charset other than
    UTF-8 (the declared one, else Windows-1252), control characters.

    :raises FeedEmpty: there is nothing in it.
    :raises FeedIsWebPage: it is HTML.
    :raises FeedUnparsable: it is something else than iCalendar.
    :raises FeedTruncated: a VCALENDAR begins and does not end.
    :raises FeedTooLarge: it decompresses to more than ``max_bytes``.
    """
    if content.startswith(_GZIP):
        content = _gunzip(content, max_bytes)
    if not content.strip():
        raise FeedEmpty()
    text = _to_text(content, content_type)
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    begins, ends = len(_BEGIN.findall(text)), len(_END.findall(text))
    if begins == 0:
        if _WEB_PAGE.match(text) or ("html" in content_type.lower() and "<" in text):
            raise FeedIsWebPage()
        raise FeedUnparsable("The address gives a file that is not a calendar (it has no BEGIN:VCALENDAR).")
    if ends < begins:
        raise FeedTruncated(detail=f"{begins} BEGIN:VCALENDAR, {ends} END:VCALENDAR")
    return text


def meaning_hash(text: str) -> bytes:
    """SHA-256 of a feed's text without the lines that producers rewrite at every request."""
    return hashlib.sha256(_VOLATILE.sub(b"", text.encode() + b"\n")).digest()


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


def _to_text(content: bytes, content_type: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = _CHARSET.search(content_type)
        try:
            return content.decode(declared.group(1) if declared else "cp1252")
        except (LookupError, UnicodeDecodeError):
            # Every byte means something in Latin-1, so a feed is never lost for a wrong letter.
            return content.decode("latin-1")
