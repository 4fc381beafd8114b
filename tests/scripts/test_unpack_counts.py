"""The script unpack where all who read its stack know of the gain: counts stay counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.formats.mrc import write_image
from cryobatch.formats.star import StarTable, read_star
from cryobatch.model import Run
from cryobatch.scripts.stack_file import open_frames
from cryobatch.scripts.unpack import unpack
from tests.recording_files import Frames, write_tiff
from tests.scripts.test_unpack import FACTS

SHAPE = (6, 64, 96)


@dataclass(frozen=True)
class Unpacked:
    """What a run left: frames as they are read, counts' type, values and the table of frames."""

    frames: NDArray[np.float32]
    counts: Frames | None
    values: Mapping[str, object]
    table: StarTable


def run_unpack(
    folder: Path, movie: Path, facts: Mapping[str, object], *, gain: bool = True, **more: Any
) -> Unpacked:
    """Run the script (Any: its parameters), asked for the stack's gain or not, and read all."""
    outputs = {name: folder / f"{name}.mrc" for name in ("stack", *(["stack_gain"] * gain))}
    for path in outputs.values():
        path.unlink(missing_ok=True)
    outputs["frames"] = folder / "frames.star"
    reads = {**dict.fromkeys(FACTS), "pixel_size": 1.0, **facts}
    values = unpack(Run(folder, {"movie": movie}, outputs, reads, threads=2), **more)
    made = {name: path for name, path in outputs.items() if path.exists()}
    with open_frames(Run(folder, made)) as stack:
        shown = np.array([stack.frame(index) for index in range(stack.shape[0])])
        counts = None
        if stack.counts_dtype is not None:
            counts = np.empty(stack.shape, stack.counts_dtype)
            for index, frame in enumerate(counts):
                stack.read_counts(index, frame)
    return Unpacked(shown, counts, values, read_star(outputs["frames"])["frames"])


@pytest.fixture
def movie(tmp_path: Path) -> tuple[Path, Frames, NDArray[np.float32], dict[str, str]]:
    """Return a movie with dead and hot pixels, its counts, its gain, and the facts about it."""
    random = np.random.default_rng(8)
    gain = random.uniform(0.8, 1.2, SHAPE[1:]).astype(np.float32)
    gain[5, 6] = 0.0
    gain[40, 50] = np.nan
    counts = random.poisson(8.0 / np.where(gain > 0, gain, 1.0), SHAPE).astype(np.uint8)
    counts[:, 5, 6] = 255
    counts[:, 30, 11] = 90
    write_image(tmp_path / "gain.mrc", gain, 1.0)
    path = write_tiff(tmp_path / "a.tiff", counts)
    return path, counts, gain, {"gain": str(tmp_path / "gain.mrc")}


Movie = tuple[Path, Frames, NDArray[np.float32], dict[str, str]]


def test_counts_are_kept_and_read_gain_corrected(tmp_path: Path, movie: Movie) -> None:
    """The stack has the movie's own integers; bad and hot pixels alone differ."""
    path, counts, gain, facts = movie
    found = run_unpack(tmp_path, path, facts)
    good = gain > 0
    good[30, 11] = False
    assert found.counts is not None
    assert found.counts.dtype == np.uint8
    assert found.values["hot_pixel_count"] == 1
    assert found.values["bad_pixel_count"] == 2
    np.testing.assert_array_equal(found.counts[:, good], counts[:, good])
    np.testing.assert_array_equal(found.frames[:, good], (counts * gain)[:, good])
    assert found.frames[:, ~good].max() < 30
    assert np.isfinite(found.frames).all()


def test_rows_between_hot_pixels_stay_as_they_are(tmp_path: Path, movie: Movie) -> None:
    """Near each other, far from each other, at the border: hot pixels alone are written again."""
    path, counts, _, facts = movie
    hot = [(0, 3), (4, 80), (13, 40), (22, 40), (32, 60), (63, 95)]
    for row, column in hot:
        counts[:, row, column] = 90
    found = run_unpack(tmp_path, write_tiff(path, counts), facts)
    assert found.counts is not None
    changed: NDArray[np.bool_] = np.any(np.asarray(found.counts != counts), axis=0)
    wanted = {*hot, (30, 11), (5, 6), (40, 50)}
    assert {(int(row), int(column)) for row, column in np.argwhere(changed)} <= wanted
    assert all(changed[place] for place in hot)


def test_both_ways_of_keeping_frames_say_the_same(tmp_path: Path, movie: Movie) -> None:
    """Values, verdict on the gain, hot pixels: whoever reads the stack does not change them."""
    path, _, gain, facts = movie
    counted = run_unpack(tmp_path, path, facts)
    floats = run_unpack(tmp_path, path, facts, gain=False)
    assert floats.counts is None
    good = gain > 0
    good[30, 11] = False
    np.testing.assert_allclose(counted.frames[:, good], floats.frames[:, good], rtol=1e-3)
    for name, value in floats.values.items():
        wanted = pytest.approx(value, rel=1e-4) if isinstance(value, float) else value
        assert counted.values[name] == wanted, name


def test_the_table_tells_of_corrected_frames(tmp_path: Path, movie: Movie) -> None:
    """Also the rows that were repaired once all frames were known."""
    path, _, _, facts = movie
    found = run_unpack(tmp_path, path, facts)
    for column, wanted in {
        "cryobatchMean": found.frames.mean(axis=(1, 2), dtype=np.float64),
        "cryobatchDeviation": found.frames.std(axis=(1, 2), dtype=np.float64),
        "cryobatchMinimum": found.frames.min(axis=(1, 2)),
        "cryobatchMaximum": found.frames.max(axis=(1, 2)),
    }.items():
        np.testing.assert_allclose(found.table.floats(column), wanted, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_a_wish_for_floats_is_kept_to(tmp_path: Path, movie: Movie, kind: str) -> None:
    """A person's parameter goes before; there is no gain to be applied once more."""
    path, _, _, facts = movie
    assert run_unpack(tmp_path, path, facts, stack_type=kind).counts is None
    assert not (tmp_path / "stack_gain.mrc").exists()


def test_a_movie_without_gain_has_none_beside_it(tmp_path: Path, movie: Movie) -> None:
    """It is taken as gain-corrected."""
    found = run_unpack(tmp_path, movie[0], {}, hot_pixel_sigma=None)
    np.testing.assert_array_equal(found.frames, movie[1])
    assert not (tmp_path / "stack_gain.mrc").exists()
