"""Summing undoes motion, keeps counts and noise, and weights by dose."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.imaging import fourier, interpolation
from cryobatch.imaging.dose import Exposure
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.summing import SumOptions, sum_frames
from tests.imaging.movies import Counts, Floats

SHAPE = (160, 192)


class Frames:
    """Frames given by a function of x and y (pixels) that a motion displaces."""

    def __init__(self, model: MotionModel, noise: float = 0.0) -> None:
        self.model = model
        self.noise = noise
        self.shape = (model.frames, *model.shape)

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return a frame."""
        y, x = np.mgrid[: self.shape[1], : self.shape[2]].astype(float)
        shift = self.model.shifts_px(x.ravel(), y.ravel())[index]
        moved = scene(x - shift[:, 0].reshape(x.shape), y - shift[:, 1].reshape(x.shape))
        random = np.random.default_rng(index)
        return (moved + self.noise * random.standard_normal(moved.shape)).astype(np.float32)


def scene(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return something smooth without a period."""
    return 5.0 + np.sin(0.21 * x + 0.0004 * x * y) + np.cos(0.17 * y - 0.05 * x)


def _error(image: NDArray[np.float32] | None, frames: int) -> float:
    assert image is not None
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    return float(np.abs(image / frames - scene(x, y))[16:-16, 16:-16].max())


def test_whole_frames_are_moved_back() -> None:
    """The sum shows the scene where it lay in the first frame."""
    shifts = np.array([[0.0, 0.0], [2.0, -3.0], [3.0, 1.0]])
    model = MotionModel(SHAPE, shifts)
    sums = sum_frames(Frames(model), model, 1.0, SumOptions())
    assert _error(sums.unweighted, 3) < 0.15


def test_local_motion_is_undone() -> None:
    """With the polynomial, too, everywhere in the frame; without it, the sum is blurred."""
    random = np.random.default_rng(4)
    coefficients = random.standard_normal((2, 18)) * np.tile([2.0, 0.25, 0.05], 6)
    shifts = np.array([[0.0, 0.0], [1.5, -0.7], [2.2, -2.1]])
    model = MotionModel(SHAPE, shifts, coefficients)
    sums = sum_frames(Frames(model), model, 1.0, SumOptions())
    assert _error(sums.unweighted, 3) < 0.07
    blurred = sum_frames(Frames(model), MotionModel(SHAPE, shifts), 1.0, SumOptions())
    assert _error(blurred.unweighted, 3) > 0.3


@pytest.mark.parametrize("local", [False, True])
def test_noise_stays_white(local: bool) -> None:
    """White noise in the frames is white noise in the sum, of the variance of its frames' sum."""
    coefficients = np.zeros((2, 18))
    coefficients[:, 3] = 1.3
    shifts = np.array([[0.0, 0.0], [0.4, 0.3], [0.5, 0.8], [0.2, 0.6]])
    model = MotionModel(SHAPE, shifts, coefficients if local else None)

    class Noise:
        shape = (4, *SHAPE)

        def frame(self, index: int) -> NDArray[np.float32]:
            return np.random.default_rng(index).standard_normal(SHAPE).astype(np.float32)

    image = sum_frames(Noise(), model, 1.0, SumOptions()).unweighted
    assert image is not None
    power = np.abs(np.fft.fft2(image)) ** 2 / image.size / 4.0
    frequency = np.hypot(np.fft.fftfreq(SHAPE[0])[:, None], np.fft.fftfreq(SHAPE[1]))
    for low in (0.0, 0.1, 0.2, 0.3, 0.4):
        ring = (frequency >= low) & (frequency < low + 0.1)
        assert power[ring].mean() == pytest.approx(1.0, abs=0.12)


def test_halves_add_up_to_the_whole() -> None:
    """Odd frames are the 1st, 3rd ...; even and odd add up to the unweighted sum."""

    class Numbered:
        shape = (5, 64, 64)

        def frame(self, index: int) -> NDArray[np.float32]:
            return np.full((64, 64), 10.0**index, np.float32)

    model = MotionModel((64, 64), np.zeros((5, 2)))
    sums = sum_frames(Numbered(), model, 1.0, SumOptions(halves=True))
    assert sums.odd is not None
    assert sums.even is not None
    assert sums.unweighted is not None
    assert sums.odd.mean() == pytest.approx(10101.0)
    assert sums.even.mean() == pytest.approx(1010.0)
    assert np.array_equal(sums.odd + sums.even, sums.unweighted)


def test_dose_weighting_follows_the_formula() -> None:
    """A wave of one frequency has the amplitude sum(q A) / sqrt(sum q²), its mean sqrt(n)."""
    exposure = Exposure(3.0, 1.0, 300.0)
    x = np.arange(128)
    frequency = 16 / 128 / 1.5

    class Wave:
        shape = (4, 128, 128)

        def frame(self, index: int) -> NDArray[np.float32]:
            wave = 2.0 + np.cos(2.0 * np.pi * 16 * x / 128)
            return np.broadcast_to(wave, (128, 128)).astype(np.float32)

    model = MotionModel((128, 128), np.zeros((4, 2)))
    weighted = sum_frames(Wave(), model, 1.5, SumOptions(exposure=exposure)).weighted
    assert weighted is not None
    critical = 0.245 * frequency**-1.665 + 2.81
    q = np.exp(-np.array([4.0, 7.0, 10.0, 13.0]) / (2.0 * critical))
    spectrum = np.fft.rfft(weighted.mean(axis=0)) / 128
    assert abs(spectrum[16]) == pytest.approx(0.5 * q.sum() / np.sqrt((q**2).sum()), rel=1e-3)
    assert spectrum[0].real == pytest.approx(2.0 * 4.0 / np.sqrt(4.0), rel=1e-4)


def test_groups_and_corrected_frames_are_handed_over() -> None:
    """Sums of successive frames, and each corrected frame, reach those who asked."""
    model = MotionModel(SHAPE, np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 3.0], [2.0, 4.0]]))
    groups: dict[int, NDArray[np.float32]] = {}
    frames: dict[int, NDArray[np.float32]] = {}
    options = SumOptions(
        group_frames=2, group_sink=groups.__setitem__, frame_sink=frames.__setitem__
    )
    sums = sum_frames(Frames(model), model, 1.0, options)
    assert sorted(groups) == [0, 1]
    assert sorted(frames) == [0, 1, 2, 3]
    assert sums.unweighted is not None
    # What is handed over as it is has yet to become white.
    response = interpolation.noise_response(model.global_shifts_px[:, None], np.ones(4))
    y, x = fourier.frequencies(SHAPE)
    total = groups[0] + groups[1]
    interpolation.join_borders(total)
    spectrum = fourier.forward(total)
    interpolation.whiten(spectrum, response, y[:, 0], x[0])
    assert np.abs(fourier.inverse(spectrum, SHAPE) - sums.unweighted).max() < 1e-3
    assert np.abs(sum(frames.values()) - sums.unweighted).max() < 1e-3
    assert _error(frames[3], 1) < 0.25


