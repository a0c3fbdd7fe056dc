"""HTML that no parser takes the square of its depth for, nor of its length.

Parsers of HTML (nh3's, as browsers' do) walk what is open at each tag, so a megabyte of tags that are never closed
takes them minutes, in which nobody can stop them. It is counted here first, from above: what looks like a tag is one.
What nh3 escapes as it writes, it writes at the cost of the whole text that it is in; so no text has too much of it.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

#: More than any writer nests, and more tags than a description has.
DEEPEST: Final = 200
MOST_TAGS: Final = 5000

_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+)")
#: From a bracket that may begin a tag to the one that ends it, or to the next.
_WHOLE_TAG: Final = re.compile(r"<[/!?]?+[a-zA-Z-][^<>]*+>?")
#: What nh3 writes as an entity, and how many a text may have. (Of angle brackets, which it writes so too, any number.)
_ESCAPED: Final = "&\xa0"
MOST_ESCAPED: Final = 2000
_TOO_MANY_ESCAPED: Final = re.compile(f"(?:[{_ESCAPED}][^{_ESCAPED}]*+){{{MOST_ESCAPED}}}(?=[{_ESCAPED}])")
#: Nothing to read, and the end of a text.
COMMENT: Final = "<!---->"
#: Hold nothing, or are closed by the next of their kind: writers leave them open.
_FLAT: Final = frozenset(
    {"br", "hr", "img", "input", "wbr", "meta", "link", "col", "area", "base", "embed", "p", "li"}
) | {*("source", "track", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option")}


def shallow(markup: str) -> str:
    """``markup`` itself; or, where its tags are too deep or too many, its text, a line for each tag that was."""
    if markup.count("<") <= DEEPEST:
        return markup
    opened: Counter[str] = Counter()
    depth = tags = 0
    for found in _TAG.finditer(markup):
        name = found[2].lower()
        if found[1]:
            if opened[name]:
                opened[name] -= 1
                depth -= 1
            continue
        tags += 1
        if name not in _FLAT:
            opened[name] += 1
            depth += 1
        if depth > DEEPEST or tags > MOST_TAGS:
            return _WHOLE_TAG.sub("\n", markup)
    return markup


def parted(markup: str) -> str:
    """``markup`` itself; or, where it has very many ``&`` and no-break spaces, with a comment after so many of them."""
    if sum(map(markup.count, _ESCAPED)) <= MOST_ESCAPED:
        return markup
    return _TOO_MANY_ESCAPED.sub(rf"\g<0>{COMMENT}", markup)
