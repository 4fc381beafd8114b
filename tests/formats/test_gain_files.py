"""Gain references and defects: rows agree with those of the movies they belong to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cryobatch.errors import BadInput
from cryobatch.formats.gain import is_divisive, read_defects, read_gain
from tests.recording_files import write_mrc, write_tiff

GAIN = np.random.default_rng(7).uniform(0.5, 1.5, (1, 12, 16)).astype(np.float32)


def test_references_are_flipped_as_movies_are(tmp_path: Path) -> None:
    """MRC and TIFF give the same rows; a .gain is a TIFF that is not flipped."""
    tiff = write_tiff(tmp_path / "gain.tiff", GAIN)
    mrc = write_mrc(tmp_path / "gain.mrc", GAIN[0])
    np.testing.assert_array_equal(read_gain(mrc), GAIN[0])
    np.testing.assert_array_equal(read_gain(tiff), GAIN[0])
    eer = tiff.rename(tmp_path / "x_EER_GainReference.gain")
    np.testing.assert_array_equal(read_gain(eer), GAIN[0, ::-1])


def test_only_another_reference_of_an_eer_is_divisive() -> None:
    """RELION multiplies by a .gain, and by anything for other movies."""
    assert is_divisive(Path("gain.mrc"), Path("a.eer"))
    assert not is_divisive(Path("gain.gain"), Path("a.eer"))
    assert not is_divisive(Path("gain.mrc"), Path("a.tiff"))


def test_references_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    """No file, no image, several frames, nothing above zero: each says so."""
    (tmp_path / "gain.dm4").write_bytes(b"x")
    write_mrc(tmp_path / "many.mrc", np.ones((3, 4, 4), np.float32))
    write_mrc(tmp_path / "zero.mrc", np.zeros((4, 4), np.float32))
    for name, said in {
        "gone.mrc": "is gone",
        "gone.gain": "is gone",
        "gain.dm4": "ends within its tags",
        "many.mrc": "3 frames",
        "zero.mrc": "above 0",
    }.items():
        with pytest.raises(BadInput, match=said) as raised:
            read_gain(tmp_path / name)
        assert name in str(raised.value)


def test_defects_are_maps_or_areas(tmp_path: Path) -> None:
    """A map marks bad pixels with 1, a text has x, y, width and height."""
    defects = np.zeros((12, 16), np.int8)
    defects[3, 4:6] = 1
    path = write_mrc(tmp_path / "map.mrc", defects)
    np.testing.assert_array_equal(read_defects(path, (12, 16)), defects != 0)
    assert read_defects(path, (24, 32)).sum() == 8
    areas = tmp_path / "areas.txt"
    areas.write_text("# x y width height\n4 3 2 1\n\n")
    np.testing.assert_array_equal(read_defects(areas, (12, 16)), defects != 0)


def test_defects_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Another camera's map, an area outside and a line of other words each say so."""
    path = write_mrc(tmp_path / "map.mrc", np.zeros((12, 16), np.int8))
    with pytest.raises(BadInput, match="does not fit"):
        read_defects(path, (12, 17))
    areas = tmp_path / "areas.txt"
    areas.write_text("4 3 200 1")
    with pytest.raises(BadInput, match="outside"):
        read_defects(areas, (12, 16))
    areas.write_text("4 3")
    with pytest.raises(BadInput, match="line 1"):
        read_defects(areas, (12, 16))


def test_a_real_defect_map_is_read(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """A K3's map marks a few of its pixels, also for super-resolution frames."""
    path = shared_data("motioncor2/k3_defect_map.mrc.gz")
    bad = read_defects(path, (4092, 5760))
    assert 0 < bad.mean() < 0.01
    assert read_defects(path, (8184, 11520)).sum() == 4 * bad.sum()
