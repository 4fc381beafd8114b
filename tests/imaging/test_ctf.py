"""The CTF fit against CTFFIND, against known truth, and against images that have no rings."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import mrcfile
import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.imaging.ctf import CtfFit, fit_spectrum
from cryobatch.imaging.spectrum import amplitude_spectrum

Spectrum = NDArray[np.float32]
SharedData = Callable[[str], Path]


class Krios(TypedDict):
    """The optics of a common microscope, as arguments of a fit."""

    voltage_kv: float
    cs_mm: float
    amplitude_contrast: float


KRIOS = Krios(voltage_kv=300.0, cs_mm=2.7, amplitude_contrast=0.07)


def made_spectrum(
    u: float,
    v: float,
    angle: float,
    *,
    size: int = 256,
    pixel: float = 1.4,
    signal: float = 0.15,
    phase_degrees: float = 0.0,
    seed: int = 1,
    kv: float = 300.0,
    cs: float = 2.7,
    contrast: float = 0.07,
) -> Spectrum:
    """Make the mean amplitude spectrum of 60 boxes of an image with this CTF, from its formula."""
    wavelength = 12.2642596 / math.sqrt(kv * 1e3 * (1 + 0.978475598e-6 * kv * 1e3))
    line = np.arange(size) - size // 2
    x, y = np.meshgrid(line, line)
    s2 = (x**2 + y**2) / (size * pixel) ** 2
    defocus = (u + v) / 2 + (u - v) / 2 * np.cos(2 * (np.arctan2(y, x) - math.radians(angle)))
    chi = np.pi * wavelength * s2 * (defocus - wavelength**2 * s2 * cs * 1e7 / 2)
    chi += math.asin(contrast) + math.radians(phase_degrees)
    rings = signal * np.exp(-30.0 * s2) * (1 + 10 * np.exp(-800 * s2)) * np.sin(chi) ** 2
    amplitude = np.sqrt(rings + 1 + np.exp(-900 * s2)) * (1 - 1.5 * np.sqrt(s2))
    noise = 1 + 0.5227 / math.sqrt(60) * np.random.default_rng(seed).standard_normal((size, size))
    noise = (noise + np.roll(noise[::-1, ::-1], (1, 1), (0, 1))) / 2
    result: Spectrum = (amplitude * noise).astype(np.float32)
    return result


def astigmatism_error(fit: CtfFit, u: float, v: float, angle: float) -> float:
    """Return how far apart two astigmatisms are, as vectors, in Å of u - v."""
    found = (fit.defocus_u_angstrom - fit.defocus_v_angstrom) * np.exp(
        2j * math.radians(fit.defocus_angle_degrees)
    )
    return float(abs(found - (u - v) * np.exp(2j * math.radians(angle))))


def mean_defocus(fit: CtfFit) -> float:
    """Return the mean of u and v."""
    return (fit.defocus_u_angstrom + fit.defocus_v_angstrom) / 2


def test_real_spectra_agree_with_ctffind(shared_data: SharedData) -> None:
    """Six real spectra: within 30 Å of CTFFIND's mean defocus and 5° of its angle."""
    folder = shared_data("beta_galactosidase")
    with (folder / "ctffind_reference.csv").open() as file:
        references = list(csv.DictReader(file))
    assert len(references) == 6
    for reference in references:
        fit = fit_spectrum(
            mrcfile.read(folder / reference["spectrum"]),
            pixel_size_angstrom=1.3995525,
            voltage_kv=200.0,
            cs_mm=1.4,
            amplitude_contrast=0.1,
        )
        u, v = float(reference["defocus_u_angstrom"]), float(reference["defocus_v_angstrom"])
        turned = fit.defocus_angle_degrees - float(reference["defocus_angle_degrees"])
        assert mean_defocus(fit) == pytest.approx((u + v) / 2, abs=30.0)
        assert abs((turned + 90.0) % 180.0 - 90.0) < 5.0
        assert fit.defocus_u_angstrom - fit.defocus_v_angstrom == pytest.approx(u - v, abs=50.0)
        assert fit.resolution_angstrom < 4.0


def test_real_micrographs_agree_with_an_independent_fit(shared_data: SharedData) -> None:
    """Six real micrographs: within 100 Å of an independent fit's mean defocus."""
    folder = shared_data("apoferritin")
    with (folder / "ctf_reference.csv").open() as file:
        references = list(csv.DictReader(file))
    assert len(references) == 6
    for reference in references:
        micrograph = mrcfile.read(folder / f"{reference['micrograph']}.mrc")
        spectrum = amplitude_spectrum(micrograph, 512, pixel_size_angstrom=1.5)
        fit = fit_spectrum(
            spectrum.amplitudes,
            pixel_size_angstrom=spectrum.pixel_size_angstrom,
            voltage_kv=300.0,
            cs_mm=0.01,
            amplitude_contrast=0.07,
        )
        u, v = float(reference["defocus_u_angstrom"]), float(reference["defocus_v_angstrom"])
        assert mean_defocus(fit) == pytest.approx((u + v) / 2, abs=100.0)


