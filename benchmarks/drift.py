"""How exact drift correction is and what it costs, with RELION's own beside it where installed.

Simulated movies of 4096 x 4096 x 32 with known motion, a gain reference and hot pixels. The error
is the root mean square over frames and a 5x5 field of the distance between found and true
displacement, each point's mean over the frames left out (nobody can see it). Ours is `unpack` and
`correct_drift` in a process of its own, after a small movie that loads the compiled code.
"""

import multiprocessing
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.table import print_table
from cryobatch.formats.motion_star import read_motion
from cryobatch.formats.mrc import StackWriter, write_image
from cryobatch.formats.star import StarTable, StarValue, write_star
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulate_movie
from cryobatch.model import Run
from cryobatch.model.declaration import declared_script
from cryobatch.scripts.correct_drift import correct_drift
from cryobatch.scripts.unpack import unpack

THREADS = 2
PIXEL_ANGSTROM = 0.8
RELION = "relion_run_motioncorr"
SEEDS = (4101, 4102)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, seconds of processors, and the most memory in GB."""

    wall_s: float
    cpu_s: float
    memory_gb: float


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="cryobatch-drift-") as folder:
        rows = [
            row
            for seed, local in zip(SEEDS, (0.0, 8.0), strict=True)
            for row in _compare(Path(folder) / str(seed), seed, local)
        ]
    print_table(
        f"drift correction, 4096x4096x32, {THREADS} threads",
        ["", "patches", "rms Å", "max Å", "wall s", "cpu s", "GB"],
        rows,
    )


def make_movie(local_angstrom: float, seed: int, size: int = 4096) -> SimulatedMovie:
    """Record a movie of 32 frames at 1 e/Å² with 12 Å of drift."""
    settings = SimulationSettings(
        rows=size, columns=size, frames=32, pixel_size_angstrom=PIXEL_ANGSTROM,
        dose_per_frame=1.0, local_motion_angstrom=local_angstrom, hot_pixels=300, dead_pixels=300,
    )  # fmt: skip
    return simulate_movie(settings, seed, threads=THREADS)


def errors_angstrom(found: MotionModel, movie: SimulatedMovie) -> tuple[float, float]:
    """Return root mean square and maximum error over frames and a 5x5 field."""
    rows, columns = movie.settings.shape
    cell = (np.arange(5) + 0.5) / 5
    y, x = np.meshgrid(cell * rows - 0.5, cell * columns - 0.5, indexing="ij")
    error = found.shifts_px(x.ravel(), y.ravel()) - movie.motion.shifts_px(x.ravel(), y.ravel())
    error = (error - error.mean(axis=0)) * movie.settings.pixel_size_angstrom
    distance = np.hypot(error[..., 0], error[..., 1])
    return float(np.sqrt((distance**2).mean())), float(distance.max())


def _compare(folder: Path, seed: int, local_angstrom: float) -> Iterator[Sequence[object]]:
    folder.mkdir()
    movie = make_movie(local_angstrom, seed)
    _write(folder, movie)
    name = f"12 Å whole, {local_angstrom:g} Å local"
    whole = local_angstrom == 0.0
    for patches in (1, 5) if whole else (5,):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            cost = pool.submit(_run_ours, folder, patches).result()
        yield _row(f"cryobatch, {name}", patches, folder / "motion.star", movie, cost)
    if shutil.which(RELION) is None:
        print(f"{RELION} is not installed, left out")
        return
    for patches in (1,) if whole else (5,):
        cost = _run_relion(folder, patches)
        yield _row(f"RELION, {name}", patches, folder / "relion" / "movie.star", movie, cost)


def _row(
    name: str, patches: int, star: Path, movie: SimulatedMovie, cost: Cost
) -> Sequence[object]:
    file = read_motion(star)
    model = MotionModel(movie.settings.shape, file.global_shifts_px, file.coefficients_px)
    rms, largest = errors_angstrom(model, movie)
    return [name, patches, rms, largest, cost.wall_s, cost.cpu_s, cost.memory_gb]


def _write(folder: Path, movie: SimulatedMovie) -> None:
    frames = movie.frames
    shape = (len(frames), *movie.settings.shape)
    with StackWriter(folder / "movie.mrcs", shape, "int8", PIXEL_ANGSTROM) as writer:
        for index, frame in enumerate(frames):
            writer.write(index, np.minimum(frame, 127).astype(np.int8))
    write_image(folder / "gain.mrc", movie.gain, PIXEL_ANGSTROM)
    optics: dict[str, Sequence[StarValue]] = {
        "rlnOpticsGroupName": ["all"], "rlnOpticsGroup": [1],
        "rlnMicrographOriginalPixelSize": [PIXEL_ANGSTROM], "rlnVoltage": [300.0],
        "rlnSphericalAberration": [2.7], "rlnAmplitudeContrast": [0.1],
    }  # fmt: skip
    movies = StarTable({"rlnMicrographMovieName": ["movie.mrcs"], "rlnOpticsGroup": [1]})
    write_star(folder / "movies.star", {"optics": StarTable(optics), "movies": movies})


def _run_ours(folder: Path, patches: int) -> Cost:
    """Run unpack and correct_drift in this (fresh) process."""
    warm = folder / "warm"
    warm.mkdir(exist_ok=True)
    small = make_movie(4.0, 1, size=256)
    _write(warm, small)
    _process(warm, patches)
    wall, cpu = time.perf_counter(), time.process_time()
    _process(folder, patches)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return Cost(time.perf_counter() - wall, time.process_time() - cpu, memory)


def _process(folder: Path, patches: int) -> None:
    facts = {
        "pixel_size": PIXEL_ANGSTROM, "voltage": 300.0, "dose_per_frame": 1.0,
        "gain": str(folder / "gain.mrc"),
    }  # fmt: skip
    movie = {"movie": folder / "movie.mrcs"}
    unpack(_run(unpack, folder, movie, facts))
    made = {"stack": folder / "stack.mrc", "frames": folder / "frames.star"}
    correct_drift(_run(correct_drift, folder, made, facts), patches=patches)


def _run(function: object, folder: Path, inputs: dict[str, Path], facts: dict[str, object]) -> Run:
    declared = declared_script(function)
    if declared is None:
        raise TypeError(f"{function} is no script")
    outputs = {name: folder / output.file for name, output in declared.outputs.items()}
    outputs.pop("corrected_stack", None)
    reads = {read.name: facts.get(read.name) for read in declared.reads}
    return Run(folder, inputs=inputs, outputs=outputs, reads=reads, threads=THREADS)


def _run_relion(folder: Path, patches: int) -> Cost:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    command = [
        RELION, "--i", "movies.star", "--o", "relion/", "--use_own", "--j", str(THREADS),
        "--patch_x", str(patches), "--patch_y", str(patches), "--bfactor", "150",
        "--dose_weighting", "--dose_per_frame", "1", "--preexposure", "0", "--gainref", "gain.mrc",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=1800)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - wall, cpu, after.ru_maxrss / 1e6)


if __name__ == "__main__":
    main()
