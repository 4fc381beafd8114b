"""Cluster beam shifts while they arrive: one cluster a place of the pattern that the beam visits.

How far apart the places are, and how widely their shifts scatter, is known only once some places
were visited again. Until then shifts wait. From then on each goes to the nearest cluster, or begins
one; clusters follow the drift of a day, each by itself and all together.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Shift = tuple[float, float]
"""Along x and y, in whatever unit the microscope's computer writes."""

LEAST_SHIFTS = 12
LEAST_RETURNS = 6
"""Shifts beyond the first of their cluster, so that their scatter is known."""
MOST_SCATTER = 0.25
"""Of the distance of the nearest clusters, rms. Pieces of one cloud seldom have less than 0.3."""
FEW, MOST_SCATTER_OF_FEW = 3, 0.12
"""A long cloud falls into two or three pieces more easily."""
DOUBTFUL_SCATTER = 0.4
"""Up to here it may be a pattern that drifts; more shifts will tell."""
LEAST_GAP = 1.3
"""Of a length at which the tree is cut to the one before: else there is nothing between them."""
SURELY_ONE = 40
"""Shifts of which no pattern can be told and that lie as unevenly as one cloud does."""
PATIENCE = 150
"""Shifts after which a pattern that was never seen again is none."""
UNEVEN = 1.6
"""The large distances to nearest neighbours by the usual ones: 1.8 and more in a cloud, 1.3 in a
lattice (90 % by 50 %)."""
TOO_NEAR = 0.5
"""Of the usual distance of places."""
OWN_PACE, COMMON_PACE = 0.1, 0.05
"""How much of a shift's distance its cluster, and all clusters, follow."""


@dataclass(slots=True)
class Cluster:
    """A place of the pattern.

    Args:
        group: Its number, for ever.
        x: Where it is now.
        y: Where it is now.
        count: Shifts that belong to it.
    """

    group: int
    x: float
    y: float
    count: int = 1

    def distance(self, shift: Shift) -> float:
        """Return how far a shift lies from it."""
        return math.hypot(shift[0] - self.x, shift[1] - self.y)


@dataclass(slots=True)
class BeamShifts:
    """The clusters of one pattern.

    Args:
        clusters: In the order in which they were seen first.
        scatter: Root mean square distance of shifts from their clusters, once known.
        waiting: Shifts that were not assigned yet, with the images that they are of.
    """

    clusters: list[Cluster] = field(default_factory=list)
    scatter: float | None = None
    waiting: list[tuple[int, float, float]] = field(default_factory=list)

    def add(self, image: int, shift: Shift, numbers: Iterator[int]) -> dict[int, int]:
        """Take the shift of one more image.

        Args:
            image: The image.
            shift: Its beam shift.
            numbers: Gives numbers for new groups.

        Returns:
            The groups that were found now, by image: none while shifts wait, else that of this
            image, and those of all that have waited.
        """
        if self.scatter is not None:
            return {image: self._join(shift, numbers)}
        self.waiting.append((image, *shift))
        if len(self.waiting) > SURELY_ONE and len(self.waiting) % 10:
            return {}  # to look for a pattern takes longer the more shifts there are
        shifts = [(x, y) for _, x, y in self.waiting]
        labels = find_pattern(shifts)
        return {} if labels is None else self._settle(shifts, labels, numbers)

    def learn(self, group: int, shift: Shift) -> None:
        """Take the shift of an image whose group is known: what was remembered is lost."""
        known = next((cluster for cluster in self.clusters if cluster.group == group), None)
        if known is None:
            self.clusters.append(Cluster(group, *shift))
            self.scatter = self.scatter or 0.0
            return
        squares = (1 - OWN_PACE) * (self.scatter or 0.0) ** 2
        self.scatter = math.sqrt(squares + OWN_PACE * known.distance(shift) ** 2)
        self._follow(known, shift)

    def _settle(
        self, shifts: Sequence[Shift], labels: Sequence[int], numbers: Iterator[int]
    ) -> dict[int, int]:
        """Make clusters of what has waited, numbered as they were seen first."""
        places = _means(shifts, labels)
        groups = {label: next(numbers) for label in dict.fromkeys(labels)}
        self.clusters += [
            Cluster(group, *places[label], labels.count(label)) for label, group in groups.items()
        ]
        self.scatter = _scatter(shifts, labels)
        found = {
            image: groups[label] for (image, *_), label in zip(self.waiting, labels, strict=True)
        }
        self.waiting.clear()
        return found

    def _join(self, shift: Shift, numbers: Iterator[int]) -> int:
        nearest = min(self.clusters, key=lambda cluster: cluster.distance(shift))
        if nearest.distance(shift) > self._reach():
            self.clusters.append(Cluster(next(numbers), *shift))
            return self.clusters[-1].group
        self._follow(nearest, shift)
        return nearest.group

    def _follow(self, nearest: Cluster, shift: Shift) -> None:
        nearest.count += 1
        x, y = shift[0] - nearest.x, shift[1] - nearest.y
        own = max(OWN_PACE, 1.0 / nearest.count)
        nearest.x, nearest.y = nearest.x + own * x, nearest.y + own * y
        for cluster in self.clusters:
            cluster.x += COMMON_PACE * x
            cluster.y += COMMON_PACE * y

    def _reach(self) -> float:
        """Return from which distance on a shift belongs to no cluster that is known.

        Well beyond the scatter and well below the distance of two places; where only a few places
        were seen, which may not be the nearest ones, nearer to the scatter.
        """
        scatter = self.scatter or 0.0
        spacing = _spacing([(c.x, c.y) for c in self.clusters])
        if spacing is None:
            return max(7.0 * scatter, 1e-9)
        return min(0.65 * spacing, max(4.5 * scatter, 0.48 * spacing))