@pytest.mark.parametrize("astigmatism", [0.0, 600.0, 2000.0])
@pytest.mark.parametrize("mean", [3000.0, 5000.0, 9000.0, 17_000.0, 28_000.0, 40_000.0])
def test_a_known_defocus_comes_back(mean: float, astigmatism: float) -> None:
    """From 0.3 to 4 µm and up to 0.2 µm of astigmatism: mean, difference and direction."""
    u, v = mean + astigmatism / 2, mean - astigmatism / 2
    fit = fit_spectrum(made_spectrum(u, v, 25.0, size=512), pixel_size_angstrom=1.4, **KRIOS)
    assert fit.reason is None
    assert mean_defocus(fit) == pytest.approx(mean, abs=max(50.0, 0.03 * mean))
    assert astigmatism_error(fit, u, v, 25.0) < 150.0


@pytest.mark.parametrize("pixel", [0.5, 0.9, 3.0])
def test_any_pixel_size_will_do(pixel: float) -> None:
    """The spectra of very small and very large pixels give the same defocus."""
    made = made_spectrum(12_300.0, 11_700.0, 100.0, size=512, pixel=pixel, signal=0.5)
    fit = fit_spectrum(made, pixel_size_angstrom=pixel, **KRIOS)
    assert mean_defocus(fit) == pytest.approx(12_000.0, abs=60.0)
    assert astigmatism_error(fit, 12_300.0, 11_700.0, 100.0) < 200.0


def test_the_angle_turns_from_columns_to_rows() -> None:
    """The largest defocus along x gives 0°, along y 90°, and u is never below v."""
    along_x = fit_spectrum(made_spectrum(15_000.0, 14_000.0, 0.0), pixel_size_angstrom=1.4, **KRIOS)
    transposed = np.ascontiguousarray(made_spectrum(15_000.0, 14_000.0, 0.0).T)
    along_y = fit_spectrum(transposed, pixel_size_angstrom=1.4, **KRIOS)
    assert min(along_x.defocus_angle_degrees, 180 - along_x.defocus_angle_degrees) < 5.0
    assert along_y.defocus_angle_degrees == pytest.approx(90.0, abs=5.0)
    assert along_y.defocus_u_angstrom > along_y.defocus_v_angstrom + 800.0


def test_a_phase_shift_is_found_when_asked_for() -> None:
    """A phase plate's 90 degrees and its defocus are told apart; unasked, the shift is 0."""
    made = made_spectrum(12_200.0, 11_800.0, 40.0, size=512, phase_degrees=90.0, signal=0.3)
    fit = fit_spectrum(
        made, pixel_size_angstrom=1.4, phase_shift_range_degrees=(0.0, 180.0), **KRIOS
    )
    assert fit.phase_shift_degrees == pytest.approx(90.0, abs=6.0)
    assert mean_defocus(fit) == pytest.approx(12_000.0, abs=80.0)
    plain = fit_spectrum(made, pixel_size_angstrom=1.4, **KRIOS)
    assert not plain.found or plain.phase_shift_degrees == 0.0


def test_a_restraint_draws_astigmatism_in() -> None:
    """With a tight restraint a weak spectrum's astigmatism shrinks; the mean stays."""
    made = made_spectrum(15_900.0, 14_100.0, 10.0)
    free = fit_spectrum(made, pixel_size_angstrom=1.4, **KRIOS)
    held = fit_spectrum(made, pixel_size_angstrom=1.4, astigmatism_restraint_angstrom=40.0, **KRIOS)
    assert free.found
    assert held.found
    held_difference = held.defocus_u_angstrom - held.defocus_v_angstrom
    assert held_difference < 0.9 * (free.defocus_u_angstrom - free.defocus_v_angstrom)
    assert mean_defocus(held) == pytest.approx(15_000.0, abs=200.0)


def test_the_resolution_follows_where_rings_end() -> None:
    """Rings that end at 6 Å give a resolution near 6 Å, rings to the edge a finer one."""
    ringed = made_spectrum(15_000.0, 15_000.0, 0.0, size=512)
    plain = made_spectrum(15_000.0, 15_000.0, 0.0, size=512, signal=0.0)
    line = np.arange(512) - 256
    radius = np.hypot(*np.meshgrid(line, line))
    cut = np.where(radius < 512 * 1.4 / 6.0, ringed, plain).astype(np.float32)
    whole = fit_spectrum(ringed, pixel_size_angstrom=1.4, **KRIOS)
    ended = fit_spectrum(cut, pixel_size_angstrom=1.4, **KRIOS)
    assert whole.resolution_angstrom < 4.0
    assert ended.resolution_angstrom == pytest.approx(6.0, rel=0.12)


