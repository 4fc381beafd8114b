"""Fit the contrast transfer function to an amplitude spectrum.

Like CTFFIND (Rohou & Grigorieff 2015): the amplitude spectrum without its background is compared
with |CTF|, first over everything the search allows, then by local optimisation. Unlike it, the
background is fitted together with the rings (`cryobatch.imaging.ctf_score`), and a spectrum without
Thon rings gets a reason instead of a defocus (`cryobatch.imaging.ctf_evidence`).
"""

import math
from dataclasses import dataclass

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.ctf_candidate import RESTRAINT_OFF, Candidate, SearchRange
from cryobatch.imaging.ctf_coarse import ring_table
from cryobatch.imaging.ctf_curve import (
    CtfCurve,
    fit_resolution,
    fitted_curve,
    ice_ring,
    rotational_curve,
)
from cryobatch.imaging.ctf_error import CtfErrors, standard_errors
from cryobatch.imaging.ctf_evidence import find_doubt
from cryobatch.imaging.ctf_formula import Defocus, Optics, astigmatic_defocus
from cryobatch.imaging.ctf_pixels import RingPixels, ring_pixels
from cryobatch.imaging.ctf_search import refine, score, search

FEW_RINGS = 8.0
"""Fewer do not tell defocus, phase shift and background apart well."""
FINEST_ANGSTROM = 3.5
CLEAR_SCORE = 0.2
"""A clear spectrum needs no finer rings, which feel errors of Cs and pixel size: in real ones of
0.20 to 0.30 they moved the mean by 24 Å on average, and two angles by 7°."""


@dataclass(frozen=True, slots=True)
class CtfFit:
    """The contrast transfer function of a spectrum, or why there is none.

    Attributes:
        defocus_u_angstrom: Largest underfocus; this and the next three are NaN without Thon rings.
        defocus_v_angstrom: Smallest underfocus.
        defocus_angle_degrees: Direction of ``u`` from x (columns) towards y (rows), 0 up to 180.
        phase_shift_degrees: Additional phase shift, 0 up to 180; 0 where not searched.
        errors: Standard errors of the above, as the spectrum tells them; NaN without Thon rings.
        score: Partial correlation of spectrum and fit, also of a fit that was not believed.
        resolution_angstrom: Up to where the fit holds; infinite without Thon rings.
        ice_ring: See `cryobatch.imaging.ctf_curve`; None where the spectrum does not reach it.
        reason: None for a fit, else words that start with "no Thon rings".
        curve: Averages of the spectrum, and the fit, by frequency.
    """

    defocus_u_angstrom: float
    defocus_v_angstrom: float
    defocus_angle_degrees: float
    phase_shift_degrees: float
    errors: CtfErrors
    score: float
    resolution_angstrom: float
    ice_ring: float | None
    reason: str | None
    curve: CtfCurve

    @property
    def found(self) -> bool:
        """Whether there are Thon rings."""
        return self.reason is None

    @property
    def no_phase_plate(self) -> bool:
        """Whether a phase shift that was searched is none, as far as its error tells."""
        error = self.errors.phase_shift_degrees
        return error > 0.0 and abs((self.phase_shift_degrees + 90.0) % 180.0 - 90.0) <= error

    @property
    def defocus(self) -> Defocus:
        """The same in the parameters of `cryobatch.imaging.ctf_formula`."""
        return astigmatic_defocus(
            self.defocus_u_angstrom,
            self.defocus_v_angstrom,
            self.defocus_angle_degrees,
            self.phase_shift_degrees,
        )


