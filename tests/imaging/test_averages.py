"""Averages over images show what these have in common, and call nothing common that is chance."""

import numpy as np
import pytest

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.averages import (
    Average,
    Common,
    add,
    begin,
    bin_pixels,
    contribute,
    find_common,
    find_lines,
)
from cryobatch.imaging.clusters import find_clusters

SHAPE = (300, 400)


def average(images: list[ImageArray]) -> Average:
    """Return the averages of some images."""
    found = begin(contribute(images[0]))
    for image in images[1:]:
        found = add(found, contribute(image))
    return found


def counts(seed: int, gain: ImageArray | float = 1.0) -> ImageArray:
    """Return the counts of a camera under an even beam with some ice on it."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ice = 1.0 + 0.1 * np.sin(x / 60.0 + noise.uniform(0, 6)) * np.cos(y / 45.0)
    found: ImageArray = noise.poisson(40.0 * ice * gain).astype(np.float32)
    return found


def test_mean_and_variance_are_those_of_all_images() -> None:
    """The running averages equal those of the whole stack."""
    images = [counts(seed) for seed in range(5)]
    found = average(images)
    stack = np.stack([contribute(one).pixels for one in images])
    assert found.count == 5
    np.testing.assert_allclose(found.mean, stack.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.variance, stack.var(axis=0), atol=1e-4)


def test_images_without_a_camera_have_nothing_in_common() -> None:
    """Noise and ice differ from image to image: no share, no lines."""
    common = find_common(average([counts(seed) for seed in range(16)]))
    assert common == Common(0.0)


def test_a_gain_pattern_shows_through() -> None:
    """A pattern far below the noise of one image is found in twenty."""
    gain = 1.0 + 0.05 * np.random.default_rng(99).normal(size=SHAPE)
    found = average([counts(seed, gain.astype(np.float32)) for seed in range(20)])
    common = find_common(found)
    # 5 % of 40 counts against the noise of counting them, sqrt(40).
    assert common.share == pytest.approx(2.0 / np.hypot(2.0, 6.3), rel=0.15)
    kept = np.corrcoef(found.mean.ravel(), gain.ravel())[0, 1]
    assert kept > 0.7


def test_dead_and_hot_lines_are_named() -> None:
    """Whole rows and columns by their numbers, from 0, row 0 being the first stored."""
    images = [counts(seed) for seed in range(6)]
    for image in images:
        image[:, 123] *= 0.5
        image[77] *= 1.3
    common = find_common(average(images))
    assert (common.rows, common.columns) == ((77,), (123,))


def test_bands_of_the_camera_show_through() -> None:
    """Broad ones too, that are far below the noise of one pixel; a slope of the beam is none."""
    x = np.arange(SHAPE[1])
    bands = np.where(x // 50 % 2, 1.01, 0.99) + 0.2 * x / SHAPE[1]
    gain = np.broadcast_to(bands, SHAPE).astype(np.float32)
    assert find_common(average([counts(seed, gain) for seed in range(12)])).bands == ("columns",)
    slope = np.broadcast_to(1.0 + 0.2 * x / SHAPE[1], SHAPE).astype(np.float32)
    assert find_common(average([counts(seed, slope) for seed in range(12)])).bands == ()


def test_a_few_images_tell_nothing() -> None:
    """Two share much by chance."""
    assert find_common(average([counts(1), counts(2)])).share is None


def test_what_cannot_be_averaged_is_refused() -> None:
    """Another size, an empty image, no numbers."""
    found = average([counts(1)])
    with pytest.raises(BadInput, match="another size"):
        add(found, contribute(counts(2)[:200]))
    # Two sizes that are the same when their pixels are binned by two.
    rows = np.random.default_rng(1).poisson(9.0, (301, 1100)).astype(np.float32)
    first = begin(contribute(rows[:300]))
    with pytest.raises(BadInput, match="another size"):
        add(first, contribute(rows))
    with pytest.raises(BadInput, match="empty"):
        contribute(np.ones(SHAPE, np.float32))
    with pytest.raises(BadInput, match="no numbers"):
        contribute(np.full(SHAPE, np.nan, np.float32))


def test_binning_keeps_means_and_drops_the_rest() -> None:
    """Blocks of pixels become their mean; an uneven end is left out."""
    image = np.arange(35, dtype=np.float32).reshape(5, 7)
    binned = bin_pixels(image, 2)
    assert binned.shape == (2, 3)
    assert binned[0, 0] == pytest.approx((0 + 1 + 7 + 8) / 4)


def test_a_slope_is_no_line() -> None:
    """The edge of the beam changes slowly; few lines say nothing."""
    slope = np.linspace(0.0, 3.0, 200) + 0.01 * np.random.default_rng(1).normal(size=200)
    assert find_lines(slope) == ()
    assert find_lines(np.zeros(5)) == ()


def test_points_join_their_neighbours() -> None:
    """Chains of short steps are one cluster; a wide gap parts two; order is that of the points."""
    chain = np.column_stack([np.arange(0, 60, 5.0), np.zeros(12)])
    points = np.concatenate([chain + np.array([100.0, 0.0]), chain])
    found = find_clusters(points, 8.0)
    assert found.tolist() == [0] * 12 + [1] * 12
    assert find_clusters(np.zeros((0, 2)), 8.0).tolist() == []
    assert find_clusters(np.zeros((3, 2)), 8.0).tolist() == [0, 0, 0]
