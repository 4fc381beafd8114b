"""What the picker finds and what it takes for particles, on real and simulated micrographs.

Nothing but a diameter is given (of elongated particles the longest), or not even that where a
column says so; the threshold is the picker's own. A pick is right within a quarter of the diameter;
what lies nearer to the border than a quarter of it counts nowhere. False picks are told per µm².
Processor seconds are of one thread.

Nothing is to be picked on drops and crystals: beside the F1 of all particles stands that of the
clear ones, whose centres no drop or crystal covers, and how many picks lie on one. A pick of a
covered particle counts neither way among the clear ones.
"""

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.table import print_table
from cryobatch.formats.mrc import read_image
from cryobatch.imaging.picking import PickingSettings, Picks, pick
from cryobatch.imaging.simulate import SimulationSettings, simulate_micrograph
from cryobatch.imaging.simulate_contamination import ethane_drops, ice_crystals
from cryobatch.imaging.simulate_field import make_field
from cryobatch.imaging.simulate_motion import at_rest

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "data" / "apoferritin"
SIDE = 2048
LARGE_SIDE = 4096
SEED = 9301
_DIAMETERS = (80.0, 130.0, 200.0, 350.0, 500.0)
_BASE = SimulationSettings(
    rows=SIDE, columns=SIDE, frames=12, dose_per_frame=4.0, defocus_u_angstrom=18_000.0,
    defocus_v_angstrom=17_500.0, particle_hollow=0.0,
)  # fmt: skip
_PER_ANGSTROM2 = 3.8e-6
_BESIDE = {
    "nothing": {},
    "gold": {"gold_count": 8},
    "ethane": {"ethane_count": 8},
    "ice crystals": {"contaminant_count": 5},
    "carbon": {"carbon_fraction": 0.35},
}


@dataclass(frozen=True, slots=True)
class Count:
    """Picks against the truth."""

    hits: int
    false: int
    missed: int

    @property
    def recall(self) -> float:
        """Share of the particles that were picked; 1 where there are none."""
        return self.hits / max(self.hits + self.missed, 1) if self.hits + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision."""
        return 2.0 * self.hits / max(2 * self.hits + self.false + self.missed, 1)


def main() -> None:
    """Measure and print."""
    _real()
    columns = ["", "F1", "recall", "false/µm²", "median score", "threshold", "cpu s"]
    particle_columns = [*columns, "F1, none given", "diameter, none given"]
    rows = [_row(*one) for one in particles()]
    print_table("Simulated particles, 2048 x 2048", particle_columns, rows)
    beside_columns = [*columns, "F1, clear", "clear", "picks on dirt"]
    print_table(
        "... and 130 Å, hollow, beside", beside_columns, [_row_beside(*one) for one in beside(40)]
    )
    empty_columns = ["", "picks at 130 Å", "picks, none given", "cpu s", "cpu s, none given"]
    print_table("No particles at all", empty_columns, [_nothing(*one) for one in empty()])
    time_columns = ["", "cpu s", "cpu s, none given", "picks", "particles"]
    print_table("Time, 4096 x 4096", time_columns, [_time(*one) for one in large()])


def particles() -> Iterator[tuple[str, SimulationSettings, int]]:
    """Yield round and elongated particles of all sizes, sparse and crowded."""
    for index, longest in enumerate(_DIAMETERS):
        for elongation in (1.0, 2.0):
            for crowded in (False, True):
                short = longest / elongation
                name = f"{longest:.0f} Å" + (f", {elongation:.0f}:1" if elongation > 1.0 else "")
                pixel = 1.2 if longest < 250.0 else 2.4
                covered = np.pi / 4.0 * longest * short / (SIDE * pixel) ** 2
                settings = replace(
                    _BASE, pixel_size_angstrom=pixel, particle_diameter_angstrom=short,
                    particle_elongation=elongation, particle_hollow=0.6 * (index % 2),
                    particle_count=round((0.3 if crowded else 0.02) / covered) or 1,
                    particle_spacing=1.02 if elongation == 1.0 else 0.8,
                )  # fmt: skip
                yield f"{name}, {'crowded' if crowded else 'sparse'}", settings, SEED + index


def beside(count: int) -> Iterator[tuple[str, SimulationSettings, int]]:
    """Yield particles beside what is none."""
    for name, what in _BESIDE.items():
        settings = replace(_BASE, particle_hollow=0.62, particle_count=count, **what)  # type: ignore[arg-type]  # mixed fields
        yield name, settings, SEED + 50


def large() -> Iterator[tuple[str, SimulationSettings, int]]:
    """Yield micrographs as large as a camera's, of small and large pixels and small particles."""
    for pixel in (1.0, 2.4):
        count = round(_PER_ANGSTROM2 * (LARGE_SIDE * pixel) ** 2)
        for name, what in _BESIDE.items():
            settings = replace(
                _BASE, rows=LARGE_SIDE, columns=LARGE_SIDE, pixel_size_angstrom=pixel,
                particle_hollow=0.62, particle_count=count,
                **what,  # type: ignore[arg-type]  # mixed fields
            )  # fmt: skip
            yield f"{pixel} Å/px, beside {name}", settings, SEED + 90
    for name, covered_share in (("sparse", 0.02), ("crowded", 0.3)):
        covered_pixels = np.pi / 4.0 * 80.0 * 40.0 / 2.4**2
        settings = replace(
            _BASE, rows=LARGE_SIDE, columns=LARGE_SIDE, pixel_size_angstrom=2.4,
            particle_diameter_angstrom=40.0, particle_elongation=2.0, particle_spacing=0.8,
            particle_count=round(covered_share * LARGE_SIDE**2 / covered_pixels),
        )  # fmt: skip
        yield f"2.4 Å/px, 80 Å, 2:1, {name}", settings, SEED + 91


