"""XML (W3C XML 1.0, fifth edition) from a provider, with nothing in it that is expanded or fetched.

A document with a document type declaration is refused before the declaration is read: only there can entities be
declared, inside the document or at an address. None of the formats that calimport reads has one.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from calimport.errors import FeedUnparsable


def loads(content: bytes) -> Element:
    """The root element; names with a namespace are ``{namespace}name``.

    :raises FeedUnparsable: these bytes are not well-formed XML, or they declare a document type.
    """
    # Whole in one piece: fed in small ones, expat reads a long token again at each piece.
    parser = XMLParser(target=_Elements())  # noqa: S314 - what makes it unsafe is what _Elements refuses
    try:
        parser.feed(content)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        # No cause: its text may quote the answer, which may hold what is private.
        raise FeedUnparsable(
            "The provider answered with something that is not a calendar's data. Please check the address.",
            detail=f"not XML: {type(error).__name__} in {len(content)} bytes",
        ) from None
    return root


class _Elements(TreeBuilder):
    def doctype(self, *declaration: Any) -> None:
        """Called when a declaration begins.

        :raises ValueError: always.
        """
        raise ValueError("a document type declaration")
