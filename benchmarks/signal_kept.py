"""How much of the signal a corrected micrograph keeps, and whether its noise is white.

Signal: the correlation of the micrograph with the noise-free truth, ring by ring, over that of an
oracle (``oracle``): true motion, no interpolation, exact weights. An error of the motion that all
frames share cannot be seen by anybody; the truth is displaced by it before it is compared.

Noise: two movies that differ in which electrons arrived, and in nothing else, are corrected; half
the power of their difference is that of the noise. Asked: 0.97 up to 0.9 Nyquist, flat within 1 %.
"""

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.oracle import Image, clean_frame, node_places, oracle_micrograph, true_signal
from benchmarks.recordings import THREADS, correct_movie
from benchmarks.table import print_table
from cryobatch.imaging.dose import Exposure
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulate_movie
from cryobatch.imaging.simulate_motion import NODES
from cryobatch.imaging.summing import SumOptions, sum_frames

SEED = 9021
BANDS = 10
NOISE_BANDS = 8
BLOCKS = 8
MARGIN = 64
_EDGE = 48

# Signal far beyond nature's, so that rings with little of it can be compared too; no coincidence
# loss and no spread of the gain, which would make the noise uneven before anybody has touched it.
SETTINGS = SimulationSettings(
    rows=4096, columns=4096, frames=32, pixel_size_angstrom=0.8, dose_per_frame=1.5,
    local_motion_angstrom=0.0, hot_pixels=300, dead_pixels=300, envelope_angstrom2=0.0,
    particle_hollow=0.0, particle_count=440, particle_spacing=1.0, ice_thickness_angstrom=150.0,
    electrons_per_readout=0.0, gain_deviation=0.0,
)  # fmt: skip
CASES = {
    "whole frames move": SETTINGS,
    "local motion of 8 Å": replace(SETTINGS, local_motion_angstrom=8.0),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What was measured of one movie.

    Args:
        ours: Correlation with the truth by band, of our micrograph.
        summed: The same of our sum along the true motion: what remains is not the estimate's.
        oracle: The same of the oracle's micrograph.
        noise: Our noise's power by band over its mean.
        blocks: Its variance by block of the image over the mean.
    """

    ours: NDArray[np.float64]
    summed: NDArray[np.float64]
    oracle: NDArray[np.float64]
    noise: NDArray[np.float64]
    blocks: NDArray[np.float64]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="cryobatch-signal-") as folder:
        found = {name: measure(Path(folder), settings, SEED) for name, settings in CASES.items()}
    edges = [f"{index / BANDS:.1f}-{(index + 1) / BANDS:.1f}" for index in range(BANDS)]
    rows: list[Sequence[object]] = []
    for name, kept in found.items():
        rows.append([f"{name}: the oracle's correlation", *kept.oracle.tolist()])
        rows.append(["  ours over the oracle's", *(kept.ours / kept.oracle).tolist()])
        rows.append(["  ours along the true motion", *(kept.summed / kept.oracle).tolist()])
    print_table(
        f"signal kept, {SETTINGS.rows} x {SETTINGS.columns} x {SETTINGS.frames}: correlation with "
        "the truth, by frequency over Nyquist",
        ["", *edges],
        rows,
    )
    bands = [str(number + 1) for number in range(NOISE_BANDS)]
    print_table(
        "noise: power over its mean, in bands of equal area up to Nyquist and beyond",
        ["", *bands, "corners", "blocks of the image, least", "most"],
        [
            [name, *kept.noise.tolist(), float(kept.blocks.min()), float(kept.blocks.max())]
            for name, kept in found.items()
        ],
    )


def measure(folder: Path, settings: SimulationSettings, seed: int) -> Kept:
    """Record a movie twice, correct both, and compare."""
    movie = simulate_movie(settings, seed, threads=THREADS)
    ours = correct_movie(folder, movie)
    image, unseen = ours.micrograph, _shared_error_px(movie, ours.motion)
    truth = true_signal(movie, seed, np.zeros_like(unseen))
    displaced = true_signal(movie, seed, unseen)
    perfect, summed = oracle_micrograph(movie, seed), _sum_along_truth(movie)
    again = simulate_movie(settings, seed, noise_seed=seed + 500, threads=THREADS)
    difference = image - correct_movie(folder, again).micrograph
    return Kept(
        band_means(ring_correlation(image, displaced)),
        band_means(ring_correlation(summed, truth)),
        band_means(ring_correlation(perfect, truth)),
        noise_bands(difference),
        noise_blocks(difference),
    )


@dataclass(frozen=True, slots=True)
class _CleanFrames:
    movie: SimulatedMovie

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.movie.frames), *self.movie.settings.shape)

    def frame(self, index: int) -> Image:
        return clean_frame(self.movie, index)


def _sum_along_truth(movie: SimulatedMovie) -> Image:
    settings, motion = movie.settings, movie.motion
    model = MotionModel(settings.shape, motion.global_shifts_px, motion.coefficients_px)
    exposure = Exposure(settings.dose_per_frame, settings.pre_exposure, settings.voltage_kv)
    sums = sum_frames(
        _CleanFrames(movie), model, settings.pixel_size_angstrom, SumOptions(exposure),
        threads=THREADS,
    )  # fmt: skip
    assert sums.weighted is not None
    return sums.weighted


def _shared_error_px(movie: SimulatedMovie, found: MotionModel) -> NDArray[np.float64]:
    """Return ``(2, NODES, NODES)``: the mean over frames of found less true displacements."""
    places = node_places(movie.settings.shape)
    error = (found.shifts_px(*places) - movie.motion.shifts_px(*places)).mean(axis=0)
    return np.ascontiguousarray(error.T.reshape(2, NODES, NODES))


def ring_correlation(image: Image, truth: Image) -> NDArray[np.float64]:
    """Return the Fourier ring correlation, one ring a frequency step, up to Nyquist."""
    first, second = (np.fft.rfft2(_inner(part)) for part in (image, truth))
    rings, count = _rings(first.shape, image.shape)
    shared = np.bincount(rings, (first * second.conj()).real.ravel(), count)
    powers = [np.bincount(rings, np.abs(part.ravel()) ** 2, count) for part in (first, second)]
    result: NDArray[np.float64] = shared / np.sqrt(powers[0] * powers[1])
    return result


def band_means(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means over bands of a tenth of Nyquist, zero frequency left out."""
    nyquist = (len(correlation) * 1000) // 1415
    edges = np.linspace(0, nyquist, BANDS + 1).astype(np.int64)
    edges[0] = 3
    return np.array([correlation[a:b].mean() for a, b in itertools.pairwise(edges)])


def noise_bands(difference: Image) -> NDArray[np.float64]:
    """Return the power in bands of equal area up to Nyquist, then beyond, over the mean."""
    part = _inner(difference)
    power = np.abs(np.fft.rfft2(part)) ** 2
    y, x = np.fft.fftfreq(part.shape[0])[:, None], np.fft.rfftfreq(part.shape[1])
    radius2 = 4.0 * (y**2 + x**2)
    band = np.minimum((radius2 * NOISE_BANDS).astype(np.int64), NOISE_BANDS).ravel()
    means = np.bincount(band, power.ravel()) / np.bincount(band)
    return np.asarray(means / means[:NOISE_BANDS].mean())


def noise_blocks(difference: Image) -> NDArray[np.float64]:
    """Return ``(BLOCKS, BLOCKS)``: the variance in blocks of the image over its smooth trend."""
    side = (difference.shape[0] - 2 * MARGIN) // BLOCKS
    inner = difference[MARGIN : MARGIN + side * BLOCKS, MARGIN : MARGIN + side * BLOCKS]
    variance = inner.reshape(BLOCKS, side, BLOCKS, side).astype(np.float64).var(axis=(1, 3))
    # The beam is uneven by a plane; its noise is too.
    y, x = np.mgrid[:BLOCKS, :BLOCKS].reshape(2, -1)
    plane = np.stack([np.ones(y.size), y, x], axis=1)
    fitted = plane @ np.linalg.lstsq(plane, variance.ravel(), rcond=None)[0]
    return np.asarray(variance / fitted.reshape(BLOCKS, BLOCKS))


def _inner(image: Image) -> NDArray[np.float64]:
    """Return the image without margin, its mean taken off, its edges softened."""
    part = image[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.float64)
    part = part - part.mean()
    for axis in (0, 1):
        length = part.shape[axis]
        near = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
        soft = np.where(near < _EDGE, 0.5 - 0.5 * np.cos(np.pi * near / _EDGE), 1.0)
        part *= soft[:, None] if axis == 0 else soft
    inner: NDArray[np.float64] = part
    return inner


def _rings(
    spectrum_shape: Sequence[int], image_shape: tuple[int, int]
) -> tuple[NDArray[np.int64], int]:
    rows = spectrum_shape[0]
    y = np.fft.fftfreq(rows)[:, None]
    x = np.fft.rfftfreq(image_shape[1] - 2 * MARGIN)
    rings = np.rint(np.hypot(y, x) * rows).astype(np.int64).ravel()
    return rings, int(rings.max()) + 1


if __name__ == "__main__":
    main()