def empty() -> Iterator[tuple[str, NDArray[np.float32], float]]:
    """Yield micrographs without particles."""
    random = np.random.default_rng(SEED)
    yield "black", np.zeros((SIDE, SIDE), np.float32), 1.5
    yield "white noise", random.standard_normal((SIDE, SIDE)).astype(np.float32), 1.5
    for index, (name, what) in enumerate(_BESIDE.items()):
        settings = replace(_BASE, particle_count=0, **what)  # type: ignore[arg-type]  # mixed fields
        name = "ice alone" if name == "nothing" else f"{name}, ice"
        yield name, simulate_micrograph(settings, SEED + 70 + index).image, 1.5
    vacuum = replace(_BASE, particle_count=0, ice_thickness_angstrom=0.0)
    yield "vacuum", simulate_micrograph(vacuum, SEED + 80).image, 1.5


def compare(
    picks: Picks, truth: NDArray[np.float64], ignored: NDArray[np.bool_], within_px: float
) -> Count:
    """Match one to one; what matches an ignored particle counts nowhere."""
    distance = np.linalg.norm(picks.coordinates_px[:, None] - truth[None], axis=2)
    found, known = linear_sum_assignment(np.where(distance <= within_px, distance, 1e6))
    close = distance[found, known] <= within_px
    hits = int(np.count_nonzero(close & ~ignored[known]))
    skipped = int(np.count_nonzero(close & ignored[known]))
    whole = int(np.count_nonzero(~ignored))
    return Count(hits, len(picks.scores) - hits - skipped, whole - hits)


def covered(settings: SimulationSettings, seed: int) -> NDArray[np.bool_]:
    """Return ``(rows, columns)`` bool: where a simulated drop or crystal lies."""
    field = make_field(settings, at_rest(settings.shape), seed, 1)
    pixel = settings.pixel_size_angstrom
    drops = ethane_drops(field.shape, settings.ethane_count, pixel, seed)
    crystals = ice_crystals(field.shape, settings.contaminant_count, pixel, seed)
    thickness = drops.thickness_angstrom + crystals.thickness_angstrom
    top, left = field.margin
    return thickness[top : top + settings.rows, left : left + settings.columns] > 0.0


def _row(name: str, settings: SimulationSettings, seed: int) -> Sequence[object]:
    made = simulate_micrograph(settings, seed)
    truth, pixel = made.particle_centres_px, settings.pixel_size_angstrom
    picks, cpu_s = _picked(made.image, pixel, _longest(settings))
    estimated, _ = _picked(made.image, pixel, None)
    f1 = compare(estimated, truth, _cut(settings, truth), _within(settings)).f1
    diameter = estimated.diameter_angstrom
    return [
        *_judged(name, settings, truth, picks, cpu_s), f1, "-" if diameter is None else diameter,
    ]  # fmt: skip


