"""What CTF fit and picking cost, and how well they do where real sample data is at hand.

Processor seconds of one thread, after one run that loads the compiled code.
"""

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.table import print_table
from cryobatch.formats.mrc import read_image
from cryobatch.imaging.ctf import fit_spectrum
from cryobatch.imaging.picking import PickingSettings, Picks, pick
from cryobatch.imaging.simulate import SimulationSettings, simulate_micrograph
from cryobatch.imaging.spectrum import amplitude_spectrum

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "data"
WITHIN_PX = 20.0

Answer = TypeVar("Answer")


def main() -> None:
    """Measure and print."""
    folder = SAMPLES / "apoferritin"
    micrographs = sorted(folder.glob("*.mrc"))
    if micrographs:
        _real(micrographs)
    else:
        print(f"no real micrographs in {folder}, only simulated ones are measured")
    _simulated()


def _real(micrographs: Sequence[Path]) -> None:
    rows: list[Sequence[object]] = []
    for path in micrographs:
        image, _ = read_image(path)
        picks, cpu_given = _timed(lambda image=image: _pick(image, 130.0))  # type: ignore[misc]
        found, cpu_estimated = _timed(lambda image=image: _pick(image, None))  # type: ignore[misc]
        rows.append([
            path.stem, _f1(picks, path), cpu_given, _f1(found, path), cpu_estimated,
            found.diameter_angstrom, _ctf_seconds(image, 1.5, 0.01),
        ])  # fmt: skip
    columns = ["", "F1 at 130 Å", "cpu s", "F1, none given", "cpu s", "Å found", "CTF cpu s"]
    print_table("Real apoferritin, 1240 x 1200, against a person's picks", columns, rows)


def _simulated() -> None:
    rows: list[Sequence[object]] = []
    for side, pixel in ((1024, 1.5), (4096, 1.0)):
        settings = SimulationSettings(rows=side, columns=side, pixel_size_angstrom=pixel)
        image = simulate_micrograph(settings, 11).image.astype(np.float32)
        picks, cpu = _timed(lambda image=image, pixel=pixel: _pick(image, 130.0, pixel))  # type: ignore[misc]
        rows.append([f"{side} x {side}", len(picks.scores), cpu, _ctf_seconds(image, pixel, 2.7)])
    print_table("Simulated", ["", "picks", "cpu s", "CTF cpu s"], rows)


def _pick(image: NDArray[np.float32], diameter: float | None, pixel: float = 1.5) -> Picks:
    return pick(image, pixel_size_angstrom=pixel, settings=PickingSettings(diameter))


def _ctf_seconds(image: NDArray[np.float32], pixel: float, cs_mm: float) -> float:
    def fit() -> object:
        spectrum = amplitude_spectrum(image, 512, pixel_size_angstrom=pixel)
        return fit_spectrum(
            spectrum.amplitudes,
            pixel_size_angstrom=spectrum.pixel_size_angstrom,
            voltage_kv=300.0,
            cs_mm=cs_mm,
            amplitude_contrast=0.07,
        )

    return _timed(fit)[1]


def _timed(work: Callable[[], Answer]) -> tuple[Answer, float]:
    work()
    started = time.process_time()
    answer = work()
    return answer, time.process_time() - started


def _f1(picks: Picks, path: Path) -> float:
    """Return F1 of a one-to-one match; picks that match a clipped particle count nowhere."""
    with path.with_name(f"{path.stem}_picks.csv").open() as table:
        known = [
            (float(r["x_px"]), float(r["y_px"]), int(r["edge_clipped"]))
            for r in csv.DictReader(table)
        ]
    truth = np.array(known)
    distance = np.linalg.norm(picks.coordinates_px[:, None] - truth[None, :, :2], axis=2)
    found, matched = linear_sum_assignment(np.where(distance <= WITHIN_PX, distance, 1e6))
    matched = matched[distance[found, matched] <= WITHIN_PX]
    clipped = int(truth[matched, 2].sum())
    hits = len(matched) - clipped
    whole = len(truth) - int(truth[:, 2].sum())
    return 2.0 * hits / (len(picks.scores) - clipped + whole)


if __name__ == "__main__":
    main()