def fit_spectrum(
    spectrum: ImageArray,
    *,
    pixel_size_angstrom: float,
    voltage_kv: float,
    cs_mm: float,
    amplitude_contrast: float,
    resolution_low_angstrom: float = 30.0,
    resolution_high_angstrom: float = 5.0,
    defocus_low_angstrom: float = 2500.0,
    defocus_high_angstrom: float = 50_000.0,
    astigmatism_restraint_angstrom: float | None = None,
    phase_shift_range_degrees: tuple[float, float] | None = None,
    phase_shift_step_degrees: float = 10.0,
) -> CtfFit:
    """Fit defocus, astigmatism and, if asked, phase shift.

    Args:
        spectrum: Square amplitude spectrum, zero frequency at ``size // 2``, any scale.
        pixel_size_angstrom: Of the image that has this spectrum: the frequency step is
            ``1 / (size * pixel_size_angstrom)``.
        voltage_kv: Acceleration voltage.
        cs_mm: Spherical aberration.
        amplitude_contrast: Fraction, 0 to 1.
        resolution_low_angstrom: Coarsest detail that is compared.
        resolution_high_angstrom: Finest that is searched; Nyquist's if that comes first. Of a low
            defocus, as much finer as shows `FEW_RINGS` rings. In a noisy spectrum, what is found is
            moved on all rings that follow it. Neither goes beyond `FINEST_ANGSTROM`.
        defocus_low_angstrom: Least mean defocus that is searched.
        defocus_high_angstrom: Largest mean defocus that is searched.
        astigmatism_restraint_angstrom: What to expect of a spectrum too weak to tell; None: no
            restraint.
        phase_shift_range_degrees: Search the phase shift in this range; None: it is 0.
        phase_shift_step_degrees: Step of that search before the local optimisation.

    Raises:
        BadInput: The spectrum or a number cannot be what it should be.
    """
    optics = _checked_optics(pixel_size_angstrom, voltage_kv, cs_mm, amplitude_contrast)
    limits = _limits(
        (defocus_low_angstrom, defocus_high_angstrom),
        astigmatism_restraint_angstrom,
        phase_shift_range_degrees,
        phase_shift_step_degrees,
    )
    pixels = ring_pixels(
        spectrum, pixel_size_angstrom, optics, resolution_low_angstrom, resolution_high_angstrom
    )
    if pixels.is_flat:
        return _unfitted(
            spectrum, pixel_size_angstrom, 0.0, "the spectrum is flat (an empty image)"
        )
    best = search(pixels, limits)
    finest = _finest_angstrom(best.defocus.mean_angstrom, optics)
    if finest < resolution_high_angstrom:
        pixels = ring_pixels(spectrum, pixel_size_angstrom, optics, resolution_low_angstrom, finest)
        best = search(pixels, limits)
    doubt = find_doubt(pixels, best, ring_table(pixels), limits)
    if doubt is not None:
        return _unfitted(spectrum, pixel_size_angstrom, best.score, doubt)
    looked = _Looked(spectrum, pixel_size_angstrom, resolution_low_angstrom)
    finest = min(finest, resolution_high_angstrom)
    pixels, best = _looked_further(looked, pixels, best, limits, finest)
    return _fitted(looked, pixels, best, limits)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What is looked at: the spectrum from its coarsest detail on."""

    spectrum: ImageArray
    pixel_size_angstrom: float
    resolution_low_angstrom: float

    def curve(self, best: Candidate, optics: Optics) -> tuple[CtfCurve, float]:
        """Return the averages along the rings of a fit, and up to where they follow it (Å)."""
        curve = fitted_curve(self.spectrum, self.pixel_size_angstrom, best.defocus, optics)
        return curve, fit_resolution(curve, self.resolution_low_angstrom)


def _looked_further(
    looked: _Looked,
    pixels: RingPixels,
    best: Candidate,
    limits: SearchRange,
    finest_angstrom: float,
) -> tuple[RingPixels, Candidate]:
    """Move the best defocus of a noisy spectrum on all its rings: the finer, the more they tell."""
    optics = pixels.optics
    if best.score >= CLEAR_SCORE:
        return pixels, best
    finer = max(looked.curve(best, optics)[1], FINEST_ANGSTROM)
    if finer >= finest_angstrom:
        return pixels, best
    more = ring_pixels(
        looked.spectrum, looked.pixel_size_angstrom, optics, looked.resolution_low_angstrom, finer
    )
    defocus = refine(more, best, limits).defocus
    return more, Candidate(defocus, score(pixels, defocus))


def _finest_angstrom(defocus_angstrom: float, optics: Optics) -> float:
    """Return up to where to look for rings, that there be enough of them."""
    square = max(defocus_angstrom, 1.0) * optics.wavelength_angstrom / FEW_RINGS
    return max(math.sqrt(square), FINEST_ANGSTROM)


def _checked_optics(
    pixel_size_angstrom: float, voltage_kv: float, cs_mm: float, amplitude_contrast: float
) -> Optics:
    limits = {
        "pixel size (Å)": (pixel_size_angstrom, 0.01, 1000.0),
        "voltage (kV)": (voltage_kv, 1.0, 3000.0),
        "Cs (mm)": (cs_mm, -100.0, 100.0),
        "amplitude contrast": (amplitude_contrast, 0.0, 1.0),
    }
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise BadInput(f"{name} is {value:g}, and must be from {low:g} to {high:g}")
    return Optics(voltage_kv, cs_mm, amplitude_contrast)


def _limits(
    defocus: tuple[float, float],
    restraint: float | None,
    phase_degrees: tuple[float, float] | None,
    phase_step_degrees: float,
) -> SearchRange:
    if not 0.0 < defocus[0] < defocus[1]:
        raise BadInput(
            f"the defocus must be searched from low to high, not {defocus[0]} to {defocus[1]}"
        )
    low, high = phase_degrees or (0.0, 0.0)
    return SearchRange(
        defocus_low_angstrom=defocus[0],
        defocus_high_angstrom=defocus[1],
        astigmatism_restraint_angstrom=restraint or RESTRAINT_OFF,
        phase_low_turns=low / 180.0,
        phase_high_turns=high / 180.0,
        phase_step_turns=phase_step_degrees / 180.0,
    )


def _unfitted(spectrum: ImageArray, pixel_size_angstrom: float, score: float, doubt: str) -> CtfFit:
    curve = rotational_curve(spectrum, pixel_size_angstrom)
    return CtfFit(
        defocus_u_angstrom=math.nan,
        defocus_v_angstrom=math.nan,
        defocus_angle_degrees=math.nan,
        phase_shift_degrees=math.nan,
        errors=CtfErrors(math.nan, math.nan, math.nan),
        score=score,
        resolution_angstrom=math.inf,
        ice_ring=ice_ring(curve),
        reason=f"no Thon rings: {doubt}",
        curve=curve,
    )


def _fitted(looked: _Looked, pixels: RingPixels, best: Candidate, limits: SearchRange) -> CtfFit:
    defocus = best.defocus
    curve, resolution = looked.curve(best, pixels.optics)
    if math.isinf(resolution):
        doubt = "averaged along the fitted rings, the spectrum does not follow them"
        return _unfitted(looked.spectrum, looked.pixel_size_angstrom, best.score, doubt)
    return CtfFit(
        defocus_u_angstrom=defocus.mean_angstrom + defocus.half_difference_angstrom,
        defocus_v_angstrom=defocus.mean_angstrom - defocus.half_difference_angstrom,
        defocus_angle_degrees=defocus.angle_degrees,
        phase_shift_degrees=defocus.phase_shift_turns % 1.0 * 180.0,
        errors=standard_errors(pixels, defocus, phase=limits.searches_phase),
        score=best.score,
        resolution_angstrom=resolution,
        ice_ring=ice_ring(curve),
        reason=None,
        curve=curve,
    )
