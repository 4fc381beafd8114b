"""Checks of what a recording says of itself: doubts with suspects, none where all is right."""

import pytest

from cryobatch.importing.doubts.checks import Geometry, doubt_frame_size, doubt_pixel_size
from cryobatch.model.image import Fact
from cryobatch.model.settings import Camera


@pytest.mark.parametrize(
    ("camera", "rows", "columns"),
    [
        ("BioQuantum K3", 4092, 5760), ("BioQuantum K3", 8184, 11520), ("K3", 5760, 4092),
        ("K3", 2046, 2880), ("K2 Summit", 3710, 3838), ("K2", 7420, 7676),
        ("BM-Falcon", 4096, 4096), ("Falcon 4i", 16384, 16384), ("Falcon 4i", 2048, 2048),
        ("one that nobody knows", 123, 456),
    ],
)  # fmt: skip
def test_frames_of_a_camera_are_not_doubted(camera: str, rows: int, columns: int) -> None:
    """The camera's pixels, finer and binned ones, turned or not."""
    assert doubt_frame_size(Geometry(rows, columns), {"camera": Fact(camera, "test")}, {}) is None


def test_frames_of_another_size_are_doubted() -> None:
    """The text names both sizes and what may be wrong."""
    facts = {"camera": Fact("BioQuantum K3", "EPU XML")}
    doubt = doubt_frame_size(Geometry(4096, 4096), facts, {})
    assert doubt is not None
    assert "4096 x 4096" in doubt
    assert "5760 x 4092" in doubt
    assert "suspect" in doubt
    assert doubt_frame_size(Geometry(4096, 4096), {}, {}) is None


def test_a_sites_own_cameras_come_first() -> None:
    """A site may know a camera that we do not, or another one by a name that we know."""
    cameras = {"special": Camera(100, 200, ("K3", "Ours"))}
    for name in ("K3", "ours 2"):
        facts = {"camera": Fact(name, "test")}
        assert doubt_frame_size(Geometry(200, 100), facts, cameras) is None
        assert doubt_frame_size(Geometry(4092, 5760), facts, cameras) is not None


@pytest.mark.parametrize(
    ("pixel_size", "suspect"),
    [(1.0, None), (1.04, None), (2.0, "super-resolution"), (0.5, "super-resolution"),
     (1.3, "magnification")],
)  # fmt: skip
def test_a_pixel_size_off_the_calibration_is_doubted(pixel_size: float, suspect: str) -> None:
    """By more than 5 %; factors of two point at super-resolution or binning."""
    doubt = doubt_pixel_size({"pixel_size": Fact(pixel_size, "option --pixel-size")}, 1.0)
    if suspect is None:
        assert doubt is None
    else:
        assert doubt is not None
        assert suspect in doubt
        assert "option --pixel-size" in doubt
    assert doubt_pixel_size({}, 1.0) is None
    assert doubt_pixel_size({"pixel_size": Fact(1.0, "test")}, None) is None
