"""XML elements by their local names: providers change their namespaces more readily than their words."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element


def name(element: Element) -> str:
    """The local name, in lower case."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def attribute(element: Element, wanted: str) -> str | None:
    """An attribute by its local name."""
    return next((value for key, value in element.items() if key.rpartition("}")[2].lower() == wanted), None)


def children(element: Element | None, wanted: str) -> Iterator[Element]:
    """The children of this name."""
    return (one for one in (element if element is not None else ()) if name(one) == wanted)


def child(element: Element | None, *path: str) -> Element | None:
    """The first child of the first name, of that the first child of the second one, and so on."""
    for wanted in path:
        element = next(children(element, wanted), None)
    return element


def descendants(element: Element, wanted: str) -> Iterator[Element]:
    """All elements of this name within, in the document's order."""
    return (one for one in element.iter() if one is not element and name(one) == wanted)


def content(element: Element | None) -> str | None:
    """The text within, markup and outer blanks removed; None where there is none."""
    return ("".join(element.itertext()).strip() or None) if element is not None else None
