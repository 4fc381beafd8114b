"""Gain correction: the right factor on the right pixel, bad pixels known and repaired."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryobatch.imaging.gain import (
    NO_GAIN,
    apply_gain,
    find_dead_pixels,
    frame_statistics,
    invert_reference,
    measure_and_add,
    measure_rows,
    orient_reference,
    replicate_reference,
)
from cryobatch.imaging.hot_pixels import find_hot_pixels
from cryobatch.imaging.pixel_repair import fill_gain, plan_repair, repair_frame


def test_a_reference_is_turned_first_and_flipped_then() -> None:
    """The array operations are RELION's: clockwise with row 0 on top, then the flip."""
    reference = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    assert orient_reference(reference, 0, 0).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert orient_reference(reference, 1, 0).tolist() == [[4, 1], [5, 2], [6, 3]]
    assert orient_reference(reference, 2, 0).tolist() == [[6, 5, 4], [3, 2, 1]]
    assert orient_reference(reference, 3, 0).tolist() == [[3, 6], [2, 5], [1, 4]]
    assert orient_reference(reference, 0, 1).tolist() == [[4, 5, 6], [1, 2, 3]]
    assert orient_reference(reference, 0, 2).tolist() == [[3, 2, 1], [6, 5, 4]]
    assert orient_reference(reference, 1, 2).tolist() == [[1, 4], [2, 5], [3, 6]]


def test_a_reference_fits_finer_pixels_of_the_same_camera_only() -> None:
    """Each finer pixel has the value of the pixel that it lies in; other sizes are refused."""
    reference = np.array([[1, 2], [3, 4]], np.float32)
    finer = replicate_reference(reference, (4, 4))
    assert finer.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert replicate_reference(reference, (2, 2)) is reference
    for shape in ((6, 6), (4, 2), (3, 3), (1, 1)):
        with pytest.raises(ValueError, match="does not fit"):
            replicate_reference(reference, shape)


def test_pixels_without_a_sensible_gain_are_bad() -> None:
    """Zero, negative, infinite and NaN are bad pixels, in either kind of reference."""
    reference = np.array([[1.0, 0.0, -1.0, np.nan, np.inf, 2.0]], np.float32)
    assert find_dead_pixels(reference).tolist() == [[False, True, True, True, True, False]]
    inverted = invert_reference(reference)
    assert inverted[0].tolist() == [1.5, 0, 0, 0, 0, 0.75]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_frames_are_multiplied_by_the_gain(dtype: str) -> None:
    """Counts times gain, for every number type of a camera."""
    random = np.random.default_rng(1)
    raw = random.integers(0, 100, (9, 11)).astype(dtype)
    gain = random.uniform(0.5, 2, (9, 11)).astype(np.float32)
    corrected = np.empty((9, 11), np.float32)
    apply_gain(raw, gain, corrected)
    np.testing.assert_allclose(corrected, raw * gain, rtol=1e-6)


