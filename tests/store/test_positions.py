"""The index of positions repeats what is known, and forgets what is gone."""

from collections.abc import Mapping
from pathlib import Path

from cryobatch.model.image import FactValue
from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.project.positions import read_unknown
from cryobatch.project.selection import Selection
from cryobatch.store import library, positions
from tests.projects import add_images, make_project

STAGE: Mapping[str, FactValue] = {
    "stage_x": 12.5,
    "stage_y": -3.0,
    "pixel_size": 1.0,
    "grid_square": "7",
    "foil_hole": "9",
}
OVERVIEW = Overview(
    OverviewKind.SQUARE, "7", "/epu/a.xml", "/epu/a.jpg", 1.0, 2.0, (0.04, 0.0), (0.0, -0.04),
    2880, 2046, "2026-01-01T00:00:00",
)  # fmt: skip


def test_positions_of_an_older_project_are_read_once(tmp_path: Path) -> None:
    """Images that nobody has noted are read from their files, some at a time."""
    with make_project(tmp_path / "p", 0) as project:
        ids = add_images(project, 5, facts=STAGE)
        assert read_unknown(project.images, 3) == 2
        assert read_unknown(project.images, 3) == 0
        with project.database.reading() as r:
            listed = positions.listing(r)
        assert listed.ids == ids
        assert (listed.groups[0], listed.squares[0], listed.holes[0]) == ("square", "7", "9")
        numbers = {name: column[0] for name, column in listed.numbers.items()}
        assert numbers == {
            "stage_x": 12.5,
            "stage_y": -3.0,
            "hole_x": None,
            "hole_y": None,
            "shift_x": 0.0,
            "shift_y": 0.0,
            "width": 4e-4,
            "height": 4e-4,
        }


def test_an_image_without_its_file_is_asked_for_once(tmp_path: Path) -> None:
    """It has no position, and does not hold up the others."""
    with make_project(tmp_path / "p", 0) as project:
        (one,) = add_images(project, 1, facts=STAGE)
        (project.images.folder(one) / "image.toml").write_text("broken")
        assert read_unknown(project.images) == 0
        assert read_unknown(project.images) == 0
        with project.database.reading() as r:
            assert positions.listing(r).numbers["stage_x"] == [None]


def test_a_corrected_fact_moves_the_image(tmp_path: Path) -> None:
    """What a person corrects holds on the map at once; trash and deletion take it away."""
    with make_project(tmp_path / "p", 0) as project:
        one, other = add_images(project, 2, facts=STAGE)
        read_unknown(project.images)
        project.correct_facts(Selection(images=(one,)), {"stage_x": 99.0})
        project.images.trash(Selection(images=(other,)), True)
        with project.database.reading() as r:
            found = positions.listing(r)
        assert (found.ids, found.numbers["stage_x"]) == ([one], [99.0])
        with project.database.transaction() as t:
            library.delete(t, [one, other])
            assert positions.listing(t).ids == []


def test_overviews_are_kept_once_a_file(tmp_path: Path) -> None:
    """The same file again takes the place of what was noted of it."""
    with make_project(tmp_path / "p") as project:
        with project.database.transaction() as t:
            positions.put_overviews(t, [OVERVIEW])
        with project.database.transaction() as t:
            positions.put_overviews(t, [OVERVIEW])
        with project.database.reading() as r:
            assert list(positions.overviews(r).values()) == [OVERVIEW]
