"""Estimate how the content of a movie's frames moves.

Whole frames first, then local motion (RELION's polynomial, and what bends early) from patches,
both as the maximum of one likelihood (``motion_likelihood``) whose signal and noise are measured on
the movie itself. Patches do not have to be aligned one by one: each adds what it knows to the same
few parameters, so that small patches of a weak movie serve too.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging import motion_likelihood as likelihood
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.bright_spots import blank_bright_spots
from cryobatch.imaging.frame_source import FrameSource
from cryobatch.imaging.motion_fit import Parameters, newton_step, scatter
from cryobatch.imaging.motion_frames import CoarseFrames, read_coarse
from cryobatch.imaging.motion_geometry import Geometry, make_geometry
from cryobatch.imaging.motion_model import SPATIAL_TERMS, MotionModel
from cryobatch.imaging.motion_patches import PatchGrid, cut_patches, make_grid
from cryobatch.imaging.motion_prior import Scales, make_prior
from cryobatch.imaging.motion_search import search_shifts
from cryobatch.imaging.motion_signal import (
    Weights,
    chosen_lags,
    emphasis,
    estimate_weights,
    ring_frequencies,
)
from cryobatch.imaging.motion_time import TIME_TERMS

_LARGEST_STRUCTURE_ANGSTROM = 300.0
_FRAMES_TO_KNOW_RINGS = 8
"""Fewer say too little of how much signal each ring of frequencies has."""
_CONVERGED_ANGSTROM = 0.04
_STEPS = 8
_WEIGHINGS_FROM_AFAR = 2
"""At all detail once is enough, and better: weights that follow every step fit themselves to it."""
_BLURRED_ANGSTROM = 20.0
_BLURRED_PIXEL_ANGSTROM = 5.0
_ENOUGH_PX = 1480.0
_FINER = 2.0 / 3.0
_SIGNIFICANT_DEVIATIONS = 7.0
"""Movies of nothing but noise, 2 to 40 frames of 200 to 1024 pixels, gave 4.3 to 6.1: the best of
all displacements always agrees a little."""


@dataclass(frozen=True, slots=True)
class MotionOptions:
    """How to estimate motion.

    Attributes:
        patches: Patches along x and y; (1, 1) aligns whole frames only.
        resolution_angstrom: Two pixels of the coarse images that are aligned: finer detail than
            this is not used, or than two thirds of it where a field is so small that its coarse
            images would hold little to align (and cost little).
        bfactor_px2: Weight frequencies by exp(-B k² / 4), k in 1/pixel of the movie, besides what
            the measured signal and noise say; 0 leaves it at those.
    """

    patches: tuple[int, int] = (5, 5)
    resolution_angstrom: float = 5.0
    bfactor_px2: float = 0.0


@dataclass(frozen=True, slots=True)
class MotionEstimate:
    """What was found.

    Attributes:
        model: The motion, in pixels of the movie.
        uncertainty_angstrom: Expected error (standard deviation along an axis) of a whole frame's
            displacement, from the curvature of the likelihood. Infinite where frames agree no
            better than noise does: the model is then one of no motion.
        empty_frames: Indices of frames without content.
        bright_part: Part of the area that gold and the like cover. The estimate has not looked
            there, unless that ``bright_spots.is_too_much``.
    """

    model: MotionModel
    uncertainty_angstrom: float
    empty_frames: tuple[int, ...]
    bright_part: float = 0.0


def estimate_motion(
    source: FrameSource,
    pixel_size_angstrom: float,
    options: MotionOptions | None = None,
    *,
    threads: int = 1,
) -> MotionEstimate:
    """Estimate the motion of a movie, reading every frame once.

    Args:
        source: The frames, gain-corrected.
        pixel_size_angstrom: Å a pixel of them.
        options: How.
        threads: Threads to use.
    """
    options = options or MotionOptions()
    coarse = _coarse_pixel_angstrom(options, source.shape[1:], pixel_size_angstrom)
    frames = read_coarse(source, pixel_size_angstrom, coarse, threads)
    empty = tuple(int(index) for index in np.flatnonzero(frames.present == 0.0))
    bright = blank_bright_spots(frames, threads)
    damping = _Damping(options.bfactor_px2 * pixel_size_angstrom**2)
    whole = _align_whole(frames, damping, threads)
    if whole is None:
        at_rest = np.zeros((frames.present.size, 2))
        return MotionEstimate(MotionModel(frames.full_shape, at_rest), np.inf, empty, bright)
    found, uncertainty, factors = whole
    local = options.patches != (1, 1) and frames.present.size > 2
    if local:
        if frames.present.sum() >= _FRAMES_TO_KNOW_RINGS:
            _emphasise(frames, factors, threads)
        found = _align_patches(frames, found, options.patches, damping, threads)
    model = found.model(frames.full_shape, pixel_size_angstrom, local=local)
    return MotionEstimate(model, uncertainty, empty, bright)


def _coarse_pixel_angstrom(
    options: MotionOptions, shape: tuple[int, int], pixel_size_angstrom: float
) -> float:
    """Return the pixel to align at: that of the resolution, or one that a small field needs.

    Neighbouring frames share ice, whose 3.7 Å tell more than all that is coarser; with 0.5 e/Å² a
    frame, details of 3.3 Å leave two thirds of the error that those of 5 Å leave.
    """
    coarsest = 0.5 * options.resolution_angstrom
    side = float(np.sqrt(shape[0] * shape[1])) * pixel_size_angstrom
    return min(coarsest, max(side / _ENOUGH_PX, _FINER * coarsest))


@dataclass(frozen=True, slots=True)
class _Damping:
    """A person's wish to trust fine detail less than its measured signal deserves."""

    bfactor_angstrom2: float

    def __call__(self, frequency: FloatArray, extra: float = 0.0) -> ImageArray:
        exponent = (0.25 * self.bfactor_angstrom2 + extra) * frequency**2
        return np.exp(-exponent).astype(np.float32)


