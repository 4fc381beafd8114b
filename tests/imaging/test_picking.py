"""The picker against people, against known truth, and against micrographs that hold nothing."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.optimize import linear_sum_assignment

from cryobatch.imaging.picking import PickingSettings, Picks, pick
from cryobatch.imaging.simulate import SimulationSettings, simulate_micrograph

Image = NDArray[np.float32]
Points = NDArray[np.float64]
SharedData = Callable[[str], Path]

REAL = (
    "May08_03.05.02",
    "May08_04.33.57",
    "May08_05.35.20",
    "May08_05.55.31",
    "May08_07.13.35",
    "May08_07.30.46",
)


def read_real(shared_data: SharedData, name: str) -> tuple[Image, Points, NDArray[np.bool_]]:
    """Return a micrograph, a person's picks and which of them the border cuts."""
    folder = shared_data("apoferritin")
    with mrcfile.open(folder / f"{name}.mrc", permissive=True) as file:
        image = np.asarray(file.data, dtype=np.float32)
    with (folder / f"{name}_picks.csv").open() as table:
        rows = list(csv.DictReader(table))
    points = np.array([(float(row["x_px"]), float(row["y_px"])) for row in rows])
    return image, points, np.array([row["edge_clipped"].strip() == "1" for row in rows])


def f1(picks: Picks, truth: Points, ignored: NDArray[np.bool_], within_px: float) -> float:
    """Return F1 of a one-to-one match; what matches an ignored one counts on neither side."""
    distance = np.linalg.norm(picks.coordinates_px[:, None] - truth[None], axis=2)
    found, known = linear_sum_assignment(np.where(distance <= within_px, distance, 1e6))
    close = distance[found, known] <= within_px
    hits = int(np.count_nonzero(close & ~ignored[known]))
    skipped = int(np.count_nonzero(close & ignored[known]))
    false = len(picks.scores) - skipped - hits
    missed = int(np.count_nonzero(~ignored)) - hits
    return 2 * hits / (2 * hits + false + missed)


SMALL = SimulationSettings(rows=640, columns=768, pixel_size_angstrom=2.0)


def simulated(
    made: SimulationSettings = SMALL, seed: int = 3
) -> tuple[Image, Points, SimulationSettings]:
    """Return a small simulated micrograph with its truth."""
    micrograph = simulate_micrograph(made, seed, threads=1)
    return micrograph.image.astype(np.float32), micrograph.particle_centres_px, made


def f1_simulated(picks: Picks, truth: Points, image: Image, diameter_px: float) -> float:
    """Return F1 with a quarter of the diameter as tolerance, the border's particles ignored."""
    last = np.array(image.shape[::-1]) - 1.0
    margin = 0.3 * diameter_px
    cut = np.any((truth < margin) | (truth > last - margin), axis=1)
    return f1(picks, truth, cut, 0.25 * diameter_px)


@pytest.mark.parametrize("name", REAL)
def test_real_micrographs_agree_with_a_person(shared_data: SharedData, name: str) -> None:
    """F1 of at least 0.93 with nothing given but a diameter of about 130 Å."""
    image, truth, cut = read_real(shared_data, name)
    picks = pick(image, pixel_size_angstrom=1.5, settings=PickingSettings(130.0))
    assert f1(picks, truth, cut, 20.0) >= 0.93


@pytest.mark.parametrize("diameter", [120.0, 140.0, None])
def test_a_somewhat_wrong_diameter_or_none_does_as_well(
    shared_data: SharedData, diameter: float | None
) -> None:
    """The diameter is not tuned: 120, 140 or an estimate find the same particles."""
    image, truth, cut = read_real(shared_data, REAL[0])
    picks = pick(image, pixel_size_angstrom=1.5, settings=PickingSettings(diameter))
    assert f1(picks, truth, cut, 20.0) >= 0.93
    assert picks.diameter_angstrom == pytest.approx(125, abs=12)


@pytest.mark.parametrize(
    "made",
    [
        replace(SMALL, particle_diameter_angstrom=80.0),
        SMALL,
        replace(SMALL, particle_hollow=0.0, particle_count=6),
        replace(SMALL, particle_count=60, particle_spacing=0.9),
        replace(SMALL, particle_diameter_angstrom=250.0),
    ],
    ids=["small", "usual", "sparse", "crowded", "large"],
)
def test_simulated_particles_are_found(made: SimulationSettings) -> None:
    """Sizes and densities of all kinds: F1 of at least 0.9 with the automatic threshold."""
    image, truth, _ = simulated(made)
    diameter = made.particle_diameter_angstrom
    picks = pick(
        image, pixel_size_angstrom=made.pixel_size_angstrom, settings=PickingSettings(diameter)
    )
    diameter_px = diameter / made.pixel_size_angstrom
    assert f1_simulated(picks, truth, image, diameter_px) >= 0.9