def _row_beside(name: str, settings: SimulationSettings, seed: int) -> Sequence[object]:
    made = simulate_micrograph(settings, seed)
    picks, cpu_s = _picked(made.image, settings.pixel_size_angstrom, _longest(settings))
    truth = made.particle_centres_px
    dirt = covered(settings, seed)
    hidden = _inside(dirt, truth)
    cut = _cut(settings, truth)
    count = compare(picks, truth, cut | hidden, _within(settings))
    whole = int(np.count_nonzero(~cut & ~hidden))
    on = int(np.count_nonzero(_inside(dirt, picks.coordinates_px)))
    return [*_judged(name, settings, truth, picks, cpu_s), count.f1, whole, on]


def _time(name: str, settings: SimulationSettings, seed: int) -> Sequence[object]:
    made = simulate_micrograph(settings, seed)
    picks, cpu_s = _picked(made.image, settings.pixel_size_angstrom, _longest(settings))
    _, cpu_estimated = _picked(made.image, settings.pixel_size_angstrom, None)
    return [name, cpu_s, cpu_estimated, len(picks.scores), len(made.particle_centres_px)]


def _judged(
    name: str,
    settings: SimulationSettings,
    truth: NDArray[np.float64],
    picks: Picks,
    cpu_s: float,
) -> Sequence[object]:
    count = compare(picks, truth, _cut(settings, truth), _within(settings))
    area_um2 = settings.rows * settings.columns * settings.pixel_size_angstrom**2 * 1e-8
    median = float(np.median(picks.scores)) if len(picks.scores) else "-"
    return [
        name, count.f1, count.recall, count.false / area_um2, median, picks.threshold, cpu_s,
    ]  # fmt: skip


def _longest(settings: SimulationSettings) -> float:
    return settings.particle_diameter_angstrom * settings.particle_elongation


def _within(settings: SimulationSettings) -> float:
    """Return a quarter of the longest diameter, pixels."""
    return 0.25 * _longest(settings) / settings.pixel_size_angstrom


def _cut(settings: SimulationSettings, truth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which particles the border cuts, or carbon film lies near to."""
    margin = _within(settings)
    last = np.array([settings.columns, settings.rows]) - 1.0 - margin
    cut: NDArray[np.bool_] = np.any((truth < margin) | (truth > last), axis=1)
    if settings.carbon_fraction > 0.0:
        cut |= truth[:, 0] < settings.carbon_fraction * settings.columns + 8.0 * margin
    return cut


def _inside(mask: NDArray[np.bool_], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return ``(n,)`` bool: which points lie where a mask is."""
    x, y = np.rint(points).astype(np.intp).T
    found: NDArray[np.bool_] = mask[y, x]
    return found


def _nothing(name: str, image: NDArray[np.float32], pixel: float) -> Sequence[object]:
    given, cpu_given = _picked(image, pixel, 130.0)
    estimated, cpu_estimated = _picked(image, pixel, None)
    return [name, len(given.scores), len(estimated.scores), cpu_given, cpu_estimated]


def _picked(
    image: NDArray[np.float32], pixel: float, diameter: float | None
) -> tuple[Picks, float]:
    started = time.process_time()
    picks = pick(image, pixel_size_angstrom=pixel, settings=PickingSettings(diameter))
    return picks, time.process_time() - started


def _real() -> None:
    micrographs = sorted(SAMPLES.glob("*.mrc"))
    if not micrographs:
        print(f"no real micrographs in {SAMPLES}, only simulated ones are measured")
        return
    columns = ["", "F1", "recall", "false/µm²", "median score", "threshold", "cpu s"]
    rows = [_real_row(path) for path in micrographs]
    print_table("Real apoferritin, 1240 x 1200, 130 Å, against a person's picks", columns, rows)


def _real_row(path: Path) -> Sequence[object]:
    image, _ = read_image(path)
    with path.with_name(f"{path.stem}_picks.csv").open() as table:
        known = [
            (float(row["x_px"]), float(row["y_px"]), float(row["edge_clipped"]))
            for row in csv.DictReader(table)
        ]
    truth = np.array(known)
    picks, cpu_s = _picked(image, 1.5, 130.0)
    count = compare(picks, truth[:, :2], truth[:, 2] > 0.0, 20.0)
    area_um2 = image.size * 1.5**2 * 1e-8
    median = float(np.median(picks.scores))
    return [
        path.stem, count.f1, count.recall, count.false / area_um2, median, picks.threshold, cpu_s,
    ]  # fmt: skip


if __name__ == "__main__":
    main()
