"""A made-up EPU session with atlas, squares and holes: the schema of EPU's own files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np

SHARED = "http://schemas.datacontract.org/2004/07/Fei.SharedObjects"
PIXEL_M = 4e-8
COLUMNS, ROWS = 400, 300


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture's XML tells.

    Args:
        x: Stage position, m.
        y: Stage position, m.
        pixel: Pixel size, m.
        matrix: m11, m12, m21, m22 of its transformation; empty: none.
        moment: When it was recorded.
    """

    x: float
    y: float
    pixel: float = PIXEL_M
    matrix: tuple[float, ...] = (2e-8, 0.0, 0.0, -2e-8)
    moment: str = "2026-01-01T10:00:00+00:00"


def picture_xml(shown: Shown) -> str:
    """Return the XML that EPU writes beside a picture of the grid."""
    names = ("_m11", "_m12", "_m21", "_m22")
    numbers = zip(names, shown.matrix, strict=False)
    matrix = "".join(f"<a:{name}>{number!r}</a:{name}>" for name, number in numbers)
    return (
        f'<MicroscopeImage xmlns="{SHARED}"><ReferenceTransformation><matrix xmlns:a="w">{matrix}'
        "</matrix></ReferenceTransformation><SpatialScale><pixelSize><x><numericValue>"
        f"{shown.pixel!r}</numericValue></x></pixelSize></SpatialScale><microscopeData><acquisition>"
        f"<acquisitionDateTime>{shown.moment}</acquisitionDateTime><camera><ReadoutArea>"
        f"<height>{ROWS}</height><width>{COLUMNS}</width></ReadoutArea></camera></acquisition>"
        f"<stage><Position><X>{float(shown.x)}</X><Y>{float(shown.y)}</Y></Position></stage>"
        "</microscopeData></MicroscopeImage>"
    )


def write_picture(path: Path, shown: Shown, *, jpeg: bool = True) -> Path:
    """Write a picture's XML, and a JPEG beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(picture_xml(shown))
    if jpeg:
        levels = np.linspace(0, 255, 60 * 80).reshape(60, 80).astype(np.uint8)
        path.with_suffix(".jpg").write_bytes(imagecodecs.jpeg8_encode(levels))
    return path


def square_dm(holes: Iterable[tuple[int, float, float, float, float]]) -> str:
    """Return the session file of a square.

    Args:
        holes: Number, stage x and y in m, column and row in the square's picture.
    """
    pairs = "".join(
        f"<b:KeyValuePairOfintTargetLocationXmlBpEWF4JT><b:key>{number}</b:key><b:value>"
        f'<PixelCenter xmlns:c="d"><c:x>{column}</c:x><c:y>{row}</c:y></PixelCenter>'
        f'<StagePosition xmlns:c="e"><c:X>{float(x)}</c:X><c:Y>{float(y)}</c:Y></StagePosition>'
        "</b:value></b:KeyValuePairOfintTargetLocationXmlBpEWF4JT>"
        for number, x, y, column, row in holes
    )
    return (
        '<GridSquareXml xmlns="p" xmlns:a="q"><TargetLocations><TargetLocationsEfficient>'
        f'<a:m_serializationArray xmlns:b="r">{pairs}</a:m_serializationArray>'
        "</TargetLocationsEfficient></TargetLocations></GridSquareXml>"
    )


def session_dm(atlas: str) -> str:
    """Return a session's own file, which names its atlas."""
    return f'<EpuSessionXml xmlns="s"><Samples><AtlasId>{atlas}</AtlasId></Samples></EpuSessionXml>'
