"""The scale of scores that all micrographs share.

A correlation alone means little: of noise it is the higher the fewer independent pixels a template
covers, and ice colours noise. So it is compared with what the same template finds in noise alone:
a twin with random phases and the power spectrum of what lies between the particles.
"""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import MaskArray, grow
from cryobatch.imaging.picking_patches import PointArray
from cryobatch.imaging.picking_template import (
    Template,
    correlate,
    disk_field,
    local_maxima,
)
from cryobatch.imaging.picking_threshold import chance_limit, phase_twin

_TWIN_SEED = 20_150_102
_LEAST_KEPT = 0.02
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """Which correlations are 0 and 1.

    Attributes:
        middle: Correlation of a usual maximum of noise: score 0.
        limit: Correlation that noise exceeds in one of a thousand such micrographs: score 1.
    """

    middle: float
    limit: float

    def scores(self, correlations: FloatArray) -> FloatArray:
        """Return ``(n,)`` scores of correlations."""
        scores: FloatArray = (correlations - self.middle) / max(self.limit - self.middle, _TINY)
        return scores

    def correlation(self, score: float) -> float:
        """Return the correlation of a score."""
        return self.middle + score * max(self.limit - self.middle, _TINY)


def find_scale(
    image: ImageArray,
    excluded: MaskArray,
    particles: PointArray,
    template: Template,
    radius_px: float,
    distance_px: float,
    threads: int = 1,
) -> Scale:
    """Find the scale of a micrograph's correlations with a template.

    Args:
        image: ``(rows, columns)`` float32, as it is searched.
        excluded: ``(rows, columns)`` bool, where nothing is sought.
        particles: ``(n, 2)`` x and y of what was found: taken out.
        template: The template.
        radius_px: Radius of its disk.
        distance_px: Smallest distance of two maxima.
        threads: Threads of the transforms.
    """
    filled = np.zeros(image.shape, dtype=bool)
    filled[particles[:, 1], particles[:, 0]] = True
    filled = grow(filled, radius_px)
    quiet = image if (~filled).mean() < _LEAST_KEPT else image * ~filled
    twin = phase_twin(quiet, _TWIN_SEED, 2.0 * radius_px, threads)
    score = correlate(disk_field(twin, radius_px, threads), template).score
    points = local_maxima(score, distance_px)
    chance = score[points[:, 1], points[:, 0]].astype(np.float64)
    if not len(chance):
        return Scale(0.0, 1.0)
    searched = np.count_nonzero(~excluded) / twin.size
    return Scale(float(np.median(chance)), chance_limit(chance, round(len(chance) * searched)))