def test_long_particles_are_not_found_twice_without_a_diameter() -> None:
    """Sparse ones, twice as long as wide, nothing given: one pick each, not one at either end."""
    made = replace(
        SMALL, columns=1024, rows=1024, particle_diameter_angstrom=130.0, particle_elongation=2.0,
        particle_hollow=0.0, particle_count=20, particle_spacing=0.8,
    )  # fmt: skip
    image, truth, _ = simulated(made)
    picks = pick(image, pixel_size_angstrom=made.pixel_size_angstrom)
    assert f1_simulated(picks, truth, image, 260.0 / made.pixel_size_angstrom) >= 0.9


def test_two_large_particles_are_found() -> None:
    """Their own power does not raise what chance is thought to reach."""
    made = replace(
        SMALL, pixel_size_angstrom=4.0, particle_diameter_angstrom=500.0, particle_hollow=0.0,
        particle_count=3,
    )  # fmt: skip
    image, truth, _ = simulated(made, seed=11)
    picks = pick(image, pixel_size_angstrom=4.0, settings=PickingSettings(500.0))
    assert f1_simulated(picks, truth, image, 125.0) == 1.0


IMAGES_OF_ALL_KINDS = [
    replace(SMALL, particle_count=30, ice_thickness_angstrom=200.0),
    replace(SMALL, particle_count=30, ice_thickness_angstrom=900.0, dose_per_frame=1.0),
    replace(SMALL, particle_count=30, defocus_u_angstrom=25_000.0, defocus_v_angstrom=24_500.0),
    replace(SMALL, particle_count=90, particle_spacing=0.95),
]


@pytest.mark.parametrize("made", IMAGES_OF_ALL_KINDS, ids=["thin", "thick", "high", "crowded"])
def test_a_score_means_the_same_from_image_to_image(made: SimulationSettings) -> None:
    """In ice thin or thick, of any contrast: from score 1 on all are particles, and nearly all."""
    image, truth, _ = simulated(made, seed=13)
    asked = PickingSettings(130.0, threshold=1.0)
    picks = pick(image, pixel_size_angstrom=made.pixel_size_angstrom, settings=asked)
    nearest = np.linalg.norm(truth[:, None] - picks.coordinates_px[None], axis=2)
    assert np.all(nearest.min(axis=0) < 16.0)
    assert picks.scores.min() >= 1.0
    last = np.array(image.shape[::-1]) - 20.0
    whole = np.all((truth > 20.0) & (truth < last), axis=1)
    assert np.mean(nearest[whole].min(axis=1) < 16.0) >= 0.9


@pytest.mark.parametrize("diameter", [90.0, 130.0, 200.0])
@pytest.mark.parametrize("ice", [150.0, 900.0])
def test_noise_scores_the_same_in_every_image(diameter: float, ice: float) -> None:
    """Without particles the best of all maxima scores about 1, whatever ice and diameter."""
    made = replace(SMALL, particle_count=0, ice_thickness_angstrom=ice)
    image, _, _ = simulated(made, seed=17)
    asked = PickingSettings(diameter, threshold=0.0)
    picks = pick(image, pixel_size_angstrom=made.pixel_size_angstrom, settings=asked)
    assert 0.4 < picks.scores.max() < 1.4


def test_the_diameter_is_estimated_when_none_is_given() -> None:
    """Within a tenth of the truth."""
    image, _, made = simulated()
    picks = pick(image, pixel_size_angstrom=made.pixel_size_angstrom)
    assert picks.diameter_angstrom == pytest.approx(made.particle_diameter_angstrom, rel=0.1)


def test_particles_of_a_crowd_are_not_taken_for_twice_as_large() -> None:
    """Too wide a search passes over neighbours; the diameter is still that of one, not of two."""
    made = replace(
        SMALL, columns=1024, rows=1024, pixel_size_angstrom=2.4, particle_diameter_angstrom=130.0,
        particle_hollow=0.6, particle_count=136, particle_spacing=1.02, frames=12,
        dose_per_frame=4.0, defocus_u_angstrom=18_000.0, defocus_v_angstrom=17_500.0,
    )  # fmt: skip
    image, truth, _ = simulated(made, 3)
    picks = pick(image, pixel_size_angstrom=made.pixel_size_angstrom)
    assert picks.diameter_angstrom == pytest.approx(130.0, rel=0.1)
    assert f1_simulated(picks, truth, image, 130.0 / made.pixel_size_angstrom) >= 0.95


