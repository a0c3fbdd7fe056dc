"""Whether an event takes place online, and where: the same for every source.

In this order: what the source's own properties say, a location that is a link, a link to a known meeting host in the
location or the description. A link is *direct* when it opens the meeting or the stream itself, *indirect* when it
leads to a page that does: a registration, an event's page. An event's own URL is its page, not its meeting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from calimport.online_hosts import DIRECT, HOSTS, INDIRECT, MAPS, Host


class Online(NamedTuple):
    """Where to join, and whether that is ``direct`` or ``indirect``."""

    url: str
    type: str


#: A link, or a known host without its scheme: what people write into text.
_LINK: Final = re.compile(r"(?i)https?://[^\s<>()\[\]\"'|]+")
_BARE: Final = re.compile(
    # That a slash follows is asked first: nearly all words end there.
    r"(?i)(?<![\w./@%=?&#-])(?=[a-z0-9.-]++/)(?:[a-z0-9-]{1,63}\.){0,4}(?:"
    + "|".join(sorted((re.escape(host.name) for host in HOSTS), key=len, reverse=True))
    + r")/[^\s<>()\[\]\"'|]+"
)
_NAMES: Final = tuple(host.name for host in HOSTS)
#: A dot before a letter; and the last one of each known host, with two characters on either side. Few texts have one.
_DOT: Final = re.compile(r"\.[a-zA-Z]")
_AROUND_DOTS: Final = frozenset(name[: name.rindex(".") + 3][-5:] for name in _NAMES)
#: What a bare host looks like where it is followed by a path: whatever has none, and no scheme, is no link.
_BARE_PATH: Final = re.compile(r"(?i)\.[a-z]{2,}/")
_ENDING: Final = ".,;:!?*_~`”’»…"
#: Backslashes of Markdown; a link has none.
_ESCAPE: Final = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
#: What people write into the location of an event that is online, and what no postman finds.
_WORDS: Final = re.compile(
    r"(?i)(?:(?:held|live|hosted|via|on|an?|by|this is an?)\s+)*"
    r"(?:online|virtual(?:ly)?|remote(?:ly)?|zoom|webinar|livestream|google\s+meet|hangouts?|webex|skype|jitsi|discord"
    r"|(?:microsoft|ms)\s+teams|teams|(?:besprechung|réunion|reunión)\s+(?:in|sur|en)\s+(?:microsoft\s+)?teams"
    r"|microsoft\s+teams[- ]besprechung)"
    r"(?:\s+(?:only|event|meeting|call|webinar|room|via|on|zoom|teams|google\s+meet|microsoft\s+teams|link|session))*"
)


def find(
    given: str | None,
    given_type: str | None,
    *,
    location: str | None,
    description: str | None,
    url: str | None,
) -> Online | None:
    """Where an event is held online, if it is.

    :param given: what the source's own properties say, and its type where the source knows it.
    :param location: the location as text; a link in it counts, whatever its host, when it is all there is.
    :param description: the description as Markdown, in which links to known hosts count.
    :param url: the event's own page.
    """
    if given:
        return Online(given, given_type or _type_of(given) or DIRECT)
    in_location = best(location, url)
    if in_location:
        return in_location
    link = _only_link(location)
    if link and not _same(link, url) and not _is_map(link):
        return Online(link, INDIRECT)
    return best(description, url)


def best(text: str | None, url: str | None = None) -> Online | None:
    """The first direct link to a known meeting host in a text, else the first indirect one but the event's page."""
    indirect: Online | None = None
    for found in mentions(text):
        if found.type == DIRECT:
            return found
        if indirect is None and not _same(found.url, url):
            indirect = found
    return indirect


def mentions(text: str | None) -> Iterator[Online]:
    """The links to known meeting hosts, in the text's order."""
    if not text or not _may_hold_a_host(text):
        return
    for found in sorted([*_LINK.finditer(text), *_BARE.finditer(text)], key=lambda one: one.start()):
        link = _unwrapped(_link(found[0]))
        if link and (kind := _type_of(link)):
            yield Online(link, kind)


