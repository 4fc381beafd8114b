"""Squares, holes and atlas of an EPU session are found where they are, and lie on the stage."""

from collections.abc import Callable
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest

from cryobatch.formats.mrc import write_image
from cryobatch.importing import find_recordings
from cryobatch.importing.layouts.epu_atlas import choose_folder
from cryobatch.importing.layouts.epu_files import EpuFiles
from cryobatch.model.overview import Overview, OverviewKind
from tests.importing.epu_tree import (
    COLUMNS,
    ROWS,
    Shown,
    picture_xml,
    session_dm,
    square_dm,
    write_picture,
)
from tests.importing.test_hostile_metadata import BOMB, OUTSIDE
from tests.recording_files import write_tiff

SQUARE, HOLE = "GridSquare_71", "82"
EXPOSURE = f"FoilHole_{HOLE}_Data_5_6_20260101_110000"
ATLAS = r"Z:\disk\atlas\Supervisor_1_Atlas\Sample3\Atlas\Atlas.dm"


@pytest.fixture
def square(tmp_path: Path) -> Path:
    """Make a session with one square, its picture and one exposure; returns the square's folder."""
    folder = tmp_path / "session" / "Images-Disc1" / SQUARE
    write_picture(folder / "GridSquare_20260101_100000.xml", Shown(1e-4, -2e-4))
    write_picture(folder / "Data" / f"{EXPOSURE}.xml", Shown(1.1e-4, -2.1e-4), jpeg=False)
    frames = np.ones((3, 8, 8), np.uint8)
    write_tiff(folder / "Data" / f"{EXPOSURE}_fractions.tiff", frames)
    return folder


def pictures(folder: Path) -> dict[OverviewKind, Overview]:
    """Return the overviews that the only recording below a folder has brought along."""
    (recording,) = find_recordings([folder]).recordings
    return {one.kind: one for one in recording.overviews}


