"""Clusters of points that lie near each other."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from cryobatch.imaging.arrays import FloatArray


def find_clusters(points: FloatArray, distance: float) -> NDArray[np.int32]:
    """Return the cluster of each point: a chain of steps no longer than a distance joins its own.

    Args:
        points: ``(points, 2)``.
        distance: In the points' unit.

    Returns:
        ``(points,)``, numbers from 0 in the order of their first points.
    """
    if not len(points):
        return np.zeros(0, np.int32)
    # Points of one cell are joined through its first: a hundred thousand in few places stay few.
    cells = np.floor(points / (distance / 3.0)).astype(np.int64)
    _, first, cell_of = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    pairs = cKDTree(points[first]).query_pairs(distance, output_type="ndarray")
    links = (np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1]))
    _, labels = connected_components(coo_matrix(links, shape=(len(first), len(first))), False)
    found = labels[cell_of.ravel()]
    _, begins, numbers = np.unique(found, return_index=True, return_inverse=True)
    ranks = np.empty(len(begins), np.int32)
    ranks[np.argsort(begins)] = np.arange(len(begins), dtype=np.int32)
    return ranks[numbers.ravel()]