def _align_whole(
    frames: CoarseFrames, damping: _Damping, threads: int
) -> tuple[Parameters, float, ImageArray] | None:
    """Return whole-frame shifts, their uncertainty, Å, and what brings out the frames' signal.

    None if frames agree by chance only.
    """
    if frames.present.sum() < 2:
        return None
    shifts = search_shifts(frames, threads)
    found = Parameters(shifts - shifts[:1], np.zeros((2, SPATIAL_TERMS, TIME_TERMS)))
    none = np.zeros((1, len(shifts), 2))
    for blur, images in _rounds(frames):
        geometry = make_geometry(
            images.shape, images.pixel_size_angstrom, _LARGEST_STRUCTURE_ANGSTROM
        )
        climb = _Climb(geometry, images.spectra[None], frames.present, damping)
        found = climb.run(found, none, None, blur=blur)
    if climb.significance() < _SIGNIFICANT_DEVIATIONS:
        return None
    return found, climb.uncertainty_angstrom(), emphasis(climb.geometry, climb.weights)


def _emphasise(frames: CoarseFrames, factors: ImageArray, threads: int) -> None:
    """Filter the frames in place: a copy would be hundreds of megabytes."""

    def filter_one(spectrum: SpectrumArray) -> None:
        spectrum *= factors

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(filter_one, frames.spectra))


def _rounds(frames: CoarseFrames) -> Iterator[tuple[float, CoarseFrames]]:
    """Yield blur (Å²) and images of a first look, from afar, and of one at all detail."""
    yield _BLURRED_ANGSTROM**2, frames.coarser(_BLURRED_PIXEL_ANGSTROM)
    yield 0.0, frames


def _align_patches(
    frames: CoarseFrames,
    start: Parameters,
    patches: tuple[int, int],
    damping: _Damping,
    threads: int,
) -> Parameters:
    """Add local motion: first from coarse detail, then, on patches that follow it, from all."""
    found = start
    for blur, images in _rounds(frames):
        # In a function of its own: patches are freed before the next ones are cut.
        found = _climb_patches(
            images, found, make_grid(images.shape, patches), blur, damping, threads
        )
    return found


def _climb_patches(
    images: CoarseFrames,
    start: Parameters,
    grid: PatchGrid,
    blur: float,
    damping: _Damping,
    threads: int,
) -> Parameters:
    geometry = make_geometry(grid.shape, images.pixel_size_angstrom, _LARGEST_STRUCTURE_ANGSTROM)
    moves = start.displacements(grid.space)
    spectra, followed = cut_patches(images, grid, moves, threads)
    climb = _Climb(geometry, spectra, images.present, damping, grid.share)
    return climb.run(start, followed, grid.space, blur=blur)


