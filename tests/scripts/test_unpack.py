"""The script unpack: any movie becomes a stack of corrected frames, or says why not."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryobatch.errors import BadInput, ScriptFailed
from cryobatch.formats.mrc import Frame, open_stack, write_image
from cryobatch.formats.star import StarTable, read_star
from cryobatch.model import Absent, Run
from cryobatch.scripts.unpack import unpack
from tests.recording_files import (
    Frames,
    count_events,
    make_events,
    write_eer,
    write_mrc,
    write_tiff,
)

SHAPE = (6, 48, 64)
FACTS = (
    "pixel_size", "gain", "gain_stated", "gain_applied", "gain_rotation", "gain_flip", "defects",
    "dose_per_frame", "pre_exposure",
)  # fmt: skip


@dataclass
class Unpacked:
    """What a run left.

    Args:
        frames: The stack's frames.
        values: The script's values.
        blocks: Of frames.star.
        messages: What it said.
        bytes: Size of the stack's file.
    """

    frames: Frame
    dtype: np.dtype[Any]
    pixel_size: float | None
    values: Mapping[str, object]
    blocks: Mapping[str, StarTable]
    bytes: int
    messages: list[Mapping[str, Any]] = field(default_factory=list)


def run_unpack(folder: Path, movie: Path, facts: Mapping[str, Any], **parameters: Any) -> Unpacked:
    """Run the script on a movie (Any: facts and parameters are of many types)."""
    events: list[Mapping[str, Any]] = []
    outputs = {"stack": folder / "stack.mrc", "frames": folder / "frames.star"}
    run = Run(
        workspace=folder,
        inputs={"movie": movie},
        outputs=outputs,
        reads={**dict.fromkeys(FACTS), "pixel_size": 1.0, **facts},
        threads=2,
        report=events.append,
    )
    values = unpack(run, **parameters)
    with open_stack(outputs["stack"]) as stack:
        return Unpacked(
            frames=np.array([stack.raw_frame(i) for i in range(stack.shape[0])]),
            dtype=stack.dtype,
            pixel_size=stack.pixel_size_angstrom,
            values=values,
            blocks=read_star(outputs["frames"]),
            bytes=outputs["stack"].stat().st_size,
            messages=[e for e in events if e["event"] == "message"],
        )


def make_counts(mean: float = 8.0) -> Frames:
    """Return frames of counts."""
    return np.random.default_rng(8).poisson(mean, SHAPE).astype(np.uint8)


def test_frames_are_gain_corrected_and_bad_pixels_repaired(tmp_path: Path) -> None:
    """Counts times gain in 16-bit floats; dead pixels and defects get values from around them."""
    counts = make_counts()
    gain = np.random.default_rng(9).uniform(0.8, 1.2, SHAPE[1:]).astype(np.float32)
    gain[5, 6] = 0
    write_image(tmp_path / "gain.mrc", gain, 1.0)
    counts[:, 5, 6] = 255
    counts[:, 20, 20] = 255
    (tmp_path / "defects.txt").write_text("20 20 1 1")
    movie = write_tiff(tmp_path / "a.tiff", counts)
    found = run_unpack(
        tmp_path, movie,
        {"gain": str(tmp_path / "gain.mrc"), "defects": str(tmp_path / "defects.txt"),
         "pixel_size": 1.25},
    )  # fmt: skip
    good = gain > 0
    good[20, 20] = False
    assert found.dtype == np.float16
    assert found.pixel_size == pytest.approx(1.25)
    np.testing.assert_allclose(found.frames[:, good], (counts * gain)[:, good], rtol=1e-3)
    assert found.frames[:, ~good].max() < 30
    assert found.values["bad_pixel_count"] == 2
    assert found.values["hot_pixel_count"] == 0
    assert found.messages == []


def test_the_gain_is_turned_before_it_is_applied(tmp_path: Path) -> None:
    """gain_rotation and gain_flip say how the reference lies to the movie."""
    gain = np.random.default_rng(10).uniform(0.8, 1.2, SHAPE[1:]).astype(np.float32)
    turned = np.ascontiguousarray(np.rot90(gain[::-1], 1))
    write_image(tmp_path / "gain.mrc", turned, 1.0)
    movie = write_mrc(tmp_path / "a.mrc", np.ones(SHAPE, np.uint16))
    facts = {"gain": str(tmp_path / "gain.mrc"), "gain_rotation": 1, "gain_flip": 1}
    found = run_unpack(tmp_path, movie, facts, hot_pixel_sigma=None)
    np.testing.assert_allclose(found.frames[0], gain, rtol=1e-3)
    assert isinstance(found.values["hot_pixel_count"], Absent)


@pytest.mark.parametrize(
    ("dtype", "high", "kept", "bytes_a_pixel"),
    [("uint8", 9, "uint8", 0.5), ("uint8", 200, "uint8", 1), ("int16", 300, "int16", 2),
     ("uint16", 300, "uint16", 2), ("float32", 300, "float16", 2),
     ("float32", 90_000, "float32", 4)],
)  # fmt: skip
def test_stacks_are_as_small_as_their_counts_allow(
    tmp_path: Path, dtype: str, high: int, kept: str, bytes_a_pixel: float
) -> None:
    """Without a gain counts stay as they are, small ones in 4 bits."""
    frames = np.random.default_rng(11).integers(0, high, SHAPE).astype(dtype)
    movie = write_tiff(tmp_path / "a.tiff", frames)
    found = run_unpack(tmp_path, movie, {}, hot_pixel_sigma=None)
    assert found.dtype == np.dtype(kept)
    assert found.bytes == 1024 + frames.size * bytes_a_pixel
    np.testing.assert_allclose(found.frames.astype(np.float32), frames, rtol=1e-3)


def test_a_later_frame_with_larger_counts_is_not_clipped(tmp_path: Path) -> None:
    """When the first frame was no guide the stack is written again, wider, and says so."""
    frames = np.ones(SHAPE, np.uint8)
    frames[4, 3, 3] = 200
    movie = write_tiff(tmp_path / "a.tiff", frames)
    found = run_unpack(tmp_path, movie, {}, hot_pixel_sigma=None)
    np.testing.assert_array_equal(found.frames, frames)
    assert any("a later frame" in message["text"] for message in found.messages)


def test_hot_pixels_are_found_repaired_and_listed(tmp_path: Path) -> None:
    """A pixel that is hot in all frames gets values from around it, in every frame."""
    counts = make_counts()
    counts[:, 30, 11] = 90
    movie = write_tiff(tmp_path / "a.tiff", counts)
    found = run_unpack(tmp_path, movie, {})
    hot = found.blocks["hot_pixels"]
    places = set(zip(hot.floats("rlnCoordinateX"), hot.floats("rlnCoordinateY"), strict=True))
    assert (11.0, 30.0) in places
    assert found.values["hot_pixel_count"] == len(places) <= 3
    assert found.frames[:, 30, 11].max() < 40
    table = found.blocks["frames"]
    np.testing.assert_allclose(
        table.floats("cryobatchMean"), found.frames.mean(axis=(1, 2)), rtol=1e-6
    )
    np.testing.assert_allclose(
        table.floats("cryobatchDeviation"), found.frames.std(axis=(1, 2)), rtol=1e-6
    )
    assert table.ints("cryobatchFrameNumber").tolist() == [1, 2, 3, 4, 5, 6]
    assert table.floats("cryobatchMaximum").tolist() == found.frames.max(axis=(1, 2)).tolist()


def test_a_gain_of_another_camera_is_an_error(tmp_path: Path) -> None:
    """A missing or mis-sized gain reference stops the script: nothing goes on without it."""
    movie = write_tiff(tmp_path / "a.tiff", make_counts())
    write_image(tmp_path / "gain.mrc", np.ones((48, 60), np.float32), 1.0)
    with pytest.raises(BadInput, match="60 x 48"):
        run_unpack(tmp_path, movie, {"gain": str(tmp_path / "gain.mrc")})
    with pytest.raises(BadInput, match="is gone"):
        run_unpack(tmp_path, movie, {"gain": str(tmp_path / "none.mrc")})


def test_a_movie_without_gain_is_taken_as_corrected_and_says_so(tmp_path: Path) -> None:
    """Counts without a gain reference are a warning, other numbers a remark."""
    counts = make_counts()
    found = run_unpack(tmp_path, write_tiff(tmp_path / "a.tiff", counts), {})
    assert [message["level"] for message in found.messages] == ["warning"]
    floats = write_tiff(tmp_path / "b.tiff", counts.astype(np.float32))
    assert [m["level"] for m in run_unpack(tmp_path, floats, {}).messages] == ["info"]


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_frames_that_are_no_numbers_are_an_error(tmp_path: Path, broken: float) -> None:
    """The message names the movie and the frame."""
    frames = np.ones(SHAPE, np.float32)
    frames[3, 7, 7] = broken
    movie = write_tiff(tmp_path / "a.tiff", frames)
    with pytest.raises(BadInput, match=r"a\.tiff: frame 4 has pixels that are no numbers"):
        run_unpack(tmp_path, movie, {})


def test_frames_can_be_left_out(tmp_path: Path) -> None:
    """The stack begins later, and the dose before it counts as pre-exposure."""
    counts = make_counts()
    movie = write_tiff(tmp_path / "a.tiff", counts)
    facts = {"dose_per_frame": 1.5, "pre_exposure": 2.0}
    found = run_unpack(tmp_path, movie, facts, first_frame=3, last_frame=5, hot_pixel_sigma=None)
    np.testing.assert_array_equal(found.frames, counts[2:5])
    assert found.values["frame_count"] == 3
    assert found.values["stack_pre_exposure"] == pytest.approx(5.0)
    assert found.blocks["general"].number("rlnMicrographStartFrame") == 3
    with pytest.raises(BadInput, match="has 6 frames, none is left"):
        run_unpack(tmp_path, movie, facts, first_frame=7)


def test_an_eer_is_grouped_by_its_dose(tmp_path: Path) -> None:
    """Hardware frames are summed to the dose wanted; the stack's dose and pixel follow."""
    shape = (32, 48)
    events = make_events(20, shape, 60)
    movie = write_eer(tmp_path / "a.eer", events, shape)
    facts = {"dose_per_frame": 0.26, "pixel_size": 0.8}
    as_they_are = {"hot_pixel_sigma": None, "without_gain": True}
    found = run_unpack(tmp_path, movie, facts, **as_they_are)
    assert found.frames.shape == (5, *shape)
    np.testing.assert_array_equal(found.frames[1], count_events(events[4:8], shape))
    assert found.values["stack_dose_per_frame"] == pytest.approx(1.04)
    general = found.blocks["general"]
    assert general.number("rlnEERGrouping") == 4
    assert general.number("rlnMicrographDoseRate") == pytest.approx(1.04)
    fine = run_unpack(
        tmp_path, movie, facts, **as_they_are, eer_upsampling=2, eer_frames_per_fraction=10
    )
    assert fine.frames.shape == (2, 64, 96)
    assert fine.pixel_size == pytest.approx(0.4)


