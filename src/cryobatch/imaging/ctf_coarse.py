"""The coarse half of the CTF search: every defocus, astigmatism and phase shift there may be.

The plane is cut into sectors in which astigmatism hardly matters. What one sector says about each
defocus is a small table, and any astigmatic defocus is a sum over sectors, looked up.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.ctf_candidate import Candidate, SearchRange
from cryobatch.imaging.ctf_formula import Defocus
from cryobatch.imaging.ctf_pixels import RADIAL_ORDER, RingPixels
from cryobatch.imaging.ctf_score import LEAST_KEPT

SECTORS = 18
ANGLES = 18
CANDIDATES = 5
CANDIDATE_LEAST_SHARE = 0.5
COARSE_TURNS = 0.1
"""Step of the defocus in turns at the highest frequency: a tenth of a ring."""


@dataclass(frozen=True, slots=True)
class RingTable:
    """A spectrum by sector and whole radius.

    Attributes:
        frequency: ``(rings,)`` mean frequency, 1/Å.
        per_angstrom: ``(rings,)`` turns per Å of defocus.
        constant: ``(rings,)`` constant turns.
        data: ``(SECTORS, rings)`` sum of the flattened pixels.
        weight: ``(rings,)`` number of pixels of all sectors.
    """

    frequency: FloatArray
    per_angstrom: FloatArray
    constant: FloatArray
    data: FloatArray
    weight: FloatArray


def ring_table(pixels: RingPixels) -> RingTable:
    """Sum the pixels by sector and radius."""
    sector = sectors_of(pixels, SECTORS)
    ring = pixels.ring - pixels.ring.min()
    count = int(ring.max()) + 1
    weight = np.bincount(ring, minlength=count).astype(np.float64)
    present = weight > 0
    place, data = sector * count + ring, pixels.data.astype(np.float64)
    summed = np.bincount(place, weights=data, minlength=SECTORS * count).astype(np.float64)

    def mean(values: FloatArray) -> FloatArray:
        return np.bincount(ring, values, minlength=count)[present] / weight[present]

    return RingTable(
        frequency=mean(pixels.frequency),
        per_angstrom=mean(pixels.geometry[2].astype(np.float64)),
        constant=mean(pixels.geometry[3].astype(np.float64)),
        data=summed.reshape(SECTORS, count)[:, present],
        weight=weight[present],
    )


def sectors_of(pixels: RingPixels, count: int) -> NDArray[np.intp]:
    """Return which of ``count`` equal sectors of the half plane each pixel is in."""
    turned = np.mod(pixels.direction, math.pi) / math.pi * count
    return np.minimum(turned.astype(np.intp), count - 1)


@dataclass(frozen=True, slots=True)
class RingLaw:
    """Turns by radius: ``defocus * per_angstrom + constant``; a decoy has another one."""

    per_angstrom: FloatArray
    constant: FloatArray


def ring_law(rings: RingTable) -> RingLaw:
    """Return the law of the contrast transfer function."""
    return RingLaw(rings.per_angstrom, rings.constant)


def coarse_candidates(rings: RingTable, law: RingLaw, limits: SearchRange) -> list[Candidate]:
    """Return the best few defoci of the coarse search, best first, each a separate maximum."""
    step = COARSE_TURNS / float(np.abs(law.per_angstrom).max())
    margin = math.ceil(limits.astigmatism_high_angstrom / 2.0 / step) + 1
    inner = max(
        2, math.ceil((limits.defocus_high_angstrom - limits.defocus_low_angstrom) / step) + 1
    )
    places = np.arange(inner + 2 * margin, dtype=np.float64) - margin
    defoci = limits.defocus_low_angstrom + step * places
    phases = _phases(limits)
    halves = np.arange(0.0, limits.astigmatism_high_angstrom / 2.0 / step + 0.5)
    table, lengths = _defocus_table(rings, law, defoci, phases)
    best, where = _best_by_defocus(table, lengths, halves, ANGLES, margin, inner)
    return [
        _candidate(float(defoci[margin + i]), float(best[i]), where[i], step, phases)
        for i in _separate_maxima(best)
    ]


def _phases(limits: SearchRange) -> FloatArray:
    if not limits.searches_phase:
        return np.array([limits.phase_low_turns])
    span = limits.phase_high_turns - limits.phase_low_turns
    count = math.ceil(span / limits.phase_step_turns) + 1
    return np.linspace(limits.phase_low_turns, limits.phase_high_turns, count)


def _defocus_table(
    rings: RingTable, law: RingLaw, defoci: FloatArray, phases: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return each sector's product with each model, and the length of each model.

    Returns:
        ``(phases, defoci, SECTORS)`` and ``(phases, defoci)``.
    """
    turns = defoci[:, None] * law.per_angstrom + law.constant
    fade = _faded(turns)
    root = np.sqrt(rings.weight)
    shapes = np.linalg.qr(_radial_shapes(rings) * root[:, None])[0]
    cosine, sine = -fade * np.cos(2.0 * np.pi * turns), fade * np.sin(2.0 * np.pi * turns)
    products = cosine @ rings.data.T, sine @ rings.data.T
    table, kept = [], []
    for phase in phases:
        along, across = math.cos(2.0 * math.pi * phase), math.sin(2.0 * math.pi * phase)
        table.append(along * products[0] + across * products[1])
        model = root * (along * cosine + across * sine)
        square = np.einsum("dr,dr->d", model, model)
        lost = np.square(model @ shapes).sum(axis=1)
        kept.append(np.maximum(square - lost, LEAST_KEPT**2 * square))
    return np.stack(table), np.sqrt(np.maximum(np.stack(kept), 1e-12))


