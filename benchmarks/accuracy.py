"""How exact and how robust drift correction is, on simulated movies with known motion.

The error is the distance between found and true displacement, over frames (but those without beam)
and a 5x5 field, each point's mean over the frames left out (nobody can see it). B = 8 pi² σ², σ²
the mean square along an axis, is what the error costs as a B-factor. Everything goes through the
built-in scripts with their defaults. The seeds were used for nothing else.

``a frame`` is how exactly one frame tells its place to who knows the particles (``oracle``).
``bound`` is how exactly the motion can be told at all to who knows its class (``motion_bound``).
``least`` is how near RELION's class of motion (whole frames' shifts and a polynomial of space and
time) can come at all: the best fit of that class to the truth.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.motion_bound import motion_bound_angstrom
from benchmarks.oracle import frame_bound_angstrom
from benchmarks.recordings import THREADS, correct_movie
from benchmarks.table import print_table
from cryobatch.imaging.motion_model import MotionModel, spatial_terms, temporal_terms
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulate_movie

FAILURE_ANGSTROM = 1.0
FIRST_SEED = 9101
FIRST_LARGE_SEED = 9201
ROBUSTNESS_SEEDS = (9011, 9012)
DOSES = (0.5, 1.0, 1.5)
PIXELS_ANGSTROM = (0.6, 0.85, 1.3)
LARGE = ((0.5, 0.6), (1.0, 0.8), (1.5, 1.3))
"""Dose a frame and pixel of the 4096 x 4096 ones."""
LOCAL_ANGSTROM_A_MICROMETRE = 24.0
"""8 Å over the field of 4096 pixels of 0.8 Å."""

PLAIN = SimulationSettings(
    rows=2048, columns=2048, frames=32, pixel_size_angstrom=0.85, dose_per_frame=1.0,
    local_motion_angstrom=4.0, hot_pixels=100, dead_pixels=100,
)  # fmt: skip

ROBUSTNESS = {
    "plain": PLAIN,
    "wandering, 0.2 Å per e/Å²": replace(
        PLAIN, wandering_velocity=0.2, local_motion_angstrom=0.0
    ),
    "burst of 8 Å": replace(PLAIN, burst_angstrom=8.0),
    "jump of 6 Å": replace(PLAIN, jump_angstrom=6.0),
    "4 gold beads": replace(PLAIN, gold_count=4),
    "4 gold beads sliding 10 Å": replace(PLAIN, gold_count=4, gold_sliding_angstrom=10.0),
    "20 ethane drops, 5 crystals": replace(PLAIN, ethane_count=20, contaminant_count=5),
    "carbon on 40 %": replace(PLAIN, carbon_fraction=0.4),
    "first and 12th frame empty": replace(PLAIN, empty_frames=(0, 11)),
    "gain wrong by 1 %": replace(PLAIN, gain_error=0.01),
    "gain wrong by 1 %, 1 Å drift": replace(
        PLAIN, gain_error=0.01, drift_angstrom=1.0, local_motion_angstrom=0.0
    ),
    "gain spread of 10 %": replace(PLAIN, gain_deviation=0.1),
    "3,000 hot pixels": replace(PLAIN, hot_pixels=3000),
    "200 kV": replace(PLAIN, voltage_kv=200.0),
    "no particles": replace(PLAIN, particle_count=0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """One movie's result.

    Args:
        distances: ``(frames, points)`` Å, found from true.
        least: Root mean square of the best fit of RELION's class, Å.
        uncertainty: What the script says itself, Å; infinite where it saw no drift.
        warned: Whether it warned of the drift.
    """

    distances: NDArray[np.float64]
    least: float
    uncertainty: float
    warned: bool


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="cryobatch-accuracy-") as folder:
        place = Path(folder)
        _plain_grid(place)
        _robustness(place)
        _large(place)


def _plain_grid(place: Path) -> None:
    rows: list[Sequence[object]] = []
    whole: dict[bool, list[Measured]] = {False: [], True: []}
    for dose in DOSES:
        for pixel in PIXELS_ANGSTROM:
            for local in (False, True):
                settings = grid_settings(dose, pixel, 2048, local)
                seed = FIRST_SEED + len(rows)
                found = [measure(place, settings, seed)]
                whole[local] += found
                bound = frame_bound_angstrom(settings, seed)
                least = motion_bound_angstrom(settings)
                rows.append([_name(dose, pixel, local), *summary(found), bound, least])
    for local, found in whole.items():
        rows.append([f"all, {'local' if local else 'whole frames'}", *summary(found), "", ""])
    print_table("drift error, 2048 x 2048 x 32", [*COLUMNS, "a frame Å", "bound Å"], rows)


def _large(place: Path) -> None:
    rows: list[Sequence[object]] = []
    whole: dict[bool, list[Measured]] = {False: [], True: []}
    for dose, pixel in LARGE:
        for local in (False, True):
            seed = FIRST_LARGE_SEED + len(rows)
            settings = grid_settings(dose, pixel, 4096, local)
            found = [measure(place, settings, seed)]
            whole[local] += found
            bound = frame_bound_angstrom(settings, seed)
            least = motion_bound_angstrom(settings)
            rows.append([_name(dose, pixel, local), *summary(found), bound, least])
    for local, found in whole.items():
        rows.append([f"all, {'local' if local else 'whole frames'}", *summary(found), "", ""])
    print_table("drift error, 4096 x 4096 x 32", [*COLUMNS, "a frame Å", "bound Å"], rows)


def _robustness(place: Path) -> None:
    rows: list[Sequence[object]] = []
    plain = float("nan")
    for name, settings in ROBUSTNESS.items():
        found = [measure(place, settings, seed) for seed in ROBUSTNESS_SEEDS]
        error = _rms([m.distances for m in found])
        plain = error if name == "plain" else plain
        rows.append([name, *summary(found), error / plain])
    title = f"robustness, 2048 x 2048 x 32, 1 e/Å², 0.85 Å, {len(ROBUSTNESS_SEEDS)} seeds each"
    print_table(title, [*COLUMNS, "x plain"], rows)


COLUMNS = ("", "rms Å", "least Å", "B Å²", "95 % Å", "max Å", "over 1 Å %", "stated Å", "warned")


def summary(found: Sequence[Measured]) -> list[object]:
    """Return a table's cells for some movies."""
    distances = np.concatenate([m.distances.ravel() for m in found])
    rms = _rms([m.distances for m in found])
    return [
        rms,
        float(np.sqrt(np.mean([m.least**2 for m in found]))),
        8.0 * np.pi**2 * rms**2 / 2.0,
        float(np.percentile(distances, 95.0)),
        float(distances.max()),
        100.0 * float((distances > FAILURE_ANGSTROM).mean()),
        float(np.mean([m.uncertainty for m in found])),
        f"{sum(m.warned for m in found)} of {len(found)}",
    ]


