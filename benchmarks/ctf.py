"""How right the CTF fit is, and how sure: on images of known defocus, and on real spectra.

An answer is right within 150 Å of the mean defocus. It is wrong with confidence if it is off by
more than that and by more than three times the error that it states. Astigmatism is compared as a
vector, half of u - v long. Processor seconds are of one thread, spectrum and fit together.
"""

import csv
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.ctf_cases import Case, grid_cases, odd_cases, usual_cases
from benchmarks.table import print_table
from cryobatch.formats.mrc import read_image
from cryobatch.imaging.ctf import CtfFit, fit_spectrum
from cryobatch.imaging.ctf_formula import astigmatic_defocus
from cryobatch.imaging.spectrum import amplitude_spectrum

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "data" / "beta_galactosidase"
RIGHT_WITHIN_ANGSTROM = 150.0
CONFIDENT_ERRORS = 3.0
BOXES = (512, 1024)
USUAL_SEED, GRID_SEED, ODD_SEED = 9101, 9201, 9501


@dataclass(frozen=True, slots=True)
class Answer:
    """What a fit said about a case, and how far it was off (not a number without an answer)."""

    case: Case
    fit: CtfFit
    mean_error_angstrom: float
    astigmatism_error_angstrom: float
    phase_error_degrees: float
    cpu_s: float

    @property
    def right(self) -> bool:
        """Whether the defocus is what it should be."""
        return abs(self.mean_error_angstrom) <= RIGHT_WITHIN_ANGSTROM

    @property
    def confidently_wrong(self) -> bool:
        """Whether there is a defocus, not what it should be, and far off by its own account."""
        if not self.fit.found:
            return False
        if not self.case.rings:
            return True
        sure = CONFIDENT_ERRORS * self.fit.errors.defocus_angstrom
        return not self.right and abs(self.mean_error_angstrom) > sure


def main() -> None:
    """Measure and print."""
    _real()
    usual = "CTF of usual images, 2048 x 2048; means over right answers"
    for box in BOXES:
        _print(f"{usual}, box {box}", (answer(case, box) for case in usual_cases(12, USUAL_SEED)))
    grid = "0.3-4 µm, 10-150 nm of ice, 0-2,000 Å of astigmatism, 0-120° of phase shift"
    _print(grid, (answer(case, BOXES[0]) for case in grid_cases(80, GRID_SEED)))
    odd = "Carbon, drifted and empty images"
    _print(odd, (answer(case, BOXES[0]) for case in odd_cases(12, ODD_SEED)))


def _print(title: str, answers: Iterable[Answer]) -> None:
    """Print a table with a row for each kind of case."""
    kinds: dict[str, list[Answer]] = {}
    for one in answers:
        kinds.setdefault(one.case.kind, []).append(one)
    columns = [
        "", "images", "found", "right", "wrong", "sure and wrong", "defocus Å", "bias Å",
        "stated Å", "astigm. Å", "phase °", "cpu s",
    ]  # fmt: skip
    print_table(title, columns, [_summary(kind, some) for kind, some in kinds.items()])


def answer(case: Case, box: int) -> Answer:
    """Make a case's image, fit it, and compare."""
    settings = case.settings
    image = case.image()
    started = time.process_time()
    spectrum = amplitude_spectrum(image, box, pixel_size_angstrom=settings.pixel_size_angstrom)
    fit = fit_spectrum(
        spectrum.amplitudes,
        pixel_size_angstrom=spectrum.pixel_size_angstrom,
        voltage_kv=settings.voltage_kv,
        cs_mm=settings.cs_mm,
        amplitude_contrast=settings.amplitude_contrast,
        phase_shift_range_degrees=(0.0, 180.0) if case.phase_plate else None,
    )
    cpu_s = time.process_time() - started
    if not fit.found:
        return Answer(case, fit, math.nan, math.nan, math.nan, cpu_s)
    true = astigmatic_defocus(
        settings.defocus_u_angstrom, settings.defocus_v_angstrom, settings.defocus_angle_degrees
    )
    found = fit.defocus
    return Answer(
        case,
        fit,
        found.mean_angstrom - true.mean_angstrom,
        math.hypot(
            found.cosine_angstrom - true.cosine_angstrom, found.sine_angstrom - true.sine_angstrom
        ),
        abs((fit.phase_shift_degrees - settings.phase_shift_degrees + 90.0) % 180.0 - 90.0),
        cpu_s,
    )


def _summary(kind: str, answers: Sequence[Answer]) -> Sequence[object]:
    found = [one for one in answers if one.fit.found]
    right = [one for one in found if one.right and one.case.rings]

    def mean(values: Iterable[float]) -> object:
        numbers = list(values)
        return float(np.mean(numbers)) if numbers else "-"

    return [
        kind, len(answers), len(found), len(right), len(found) - len(right),
        sum(one.confidently_wrong for one in answers),
        mean(abs(one.mean_error_angstrom) for one in right),
        mean(one.mean_error_angstrom for one in right),
        mean(one.fit.errors.defocus_angstrom for one in right),
        mean(one.astigmatism_error_angstrom for one in right),
        mean(one.phase_error_degrees for one in right if one.case.phase_plate),
        mean(one.cpu_s for one in answers),
    ]  # fmt: skip


def _real() -> None:
    table = SAMPLES / "ctffind_reference.csv"
    if not table.exists():
        print(f"no real spectra in {SAMPLES}, only simulated ones are measured")
        return
    with table.open() as file:
        rows = [_against_ctffind(reference) for reference in csv.DictReader(file)]
    columns = ["", "mean - CTFFIND's Å", "u - v - CTFFIND's Å", "angle - CTFFIND's °", "to Å"]
    print_table("Real spectra, 512 x 512, against CTFFIND", columns, rows)


def _against_ctffind(reference: dict[str, str]) -> Sequence[object]:
    spectrum, _ = read_image(SAMPLES / reference["spectrum"])
    fit = fit_spectrum(
        spectrum, pixel_size_angstrom=1.39955, voltage_kv=200.0, cs_mm=1.4, amplitude_contrast=0.1
    )
    u, v = float(reference["defocus_u_angstrom"]), float(reference["defocus_v_angstrom"])
    turned = fit.defocus_angle_degrees - float(reference["defocus_angle_degrees"])
    return [
        reference["spectrum"].removesuffix("_PS.mrc"),
        fit.defocus.mean_angstrom - (u + v) / 2.0,
        2.0 * fit.defocus.half_difference_angstrom - (u - v),
        (turned + 90.0) % 180.0 - 90.0,
        fit.resolution_angstrom,
    ]


if __name__ == "__main__":
    main()