class _Climb:
    """The way up one likelihood, whose spectra stay and whose weights get better."""

    def __init__(
        self,
        geometry: Geometry,
        spectra: SpectrumArray,
        present: FloatArray,
        damping: _Damping,
        share: float = 1.0,
    ) -> None:
        self.geometry = geometry
        self.spectra = spectra
        self.present = present
        self.damping = damping
        self.share = share
        self.lags = chosen_lags(present.size)
        self.prior = make_prior(present.size)
        self.scales = Scales()
        none, rings = np.zeros(geometry.usable.shape, np.float32), geometry.ring_counts.size
        self.weights = Weights(none, none, none, np.zeros((present.size, rings)), np.zeros(rings))
        self.slopes = np.zeros((*spectra.shape[:2], 7))

    def run(
        self, start: Parameters, followed: FloatArray, space: FloatArray | None, *, blur: float
    ) -> Parameters:
        """Take Newton steps until they are small.

        Args:
            start: Where from.
            followed: ``(patches, frames, 2)``, Å: what the spectra have been moved by already.
            space: ``(patches, 6)`` or None, as for ``newton_step``.
            blur: Extra damping, Å²: detail finer than its root counts little.
        """
        current = start
        at = space if space is not None else np.eye(1, SPATIAL_TERMS)
        longest = 0.25 * max(np.sqrt(blur), 4.0)
        damping = self.damping(self.geometry.magnitude, blur)
        rings = self.damping(ring_frequencies(self.geometry), blur)
        for number in range(_STEPS):
            y, x = self.geometry.phases(current.displacements(at) - followed)
            if number < (_WEIGHINGS_FROM_AFAR if blur else 1):
                self._weigh(y, x)
            self._differentiate(y, x, damping)
            coupling = (rings * self.weights.pairs).sum(axis=1)
            step = newton_step(
                current, self.slopes, self.present, coupling, space, self.prior, self.scales,
                longest,
            )  # fmt: skip
            self.scales, current = step.scales, step.parameters
            if step.change_angstrom < _CONVERGED_ANGSTROM:
                break
        return current

    def _weigh(self, y: SpectrumArray, x: SpectrumArray) -> None:
        """Measure signal and noise."""
        geometry = self.geometry
        shared = likelihood.correlations(
            self.spectra, y, x, np.array(self.lags), geometry.used_columns, geometry.usable,
            geometry.rings, geometry.ring_counts.size,
        )  # fmt: skip
        self.weights = estimate_weights(
            self.geometry, shared, self.lags, self.present, self.spectra.shape[0]
        )

    def _differentiate(self, y: SpectrumArray, x: SpectrumArray, damping: ImageArray) -> None:
        weights, geometry = self.weights, self.geometry
        slopes = likelihood.derivatives(
            self.spectra, y, x, damping * weights.staying, damping * weights.passing,
            weights.memory, geometry.y.astype(np.float32), geometry.x.astype(np.float32),
            geometry.used_columns,
        )  # fmt: skip
        self.slopes = self.share / scatter(slopes, self.present) * slopes

    def significance(self) -> float:
        """Return by how many deviations a usual frame agrees with the others beyond chance."""
        agreement = self.slopes[:, self.present > 0.0, 5].sum(axis=0)
        spread = np.sqrt(self.slopes[:, self.present > 0.0, 6].sum(axis=0))
        return float(np.median(agreement / np.maximum(spread, 1e-30)))

    def uncertainty_angstrom(self) -> float:
        """Return the standard deviation of a whole frame's displacement along an axis."""
        count = float(self.present.sum())
        mean = self.slopes.sum(axis=0)[self.present > 0.0].mean(axis=0)
        matrix = np.array([[mean[2], mean[3]], [mean[3], mean[4]]])
        values = np.linalg.eigvalsh(matrix)
        if values[0] <= 0.0:
            return float("inf")
        return float(np.sqrt(0.5 * (1.0 / values).sum() * (count - 1.0) / count))
