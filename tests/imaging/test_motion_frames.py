"""Coarse frames show the low frequencies of a movie, however its frames come."""

import numpy as np
import pytest

from cryobatch.imaging.motion_frames import CoarseFrames, read_coarse
from tests.imaging.movies import Counts, Floats


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(("size", "wanted"), [(96, 1.0), (96, 2.2), (1200, 3.0)])
def test_counts_with_their_gain_give_what_floats_give(
    scaled: bool, size: int, wanted: float
) -> None:
    """Counts multiplied where they are looked at have the spectra of corrected frames."""
    random = np.random.default_rng(12)
    counts = random.poisson(9.0, (3, size, size)).astype(np.int16)
    counts[1] = 4
    counts[2, 5, 7] = 30000
    gain = random.uniform(0.8, 1.2, (size, size)).astype(np.float32) if scaled else None
    first, second = (
        read_coarse(source, 1.0, wanted, 2)
        for source in (Counts(counts, gain), Floats(counts, gain))
    )
    assert first.present.tolist() == second.present.tolist() == [1.0, float(scaled), 1.0]
    difference = np.abs(first.spectra - second.spectra).max()
    assert difference < 1e-3 * np.abs(second.spectra).max()


def test_coarser_frames_show_the_same() -> None:
    """Cutting spectra down keeps grey values and what larger pixels can show."""
    y, x = np.mgrid[:96, :120]
    wave = np.cos(2.0 * np.pi * (3 * y / 96 + 5 * x / 120)).astype(np.float32)
    fine = CoarseFrames(
        np.fft.rfft2(wave)[None].astype(np.complex64), (96, 120), (1.0, 1.0), (96, 120), np.ones(1)
    )
    coarse = fine.coarser(2.0)
    rows, columns = coarse.shape
    assert (rows, columns) == (48, 60)
    y, x = np.mgrid[:rows, :columns]
    expected = np.cos(2.0 * np.pi * (3 * y / rows + 5 * x / columns))
    assert coarse.image(0) == pytest.approx(expected, abs=1e-5)