def grid(turn: float) -> list[tuple[int, float, float, float, float]]:
    """Return holes 2 µm apart in a picture of 0.04 µm pixels that is turned and 3 µm away."""
    holes = []
    for number in range(25):
        dx, dy = 50.0 * (number % 5 - 2), 50.0 * (number // 5 - 2)
        right = 4e-8 * (dx * np.cos(turn) - dy * np.sin(turn))
        up = -4e-8 * (dx * np.sin(turn) + dy * np.cos(turn))
        holes.append((70 + number, 1.03e-4 + right, -2e-4 + up, COLUMNS / 2 + dx, ROWS / 2 + dy))
    return holes


def test_a_square_lies_where_its_xml_says(square: Path) -> None:
    """Its picture has the stage position in the middle; the matrix turns it, as EPU means it."""
    found = pictures(square)[OverviewKind.SQUARE]
    assert (found.name, found.columns, found.rows) == ("71", COLUMNS, ROWS)
    assert (found.x, found.y) == pytest.approx((100.0, -200.0))
    assert found.right == pytest.approx((-0.04, 0.0))
    assert found.down == pytest.approx((0.0, 0.04))
    assert found.picture == str(square / "GridSquare_20260101_100000.jpg")


def test_holes_come_from_the_squares_own_list(square: Path) -> None:
    """Every hole has its place though it has no picture, and they lay the square's picture."""
    (plain,) = find_recordings([square]).recordings
    assert "hole_x" not in plain.facts
    metadata = square.parent.parent / "Metadata"
    metadata.mkdir()
    (metadata / f"{SQUARE}.dm").write_text(square_dm(grid(0.1)))
    (recording,) = find_recordings([square]).recordings
    _, x, y, *_ = grid(0.1)[12]
    assert recording.facts["hole_x"].value == pytest.approx(x * 1e6)
    assert recording.facts["hole_y"].value == pytest.approx(y * 1e6)
    found = pictures(square)[OverviewKind.SQUARE]
    assert (found.x, found.y) == pytest.approx((103.0, -200.0))
    assert found.right == pytest.approx((0.04 * np.cos(0.1), -0.04 * np.sin(0.1)))


def test_a_list_of_holes_that_says_nothing_changes_nothing(square: Path) -> None:
    """Too few holes, all in one row or wild ones: the picture lies where its XML says."""
    metadata = square.parent.parent / "Metadata"
    metadata.mkdir()
    rng = np.random.default_rng(1)
    wild = [(n, *rng.uniform(-1e-3, 1e-3, 2), *rng.uniform(0, 300, 2)) for n in range(20)]
    row = [(n, 1e-6 * n, 0.0, 9.0 * n, 0.0) for n in range(20)]
    for holes in (grid(0.1)[:4], wild, row):
        (metadata / f"{SQUARE}.dm").write_text(square_dm(holes))
        found = pictures(square)[OverviewKind.SQUARE]
        assert (found.x, found.y) == pytest.approx((100.0, -200.0))


def test_a_new_list_of_holes_is_read_again(square: Path) -> None:
    """While a session goes on, EPU adds holes."""
    metadata = square.parent.parent / "Metadata"
    metadata.mkdir()
    (metadata / f"{SQUARE}.dm").write_text(square_dm(grid(0.0)[:3]))
    files = EpuFiles()
    for path in sorted(square.rglob("*.xml")):
        files.add(path)
    recording, xml = square / "Data" / f"{EXPOSURE}_fractions.tiff", square / f"{EXPOSURE}.xml"
    assert "hole_x" not in files.positions_of(recording, xml)
    (metadata / f"{SQUARE}.dm").write_text(square_dm(grid(0.0)))
    assert files.positions_of(recording, xml)["hole_x"] == pytest.approx(103.0)


@pytest.mark.parametrize("place", ["tail", "beside", "inside"])
def test_the_atlas_is_found_where_it_is(square: Path, tmp_path: Path, place: str) -> None:
    """By the end of the path that the session names, or in a folder beside or in the session."""
    session = square.parent.parent
    (session / "EpuSession.dm").write_text(session_dm(ATLAS))
    folder = {
        "tail": tmp_path / "Supervisor_1_Atlas" / "Sample3" / "Atlas",
        "beside": tmp_path / "Sample3" / "Atlas",
        "inside": session / "Sample3" / "Atlas",
    }[place]
    write_picture(folder / "Atlas_1.xml", Shown(0.0, 0.0, 1e-6))
    write_image(folder / "Atlas_1.mrc", np.zeros((90, 110), np.float32), 1e4)
    write_picture(folder / "Tile_9_0_1.xml", Shown(2e-4, 0.0, 5e-7))
    found = pictures(tmp_path if place == "inside" else square)
    atlas, tile = found[OverviewKind.ATLAS], found[OverviewKind.TILE]
    assert (atlas.columns, atlas.rows, atlas.x) == (110, 90, 0.0)
    assert tile.name == "Tile_9_0_1"
    assert tile.x == pytest.approx(200.0)


def test_the_size_of_an_atlas_comes_from_its_tiles_without_its_pixels(
    square: Path, tmp_path: Path
) -> None:
    """``Atlas.dm`` tells where the tiles lie in it."""
    (square.parent.parent / "EpuSession.dm").write_text(session_dm(ATLAS))
    folder = tmp_path / "Sample3" / "Atlas"
    write_picture(folder / "Atlas_1.xml", Shown(0.0, 0.0, 1e-6))
    place = "<AtlasPixelPosition><height>60</height><width>80</width><x>40</x><y>30</y>"
    (folder / "Atlas.dm").write_text(
        f"<AtlasSessionXml>{place}</AtlasPixelPosition></AtlasSessionXml>"
    )
    atlas = pictures(square)[OverviewKind.ATLAS]
    assert (atlas.columns, atlas.rows) == (120, 90)


def test_an_atlas_of_another_sample_is_not_taken() -> None:
    """Sample and folder must agree; without a statement only the one that there is will do."""
    stated = PureWindowsPath(ATLAS)
    three, four = Path("/a/Sample3/Atlas"), Path("/a/Sample4/Atlas")
    assert choose_folder(stated, [four, three]) == three
    assert choose_folder(stated, [four]) is None
    assert choose_folder(None, [four]) == four
    assert choose_folder(None, [four, three]) is None


@pytest.mark.parametrize("content", [BOMB, OUTSIDE, "", "<a/>", picture_xml(Shown(9.0, 0.0))])
def test_hostile_files_cost_their_pictures_only(square: Path, tmp_path: Path, content: str) -> None:
    """Bombs, entities, nothing, other documents and places off the grid."""
    session = square.parent.parent
    (session / "Metadata").mkdir()
    for path in (session / "EpuSession.dm", session / "Metadata" / f"{SQUARE}.dm",
                 square / "GridSquare_20260101_100000.xml"):  # fmt: skip
        path.write_text(content)
    atlas = tmp_path / "Sample3" / "Atlas"
    atlas.mkdir(parents=True)
    (atlas / "Atlas_1.xml").write_text(content)
    (recording,) = find_recordings([square]).recordings
    assert recording.overviews == ()
    assert "stage_x" in recording.facts


def test_an_atlas_cannot_lead_out_of_the_tree(square: Path, tmp_path: Path) -> None:
    """A path that climbs is not followed."""
    (square.parent.parent / "EpuSession.dm").write_text(session_dm(r"Z:\..\..\x\Atlas\Atlas.dm"))
    write_picture(tmp_path / "x" / "Atlas" / "Atlas_1.xml", Shown(0.0, 0.0, 1e-6))
    assert OverviewKind.ATLAS not in pictures(square)


def test_a_real_session_shows_its_squares(shared_data: Callable[[str], Path]) -> None:
    """The two squares of a Krios lie at their stage positions, turned by four degrees."""
    root = shared_data("epu_session")
    files = EpuFiles()
    for path in sorted(root.rglob("*.xml")):
        files.add(path)
    (xml,) = root.rglob("FoilHole_9015883_Data_9017347_6_20250108_154915.xml")
    (square,) = files.overviews_of(xml, xml)
    assert (square.kind, square.name) == (OverviewKind.SQUARE, "8999138")
    assert (square.x, square.y) == pytest.approx((-98.8057, -164.7162), abs=1e-3)
    assert np.hypot(*square.right) == pytest.approx(0.0415628, rel=1e-4)
    assert np.degrees(np.arctan2(square.right[1], -square.right[0])) == pytest.approx(4.26, abs=0.1)
    assert square.picture is not None
