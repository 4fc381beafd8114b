"""Read the files in which EPU keeps a session: the holes of a square, and where its atlas is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element

from cryobatch.errors import BadInput
from cryobatch.formats.reading import read_small
from cryobatch.formats.safe_xml import MOST_BYTES, parse_xml
from cryobatch.formats.xml_tree import find_all, find_number, find_text, plain_name

_UM = 1e6
"""µm in a metre."""
_MOST_PIXELS = 1 << 16


@dataclass(frozen=True, slots=True)
class EpuHole:
    """A hole that EPU has found in the picture of a square.

    Args:
        stage: Stage position x and y, µm.
        pixel: x and y in pixels of the picture, from its upper left corner.
    """

    stage: tuple[float, float]
    pixel: tuple[float, float] | None


def read_square_holes(path: Path) -> Mapping[str, EpuHole]:
    """Read the holes of a square, by their numbers, from ``Metadata/GridSquare_<number>.dm``.

    Raises:
        BadInput: It cannot be read, or is no such file.
    """
    root = _read_root(path, "GridSquareXml")
    holes: dict[str, EpuHole] = {}
    for places in find_all(root, "TargetLocationsEfficient"):
        for pair in places.iter():
            if plain_name(pair.tag).startswith("KeyValuePairOfintTargetLocationXml"):
                number, hole = find_text(pair, "key"), _read_hole(pair)
                if number is not None and hole is not None:
                    holes[number] = hole
    return holes


def _read_hole(pair: Element) -> EpuHole | None:
    x = find_number(pair, "value/StagePosition/X")
    y = find_number(pair, "value/StagePosition/Y")
    if x is None or y is None or (x == 0.0 and y == 0.0):
        return None  # zeros stand for a place that is not known yet
    column = find_number(pair, "value/PixelCenter/x")
    row = find_number(pair, "value/PixelCenter/y")
    pixel = None if column is None or row is None else (column, row)
    return EpuHole((x * _UM, y * _UM), pixel)


def read_atlas_place(path: Path) -> PureWindowsPath | None:
    """Read from ``EpuSession.dm`` where the microscope keeps the atlas (its ``Atlas.dm``).

    Returns:
        The path on the microscope's computer, None where the session has no atlas.

    Raises:
        BadInput: It cannot be read, or is no session of EPU's.
    """
    root = _read_root(path, "EpuSessionXml")
    text = next((one.text for one in find_all(root, "AtlasId") if one.text), None)
    return PureWindowsPath(text.strip()) if text is not None and text.strip() else None


def read_gain_applied(path: Path) -> bool | None:
    """Read from ``EpuSession.dm`` whether movies are written corrected by the gain reference.

    ``DoseFractionsOutputFormat`` says so in words, such as ``Tiff Lzw Non-Gain normalized``.

    Returns:
        None where it does not say.

    Raises:
        BadInput: It cannot be read, or is no session of EPU's.
    """
    root = _read_root(path, "EpuSessionXml")
    found = find_all(root, "DoseFractionsOutputFormat")
    words = " ".join((one.text or "") for one in found).lower()
    if "gain normalized" not in words:
        return None
    return "non-gain normalized" not in words


def read_atlas_size(path: Path) -> tuple[int, int]:
    """Read width and height of an atlas in its own pixels from ``Atlas.dm``.

    Raises:
        BadInput: It cannot be read, or does not say where the tiles lie.
    """
    root = _read_root(path, "AtlasSessionXml")
    names = ("x", "y", "width", "height")
    tiles = [
        [find_number(place, name) or 0.0 for name in names]
        for place in find_all(root, "AtlasPixelPosition")
    ]
    columns = max((round(x + width) for x, _, width, _ in tiles), default=0)
    rows = max((round(y + height) for _, y, _, height in tiles), default=0)
    if not (0 < columns <= _MOST_PIXELS and 0 < rows <= _MOST_PIXELS):
        raise BadInput(f"{path}: does not say where the tiles of the atlas lie")
    return columns, rows


def _read_root(path: Path, name: str) -> Element:
    root = parse_xml(read_small(path, MOST_BYTES), str(path))
    if plain_name(root.tag) != name:
        raise BadInput(f"{path}: is no {name} of EPU's, its root is {plain_name(root.tag)}")
    return root
