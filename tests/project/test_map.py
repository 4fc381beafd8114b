"""The map puts images where they were recorded, as far as it is known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from cryobatch.model.image import FactValue
from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.model.position import BEAM_SHIFT_UM
from cryobatch.project import Project
from cryobatch.project.map import GridMap, choose_overviews, draw_map
from tests.projects import add_images, make_project

TURN = np.array([[0.6, 0.8], [0.8, -0.6]])
"""From the beam's axes to the stage's: turned and mirrored."""


def place(project: Project, facts: Mapping[str, FactValue], group: str = "square") -> int:
    """Add an image with facts; returns its id."""
    return add_images(project, 1, facts={"pixel_size": 1.0, **facts}, group=group)[0]


def cluster(project: Project, *, listed: bool) -> dict[int, tuple[float, float]]:
    """Add the images of nine holes around one stage position; returns where they are."""
    truth: dict[int, tuple[float, float]] = {}
    for number in range(9):
        hole = np.array([10.0 + 2.5 * (number % 3), -5.0 + 2.5 * (number // 3)])
        for shot in (np.array([0.4, 0.0]), np.array([-0.4, 0.0])):
            shift = (hole + shot - (12.5, -2.5)) @ np.linalg.inv(TURN) / BEAM_SHIFT_UM
            facts: dict[str, FactValue] = {
                "grid_square": "7", "foil_hole": str(number), "stage_x": 12.5, "stage_y": -2.5,
                "beam_shift_x": float(shift[0]), "beam_shift_y": float(shift[1]),
            }  # fmt: skip
            if listed:
                facts |= {"hole_x": float(hole[0]), "hole_y": float(hole[1])}
            at = hole + shot
            truth[place(project, facts)] = (float(at[0]), float(at[1]))
    return truth


def places(found: GridMap) -> dict[int, tuple[float, float]]:
    """Return the places of a map's images by id."""
    pairs = found.places.tolist()
    return {one: (x, y) for one, (x, y) in zip(found.ids, pairs, strict=True)}


def test_listed_holes_tell_how_the_beam_is_turned(tmp_path: Path) -> None:
    """Every shot of every hole stands where it was recorded, though the stage did not move."""
    with make_project(tmp_path / "p") as project:
        truth = cluster(project, listed=True)
        found = draw_map(project.images)
        assert found.exact
        for one, at in places(found).items():
            assert at == pytest.approx(truth[one], abs=1e-6)
        (square,) = found.squares
        assert (square.name, square.group, square.images) == ("7", "square", 18)
        assert len(set(found.holes)) == 9


def test_without_a_list_the_distances_are_right(tmp_path: Path) -> None:
    """Holes of a cluster stand as far apart as they are; that they may be turned is said."""
    with make_project(tmp_path / "p") as project:
        truth = cluster(project, listed=False)
        found = draw_map(project.images)
        assert not found.exact
        known = np.array([truth[one] for one in found.ids])
        between = np.hypot(*(known[:, None] - known[None]).T)
        drawn = np.hypot(*(found.places[:, None] - found.places[None]).T)
        np.testing.assert_allclose(drawn, between, atol=1e-6)


def test_stages_that_go_to_every_hole_tell_nothing_of_the_beam(tmp_path: Path) -> None:
    """The shots of a hole stay apart, around it."""
    with make_project(tmp_path / "p") as project:
        for hole in range(8):
            for shift in (0.02, -0.02):
                place(project, {
                    "grid_square": "7", "foil_hole": str(hole), "stage_x": 3.0 * hole,
                    "stage_y": 0.0, "hole_x": 3.0 * hole, "hole_y": 0.1, "beam_shift_x": shift,
                    "beam_shift_y": 0.0,
                })  # fmt: skip
        found = draw_map(project.images)
        assert not found.exact
        assert found.places[0] == pytest.approx((0.02 * BEAM_SHIFT_UM, 0.1))
        assert found.places[1] == pytest.approx((-0.02 * BEAM_SHIFT_UM, 0.1))


def test_unnamed_squares_are_clusters_of_the_stage(tmp_path: Path) -> None:
    """SerialEM names no squares: images near each other are one; its image shift is in µm."""
    with make_project(tmp_path / "p") as project:
        for x in (0.0, 5.0, 200.0):
            place(project, {"stage_x": x, "stage_y": 1.0, "image_shift_x": 1.5,
                            "image_shift_y": 0.0})  # fmt: skip
        found = draw_map(project.images)
        assert [one.images for one in found.squares] == [2, 1]
        assert found.places[0] == pytest.approx((1.5, 1.0))
        assert list(found.square_of) == [0, 0, 1]


def test_images_without_a_place_are_counted(tmp_path: Path) -> None:
    """A map of a project that knows no positions is empty and says so."""
    with make_project(tmp_path / "p", 4) as project:
        found = draw_map(project.images)
        assert (found.ids, found.without, found.unread, found.squares) == ([], 4, 0, [])


def overview(kind: OverviewKind, name: str, picture: str | None = "/a.jpg") -> Overview:
    """Return an overview of a place."""
    return Overview(kind, name, "", picture, 0.0, 0.0, (1.0, 0.0), (0.0, -1.0), 10, 10)


def test_the_latest_picture_of_a_place_is_shown() -> None:
    """Tiles only without an atlas, and nothing without a picture."""
    square, tile, atlas = OverviewKind.SQUARE, OverviewKind.TILE, OverviewKind.ATLAS
    found = {1: overview(square, "7"), 2: overview(square, "7"), 3: overview(tile, "t"),
             4: overview(square, "8", None)}  # fmt: skip
    assert list(choose_overviews(found)) == [2, 3]
    assert list(choose_overviews({**found, 5: overview(atlas, "a")})) == [2, 5]