def test_an_ice_ring_is_measured() -> None:
    """A ring at 3.7 Å raises the ice value and leaves the defocus alone; no ring gives 1."""
    made = made_spectrum(15_000.0, 15_000.0, 0.0, size=512)
    line = np.arange(512) - 256
    frequency = np.hypot(*np.meshgrid(line, line)) / (512 * 1.4)
    ice = 1.0 + 2.0 * np.exp(-(((frequency - 0.265) / 0.006) ** 2))
    icy = fit_spectrum((made * ice).astype(np.float32), pixel_size_angstrom=1.4, **KRIOS)
    clear = fit_spectrum(made, pixel_size_angstrom=1.4, **KRIOS)
    assert clear.ice_ring == pytest.approx(1.0, abs=0.03)
    assert icy.ice_ring is not None
    assert icy.ice_ring > 1.5
    assert mean_defocus(icy) == pytest.approx(15_000.0, abs=60.0)
    coarse = fit_spectrum(made_spectrum(15_000.0, 15_000.0, 0.0), pixel_size_angstrom=3.0, **KRIOS)
    assert coarse.ice_ring is None


def noise_images() -> dict[str, NDArray[np.float64]]:
    """Return images without a CTF: noise, drifted noise, an edge, a counted empty frame."""
    random = np.random.default_rng(5)
    noise = random.standard_normal((1024, 1024))
    smeared = scipy.ndimage.uniform_filter1d(noise, 8, axis=0)
    return {
        "noise": noise,
        "an empty counted frame": random.poisson(1.0, noise.shape).astype(np.float64),
        "a detector's blur": scipy.ndimage.gaussian_filter(noise, 0.7),
        "an edge": noise + 20.0 * (np.arange(1024) > 400),
        "drift along rows": 3.0 * smeared + noise[::-1],
        "drift along columns": 3.0 * smeared.T + noise[::-1],
    }


@pytest.mark.parametrize("name", noise_images())
def test_no_rings_give_no_defocus(name: str) -> None:
    """What holds no Thon rings gets a reason, and no number that could pass for a defocus."""
    spectrum = amplitude_spectrum(
        noise_images()[name].astype(np.float32), 512, pixel_size_angstrom=1.4
    )
    fit = fit_spectrum(spectrum.amplitudes, pixel_size_angstrom=1.4, **KRIOS)
    assert fit.reason is not None
    assert fit.reason.startswith("no Thon rings: ")
    assert math.isnan(fit.defocus_u_angstrom)
    assert math.isinf(fit.resolution_angstrom)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_halves_that_disagree_give_no_defocus(seed: int) -> None:
    """Rings of 1.2 µm in one half of the directions, of 1.5 µm in the other: neither."""
    one, other = (
        made_spectrum(mean, mean, 0.0, size=512, signal=0.12, seed=seed)
        for mean in (12_000.0, 15_000.0)
    )
    line = np.arange(512) - 256
    x, y = np.meshgrid(line, line)
    sector = (np.mod(np.arctan2(y, x), np.pi) / np.pi * 12).astype(int) % 2
    mixed = np.where(sector == 0, one, other).astype(np.float32)
    fit = fit_spectrum(mixed, pixel_size_angstrom=1.4, **KRIOS)
    assert fit.reason is not None
    assert fit_spectrum(one, pixel_size_angstrom=1.4, **KRIOS).found


@pytest.mark.parametrize("drift", [20.0, 40.0, 60.0])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_drift_gives_no_wrong_defocus(drift: float, seed: int) -> None:
    """Where drift has blurred rings in one direction: the right defocus or none."""
    line = (np.arange(512) - 256) / (512 * 1.4)
    x, y = np.meshgrid(line, line)
    kept = np.sinc(drift * (x * math.cos(0.5) + y * math.sin(0.5))) ** 2
    ringed, plain = (
        made_spectrum(18_200.0, 17_800.0, 70.0, size=512, signal=signal, seed=seed)
        for signal in (0.15, 0.0)
    )
    made = (kept * ringed + (1.0 - kept) * plain).astype(np.float32)
    fit = fit_spectrum(made, pixel_size_angstrom=1.4, **KRIOS)
    assert not fit.found or mean_defocus(fit) == pytest.approx(18_000.0, abs=150.0)