def find_pattern(shifts: Sequence[Shift]) -> list[int] | None:
    """Tell which shifts belong together.

    The shifts' shortest tree is cut at one length after the other; that is best whose pieces are
    the smallest against their distances. Shifts that never come apart, and lie as a cloud does and
    not as a lattice, are one cluster.

    Args:
        shifts: In the order in which they came.

    Returns:
        A label for each; None while it cannot be told.
    """
    if len(shifts) < LEAST_SHIFTS:
        return None
    edges = sorted(_shortest_tree(shifts))
    if edges[-1][0] == 0.0:
        return [0] * len(shifts)
    least, best = math.inf, [0] * len(shifts)
    for labels in _cuts(edges):
        places = list(_means(shifts, labels).values())
        part = _scatter(shifts, labels) / min(_nearest_distances(places))
        if len(places) <= FEW:
            part *= MOST_SCATTER / MOST_SCATTER_OF_FEW
        if part < least:
            least, best = part, labels
    if least <= MOST_SCATTER:
        return _join_near(shifts, best)
    if len(shifts) >= PATIENCE or (least > DOUBTFUL_SCATTER and _is_one(shifts)):
        return [0] * len(shifts)
    return None


def _cuts(edges: Sequence[tuple[float, int, int]]) -> Iterator[list[int]]:
    """Yield labels of the pieces for each length at which a tree may be cut, the shortest first."""
    labels = list(range(len(edges) + 1))
    for number, (length, one, other) in enumerate(edges[:-1], start=1):
        kept, joined = labels[one], labels[other]
        labels = [kept if label == joined else label for label in labels]
        if number >= LEAST_RETURNS and edges[number][0] > LEAST_GAP * length:
            yield labels


def _join_near(shifts: Sequence[Shift], labels: Sequence[int]) -> list[int]:
    """Return labels with those pieces joined that are too near each other to be two places."""
    joined = list(labels)
    spacing = _spacing(list(_means(shifts, joined).values())) or 0.0
    while True:
        places = list(_means(shifts, joined).items())
        near = [
            (math.dist(here, there), kept, gone)
            for number, (kept, here) in enumerate(places)
            for gone, there in places[number + 1 :]
        ]
        distance, kept, gone = min(near, default=(math.inf, 0, 0))
        if distance > TOO_NEAR * spacing:
            return joined
        joined = [kept if label == gone else label for label in joined]


def _is_one(shifts: Sequence[Shift]) -> bool:
    if len(shifts) < SURELY_ONE:
        return False
    nearest = sorted(_nearest_distances(shifts))
    usual, large = nearest[len(nearest) // 2], nearest[len(nearest) * 9 // 10]
    return large > UNEVEN * usual


def _shortest_tree(shifts: Sequence[Shift]) -> list[tuple[float, int, int]]:
    """Return the edges of the minimum spanning tree (Prim): length, and the two that it joins."""
    distances = [math.dist(shifts[0], shift) for shift in shifts]
    nearest = [0] * len(shifts)
    outside = set(range(1, len(shifts)))
    edges = []
    while outside:
        new = min(outside, key=distances.__getitem__)
        outside.remove(new)
        edges.append((distances[new], nearest[new], new))
        for other in outside:
            length = math.dist(shifts[new], shifts[other])
            if length < distances[other]:
                distances[other], nearest[other] = length, new
    return edges


def _means(shifts: Sequence[Shift], labels: Sequence[int]) -> dict[int, Shift]:
    members: dict[int, list[Shift]] = {}
    for shift, label in zip(shifts, labels, strict=True):
        members.setdefault(label, []).append(shift)
    return {
        label: (sum(x for x, _ in own) / len(own), sum(y for _, y in own) / len(own))
        for label, own in members.items()
    }


def _scatter(shifts: Sequence[Shift], labels: Sequence[int]) -> float:
    """Return the rms distance from the clusters' means, corrected for their being fitted."""
    means = _means(shifts, labels)
    total = sum(
        math.dist(shift, means[label]) ** 2 for shift, label in zip(shifts, labels, strict=True)
    )
    return math.sqrt(total / max(1, len(shifts) - len(means)))


def _nearest_distances(places: Sequence[Shift]) -> list[float]:
    return [
        min(math.dist(place, other) for j, other in enumerate(places) if i != j)
        for i, place in enumerate(places)
    ]


def _spacing(places: Sequence[Shift]) -> float | None:
    """Return the usual distance of neighbours, None of a single place."""
    if len(places) < 2:
        return None
    nearest = sorted(_nearest_distances(places))
    return nearest[len(nearest) // 2]
