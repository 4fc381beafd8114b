"""The traffic light of an image: green, amber or red, with the reasons in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cryobatch.imaging.gain_orientation import GainVerdict


class Grade(StrEnum):
    """How good an image is, as far as numbers can tell."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known about an image; None for what is not known, which is no fault.

    Attributes:
        mean_intensity: Mean of the pixels.
        median_intensity: Median of that over recent images.
        stripes: See `cryobatch.imaging.statistics.striping`.
        drift_range_angstrom: Largest distance of two frames.
        ctf_missing: Whether a CTF was looked for and not found.
        defocus_u_angstrom: Largest underfocus.
        defocus_v_angstrom: Smallest underfocus.
        ctf_resolution_angstrom: Up to where the CTF fit holds.
        ice_ring: See `cryobatch.imaging.ctf_curve`.
        particle_count: Picked particles.
        dose_disagreement_percent: Measured less stated dose, of the stated one.
        pixel_size_angstrom: Of the micrograph.
        frames: Frames in the movie.
        frames_expected: Frames that it should have.
        gain_verdict: Of `cryobatch.imaging.gain_orientation`.
        gain_fit: How much of the gain's pattern the counts show.
        gain_best: The orientation in which it fits best, in words.
        doubts: Why something known about the image may be wrong, in words.
    """

    mean_intensity: float | None = None
    median_intensity: float | None = None
    stripes: float | None = None
    drift_range_angstrom: float | None = None
    ctf_missing: bool = False
    defocus_u_angstrom: float | None = None
    defocus_v_angstrom: float | None = None
    ctf_resolution_angstrom: float | None = None
    ice_ring: float | None = None
    particle_count: int | None = None
    dose_disagreement_percent: float | None = None
    pixel_size_angstrom: float | None = None
    frames: int | None = None
    frames_expected: int | None = None
    gain_verdict: str | None = None
    gain_fit: float | None = None
    gain_best: str | None = None
    doubts: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a finding is a fault; the names say which finding."""

    dark_percent: float = 10.0
    stripes: float = 3.0
    drift_amber_angstrom: float = 30.0
    drift_red_angstrom: float = 50.0
    defocus_low_angstrom: float = 2000.0
    defocus_high_angstrom: float = 70_000.0
    astigmatism_angstrom: float = 500.0
    astigmatism_percent: float = 10.0
    resolution_amber_angstrom: float = 6.0
    resolution_red_angstrom: float = 10.0
    ice_ring: float = 1.1
    least_particles: int = 0
    dose_disagreement_percent: float = 30.0


Fault = tuple[Grade, str]

NYQUIST_SHARE = 2.1
"""A fit up to this many pixels reaches all there is, however coarse the pixels are."""


def grade(findings: Findings, limits: Limits) -> tuple[Grade, list[str]]:
    """Return the worst grade of all faults, and the faults in words, the worst first."""
    faults = [*_intensity_faults(findings, limits), *_drift_faults(findings, limits)]
    faults += [*_ctf_faults(findings, limits), *_other_faults(findings, limits)]
    faults += _acquisition_faults(findings)
    order = [Grade.RED, Grade.AMBER]
    faults.sort(key=lambda fault: order.index(fault[0]))
    return (faults[0][0] if faults else Grade.GREEN), [text for _, text in faults]


def _intensity_faults(findings: Findings, limits: Limits) -> Iterator[Fault]:
    mean, median = findings.mean_intensity, findings.median_intensity
    if mean is not None and median is not None and median > 0.0:
        percent = 100.0 * mean / median
        if percent < limits.dark_percent:
            yield Grade.RED, f"dark: {percent:.1f} % of the usual intensity"
    if findings.stripes is not None and findings.stripes > limits.stripes:
        yield Grade.AMBER, f"striped {findings.stripes:.1f} > {limits.stripes:g}"


def _drift_faults(findings: Findings, limits: Limits) -> Iterator[Fault]:
    drift = findings.drift_range_angstrom
    for level, limit in (
        (Grade.RED, limits.drift_red_angstrom),
        (Grade.AMBER, limits.drift_amber_angstrom),
    ):
        if drift is not None and drift > limit:
            yield level, f"drift range {drift:.0f} Å > {limit:g} Å"
            return


def _ctf_faults(findings: Findings, limits: Limits) -> Iterator[Fault]:
    if findings.ctf_missing:
        yield Grade.RED, "no CTF fit"
    if findings.defocus_u_angstrom is not None and findings.defocus_v_angstrom is not None:
        yield from _defocus_faults(findings.defocus_u_angstrom, findings.defocus_v_angstrom, limits)
    yield from _resolution_faults(findings, limits)
    if findings.ice_ring is not None and findings.ice_ring > limits.ice_ring:
        yield Grade.AMBER, f"icy {findings.ice_ring:.2f} > {limits.ice_ring:g}"


def _defocus_faults(u_angstrom: float, v_angstrom: float, limits: Limits) -> Iterator[Fault]:
    mean, astigmatism = (u_angstrom + v_angstrom) / 2.0, u_angstrom - v_angstrom
    if mean < limits.defocus_low_angstrom:
        yield Grade.AMBER, f"defocus {mean:.0f} Å < {limits.defocus_low_angstrom:g} Å"
    if mean > limits.defocus_high_angstrom:
        yield Grade.AMBER, f"defocus {mean:.0f} Å > {limits.defocus_high_angstrom:g} Å"
    percent = 100.0 * astigmatism / max(mean, 1.0)
    if astigmatism > limits.astigmatism_angstrom and percent > limits.astigmatism_percent:
        yield Grade.AMBER, f"astigmatism {astigmatism:.0f} Å, {percent:.0f} % of the defocus"


def _resolution_faults(findings: Findings, limits: Limits) -> Iterator[Fault]:
    resolution = findings.ctf_resolution_angstrom
    if resolution is None:
        return
    if resolution <= NYQUIST_SHARE * (findings.pixel_size_angstrom or 0.0):
        return
    for level, limit in (
        (Grade.RED, limits.resolution_red_angstrom),
        (Grade.AMBER, limits.resolution_amber_angstrom),
    ):
        if resolution > limit:
            yield level, f"CTF resolution {resolution:.1f} Å > {limit:g} Å"
            return


def _other_faults(findings: Findings, limits: Limits) -> Iterator[Fault]:
    count = findings.particle_count
    if count is not None and count < limits.least_particles:
        yield Grade.AMBER, f"{count} particles < {limits.least_particles}"
    frames, expected = findings.frames, findings.frames_expected
    if frames is not None and expected is not None and frames < expected:
        yield Grade.AMBER, f"short: {frames} of {expected} frames"
    wrong, limit = findings.dose_disagreement_percent, limits.dose_disagreement_percent
    if wrong is not None and abs(wrong) > limit:
        yield Grade.AMBER, f"dose {wrong:+.0f} % off what was stated"


def _acquisition_faults(findings: Findings) -> Iterator[Fault]:
    shown = f"{100.0 * (findings.gain_fit or 0.0):.0f} % of its pattern shows"
    if findings.gain_verdict == GainVerdict.TURNED:
        yield Grade.RED, f"gain reference turned wrongly ({shown}): {findings.gain_best} fits"
    if findings.gain_verdict == GainVerdict.FOREIGN:
        yield Grade.RED, f"gain reference of another camera or time ({shown})"
    if findings.doubts:
        yield Grade.AMBER, findings.doubts
