"""Resampling follows motion."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.imaging import resample
from cryobatch.imaging.interpolation import interpolation_taps

SHAPE = (96, 130)


def resampled(
    frames: list[NDArray[np.float32]], moved: NDArray[np.float64], weights: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the sum of up to four frames, and weighted ones."""
    part = np.empty(frames[0].shape, np.float32)
    sums = np.empty((len(weights), *frames[0].shape), np.float32)
    four = tuple(frames[min(number, len(frames) - 1)] for number in range(4))
    none = np.empty((0, 0), np.float32)
    for band in resample.bands(frames[0].shape[0]):
        resample.add_resampled(
            four, none, len(frames), moved, interpolation_taps(), part, True, sums,
            weights, True, band,
        )  # fmt: skip
    return part, sums


def moves(*shifts: tuple[float, float]) -> NDArray[np.float64]:
    """Return motions of whole frames."""
    terms = np.zeros((4, 2, 6))
    terms[: len(shifts), :, 0] = shifts
    return terms


def test_content_moves_back_and_is_weighted() -> None:
    """Displaced smooth content comes to lie where it was; each sum has its own weights."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)

    def scene(dx: float, dy: float) -> NDArray[np.float32]:
        shown = np.sin(0.4 * (x - dx)) + np.cos(1.2 * (y - dy) + 0.2 * (x - dx))
        return np.asarray(shown, dtype=np.float32)

    shifts = [(0.0, 0.0), (1.37, -2.61), (-5.2, 0.5)]
    weights = np.array([[1.0, 0.0, 0.0, 9.0], [1.0, 2.0, 3.0, 9.0]], np.float32)
    part, sums = resampled([scene(*shift) for shift in shifts], moves(*shifts), weights)
    inside = (slice(12, -12), slice(12, -12))
    still = scene(0.0, 0.0)
    assert np.abs(part / 3 - still)[inside].max() < 5e-3
    assert np.abs(sums[0] - still)[inside].max() < 5e-3
    assert np.abs(sums[1] / 6 - still)[inside].max() < 5e-3


def test_whole_pixels_change_nothing_but_the_place() -> None:
    """A frame that moves by them comes out as one that stays, whatever is in it."""
    still = np.random.default_rng(5).standard_normal(SHAPE).astype(np.float32)
    moved = np.roll(still, (3, -7), axis=(0, 1))
    nothing = np.zeros((0, 4), np.float32)
    one, _ = resampled([still], moves((0.0, 0.0)), nothing)
    other, _ = resampled([moved], moves((-7.0, 3.0)), nothing)
    inside = (slice(16, -16), slice(16, -16))
    assert np.abs(one - other)[inside].max() < 1e-5


def test_content_that_moves_differently_everywhere_moves_back() -> None:
    """No pixel is off by more than 0.05 pixels, whether motion bends strongly there or not."""
    shape = (80, 2300)
    terms = moves((1.3, -0.8))
    terms[0, :, 1:] = [[1.0, 6.0, 0.5, 0.3, 2.0], [-2.0, 4.0, 0.7, -0.4, -3.0]]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)

    def scene(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.asarray(np.sin(0.4 * x) + np.cos(0.5 * y + 0.2 * x), dtype=np.float32)

    from_x, from_y = x, y
    for _ in range(4):
        u, v = from_x / shape[1] - 0.5, from_y / shape[0] - 0.5
        displaced = np.tensordot(terms[0], np.stack([u * 0 + 1, u, u * u, v, v * v, u * v]), 1)
        from_x, from_y = x - displaced[0], y - displaced[1]
    part, _ = resampled([scene(from_x, from_y)], terms, np.zeros((0, 4), np.float32))
    off = np.abs(part - scene(x, y))[12:-12, 12:-12]
    assert off.max() < 0.05 * (0.4 + np.hypot(0.5, 0.2)) + 5e-3


@pytest.mark.parametrize("far", [25.0, 300.0, -1e7])
def test_what_comes_from_outside_is_the_border(far: float) -> None:
    """However far content has moved, no pixel is read outside: the border goes on."""
    frame = np.broadcast_to(np.arange(SHAPE[1], dtype=np.float32), SHAPE).copy()
    terms = moves((far, -far))
    terms[0, :, 1:] = 40.0
    part, _ = resampled([frame], terms, np.zeros((0, 4), np.float32))
    assert np.isfinite(part).all()
    assert -30.0 < part.min() <= part.max() < SHAPE[1] + 30.0