def test_a_noisy_spectrum_is_told_by_its_finer_rings() -> None:
    """Weak rings up to 3 Å: astigmatism comes out better than from what is coarser than 5 Å."""
    errors = []
    for seed in range(6):
        made = made_spectrum(15_200.0, 14_800.0, 60.0, size=512, signal=0.05, seed=seed)
        coarse = made.copy()
        line = np.arange(512) - 256
        fine = np.hypot(*np.meshgrid(line, line)) / (512 * 1.4) > 0.2
        coarse[fine] = made_spectrum(1.0, 1.0, 0.0, size=512, signal=0.0, seed=seed)[fine]
        errors.append(
            [
                astigmatism_error(
                    fit_spectrum(one, pixel_size_angstrom=1.4, **KRIOS), 15_200.0, 14_800.0, 60.0
                )
                for one in (made, coarse)
            ]
        )
    better, worse = np.mean(errors, axis=0)
    assert better < 0.8 * worse


def test_a_single_ring_is_no_defocus() -> None:
    """One ring of ice at 7 Å is not taken for a CTF."""
    line = np.arange(512) - 256
    frequency = np.hypot(*np.meshgrid(line, line)) / (512 * 1.4)
    made = made_spectrum(15_000.0, 15_000.0, 0.0, size=512, signal=0.0)
    ring = 1.0 + 0.4 * np.exp(-(((frequency - 0.14) / 0.006) ** 2))
    fit = fit_spectrum((made * ring).astype(np.float32), pixel_size_angstrom=1.4, **KRIOS)
    assert not fit.found


def test_rings_outside_the_search_are_mentioned() -> None:
    """Rings of 6 µm in a search up to 4 µm: no defocus, but the hint to search further."""
    made = made_spectrum(60_100.0, 59_900.0, 0.0, size=512, signal=0.4)
    fit = fit_spectrum(made, pixel_size_angstrom=1.4, defocus_high_angstrom=40_000.0, **KRIOS)
    assert fit.reason is not None
    assert "outside the search of 2500 to 40000 Å" in fit.reason
    wider = fit_spectrum(made, pixel_size_angstrom=1.4, defocus_high_angstrom=80_000.0, **KRIOS)
    assert mean_defocus(wider) == pytest.approx(60_000.0, abs=100.0)


@pytest.mark.parametrize("value", [0.0, 3.5])
def test_an_empty_spectrum_has_no_rings(value: float) -> None:
    """A constant spectrum is an answer ("flat"), not an error."""
    fit = fit_spectrum(np.full((256, 256), value, np.float32), pixel_size_angstrom=1.4, **KRIOS)
    assert fit.reason == "no Thon rings: the spectrum is flat (an empty image)"
    assert fit.score == 0.0


def test_damaged_spectra_are_refused() -> None:
    """Values that are no numbers, tiny or oblong spectra: an error that says what is wrong."""
    made = made_spectrum(15_000.0, 14_000.0, 0.0)
    made[10, 10] = np.nan
    with pytest.raises(BadInput, match="1 of 65536 pixels of the spectrum are no numbers"):
        fit_spectrum(made, pixel_size_angstrom=1.4, **KRIOS)
    with pytest.raises(BadInput, match="at least 64"):
        fit_spectrum(np.ones((32, 32), np.float32), pixel_size_angstrom=1.4, **KRIOS)
    with pytest.raises(BadInput, match="square"):
        fit_spectrum(np.ones((128, 64), np.float32), pixel_size_angstrom=1.4, **KRIOS)
    with pytest.raises(BadInput, match="too little between"):
        fit_spectrum(np.ones((128, 128), np.float32), pixel_size_angstrom=14.5, **KRIOS)


def test_impossible_optics_are_refused() -> None:
    """A pixel of 0 or an amplitude contrast of 7 is an error, not a strange fit."""
    made = made_spectrum(15_000.0, 14_000.0, 0.0)
    with pytest.raises(BadInput, match="pixel size"):
        fit_spectrum(made, pixel_size_angstrom=0.0, **KRIOS)
    with pytest.raises(BadInput, match="amplitude contrast is 7"):
        fit_spectrum(
            made, pixel_size_angstrom=1.4, voltage_kv=300.0, cs_mm=2.7, amplitude_contrast=7.0
        )


def test_an_astigmatic_spectrum_is_averaged_along_its_rings() -> None:
    """With strong astigmatism the average along rings shows them, the one on circles does not."""
    made = made_spectrum(21_500.0, 18_500.0, 70.0, size=512, signal=0.4)
    fit = fit_spectrum(made, pixel_size_angstrom=1.4, **KRIOS)
    band = (fit.curve.frequency > 0.12) & (fit.curve.frequency < 0.2)
    rings = fit.curve.fit[band] ** 2

    def follows(curve: NDArray[np.float64]) -> float:
        smooth = np.polyval(
            np.polyfit(np.arange(band.sum()), curve[band], 3), np.arange(band.sum())
        )
        return float(np.corrcoef(curve[band] - smooth, rings)[0, 1])

    assert follows(fit.curve.average) > 0.9
    assert follows(fit.curve.rotational) < 0.5
