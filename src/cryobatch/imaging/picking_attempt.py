"""Attempts of a search: so many places teach a template, which finds what looks like it."""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import MaskArray, deviation, grow, middle
from cryobatch.imaging.picking_patches import PointArray
from cryobatch.imaging.picking_template import (
    DiskField,
    ScoreMap,
    Template,
    blob_response,
    correlate,
    disk_field,
    local_maxima,
    teach,
)
from cryobatch.imaging.picking_threshold import Threshold, find_threshold

DISK_RADIUS = 0.65
_TEACHING_SHARE = 0.5
_LEAST_TEACHERS = 20
_FEW_TEACHERS = 6
_OUTSTANDING = 4.0
_FEW = 0.25
# A particle need not be round, but its round template must explain a part of what stands above the
# noise; gold, edges and dirt of another size have little in common with it.
_LEAST_EXPLAINED = 0.2
_SURE_DEVIATIONS = 2.0
_AMPLITUDE_LIMIT = 3.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What all attempts of a search share; lengths in working pixels."""

    diameter: float
    distance: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """An image to learn from and to search: ready for templates, with its first teachers."""

    image: ImageArray
    excluded: MaskArray
    field: DiskField
    first: PointArray
    rounds: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What so many teachers led to.

    Attributes:
        template: Of the last round.
        scored: How it fits everywhere.
        points: ``(n, 2)`` the maxima, best first.
        values: ``(n,)`` their correlations.
        by_chance: ``(m,)`` correlations of the twin's maxima.
        chance_amplitude: ``(rows, columns)`` of the twin.
        limit: Correlation from which on a maximum counts.
        chosen: ``(n,)`` bool, which do.
        teachers: How many.
    """

    template: Template
    scored: ScoreMap
    points: PointArray
    values: FloatArray
    by_chance: FloatArray
    chance_amplitude: ImageArray
    limit: Threshold
    chosen: MaskArray
    teachers: int

    @property
    def evidence(self) -> float:
        """Sum of how far what counts passes what one in ten of the twin's maxima passes."""
        if not self.chosen.any():
            return 0.0
        passed = self.values[self.chosen] - float(np.quantile(self.by_chance, 0.9))
        return float(np.maximum(passed, 0.0).sum())


def prepare_lesson(
    image: ImageArray,
    excluded: MaskArray,
    setup: Setup,
    rounds: int,
    threads: int,
    first: PointArray | None = None,
) -> Lesson:
    """Prepare an image for templates.

    Args:
        image: ``(rows, columns)`` float32, flat.
        excluded: ``(rows, columns)`` bool, where nothing is sought.
        setup: Lengths in working pixels.
        rounds: How often a template finds the places that teach the next.
        threads: Threads of the transforms.
        first: ``(n, 2)`` x and y of what teaches the first template; None: the image's blobs.
    """
    field = disk_field(image, DISK_RADIUS * setup.diameter, threads)
    if first is None:
        first = local_maxima(blob_response(image, setup.diameter), setup.distance, excluded)
    return Lesson(image, excluded, field, first, rounds)


def best_attempt(setup: Setup, real: Lesson, chance: Lesson, given: int | None) -> Attempt | None:
    """Let many blobs teach, then as few as that found, if they find more; or those given.

    Args:
        setup: Lengths in working pixels.
        real: The micrograph.
        chance: Its twin without particles.
        given: How many of the first places teach; None finds it.

    Returns:
        None where there is nothing to learn a template from.
    """
    if given is not None:
        return _attempt(setup, real, chance, given)
    many = max(_LEAST_TEACHERS, int(len(real.first) * _TEACHING_SHARE))
    first = _attempt(setup, real, chance, many)
    few = (np.count_nonzero(first.chosen) if first else 0) or _FEW_TEACHERS
    if few > many * _TEACHING_SHARE:
        return first
    second = _attempt(setup, real, chance, int(few))
    if first is None or (second is not None and second.evidence >= first.evidence):
        return second
    return first


def _attempt(setup: Setup, real: Lesson, twin: Lesson, teachers: int) -> Attempt | None:
    """Search with so many teachers; the twin is taught by as many, so that both compare."""
    share = min(twin.image.size / real.image.size, 1.0)
    by_twin = min(teachers, max(_LEAST_TEACHERS, round(teachers * share)))
    taught = _teach_and_score(setup, real, teachers)
    chance = _teach_and_score(setup, twin, by_twin)
    if taught is None or chance is None:
        return None
    template, scored, points = taught
    values, by_chance = values_at(scored.score, points), values_at(chance[1].score, chance[2])
    limit = find_threshold(values, by_chance)
    return Attempt(
        template, scored, points, values, by_chance, chance[1].amplitude, limit,
        choose(scored, points, values >= limit.score), teachers,
    )  # fmt: skip


def choose(scored: ScoreMap, points: PointArray, high: MaskArray) -> MaskArray:
    """Return ``(n,)`` bool: those of ``(n, 2)`` points that are high and plausible."""
    chosen = high.copy()
    chosen[chosen] = _plausible(scored, points[chosen])
    return chosen


def without_outstanding(
    image: ImageArray, excluded: MaskArray, setup: Setup
) -> tuple[ImageArray, PointArray]:
    """Return the image without the few blobs that are far stronger than the others, and all blobs.

    A twin that had their power would score as they do.
    """
    response = blob_response(image, setup.diameter)
    points = local_maxima(response, setup.distance, excluded)
    values = values_at(response, points)
    if not len(values):
        return image, points
    limit = float(np.median(values)) + _OUTSTANDING * deviation(values)
    few = points[: min(int(np.count_nonzero(values > limit)), int(_FEW * len(points)))]
    rest = np.ones(image.shape, dtype=bool)
    rest[few[:, 1], few[:, 0]] = False
    return image * ~grow(~rest, DISK_RADIUS * setup.diameter), points


def _teach_and_score(
    setup: Setup, lesson: Lesson, teachers: int
) -> tuple[Template, ScoreMap, PointArray] | None:
    """Let the best places teach the template that finds better ones, some times over."""
    template: Template | None = None
    points = lesson.first
    for left in reversed(range(lesson.rounds)):
        template = teach(lesson.image, points[:teachers], lesson.field.radius, template)
        if template is None:
            return None
        scored = correlate(lesson.field, template)
        enough = teachers if left else None
        points = local_maxima(scored.score, setup.distance, lesson.excluded, enough)
    return (template, scored, points) if template is not None else None


def _plausible(scored: ScoreMap, points: PointArray) -> MaskArray:
    """Return ``(n,)`` bool: whether a place looks like the others, not like gold, ice or dirt."""
    if not len(points):
        return np.zeros(0, dtype=bool)
    along = values_at(scored.amplitude, points)
    usual_energy = middle(scored.energy)
    noise = usual_energy + _SURE_DEVIATIONS * deviation(scored.energy)
    explained = along**2 / np.maximum(values_at(scored.energy, points) - noise, along**2)
    usual = along < _AMPLITUDE_LIMIT * np.median(along)
    return np.asarray((explained >= _LEAST_EXPLAINED) & usual)


def values_at(field: ImageArray, points: PointArray) -> FloatArray:
    """Return ``(n,)`` float64: a field of ``(rows, columns)`` at ``(n, 2)`` x and y."""
    return field[points[:, 1], points[:, 0]].astype(np.float64)