def test_large_particles_are_not_too_large_to_be_estimated() -> None:
    """A crowd of 500 Å: its parts are not taken for the particles."""
    made = replace(
        SMALL, columns=1024, rows=1024, pixel_size_angstrom=4.0, particle_diameter_angstrom=500.0
    )
    image, truth, _ = simulated(made, 9)
    picks = pick(image, pixel_size_angstrom=4.0)
    assert picks.diameter_angstrom == pytest.approx(500.0, rel=0.1)
    assert f1_simulated(picks, truth, image, 125.0) >= 0.9


@pytest.mark.parametrize("diameter", [90.0, 130.0, None])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ice_without_particles_gives_no_picks(seed: int, diameter: float | None) -> None:
    """A template learned from noise finds itself in noise again, but no better than by chance."""
    image, _, made = simulated(replace(SMALL, particle_count=0), seed)
    picks = pick(
        image, pixel_size_angstrom=made.pixel_size_angstrom, settings=PickingSettings(diameter)
    )
    assert len(picks.scores) == 0
    assert picks.reason


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_gives_no_picks(seed: int) -> None:
    """Plain white noise."""
    noise = np.random.default_rng(seed).standard_normal((400, 500)).astype(np.float32)
    assert not len(pick(noise, pixel_size_angstrom=2.0, settings=PickingSettings(100.0)).scores)


def test_carbon_film_is_kept_out() -> None:
    """Nothing is picked on carbon that covers the left of the frame, and all beside it is."""
    image, truth, made = simulated(replace(SMALL, carbon_fraction=0.4, columns=1024))
    size = made.pixel_size_angstrom
    picks = pick(image, pixel_size_angstrom=size, settings=PickingSettings(130.0))
    edge = 0.4 * image.shape[1]
    diameter_px = 130.0 / size
    beside = truth[truth[:, 0] > edge + 1.5 * diameter_px]
    assert not np.any(picks.coordinates_px[:, 0] < edge - diameter_px)
    nearest = np.linalg.norm(beside[:, None] - picks.coordinates_px[None], axis=2).min(axis=1)
    assert np.mean(nearest < 0.25 * diameter_px) >= 0.7
    assert 0.3 < picks.excluded_fraction < 0.7


def test_a_crowd_beside_empty_ice_is_not_taken_for_carbon() -> None:
    """Half full of particles, half empty: both halves are judged by the same scores."""
    full, truth, made = simulated(replace(SMALL, particle_count=60, particle_spacing=0.9))
    empty, _, _ = simulated(replace(SMALL, particle_count=0), seed=4)
    image = np.concatenate([full[:, :384], empty[:, 384:]], axis=1)
    size = made.pixel_size_angstrom
    picks = pick(image, pixel_size_angstrom=size, settings=PickingSettings(130.0))
    crowd = truth[truth[:, 0] < 350]
    assert f1_simulated(picks, crowd, image, 130.0 / size) >= 0.85


def test_gold_is_not_taken_for_particles() -> None:
    """Dark round spots among particles: the particles are found, the gold is not."""
    image, truth, made = simulated()
    gold = np.array([[150.0, 100.0], [500.0, 90.0], [620.0, 480.0], [90.0, 560.0], [330.0, 320.0]])
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    for gold_x, gold_y in gold:
        image[np.hypot(x - gold_x, y - gold_y) < 25] -= 12.0 * image.std()
    size = made.pixel_size_angstrom
    picks = pick(image, pixel_size_angstrom=size, settings=PickingSettings(130.0))
    distance = np.linalg.norm(picks.coordinates_px[:, None] - gold[None], axis=2)
    assert distance.min() > 25
    clear = truth[np.linalg.norm(truth[:, None] - gold[None], axis=2).min(axis=1) > 130.0]
    nearest = np.linalg.norm(clear[:, None] - picks.coordinates_px[None], axis=2).min(axis=1)
    assert np.mean(nearest < 16.0) >= 0.8


@pytest.mark.parametrize("diameter", [100.0, 130.0, None])
def test_gold_alone_gives_no_picks(diameter: float | None) -> None:
    """Beads that are all alike are not particles, though nothing else is there to compare with."""
    made = replace(SMALL, particle_count=0, gold_count=8)
    image, _, _ = simulated(made)
    picks = pick(
        image, pixel_size_angstrom=made.pixel_size_angstrom, settings=PickingSettings(diameter)
    )
    assert len(picks.scores) == 0