def statistics(frame: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Return what is measured of a frame."""
    measures = np.empty((len(frame), 4))
    measure_rows(frame, NO_GAIN, measures)
    return frame_statistics(measures, frame.shape[1])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_counts_are_measured_as_they_are_with_their_gain(dtype: str) -> None:
    """And added to a sum without it, in the same pass."""
    random = np.random.default_rng(2)
    counts = random.integers(0 if dtype[0] == "u" else -100, 120, (7, 133)).astype(dtype)
    gain = random.uniform(0.5, 2, counts.shape).astype(np.float32)
    summed = np.full(counts.shape, 5.0, np.float32)
    measures = np.empty((7, 4))
    measure_and_add(counts, gain, measures, summed)
    assert frame_statistics(measures, 133) == pytest.approx(statistics(counts * gain), rel=1e-6)
    np.testing.assert_array_equal(summed, counts + np.float32(5.0))


def test_frames_are_measured_row_by_row() -> None:
    """Mean, deviation, minimum and maximum are numpy's; a NaN or infinity shows in the mean."""
    frame = np.random.default_rng(2).normal(1000, 2, (64, 65)).astype(np.float32)
    mean, deviation, lowest, highest = statistics(frame)
    assert mean == pytest.approx(frame.mean(dtype=np.float64))
    assert deviation == pytest.approx(frame.std(dtype=np.float64), rel=1e-6)
    assert (lowest, highest) == (frame.min(), frame.max())
    for broken in (np.nan, np.inf):
        frame[5, 5] = broken
        assert np.isnan(statistics(frame)[0])


@pytest.mark.parametrize("shape", [(200, 300), (40, 50), (65, 64)])
def test_hot_and_dead_pixels_stand_out_of_the_sum(shape: tuple[int, int]) -> None:
    """All planted ones are found, also at the border and on dark and bright ground; few others."""
    random = np.random.default_rng(3)
    ground = np.full(shape, 60.0)
    if shape[1] > 128:
        ground[:, :64] = 20.0
    summed = random.poisson(ground).astype(np.float32)
    hot = [(0, 0), (shape[0] - 1, shape[1] - 1), (17, 5), (30, shape[1] // 2)]
    for place in hot:
        summed[place] = 300.0
    summed[20, shape[1] - 3] = 0.0
    found = find_hot_pixels(summed, 6.0)
    assert all(found[place] for place in hot)
    assert found[20, shape[1] - 3]
    assert found.sum() <= len(hot) + 1 + 2


def test_threads_find_the_same_hot_pixels() -> None:
    """Blocks are judged by themselves: how many at a time changes nothing."""
    random = np.random.default_rng(5)
    summed = random.poisson(30.0, (200, 150)).astype(np.float32)
    summed[random.integers(0, 200, 30), random.integers(0, 150, 30)] = 400.0
    alone = find_hot_pixels(summed, 6.0)
    assert alone.sum() >= 20
    np.testing.assert_array_equal(find_hot_pixels(summed, 6.0, 3), alone)


def test_contrast_of_the_specimen_is_not_hot() -> None:
    """A thick edge, ten times darker, has no hot pixels."""
    ground = np.full((256, 256), 100.0)
    ground[100:] = 10.0
    summed = np.random.default_rng(4).poisson(ground).astype(np.float32)
    assert find_hot_pixels(summed, 6.0).sum() <= 5


@given(seed=st.integers(0, 99), share=st.sampled_from([0.001, 0.05, 0.5]))
@settings(max_examples=20)
def test_repaired_pixels_have_the_value_of_a_good_neighbour(seed: int, share: float) -> None:
    """Good pixels stay; every bad one becomes a value from around it, whatever the pattern."""
    random = np.random.default_rng(seed)
    frame = np.add.outer(np.arange(60) * 100, np.arange(70)).astype(np.float32)
    bad = random.random(frame.shape) < share
    broken = np.where(bad, -1, frame).astype(np.float32)
    repair_frame(broken, plan_repair(bad), seed)
    np.testing.assert_array_equal(broken[~bad], frame[~bad])
    rows, columns = np.nonzero(bad)
    from_row, from_column = np.divmod(broken[bad].astype(int), 100)
    assert np.abs(from_row - rows).max(initial=0) <= 8
    assert np.abs(from_column - columns).max(initial=0) <= 8


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32"])
def test_every_type_of_stack_is_repaired(dtype: str) -> None:
    """Values are moved, not calculated: whole numbers stay whole, 16-bit floats exact."""
    frame = np.full((20, 20), 3, dtype)
    frame[4:9, 4:9] = 100
    bad = frame == 100
    repair_frame(frame, plan_repair(bad), 1)
    assert np.all(frame == 3)


def test_only_wanted_pixels_are_replaced_and_never_from_bad_ones() -> None:
    """Pixels repaired before are left alone, and no value is taken from them."""
    frame = np.ones((20, 20), np.float32)
    bad = np.zeros((20, 20), bool)
    bad[5, 3:10] = True
    frame[bad] = 50
    wanted = np.zeros_like(bad)
    wanted[5, 6] = True
    repair_frame(frame, plan_repair(bad, wanted), 1)
    assert frame[5, 6] == 1
    assert (frame == 50).sum() == 6


def test_repair_differs_from_frame_to_frame() -> None:
    """The same neighbour every time would be a pattern that frames align to."""
    noise = np.random.default_rng(5).normal(size=(20, 20)).astype(np.float32)
    bad = np.zeros((20, 20), bool)
    bad[10, 10] = True
    values = set()
    for seed in range(20):
        frame = noise.copy()
        repair_frame(frame, plan_repair(bad), seed)
        values.add(float(frame[10, 10]))
    assert len(values) > 5


def test_repaired_pixels_have_the_gain_of_their_neighbours() -> None:
    """They hold counts of these; what nothing replaces keeps its own, or 0."""
    gain = np.random.default_rng(6).uniform(0.9, 1.1, (400, 400)).astype(np.float32)
    bad = np.zeros(gain.shape, bool)
    bad[3, 7] = True
    bad[60:340, 60:340] = True
    gain[3, 7], gain[200, 200], gain[200, 201] = np.nan, 0.0, 1.5
    around = gain[1:6, 5:10].copy()
    fill_gain(gain, plan_repair(bad))
    assert gain[3, 7] == pytest.approx(np.nanmean(around))
    assert gain[200, 200] == 0.0
    assert gain[200, 201] == 1.5
    assert np.isfinite(gain).all()