def _radial_shapes(rings: RingTable) -> FloatArray:
    low, high = rings.frequency[0], rings.frequency[-1]
    place = 2.0 * (rings.frequency - low) / (high - low) - 1.0
    shapes: FloatArray = np.polynomial.chebyshev.chebvander(place, RADIAL_ORDER)
    return shapes


def _faded(turns: FloatArray) -> FloatArray:
    rate = np.abs(np.gradient(turns, axis=1))
    faded: FloatArray = np.where(rate < 1.0, np.sinc(rate), 0.0)
    return faded


@njit(cache=True, nogil=True)
def _best_by_defocus(
    table: FloatArray,
    lengths: FloatArray,
    halves: FloatArray,
    angles: int,
    margin: int,
    inner: int,
) -> tuple[FloatArray, FloatArray]:
    """Return for each mean defocus the best score, and where: indices of half, angle, phase."""
    phases, _, sectors = table.shape
    best = np.full(inner, -1.0)
    where = np.zeros((inner, 3))
    offset = np.zeros(sectors, np.int64)
    for h in range(halves.size):
        for a in range(angles if h else 1):
            for j in range(sectors):
                double = 2.0 * np.pi * ((j + 0.5) / sectors - a / angles)
                offset[j] = margin + int(np.rint(halves[h] * np.cos(double)))
            for p in range(phases):
                for i in range(inner):
                    total = 0.0
                    for j in range(sectors):
                        total += table[p, i + offset[j], j]
                    total /= lengths[p, i + margin]
                    if total > best[i]:
                        best[i] = total
                        where[i, 0], where[i, 1], where[i, 2] = h, a, p
    return best, where


def _separate_maxima(best: FloatArray) -> list[int]:
    remaining = best.copy()
    chosen: list[int] = []
    while len(chosen) < CANDIDATES:
        top = int(remaining.argmax())
        if chosen and remaining[top] < CANDIDATE_LEAST_SHARE * best[chosen[0]]:
            break
        chosen.append(top)
        remaining[max(0, top - 4) : top + 5] = -np.inf
    return chosen


def _candidate(
    mean: float, value: float, where: FloatArray, step: float, phases: FloatArray
) -> Candidate:
    half, angle, phase = where[0] * step, 2.0 * math.pi * where[1] / ANGLES, phases[int(where[2])]
    defocus = Defocus(mean, half * math.cos(angle), half * math.sin(angle), float(phase))
    return Candidate(defocus, value)