@pytest.mark.parametrize(
    ("diameter", "seed"), [(100.0, 5), (100.0, 6), (100.0, 7), (None, 5), (None, 6)]
)
@pytest.mark.parametrize("what", ["contaminant_count", "ethane_count"])
def test_ice_crystals_and_ethane_alone_give_no_picks(
    what: str, diameter: float | None, seed: int
) -> None:
    """What is dark and far larger than a particle is none, nor is its edge."""
    crystals = replace(SMALL, particle_count=0, columns=1024, contaminant_count=4)
    drops = replace(SMALL, particle_count=0, columns=1024, ethane_count=4)
    made = crystals if what == "contaminant_count" else drops
    image, _, _ = simulated(made, seed)
    size = made.pixel_size_angstrom
    assert not len(pick(image, pixel_size_angstrom=size, settings=PickingSettings(diameter)).scores)


@pytest.mark.parametrize("seed", [41000, 41001, 52001, 52002])
def test_rims_of_crystals_that_overlap_give_no_picks(seed: int) -> None:
    """A crystal that covers much of the image hides neither a fainter one nor its own rim."""
    made = replace(SMALL, particle_count=0, columns=1024, contaminant_count=4)
    image, _, _ = simulated(made, seed)
    size = made.pixel_size_angstrom
    assert not len(pick(image, pixel_size_angstrom=size, settings=PickingSettings(130.0)).scores)


@pytest.mark.parametrize("seed", [41000, 41001, 52000])
def test_drops_larger_than_particles_give_no_picks(seed: int) -> None:
    """The few that are hardly wider than a particle show their own size, not that asked for."""
    made = replace(SMALL, particle_count=0, columns=1024, ethane_count=4)
    image, _, _ = simulated(made, seed)
    size = made.pixel_size_angstrom
    assert not len(pick(image, pixel_size_angstrom=size, settings=PickingSettings(130.0)).scores)


@pytest.mark.parametrize("seed", [67, 71, 72])
def test_drops_hardly_larger_than_particles_are_not_taken_for_them(seed: int) -> None:
    """Faint ones, a third to a half wider than the particles beside them."""
    made = replace(SMALL, rows=1024, columns=1024, particle_hollow=0.6, ethane_count=8)
    image, truth, _ = simulated(replace(made, particle_count=30), seed)
    picks = pick(image, pixel_size_angstrom=2.0, settings=PickingSettings(130.0))
    assert len(picks.scores) >= 17
    nearest = np.linalg.norm(truth[:, None] - picks.coordinates_px[None], axis=2).min(axis=0)
    assert np.all(nearest < 16.0)


def test_particles_beside_ice_crystals_are_found() -> None:
    """All that do not touch a crystal, and nothing on one."""
    image, truth, made = simulated(replace(SMALL, particle_count=30, contaminant_count=3), seed=8)
    empty, _, _ = simulated(replace(SMALL, particle_count=0, contaminant_count=3), seed=8)
    size = made.pixel_size_angstrom
    picks = pick(image, pixel_size_angstrom=size, settings=PickingSettings(130.0))
    assert len(picks.scores)
    nearest = np.linalg.norm(truth[:, None] - picks.coordinates_px[None], axis=2).min(axis=0)
    assert np.all(nearest < 16.0)
    dark = gaussian_filter(empty, 8.0)
    crystal = distance_transform_edt(dark > np.median(dark) - 0.03 * dark.mean())
    x, y = np.rint(truth).astype(int).T
    clear = truth[crystal[y, x] > 65.0]
    nearest = np.linalg.norm(clear[:, None] - picks.coordinates_px[None], axis=2).min(axis=1)
    assert np.mean(nearest < 16.0) >= 0.8


def test_coordinates_count_from_the_centre_of_the_first_pixel() -> None:
    """X is the column, y the row, and shrinking to a working pixel does not shift them."""
    random = np.random.default_rng(5)
    image = random.standard_normal((600, 900)).astype(np.float32)
    places = np.stack(np.meshgrid(np.arange(80, 880, 120), np.arange(80, 560, 150)), axis=-1)
    centres = places.reshape(-1, 2) + np.array([0.3, -0.4])
    y, x = np.mgrid[:600, :900]
    for centre_x, centre_y in centres:
        image -= 3.0 / (1.0 + np.exp((np.hypot(x - centre_x, y - centre_y) - 30.0) / 1.5))
    asked = PickingSettings(60.0, exclude=False)
    picks = pick(image, pixel_size_angstrom=1.0, settings=asked)
    distance = np.linalg.norm(centres[:, None] - picks.coordinates_px[None], axis=2)
    offset = picks.coordinates_px[distance.argmin(axis=1)] - centres
    assert len(picks.scores) == len(centres)
    assert np.abs(offset).max() < 1.0
    assert np.abs(offset.mean(axis=0)).max() < 0.25