def postal(location: str | None) -> str | None:
    """What of a location a postman could use: the text without its links; None where only online words are left.

    ``Town Hall, https://zoom.us/j/1`` is a town hall; ``Zoom: https://zoom.us/j/1 (passcode 5)`` is nowhere.
    """
    if not location:
        return None
    link = _only_link(location)
    if ("/" not in location and not _WORDS.match(location)) or (link and _is_map(link)):
        return location
    without = _BARE.sub(" ", _LINK.sub(" ", location))
    if without != location:
        without = re.sub(
            r"(?i)\(\s*\)|\b(?:pass(?:code|word)|meeting\s+id|kenncode|pin)\s*:?\s*[\w*!#-]*", " ", without
        )
    parts = [part.strip(" \t\r\n:;|/–—-.()") for part in re.split(r"[,;|\n]|\s[/–—-]\s", without)]
    if all(not part or _WORDS.fullmatch(part) for part in parts):
        return None
    if without == location:
        return location
    kept = (part.strip(" \t:;|/–—-") for part in re.split(r"[,\n]", without))
    return ", ".join(part for part in (" ".join(one.split()) for one in kept) if part)


def _may_hold_a_host(text: str) -> bool:
    if "://" not in text and _BARE_PATH.search(text) is None:
        return False
    if _AROUND_DOTS.isdisjoint(text[dot.start() - 2 : dot.start() + 3].lower() for dot in _DOT.finditer(text)):
        return False
    lowered = text.lower()
    for name in _NAMES:  # noqa: SIM110 - half of what any() takes, for each description of each feed
        if name in lowered:
            return True
    return False


def _only_link(location: str | None) -> str | None:
    """The link that the whole location is."""
    text = (location or "").strip().strip("<>")
    return _unwrapped(_link(text)) if _LINK.fullmatch(text) else None


def _link(text: str) -> str:
    link = _ESCAPE.sub("", text).rstrip(_ENDING)
    return link if "://" in link else f"https://{link}"


def _unwrapped(link: str) -> str:
    """The address that a mail gateway or Google put into one of its own."""
    try:
        parts = urlsplit(link)
        inside = parse_qs(parts.query)
    except ValueError:
        return link
    host = parts.hostname or ""
    if host == "www.google.com" and parts.path == "/url":
        return next(iter(inside.get("q", []) or inside.get("url", [])), link)
    if host.endswith(".safelinks.protection.outlook.com"):
        return next(iter(inside.get("url", [])), link)
    return link


def _type_of(link: str) -> str | None:
    """``direct`` or ``indirect`` of a link to a known host; None of any other."""
    name = _host_of(link)
    host = _known(name) if name else None
    if host is None:
        return None
    parts = urlsplit(link)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if host.indirect and re.match(host.indirect, path):
        return INDIRECT
    return DIRECT if host.direct and re.match(host.direct, path) else None


def _known(name: str) -> Host | None:
    """The entry of a host or of a domain above it: whole labels, so that ``notzoom.us.evil.com`` is none."""
    labels = name.split(".")
    for start in range(len(labels) - 1):
        host = _BY_NAME.get(".".join(labels[start:]))
        if host and (start == 0 or host.subdomains):
            return host
    return None


def _host_of(link: str) -> str:
    """The host as a browser reads it; empty where the link is made to look like another's."""
    try:
        parts = urlsplit(link)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or "\\" in link or port not in (None, 80, 443):
        return ""
    return (parts.hostname or "").rstrip(".")


def _is_map(link: str) -> bool:
    parts = urlsplit(link)
    labels = (parts.hostname or "").split(".")
    named = labels[0] == "maps" or (parts.path.startswith("/maps") and not {"google", "bing"}.isdisjoint(labels))
    return named or ".".join(labels).removeprefix("www.") in MAPS


def _same(link: str, url: str | None) -> bool:
    return url is not None and _bare(link) == _bare(url)


def _bare(link: str) -> str:
    return link.partition("://")[2].removeprefix("www.").rstrip("/").lower()


_BY_NAME: Final = {host.name: host for host in HOSTS}
