"""Parse XML that others wrote, without what makes XML dangerous."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from cryobatch.errors import BadInput

MOST_BYTES = 64 << 20


def parse_xml(data: bytes, where: str) -> Element:
    """Return the root element.

    Args:
        data: The document.
        where: Names it in errors.

    Raises:
        BadInput: It is no XML, or has a document type, by which entities could grow without end or
            read other files; microscopes write none.
    """
    if len(data) > MOST_BYTES:
        raise BadInput(f"{where}: {len(data)} bytes of XML are more than metadata needs")

    def refuse(*_: object) -> None:
        raise BadInput(f"{where}: its XML has a document type, which is not taken")

    scanner = expat.ParserCreate()
    scanner.StartDoctypeDeclHandler = refuse
    try:
        scanner.Parse(data, True)
        return ElementTree.fromstring(data)  # noqa: S314 - scanned just now: no entities
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadInput(f"{where}: its XML is broken ({error}); copy it again") from error
