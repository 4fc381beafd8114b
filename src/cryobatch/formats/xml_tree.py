"""Find elements of an XML tree by their plain names: EPU's versions differ in namespaces only."""

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element


def plain_name(tag: str) -> str:
    """Return a tag without its namespace.

    >>> plain_name("{http://a.b}name")
    'name'
    """
    return tag.rsplit("}", 1)[-1]


def find_element(element: Element, place: str) -> Element | None:
    """Return the first element at a place such as ``camera/Binning/x``, None where there is none.

    Args:
        element: From where.
        place: Plain names of children, one below the other.
    """
    found: Element | None = element
    for step in place.split("/"):
        if found is None:
            return None
        found = next((child for child in found if plain_name(child.tag) == step), None)
    return found


def find_all(element: Element, name: str) -> Iterator[Element]:
    """Yield all elements of a plain name, however deep."""
    return (one for one in element.iter() if plain_name(one.tag) == name)


def find_text(element: Element, place: str) -> str | None:
    """Return the text at a place, None where there is none."""
    found = find_element(element, place)
    return (found.text or "").strip() or None if found is not None else None


def find_number(element: Element, place: str) -> float | None:
    """Return the number at a place, None where there is none."""
    return as_number(find_text(element, place))


def as_number(text: str | None) -> float | None:
    """Return a text's finite number, None where it is none."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
