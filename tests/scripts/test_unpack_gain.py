"""The script unpack about gain references: whether they fit, and what happens without one."""

from pathlib import Path

import numpy as np
import pytest

from cryobatch.errors import BadInput, ScriptFailed
from cryobatch.formats.mrc import write_image
from cryobatch.imaging.gain import orient_reference
from cryobatch.imaging.gain_orientation import ORIENTATIONS, Orientation
from cryobatch.imaging.simulate_camera import make_camera
from cryobatch.model import Absent
from tests.recording_files import write_tiff
from tests.scripts.test_unpack import run_unpack

SHAPE = (160, 192)
CAMERA = make_camera(SHAPE, gain_deviation=0.08, hot=3, dead=3, seed=2)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Return a movie of a camera with a pattern."""
    random = np.random.default_rng(1)
    frames = random.poisson(CAMERA.rates * 12, (4, *SHAPE)).astype(np.uint8)
    write_tiff(tmp_path / "movie.tif", frames)
    return tmp_path / "movie.tif"


def write_gain(folder: Path, rotation: int = 0, flip: int = 0) -> Path:
    """Write the camera's gain reference, turned."""
    write_image(folder / "gain.mrc", orient_reference(CAMERA.gain, rotation, flip), 1.0)
    return folder / "gain.mrc"


def test_a_gain_that_fits_is_said_to_fit(tmp_path: Path, movie: Path) -> None:
    """The values tell how well, and in which orientation."""
    gain = write_gain(tmp_path)
    values = run_unpack(tmp_path, movie, {"gain": str(gain)}).values
    assert values["gain_verdict"] == "fits"
    assert values["gain_best"] == "gain_rotation=0 gain_flip=0"
    assert values["gain_fit"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("turn", [one for one in ORIENTATIONS if one.rotation % 2 == 0])
def test_the_orientation_to_configure_is_told(
    tmp_path: Path, movie: Path, turn: Orientation
) -> None:
    """Whatever way the file lies, the text that corrects it is that which makes it fit."""
    # Rotation by 180° and flips undo themselves: a file turned so must be turned so again.
    gain = write_gain(tmp_path, turn.rotation, turn.flip)
    values = run_unpack(tmp_path, movie, {"gain": str(gain)}).values
    expected = f"gain_rotation={turn.rotation} gain_flip={turn.flip}"
    assert values["gain_best"] == expected
    assert (values["gain_verdict"] == "fits") == (turn == ORIENTATIONS[0])
    facts = {"gain": str(gain), "gain_rotation": turn.rotation, "gain_flip": turn.flip}
    corrected = run_unpack(tmp_path, movie, facts).values
    assert (corrected["gain_verdict"], corrected["gain_best"]) == ("fits", expected)


@pytest.mark.parametrize("turn", [one for one in ORIENTATIONS if one.rotation % 2 == 1])
def test_a_gain_that_lies_crosswise_stops_with_what_fits(
    tmp_path: Path, movie: Path, turn: Orientation
) -> None:
    """Its size does not fit; the counts tell all the same which orientation does."""
    gain = write_gain(tmp_path, turn.rotation, turn.flip)
    with pytest.raises(BadInput, match=r"does not fit.*by the movie's counts") as told:
        run_unpack(tmp_path, movie, {"gain": str(gain)})
    words = str(told.value).rpartition("counts ")[2].removesuffix(" fits").split()
    facts = {name: int(value) for name, value in (word.split("=") for word in words)}
    corrected = run_unpack(tmp_path, movie, {"gain": str(gain), **facts}).values
    assert corrected["gain_verdict"] == "fits"


def test_another_cameras_gain_stops_without_advice(tmp_path: Path, movie: Path) -> None:
    """A reference that fits no way is not turned."""
    other = make_camera((192, 160), gain_deviation=0.08, hot=0, dead=0, seed=9).gain
    write_image(tmp_path / "gain.mrc", other, 1.0)
    with pytest.raises(BadInput, match="does not fit") as told:
        run_unpack(tmp_path, movie, {"gain": str(tmp_path / "gain.mrc")})
    assert "counts" not in str(told.value)


def test_without_a_gain_nothing_is_said(tmp_path: Path, movie: Path) -> None:
    """The values are absent, with the reason."""
    values = run_unpack(tmp_path, movie, {}).values
    assert values["gain_fit"] == Absent("no gain reference was applied")


def test_a_gain_that_the_recording_names_and_nobody_has_stops_it(
    tmp_path: Path, movie: Path
) -> None:
    """Raw counts are never taken as corrected when it is known that they are not."""
    with pytest.raises(ScriptFailed, match=r"SuperRef_x\.dm4.*image set gain="):
        run_unpack(tmp_path, movie, {"gain_stated": "SuperRef_x.dm4"})
    with pytest.raises(ScriptFailed, match=r"without gain correction.*image set gain="):
        run_unpack(tmp_path, movie, {"gain_applied": False})
    assert run_unpack(tmp_path, movie, {"gain_applied": True}).values