def test_not_a_number_counts_as_the_mean() -> None:
    """A frame with not-a-numbers leaves a sum without them."""

    class Holes:
        shape = (2, 64, 64)

        def frame(self, index: int) -> NDArray[np.float32]:
            frame = np.full((64, 64), 3.0, np.float32)
            frame[10, 10] = np.nan
            return frame

    image = sum_frames(Holes(), MotionModel((64, 64), np.zeros((2, 2))), 1.0, SumOptions())
    assert image.unweighted == pytest.approx(np.full((64, 64), 6.0), abs=1e-4)


@pytest.mark.parametrize("scaled", [False, True])
def test_counts_with_their_gain_give_what_floats_give(scaled: bool) -> None:
    """Counts multiplied where they are looked at sum up to what corrected frames do."""
    random = np.random.default_rng(8)
    counts = random.poisson(9.0, (5, *SHAPE)).astype(np.int16)
    gain = random.uniform(0.8, 1.2, SHAPE).astype(np.float32) if scaled else None
    model = MotionModel(SHAPE, random.uniform(-4.0, 4.0, (5, 2)))
    options = SumOptions(exposure=Exposure(2.0))
    first, second = (
        sum_frames(source, model, 1.0, options)
        for source in (Counts(counts, gain), Floats(counts, gain))
    )
    assert first.unweighted is not None
    assert first.unweighted == pytest.approx(second.unweighted, abs=1e-3)
    assert first.weighted == pytest.approx(second.weighted, abs=1e-3)


def test_an_unwanted_sum_is_not_made() -> None:
    """Who wants the weighted sum alone gets that, the same as with the other beside it."""
    model = MotionModel(SHAPE, np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 3.0]]))
    alone, both = (
        sum_frames(Frames(model), model, 1.0, SumOptions(Exposure(2.0), unweighted=wanted))
        for wanted in (False, True)
    )
    assert alone.unweighted is None
    assert both.unweighted is not None
    assert alone.weighted == pytest.approx(both.weighted)


def test_groups_cover_the_frames_that_they_should() -> None:
    """Groups larger than what is resampled at a time, and the end that fills none, are whole."""

    class Numbered:
        shape = (13, 64, 64)

        def frame(self, index: int) -> NDArray[np.float32]:
            return np.full((64, 64), index + 1.0, np.float32)

    found: dict[int, float] = {}

    def sink(number: int, image: NDArray[np.float32]) -> None:
        found[number] = float(image.mean())

    model = MotionModel((64, 64), np.zeros((13, 2)))
    sum_frames(Numbered(), model, 1.0, SumOptions(group_frames=6, group_sink=sink))
    assert found == {0: pytest.approx(21.0), 1: pytest.approx(57.0)}
