"""The benchmarks' own instruments measure what they say."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.accuracy import left_by_polynomial
from benchmarks.movie_files import write_eer, write_tiff
from benchmarks.oracle import frame_bound_angstrom, oracle_micrograph, true_signal
from benchmarks.plot import HEIGHT, WIDTH, Plot, draw
from benchmarks.signal_kept import noise_bands, ring_correlation
from cryobatch.formats.movie import open_movie
from cryobatch.imaging.simulate import SimulationSettings, simulate_movie
from cryobatch.imaging.simulate_motion import NODES

SMALL = SimulationSettings(
    rows=512, columns=512, frames=8, dose_per_frame=3.0, hot_pixels=4, dead_pixels=4,
    ice_thickness_angstrom=100.0, envelope_angstrom2=0.0,
)  # fmt: skip


def test_an_eer_holds_the_counts(tmp_path: Path) -> None:
    """Fractions of a written EER are the frames, less what fell on a pixel twice at once."""
    frames = np.random.default_rng(1).poisson(0.6, (2, 120, 128)).astype(np.uint8)
    write_eer(tmp_path / "m.eer", frames, 20)
    with open_movie(tmp_path / "m.eer", frames_per_fraction=20) as movie:
        assert movie.shape == (2, 120, 128)
        read = np.stack([movie.frame(index) for index in range(2)])
    assert (read <= frames).all()
    assert 0.98 < read.sum() / frames.sum() < 1.0


def test_super_resolution_quarters_the_counts(tmp_path: Path) -> None:
    """Four pixels of a super-resolution TIFF add up to one of the camera's."""
    frames = np.random.default_rng(2).poisson(2.0, (2, 40, 60)).astype(np.uint8)
    write_tiff(tmp_path / "m.tiff", frames, super_resolution=True)
    with open_movie(tmp_path / "m.tiff") as movie:
        read = np.stack([movie.frame(index) for index in range(2)])
    assert np.array_equal(read.reshape(2, 40, 2, 60, 2).sum(axis=(2, 4)), frames)


@pytest.mark.parametrize("local", [0.0, 4.0])
def test_the_oracle_sees_more_than_a_sum(local: float) -> None:
    """The oracle's micrograph agrees with the truth far better than frames summed as they are."""
    movie = simulate_movie(replace(SMALL, local_motion_angstrom=local), 4)
    truth = true_signal(movie, 4, np.zeros((2, NODES, NODES)))
    perfect = ring_correlation(oracle_micrograph(movie, 4), truth)
    plain = ring_correlation((movie.frames * movie.gain).sum(axis=0).astype(np.float32), truth)
    assert perfect[40:100].mean() > 2.0 * max(plain[40:100].mean(), 0.05)


def test_a_frame_tells_more_with_more_electrons_and_pixels() -> None:
    """The bound goes with one over the root of the electrons, and so of the field's area."""
    bound = frame_bound_angstrom(SMALL, 6)
    wide = frame_bound_angstrom(replace(SMALL, rows=1024, columns=1024), 6)
    assert wide == pytest.approx(0.5 * bound, rel=0.2)
    few, many = (
        frame_bound_angstrom(replace(SMALL, frames=1, dose_per_frame=dose), 6)
        for dose in (0.1, 0.4)
    )
    assert few == pytest.approx(2.0 * many, rel=0.1)


def test_the_truth_can_be_displaced() -> None:
    """A truth displaced by (3, -2) pixels shows at each pixel what lies there."""
    movie = simulate_movie(SMALL, 5)
    nodes = np.zeros((2, NODES, NODES))
    still = true_signal(movie, 5, nodes)
    nodes[0], nodes[1] = 3.0, -2.0
    moved = true_signal(movie, 5, nodes)
    assert moved[50:400, 50:400] == pytest.approx(still[48:398, 53:403], abs=1e-4)


def test_a_polynomial_follows_its_own_class_only() -> None:
    """Nothing is left of motion of RELION's class; of a Gaussian process something is."""
    own = simulate_movie(replace(SMALL, rows=64, columns=64), 6)
    other = simulate_movie(
        replace(SMALL, rows=64, columns=64, wandering_velocity=0.5, wandering_length_angstrom=50.0),
        6,
    )
    assert np.abs(left_by_polynomial(own)).max() < 1e-9
    assert np.abs(left_by_polynomial(other)).max() > 0.1


def test_white_noise_is_found_flat() -> None:
    """Bands of white noise have its mean power; of filtered noise they have not."""
    noise = np.random.default_rng(7).standard_normal((1024, 1024)).astype(np.float32)
    assert noise_bands(noise) == pytest.approx(np.ones(9), abs=0.02)
    coloured = noise + np.roll(noise, 1, axis=1)
    assert np.ptp(noise_bands(coloured)) > 0.3


def test_a_plot_shows_every_point_inside() -> None:
    """The SVG is well-formed and has a circle a point, all within the picture."""
    points = [(8.0, 3.0), (16.0, 5.5), (64.0, 19.9)]
    svg = draw([Plot("A < B", "frames", "cpu s", points, ((0.0, 0.5), (64.0, 20.0)))])
    circles = [e for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("circle")]
    assert len(circles) == 3
    places = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)
    assert places == sorted(places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