def test_the_gain_of_an_eer_fits_its_finer_pixels(tmp_path: Path) -> None:
    """A reference of the camera's pixels is used for halves of them; a divisive one is inverted."""
    shape = (32, 48)
    movie = write_eer(tmp_path / "a.eer", make_events(4, shape, 900), shape)
    gain = np.ones(shape, np.float32)
    gain[:, :24] = 2.0
    facts: dict[str, Any] = {"dose_per_frame": 1.0, "gain": str(tmp_path / "gain.mrc")}
    write_image(tmp_path / "gain.mrc", gain, 1.0)
    plain = run_unpack(
        tmp_path, movie, {"dose_per_frame": 1.0}, hot_pixel_sigma=None, eer_upsampling=2,
        without_gain=True,
    )  # fmt: skip
    found = run_unpack(tmp_path, movie, facts, hot_pixel_sigma=None, eer_upsampling=2)
    np.testing.assert_allclose(found.frames[:, :, :48], plain.frames[:, :, :48] * 0.75)
    np.testing.assert_allclose(found.frames[:, :, 48:], plain.frames[:, :, 48:] * 1.5)


def test_an_eer_without_gain_stops(tmp_path: Path) -> None:
    """Its raw counts are never taken as corrected, unless a person says so."""
    movie = write_eer(tmp_path / "a.eer", make_events(4, (16, 16), 9), (16, 16))
    with pytest.raises(ScriptFailed, match=r"need the camera's gain reference.*without_gain"):
        run_unpack(tmp_path, movie, {"dose_per_frame": 1.0})


def test_an_eer_of_unknown_dose_asks_for_it(tmp_path: Path) -> None:
    """The error names the fact and the parameter that would help."""
    movie = write_eer(tmp_path / "a.eer", make_events(4, (16, 16), 9), (16, 16))
    with pytest.raises(ScriptFailed, match=r"dose_per_frame.*eer_frames_per_fraction"):
        run_unpack(tmp_path, movie, {})


def test_compressed_movies_are_unpacked(tmp_path: Path) -> None:
    """A .mrc.gz is read frame by frame like any other."""
    counts = make_counts().astype(np.uint16)
    plain = write_mrc(tmp_path / "a.mrc", counts).read_bytes()
    movie = tmp_path / "a.mrc.gz"
    movie.write_bytes(gzip.compress(plain, 1))
    found = run_unpack(tmp_path, movie, {}, hot_pixel_sigma=None)
    np.testing.assert_array_equal(found.frames, counts)
