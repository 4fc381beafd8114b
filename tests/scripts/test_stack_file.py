"""Reading stacks: whichever way frames are kept, scripts get them gain-corrected."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import StackWriter, write_image
from cryobatch.model import Run
from cryobatch.scripts.stack_file import open_frames

SHAPE = (3, 20, 34)


def write_stack(folder: Path, dtype: DTypeLike, packed: bool = False) -> NDArray[np.uint8]:
    """Write a stack of small counts and return them."""
    counts = np.random.default_rng(3).integers(0, 15, SHAPE).astype(np.uint8)
    with StackWriter(folder / "stack.mrc", SHAPE, dtype, 0.8, packed) as writer:
        for index, frame in enumerate(counts):
            writer.write(index, frame)
    return counts


def write_gain(folder: Path, shape: tuple[int, ...] = SHAPE[1:]) -> NDArray[np.float32]:
    """Write a gain reference and return it."""
    gain = np.random.default_rng(4).uniform(0.9, 1.1, shape).astype(np.float32)
    write_image(folder / "stack_gain.mrc", gain, 0.8)
    return gain


def run_on(folder: Path) -> Run:
    """Return a run with the products that lie in a folder as its inputs."""
    return Run(folder, {path.stem: path for path in folder.glob("*.mrc")})


@pytest.mark.parametrize(
    ("dtype", "packed"), [("uint8", False), ("uint8", True), ("uint16", False), ("int8", False)]
)
def test_counts_are_multiplied_by_the_gain(tmp_path: Path, dtype: str, packed: bool) -> None:
    """Of a stack of integers, as many bits as they have; the counts themselves can be had too."""
    counts, gain = write_stack(tmp_path, dtype, packed), write_gain(tmp_path)
    with open_frames(run_on(tmp_path)) as stack:
        assert stack.counts_dtype == dtype
        raw = np.empty(SHAPE[1:], dtype)
        for index in range(SHAPE[0]):
            np.testing.assert_array_equal(stack.frame(index), counts[index] * gain)
            stack.read_counts(index, raw)
            np.testing.assert_array_equal(raw, counts[index])


def test_counts_without_a_gain_are_frames(tmp_path: Path) -> None:
    """A movie that was recorded gain-corrected has none."""
    counts = write_stack(tmp_path, "uint8")
    with open_frames(run_on(tmp_path)) as stack:
        assert stack.gain is None
        np.testing.assert_array_equal(stack.frame(1), counts[1])


def test_a_stack_of_floats_is_corrected_already(tmp_path: Path) -> None:
    """What Fourier-cropped a stack has applied the gain, which is still there."""
    counts = write_stack(tmp_path, "float16")
    write_gain(tmp_path, (5, 5))
    with open_frames(run_on(tmp_path)) as stack:
        assert stack.counts_dtype is None
        assert stack.gain is None
        np.testing.assert_array_equal(stack.frame(2), counts[2])


def test_a_gain_of_another_size_is_refused(tmp_path: Path) -> None:
    """Nothing is multiplied by what belongs to another stack."""
    write_stack(tmp_path, "uint8")
    write_gain(tmp_path, (5, 5))
    with pytest.raises(BadInput, match="does not fit"), open_frames(run_on(tmp_path)):
        pass
