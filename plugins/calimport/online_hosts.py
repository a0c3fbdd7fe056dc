"""The hosts of meetings and streams, and which of their pages are one.

A host that people mention for other reasons too (their channel, their page on a network) counts with the pages of a
meeting or stream alone: "follow us on …" makes no event an online event.
"""

from __future__ import annotations

from typing import Final, NamedTuple

DIRECT: Final = "direct"
INDIRECT: Final = "indirect"


class Host(NamedTuple):
    """A host. The patterns match the beginning of path and query; ``indirect`` is asked first."""

    name: str
    #: Pages that open the meeting or stream.
    direct: str = r"/[^/?]"
    #: Pages that lead to it.
    indirect: str = ""
    #: Whether the hosts below this domain are its own too.
    subdomains: bool = True


_ZOOM_DIRECT: Final = r"/(?:j|s|w|my|wc|wc/join)/"
_ZOOM_INDIRECT: Final = r"/(?:meeting|webinar|ev|events?|e)/"

HOSTS: Final = (
    Host("zoom.us", _ZOOM_DIRECT, _ZOOM_INDIRECT),
    Host("zoom.com", _ZOOM_DIRECT, _ZOOM_INDIRECT),
    Host("zoomgov.com", _ZOOM_DIRECT, _ZOOM_INDIRECT),
    Host("meet.google.com", r"/(?!landing|new\b|about|_)[^/?]", subdomains=False),
    Host("stream.meet.google.com", subdomains=False),
    Host("teams.microsoft.com", r"/(?:l/meetup-join|l/meeting|meet|dl/launcher)/", r"/(?:registration|event)/"),
    Host("teams.cloud.microsoft", r"/(?:l/meetup-join|l/meeting|meet|dl/launcher)/", r"/(?:registration|event)/"),
    Host("teams.microsoft.us", r"/(?:l/meetup-join|l/meeting|meet|dl/launcher)/", r"/(?:registration|event)/"),
    Host("teams.live.com", r"/(?:meet|l/meetup-join)/"),
    Host("webex.com", r"/(?:.*/)?(?:meet|join|m|j\.php|e\.php|wbxmjs|webappng)\b", r"/(?:.*/)?(?:weblink/)?register"),
    Host("gotomeeting.com", r"/(?:join|meet|\d)"),
    Host("gotomeet.me"),
    Host("goto.com", r"/(?:join|meet|meeting|\d)"),
    Host("gotowebinar.com", r"/(?:join|s)/", r"/(?:register|rt|registration)/"),
    Host("meet.jit.si", subdomains=False),
    Host("8x8.vc"),
    Host("whereby.com", r"/(?!information|user)[^/?]"),
    Host("join.skype.com"),
    Host("bluejeans.com", r"/(?:\d|meet)", r"/(?:events|primetime)"),
    Host("chime.aws"),
    Host("gather.town", r"/(?:app|i)/"),
    Host("discord.gg"),
    Host("discord.com", r"/(?:invite|channels|events)/"),
    Host("discordapp.com", r"/(?:invite|channels)/"),
    Host("youtube.com", r"/(?:watch|live|embed)\b|/(?:@[^/]+|c/[^/]+|channel/[^/]+|user/[^/]+)/live\b"),
    Host("youtu.be"),
    Host("twitch.tv", r"/(?!videos|directory|p/|downloads)[^/?]"),
    Host("vimeo.com", r"/(?:event/|live/|video/)?\d"),
    Host("facebook.com", r"/(?:watch|live|[^/]+/(?:videos|live))\b", r"/events/"),
    Host("fb.com", r"/(?:watch|live|[^/]+/(?:videos|live))\b", r"/events/"),
    Host("fb.watch"),
    Host("fb.me", r"/(?!)", r"/e/"),
    Host("instagram.com", r"/[^/]+/live\b"),
    Host("linkedin.com", r"/video/(?:live|event)", r"/events?/"),
    Host("crowdcast.io"),
    Host("streamyard.com", r"/(?!dashboard|pricing)[^/?]"),
    Host("hopin.com", r"/(?!)", r"/events/"),
    Host("hopin.to", r"/(?!)", r"/events/"),
    Host("events.ringcentral.com", r"/(?!)", r"/events/", subdomains=False),  # Hopin, since 2023
    Host("livestorm.co", r"/p/.*/live", r"/p/"),
    Host("airmeet.com", r"/(?!)", r"/e(?:vent)?/"),
)

#: Hosts whose links lead to a place, besides the maps of Google, Apple and Bing.
MAPS: Final = frozenset(
    {"goo.gl", "maps.app.goo.gl", "g.page", "osm.org", "openstreetmap.org", "what3words.com", "w3w.co"}
)
