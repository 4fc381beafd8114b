"""Movies: every format gives the same pixels in the same place."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cryobatch.errors import BadInput
from cryobatch.formats.movie import inspect_recording, open_movie, recording_kind, recording_stem
from tests.recording_files import (
    Frames,
    count_events,
    make_events,
    write_eer,
    write_mrc,
    write_tiff,
)

SHAPE = (3, 24, 40)


def make_frames(dtype: str = "uint8") -> Frames:
    """Return frames that no flip leaves as they are."""
    return np.random.default_rng(4).integers(0, 100, SHAPE).astype(dtype)


@pytest.mark.parametrize("compression", ["lzw", "zlib", None])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_a_tiff_holds_what_an_mrc_holds(
    tmp_path: Path, compression: str | None, dtype: str
) -> None:
    """The rows of a TIFF are flipped, so that both formats agree; so is every number."""
    frames = make_frames(dtype)
    tiff = write_tiff(tmp_path / "a.tiff", frames, compression)
    mrc = write_mrc(tmp_path / "a.mrc", frames)
    with open_movie(tiff) as left, open_movie(mrc) as right:
        assert left.shape == right.shape == SHAPE
        assert left.dtype == np.dtype(dtype)
        for index in range(3):
            np.testing.assert_array_equal(left.raw_frame(index), frames[index])
            np.testing.assert_array_equal(right.raw_frame(index), frames[index])


def test_tiles_predictors_and_strips_change_nothing(tmp_path: Path) -> None:
    """Whatever the layout of a TIFF, the pixels are the same."""
    frames = make_frames("uint16")
    layouts: dict[str, dict[str, Any]] = {
        "tiles": {"tile": (16, 16)},
        "predictor": {"predictor": True},
        "strips": {"rowsperstrip": 5},
        "big": {"order": ">"},
    }
    for name, more in layouts.items():
        path = write_tiff(tmp_path / f"{name}.tif", frames, **more)
        with open_movie(path) as movie:
            np.testing.assert_array_equal(movie.raw_frame(2), frames[2])


@pytest.mark.parametrize("compression", [65000, 65001, 65002])
def test_an_eer_gives_the_electrons_of_its_fractions(tmp_path: Path, compression: int) -> None:
    """Hardware frames are summed to fractions; what is left at the end is dropped."""
    shape = (32, 48)
    events = make_events(11, shape, 40)
    path = write_eer(tmp_path / "a.eer", events, shape, compression=compression)
    with open_movie(path, frames_per_fraction=4) as movie:
        assert movie.shape == (2, *shape)
        np.testing.assert_array_equal(movie.raw_frame(0), count_events(events[:4], shape))
        np.testing.assert_array_equal(movie.raw_frame(1), count_events(events[4:8], shape))


def test_a_finer_eer_has_the_same_electrons(tmp_path: Path) -> None:
    """Upsampled pixels, summed back, are the camera's pixels."""
    shape = (32, 48)
    events = make_events(6, shape, 60)
    path = write_eer(tmp_path / "a.eer", events, shape)
    for upsampling in (2, 4):
        with open_movie(path, frames_per_fraction=6, eer_upsampling=upsampling) as movie:
            fine = movie.raw_frame(0)
        assert movie.shape == (1, 32 * upsampling, 48 * upsampling)
        summed = fine.reshape(32, upsampling, 48, upsampling).sum(axis=(1, 3))
        np.testing.assert_array_equal(summed, count_events(events, shape))


def test_an_eer_fraction_of_many_frames_does_not_overflow(tmp_path: Path) -> None:
    """A pixel that is hit in each of 300 hardware frames counts 300."""
    path = write_eer(tmp_path / "a.eer", [[(1, 2, 0)]] * 300, (16, 16))
    with open_movie(path, frames_per_fraction=300) as movie:
        assert movie.raw_frame(0)[1, 2] == 300


def test_an_eer_with_too_few_frames_for_a_fraction_says_so(tmp_path: Path) -> None:
    """A fraction larger than the movie is an error that says what to do."""
    path = write_eer(tmp_path / "a.eer", make_events(3, (16, 16), 5), (16, 16))
    with pytest.raises(BadInput, match="smaller dose a fraction"):
        open_movie(path, frames_per_fraction=4)


def test_headers_are_read_without_decoding(tmp_path: Path) -> None:
    """Format, sizes, pixel size and metadata come from the header alone."""
    mrc = inspect_recording(write_mrc(tmp_path / "a.mrcs", make_frames(), 1.25))
    assert (mrc.kind, mrc.frames, mrc.rows, mrc.columns) == ("mrc", *SHAPE)
    assert mrc.pixel_size_angstrom == pytest.approx(1.25)
    tiff = inspect_recording(
        write_tiff(tmp_path / "a.tif", make_frames(), resolution=(2e8, 2e8), resolutionunit=3)
    )
    assert (tiff.kind, tiff.frames) == ("tiff", 3)
    assert tiff.pixel_size_angstrom == pytest.approx(0.5, rel=1e-6)
    eer = inspect_recording(
        write_eer(tmp_path / "a.eer", make_events(3, (16, 20), 5), (16, 20),
                  metadata={"exposureTime": "4.5"})
    )  # fmt: skip
    assert (eer.kind, eer.frames, eer.rows, eer.columns) == ("eer", 3, 16, 20)
    assert eer.metadata == {"exposureTime": "4.5"}


def test_names_tell_formats() -> None:
    """Endings in any case are known, compressed MRC files too; others are no recordings."""
    assert recording_kind("a_EER.EER") == "eer"
    assert recording_kind("a.b.Tiff") == "tiff"
    assert recording_kind("a.mrc.bz2") == "mrc"
    assert recording_kind("a.jpg") is None
    assert recording_stem("a.b.mrc.gz") == "a.b"
    assert recording_stem("a_fractions.tiff") == "a_fractions"


def test_frames_that_differ_are_refused(tmp_path: Path) -> None:
    """A movie whose frames do not agree in size is an error."""
    path = write_tiff(tmp_path / "a.tif", make_frames())
    tifffile.imwrite(path, np.zeros((5, 5), np.uint8), append=True)
    with pytest.raises(BadInput, match="frame 4 of 4"):
        open_movie(path)


def test_xml_that_could_grow_without_end_is_refused(tmp_path: Path) -> None:
    """A document type in an EER's metadata is not taken."""
    path = write_eer(tmp_path / "a.eer", make_events(1, (16, 16), 5), (16, 16))
    data = path.read_bytes()
    old = b"<metadata></metadata>"
    assert old in data
    path.write_bytes(data.replace(old, b"<!DOCTYPE a []><a/> "))
    with pytest.raises(BadInput, match=r"document type|broken"):
        inspect_recording(path)


def test_several_threads_read_the_right_frames(tmp_path: Path) -> None:
    """Frames of a TIFF that threads read at the same time are not mixed up."""
    frames = np.random.default_rng(5).integers(0, 9, (40, 64, 64)).astype(np.uint8)
    path = write_tiff(tmp_path / "a.tif", frames)
    with open_movie(path) as movie, ThreadPoolExecutor(4) as pool:
        for index, frame in zip(range(40), pool.map(movie.raw_frame, range(40)), strict=True):
            np.testing.assert_array_equal(frame, frames[index])
