"""Brightness, stripes and dose of images, and the grades that follow."""

import numpy as np
import pytest
import scipy.ndimage

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.statistics import mean_and_deviation, measured_dose, striping
from cryobatch.imaging.statistics_grade import Findings, Grade, Limits, grade


def noise(seed: int = 0) -> ImageArray:
    """Return Gaussian noise of deviation 1."""
    return np.random.default_rng(seed).standard_normal((300, 400)).astype(np.float32)


def test_mean_and_deviation_are_those_of_the_pixels() -> None:
    """A known mean and deviation come back."""
    mean, deviation = mean_and_deviation(noise() * 3.0 + 7.0)
    assert mean == pytest.approx(7.0, abs=0.05)
    assert deviation == pytest.approx(3.0, abs=0.05)


def test_pixels_that_are_no_numbers_are_refused() -> None:
    """A damaged micrograph is an error that says how many pixels are damaged."""
    image = noise()
    image[3, 4:6] = np.nan
    with pytest.raises(BadInput, match="2 of 120000 pixels"):
        mean_and_deviation(image)


@pytest.mark.parametrize("grain", [0.0, 1.0, 3.0])
def test_no_stripes_measure_one(grain: float) -> None:
    """However coarse the grain, an image without stripes measures about 1."""
    assert striping(scipy.ndimage.gaussian_filter(noise(), grain)) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("axis", [0, 1])
def test_faint_stripes_are_found(axis: int) -> None:
    """Rows, or columns, that differ by a fifth of the noise are far above 1."""
    shape = (300, 1) if axis == 0 else (1, 400)
    offsets = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    assert striping(noise() + 0.2 * offsets) > 3.0


def test_one_dead_row_is_found() -> None:
    """A single row without counts is a stripe."""
    image = noise() + 10.0
    image[100] = 0.0
    assert striping(image) > 3.0


def test_an_empty_image_has_no_stripes() -> None:
    """An image of one value measures 1, not a division by nothing."""
    assert striping(np.full((64, 64), 5.0, np.float32)) == 1.0


def test_the_real_micrographs_are_not_striped(shared_data: object) -> None:
    """Real micrographs of a good session measure near 1."""
    import mrcfile

    folder = shared_data("apoferritin")  # type: ignore[operator]  # a function of a name
    for path in sorted(folder.glob("*.mrc"))[:3]:
        assert striping(mrcfile.read(path)) < 2.0


def test_the_dose_is_counts_by_area() -> None:
    """1.2 counts on a pixel of 0.5 Å are 4.8 e/Å²."""
    assert measured_dose(1.2, 0.5) == pytest.approx(4.8)


GOOD = Findings(
    mean_intensity=100.0,
    median_intensity=110.0,
    stripes=1.1,
    drift_range_angstrom=12.0,
    defocus_u_angstrom=15_200.0,
    defocus_v_angstrom=14_900.0,
    ctf_resolution_angstrom=3.9,
    ice_ring=1.01,
    particle_count=200,
    dose_disagreement_percent=-12.0,
    pixel_size_angstrom=1.0,
)


def changed(**findings: float | bool | None) -> Findings:
    """Return the good findings with some changed."""
    names = Findings.__dataclass_fields__
    values = {name: getattr(GOOD, name) for name in names} | findings
    return Findings(**values)


def test_a_good_image_is_green_without_reasons() -> None:
    """Nothing wrong: green, and nothing said."""
    assert grade(GOOD, Limits()) == (Grade.GREEN, [])


def test_what_is_unknown_is_no_fault() -> None:
    """An image of which nothing is known is green."""
    assert grade(Findings(), Limits()) == (Grade.GREEN, [])


@pytest.mark.parametrize(
    ("findings", "expected", "reason"),
    [
        (changed(mean_intensity=8.0), Grade.RED, "dark: 7.3 % of the usual intensity"),
        (changed(stripes=5.0), Grade.AMBER, "striped 5.0 > 3"),
        (changed(drift_range_angstrom=34.0), Grade.AMBER, "drift range 34 Å > 30 Å"),
        (changed(drift_range_angstrom=80.0), Grade.RED, "drift range 80 Å > 50 Å"),
        (changed(ctf_missing=True), Grade.RED, "no CTF fit"),
        (changed(ctf_resolution_angstrom=7.0), Grade.AMBER, "CTF resolution 7.0 Å > 6 Å"),
        (changed(ctf_resolution_angstrom=11.0), Grade.RED, "CTF resolution 11.0 Å > 10 Å"),
        (changed(defocus_u_angstrom=1900.0, defocus_v_angstrom=1800.0), Grade.AMBER,
         "defocus 1850 Å < 2000 Å"),
        (changed(defocus_u_angstrom=75_000.0, defocus_v_angstrom=74_000.0), Grade.AMBER,
         "defocus 74500 Å > 70000 Å"),
        (changed(defocus_v_angstrom=13_000.0), Grade.AMBER,
         "astigmatism 2200 Å, 16 % of the defocus"),
        (changed(ice_ring=1.5), Grade.AMBER, "icy 1.50 > 1.1"),
        (changed(dose_disagreement_percent=-60.0), Grade.AMBER, "dose -60 % off what was stated"),
    ],
)  # fmt: skip
def test_each_fault_has_its_grade_and_its_words(
    findings: Findings, expected: Grade, reason: str
) -> None:
    """Each fault alone gives its grade and says itself."""
    assert grade(findings, Limits()) == (expected, [reason])


def test_astigmatism_must_be_large_both_ways() -> None:
    """700 Å are no fault at 3 µm; 15 % are none when that is 300 Å."""
    far = changed(defocus_u_angstrom=30_700.0, defocus_v_angstrom=30_000.0)
    near = changed(defocus_u_angstrom=2450.0, defocus_v_angstrom=2100.0)
    assert grade(far, Limits())[0] is Grade.GREEN
    assert grade(near, Limits())[0] is Grade.GREEN


def test_coarse_pixels_are_no_fault_of_the_fit() -> None:
    """A fit that reaches Nyquist's limit of 3.5 Å pixels is as good as can be."""
    assert grade(changed(ctf_resolution_angstrom=7.1, pixel_size_angstrom=3.5), Limits()) == (
        Grade.GREEN,
        [],
    )


def test_too_few_particles_count_only_when_asked() -> None:
    """No number of particles is a fault by itself; below a given limit it is."""
    assert grade(changed(particle_count=0), Limits())[0] is Grade.GREEN
    assert grade(changed(particle_count=4), Limits(least_particles=10)) == (
        Grade.AMBER,
        ["4 particles < 10"],
    )


def test_the_worst_fault_comes_first() -> None:
    """Several faults: the grade is the worst one's, and so is the first reason."""
    worst, reasons = grade(changed(stripes=9.0, ctf_missing=True), Limits())
    assert worst is Grade.RED
    assert reasons == ["no CTF fit", "striped 9.0 > 3"]