def measure(place: Path, settings: SimulationSettings, seed: int) -> Measured:
    """Record a movie, correct it, and compare."""
    movie = simulate_movie(settings, seed, threads=THREADS)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        corrected = correct_movie(Path(folder), movie)
    stated = corrected.values["drift_uncertainty"]
    distances = field_errors(corrected.motion, movie)
    print(f"seed {seed}, {settings.rows} rows: {_rms([distances]):.3f} Å", flush=True)
    return Measured(
        distances,
        _rms([_distances(left_by_polynomial(movie), settings)]),
        float(stated) if isinstance(stated, float) else float("inf"),
        any("drift" in text for text in corrected.warnings),
    )


def field_errors(found: MotionModel, movie: SimulatedMovie) -> NDArray[np.float64]:
    """Return ``(frames with beam, points)``, Å: how far found is from true over a 5x5 field."""
    error = found.shifts_px(*field_points(movie.settings.shape)) - true_shifts_px(movie)
    return _distances(error, movie.settings)


def field_points(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of the centres of 5x5 cells."""
    cell = (np.arange(5) + 0.5) / 5
    y, x = np.meshgrid(cell * shape[0] - 0.5, cell * shape[1] - 0.5, indexing="ij")
    return x.ravel(), y.ravel()


def true_shifts_px(movie: SimulatedMovie) -> NDArray[np.float64]:
    """Return ``(frames, points, 2)`` of the 5x5 field."""
    shifts: NDArray[np.float64] = movie.motion.shifts_px(*field_points(movie.settings.shape))
    return shifts


def _distances(error_px: NDArray[np.float64], settings: SimulationSettings) -> NDArray[np.float64]:
    """Return ``(frames with beam, points)``, Å."""
    lit = [index for index in range(settings.frames) if index not in settings.empty_frames]
    error = error_px[lit] * settings.pixel_size_angstrom
    error = error - error.mean(axis=0)
    result: NDArray[np.float64] = np.hypot(error[..., 0], error[..., 1])
    return result


def left_by_polynomial(movie: SimulatedMovie) -> NDArray[np.float64]:
    """Return ``(frames, points, 2)``: what the best fit of RELION's class leaves of the truth."""
    truth = true_shifts_px(movie)
    local = truth - truth.mean(axis=1, keepdims=True)
    space = spatial_terms(*field_points(movie.settings.shape), movie.settings.shape)
    centred = space[:, 1:] - space[:, 1:].mean(axis=0)
    time = temporal_terms(len(truth)) / len(truth) ** np.arange(1.0, 4.0)
    # Each point's mean over the frames is free, as it is in the error.
    time = time - time.mean(axis=0)
    local = local - local.mean(axis=0)
    in_space, in_time = np.linalg.pinv(centred), np.linalg.pinv(time)
    table = np.einsum("sp,fpa,tf->sta", in_space, local, in_time)
    fitted: NDArray[np.float64] = np.einsum("ps,ft,sta->fpa", centred, time, table)
    left: NDArray[np.float64] = local - fitted
    return left


def _rms(distances: Sequence[NDArray[np.float64]]) -> float:
    return float(np.sqrt(np.mean(np.concatenate([d.ravel() for d in distances]) ** 2)))


def grid_settings(dose: float, pixel: float, size: int, local: bool) -> SimulationSettings:
    """Return what is recorded at a point of the grid of doses (e/Å² a frame) and pixels (Å)."""
    field_micrometres = size * pixel * 1e-4
    return replace(
        PLAIN, rows=size, columns=size, pixel_size_angstrom=pixel, dose_per_frame=dose,
        local_motion_angstrom=LOCAL_ANGSTROM_A_MICROMETRE * field_micrometres if local else 0.0,
    )  # fmt: skip


def _name(dose: float, pixel: float, local: bool) -> str:
    return f"{dose:g} e/Å², {pixel:g} Å, {'local' if local else 'whole'}"


if __name__ == "__main__":
    main()
