"""Leginon's names: frames are recordings, overviews and sums are not."""

from pathlib import Path

import numpy as np
import pytest

from cryobatch.importing import find_recordings
from cryobatch.importing.layouts.layout import choose_recordings
from cryobatch.importing.layouts.leginon import parse_leginon
from tests.recording_files import write_mrc, write_tiff

STEM = "21oct08a_00012gr_00003sq_v01_00002hl_00005"


@pytest.mark.parametrize(
    ("name", "facts", "group"),
    [
        (f"{STEM}en.frames.mrc",
         {"grid": "00012", "grid_square": "00003", "foil_hole": "00002", "exposure_number": 5},
         "21oct08a_00012gr_00003sq"),
        (f"{STEM}enn-a-DW.mrc",
         {"grid": "00012", "grid_square": "00003", "foil_hole": "00002", "exposure_number": 5},
         "21oct08a_00012gr_00003sq"),
        ("x_y_00003sq_00007ed.frames.tif", {"grid_square": "00003", "exposure_number": 7},
         "x_y_00003sq"),
    ],
)  # fmt: skip
def test_names_tell_grid_square_hole_and_exposure(
    name: str, facts: dict[str, object], group: str
) -> None:
    """Every part of a name is a fact; session, grid and square are the group."""
    found = parse_leginon(name)
    assert found is not None
    assert (found.facts, found.group) == (facts, group)


@pytest.mark.parametrize(
    "name",
    [
        "a.mrc",
        "21oct08a_00012gr.mrc",
        "21oct08a_00012gr_00003sq_v01_00002hl.mrc",
        "May08_03.05.mrc",
    ],
)
def test_other_names_tell_nothing(name: str) -> None:
    """Overviews and names of other programs are no exposures of Leginon's."""
    assert parse_leginon(name) is None


def test_only_frames_are_taken_where_there_are_frames() -> None:
    """Sums, aligned sums and overviews are left out; a sum without frames is a recording."""
    folder = Path("/raw/21oct08a/rawdata")
    frames = folder / "frames" / f"{STEM}en.frames.mrc"
    lone = folder / f"{STEM[:-1]}6en.mrc"
    others = [
        folder / f"{STEM}en.mrc",
        folder / f"{STEM}en-a.mrc",
        folder / "21oct08a_00012gr.mrc",
        folder / "21oct08a_00012gr_00003sq_v01.mrc",
        folder / f"{STEM[:-6]}.mrc",
    ]
    assert choose_recordings([frames, lone, *others]) == [frames, lone]


def test_a_leginon_session_is_grouped_by_squares(tmp_path: Path) -> None:
    """Frames as MRC and TIFF are movies of their squares."""
    write_mrc(tmp_path / f"{STEM}en.frames.mrc", np.ones((3, 8, 8), np.int8))
    write_tiff(tmp_path / "21oct08a_00012gr_00004sq_00001hl_00001en.frames.tif",
               np.ones((3, 8, 8), np.uint8))  # fmt: skip
    found = find_recordings([tmp_path]).recordings
    assert [(item.group, item.root_product) for item in found] == [
        ("21oct08a_00012gr_00003sq", "movie"),
        ("21oct08a_00012gr_00004sq", "movie"),
    ]
    assert found[0].facts["foil_hole"].value == "00002"