def test_light_particles_are_found_when_asked_for() -> None:
    """The same particles, inverted, with ``light``; and not without it."""
    image, truth, made = simulated()
    size = made.pixel_size_angstrom
    picks = pick(-image, pixel_size_angstrom=size, settings=PickingSettings(130.0, light=True))
    assert f1_simulated(picks, truth, image, 130.0 / size) >= 0.9


def test_the_same_micrograph_gives_the_same_picks() -> None:
    """Also on more threads."""
    image, _, made = simulated()
    one, two = (
        pick(
            image,
            pixel_size_angstrom=made.pixel_size_angstrom,
            settings=PickingSettings(130.0),
            threads=threads,
        )
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.coordinates_px, two.coordinates_px)
    np.testing.assert_array_equal(one.scores, two.scores)


def test_settings_are_kept() -> None:
    """Threshold, distance, border and number of picks are what was asked for."""
    image, _, made = simulated(replace(SMALL, particle_count=40))
    size = made.pixel_size_angstrom
    asked = PickingSettings(130.0, threshold=0.15, distance=1.0, edge=1.0, maximum_count=12)
    picks = pick(image, pixel_size_angstrom=size, settings=asked)
    assert 0 < len(picks.scores) <= 12
    assert picks.scores.min() >= 0.15
    assert np.all(np.diff(picks.scores) <= 0)
    last = np.array(image.shape[::-1]) - 1.0
    margin = picks.coordinates_px.min(), (last - picks.coordinates_px).min()
    assert min(margin) >= 0.85 * 130.0 / size


def test_missing_pixels_cost_their_own_place_only() -> None:
    """A part that is NaN, a blank border and hot pixels: the particles elsewhere are found."""
    image, truth, made = simulated(replace(SMALL, particle_count=40))
    image[:, :150] = np.nan
    image[600:] = 0.0
    image[np.random.default_rng(0).random(image.shape) < 1e-4] = 1e7
    size = made.pixel_size_angstrom
    picks = pick(image, pixel_size_angstrom=size, settings=PickingSettings(130.0))
    whole = truth[(truth[:, 0] > 200) & (truth[:, 1] < 530) & (truth[:, 1] > 40)]
    whole = whole[whole[:, 0] < image.shape[1] - 40]
    nearest = np.linalg.norm(whole[:, None] - picks.coordinates_px[None], axis=2).min(axis=1)
    assert np.mean(nearest < 16.0) >= 0.9
    assert not np.any(picks.coordinates_px[:, 0] < 140)


@pytest.mark.parametrize("diameter", [60.0, None])
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((300, 300)),
        np.full((300, 280), 7.0),
        np.full((64, 64), np.nan),
        np.full((64, 64), np.inf),
        np.ones((1, 1)),
        np.arange(9.0).reshape(3, 3),
        np.arange(1000.0).reshape(1, 1000),
        np.indices((300, 300)).sum(axis=0) % 2,
        np.indices((300, 300))[0],
        np.eye(300),
    ],
    ids=["black", "constant", "nan", "infinite", "pixel", "tiny", "row", "chess", "ramp", "line"],
)
def test_nothing_to_see_is_no_failure(image: Points, diameter: float | None) -> None:
    """No picks, and the reason in words."""
    picks = pick(
        image.astype(np.float32), pixel_size_angstrom=2.0, settings=PickingSettings(diameter)
    )
    assert picks.coordinates_px.shape == (0, 2)
    assert picks.reason


@settings(max_examples=25)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 80), st.integers(1, 80)),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    )
)
def test_no_image_breaks_the_picker(image: Image) -> None:
    """Whatever the pixels: finite coordinates inside the image, or none."""
    picks = pick(image, pixel_size_angstrom=5.0, settings=PickingSettings(60.0))
    assert np.isfinite(picks.coordinates_px).all()
    assert np.all(picks.coordinates_px >= 0)
    assert np.all(picks.coordinates_px <= np.array(image.shape[::-1]) - 1)
