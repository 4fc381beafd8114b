"""Read where on the stage EPU's pictures of atlas, squares and holes lie."""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from cryobatch.errors import BadInput
from cryobatch.formats.epu import parse_microscope_image
from cryobatch.formats.reading import read_small
from cryobatch.formats.safe_xml import MOST_BYTES
from cryobatch.formats.xml_tree import find_element, find_number, find_text

_UM = 1e6
"""µm in a metre."""
_LARGEST_UM = 5000.0
"""A grid is 3 mm wide: whatever lies outside, or shows more, is a mistake."""

Step = tuple[float, float]


@dataclass(frozen=True, slots=True)
class EpuOverview:
    """The place of a picture, as its XML tells.

    Args:
        x: Stage position x of its centre, µm.
        y: Stage position y of its centre, µm.
        right: Step on the stage of one pixel to the right, µm.
        down: Step on the stage of one pixel downwards, µm.
        columns: Width in pixels of the camera as it was read out.
        rows: Height in the same pixels.
        recorded_at: ISO 8601, None when unknown.
    """

    x: float
    y: float
    right: Step
    down: Step
    columns: int
    rows: int
    recorded_at: str | None


def read_epu_overview(path: Path) -> EpuOverview:
    """Read the XML beside a picture of atlas, tile, square or hole.

    Directions come from ``ReferenceTransformation``: it leads from pixels (y downwards, a row
    vector times the matrix) to how far the stage moves to bring what is there into the middle of
    the picture, which is opposite to where it is on the stage. So do the positions that EPU gives
    for the holes of a square, by pixel and by stage, in the session files of another microscope.

    Raises:
        BadInput: It cannot be read, or does not say where the picture was taken.
    """
    root = parse_microscope_image(read_small(path, MOST_BYTES), str(path))
    camera = "microscopeData/acquisition/camera/ReadoutArea"
    x = find_number(root, "microscopeData/stage/Position/X")
    y = find_number(root, "microscopeData/stage/Position/Y")
    pixel = find_number(root, "SpatialScale/pixelSize/x/numericValue")
    columns, rows = find_number(root, f"{camera}/width"), find_number(root, f"{camera}/height")
    known = [one for one in (x, y, pixel, columns, rows) if one is not None]
    if len(known) < 5:
        raise BadInput(f"{path}: does not say where on the stage its picture was taken")
    x_um, y_um, pixel_um, width, height = (
        known[0] * _UM, known[1] * _UM, known[2] * _UM, round(known[3]), round(known[4])
    )  # fmt: skip
    sensible = pixel_um > 0 and width > 0 and height > 0 and pixel_um * width < _LARGEST_UM
    if not sensible or max(abs(x_um), abs(y_um)) > _LARGEST_UM:
        raise BadInput(f"{path}: its picture cannot be {width} pixels of {pixel_um:g} µm there")
    right, down = _read_steps(root, pixel_um)
    moment = find_text(root, "microscopeData/acquisition/acquisitionDateTime")
    return EpuOverview(x_um, y_um, right, down, width, height, moment)


def _read_steps(root: Element, pixel_um: float) -> tuple[Step, Step]:
    """Return the steps of one pixel to the right and downwards; upright where nothing is said.

    Only the matrix's directions are used: its unit is the camera's own pixel, whatever the binning.
    """
    matrix = find_element(root, "ReferenceTransformation/matrix")
    names = ("_m11", "_m12", "_m21", "_m22")
    found = [find_number(matrix, name) for name in names] if matrix is not None else []
    numbers = [one for one in found if one is not None]
    if len(numbers) == 4:
        row, column = math.hypot(*numbers[:2]), math.hypot(*numbers[2:])
        turn = numbers[0] * numbers[3] - numbers[1] * numbers[2]
        if row > 0 and column > 0 and abs(turn) > 0.5 * row * column:
            right = (-numbers[0] * pixel_um / row, -numbers[1] * pixel_um / row)
            return right, (-numbers[2] * pixel_um / column, -numbers[3] * pixel_um / column)
    return (pixel_um, 0.0), (0.0, -pixel_um)
