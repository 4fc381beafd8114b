"""What drift correction costs and how exact it is, with RELION's own beside it where installed.

Simulated movies of 4096 x 4096 x 32, LZW TIFF with a gain reference, of seeds that nothing was
tuned on. The error is the root mean square over frames and a 5x5 field of the distance between
found and true displacement, each point's mean over the frames left out (nobody can see it). Ours is
`unpack` and `correct_drift` with all their products, once as a whole process (compiled code in its
cache, the movie in the system's), once in a process that has worked before. The floor is the least
that a movie takes: decoding, one transform a frame, one shift and sum, one inverse; with patches,
besides, their transforms and the one from each frame's spectrum to the coarse image they are cut
from. Each is the median of three rounds in which all take turns; transforms are SciPy's, and
ducc0's where it is installed.
"""

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.drift_process import PIXEL_ANGSTROM, correct
from benchmarks.movie_files import write_tiff
from benchmarks.recordings import THREADS
from benchmarks.table import print_table
from cryobatch.formats.motion_star import read_motion
from cryobatch.formats.mrc import write_image
from cryobatch.formats.star import StarTable, StarValue, write_star
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulate_movie

RELION = "relion_run_motioncorr"
SEEDS = (9101, 9102)
LOCAL_ANGSTROM = 8.0
LONG_FRAMES = 40
LOOK_S = 0.02
ROUNDS = 3
FLOORS = ("floor", "floor and patches", "floor, ducc0")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, seconds of processors, and the most memory in GB (0: not known)."""

    wall_s: float
    cpu_s: float
    memory_gb: float = 0.0


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="cryobatch-drift-") as name:
        folder = Path(name)
        _write(folder / "small", make_movie(4.0, 1, size=512))
        for patches in (1, 5):
            correct(folder / "small", patches)
        whole = make_movie(0.0, SEEDS[0])
        _write(folder / "whole", whole)
        _compare(folder / "whole", whole, "12 Å of drift", 1)
        _measure_memory(folder / "long", whole)
        del whole
        local = make_movie(LOCAL_ANGSTROM, SEEDS[1])
        _write(folder / "local", local)
        _compare(folder / "local", local, f"12 Å of drift, {LOCAL_ANGSTROM:g} Å local", 5)


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


def _compare(folder: Path, movie: SimulatedMovie, name: str, patches: int) -> None:
    rows: list[Sequence[object]] = []
    costs: dict[str, Cost] = {}
    for label, cost in _measure(folder, patches):
        costs[label] = cost
        star = {"RELION": folder / "relion" / "movie.star"} | dict.fromkeys(FLOORS)
        path = star.get(label, folder / "motion.star")
        errors = ("", "") if path is None else errors_angstrom(_read_model(path, movie), movie)
        memory = cost.memory_gb or ""
        rows.append([label, *errors, cost.wall_s, cost.cpu_s, memory])
    columns = ["", "rms Å", "max Å", "wall s", "cpu s", "GB"]
    title = f"{name}, {patches}x{patches} patches, 4096x4096x32 LZW TIFF, {THREADS} threads"
    print_table(title, columns, rows)
    print_table("Ratios", ["", "of the wall s", "of the cpu s"], list(_ratios(costs)))


def _measure(folder: Path, patches: int) -> Iterator[tuple[str, Cost]]:
    """Yield what each took: the median of rounds in which they took turns."""
    takers: dict[str, Callable[[], Cost]] = {
        "floor": lambda: _run_inside("floor", folder, patches),
        "whole process": lambda: _run([*_process("once", folder, patches)], folder)[0],
        "in a processor": lambda: _run_inside("kept", folder, patches),
    }
    if patches > 1:
        takers["floor and patches"] = lambda: _run_inside("floor-patches", folder, patches)
    if importlib.util.find_spec("ducc0") is not None:
        takers |= {
            f"{name}, ducc0": functools.partial(_run_inside, what, folder, patches, "ducc0")
            for name, what in (("floor", "floor"), ("in a processor", "kept"))
        }
    if shutil.which(RELION) is not None:
        takers["RELION"] = lambda: _run_relion(folder, patches)
    else:
        print(f"{RELION} is not installed, left out")
    rounds = [{name: take() for name, take in takers.items()} for _ in range(ROUNDS)]
    for name in takers:
        yield (
            name,
            sorted((each[name] for each in rounds), key=lambda cost: cost.wall_s)[ROUNDS // 2],
        )


def _ratios(costs: dict[str, Cost]) -> Iterator[Sequence[object]]:
    for ours, peer in (
        ("whole process", "RELION"), ("in a processor", "RELION"), ("in a processor", "floor"),
        ("in a processor", "floor and patches"),
        ("in a processor, ducc0", "floor, ducc0"),
    ):  # fmt: skip
        if ours in costs and peer in costs:
            one, other = costs[ours], costs[peer]
            yield [f"{ours} / {peer}", one.wall_s / other.wall_s, one.cpu_s / other.cpu_s]


def _measure_memory(folder: Path, movie: SimulatedMovie) -> None:
    """Print the memory that a movie of more frames takes; its last ones are its first ones."""
    more = LONG_FRAMES - len(movie.frames)
    frames = np.concatenate([movie.frames, movie.frames[:more]])
    _write(folder, replace(movie, frames=frames))
    rows = []
    for patches in (1, 5):
        cost, _ = _run(_process("once", folder, patches), folder)
        rows.append([f"{patches}x{patches} patches", cost.memory_gb, cost.wall_s, cost.cpu_s])
    shutil.rmtree(folder)
    columns = ["", "GB", "wall s", "cpu s"]
    print_table(f"Memory, 4096x4096x{LONG_FRAMES}, whole process", columns, rows)


def _read_model(star: Path, movie: SimulatedMovie) -> MotionModel:
    file = read_motion(star)
    return MotionModel(
        movie.settings.shape, file.global_shifts_px, file.coefficients_px, file.early_px
    )


def _write(folder: Path, movie: SimulatedMovie) -> None:
    """Write a movie, its gain reference, and what RELION must be told."""
    folder.mkdir()
    write_tiff(folder / "movie.tif", movie.frames)
    write_image(folder / "gain.mrc", movie.gain, PIXEL_ANGSTROM)
    optics: dict[str, Sequence[StarValue]] = {
        "rlnOpticsGroupName": ["all"], "rlnOpticsGroup": [1],
        "rlnMicrographOriginalPixelSize": [PIXEL_ANGSTROM], "rlnVoltage": [300.0],
        "rlnSphericalAberration": [2.7], "rlnAmplitudeContrast": [0.1],
    }  # fmt: skip
    movies = StarTable({"rlnMicrographMovieName": ["movie.tif"], "rlnOpticsGroup": [1]})
    write_star(folder / "movies.star", {"optics": StarTable(optics), "movies": movies})


def _process(what: str, folder: Path, patches: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.drift_process", what, str(folder), str(patches)]


def _run_inside(what: str, folder: Path, patches: int, transforms: str = "scipy") -> Cost:
    """Return what a process says about itself."""
    whole, said = _run(_process(what, folder, patches), Path.cwd(), CRYOBATCH_FFT=transforms)
    wall, cpu = json.loads(said)
    return Cost(wall, cpu, whole.memory_gb if what == "kept" else 0.0)


def _run_relion(folder: Path, patches: int) -> Cost:
    command = [
        RELION, "--i", "movies.star", "--o", "relion/", "--use_own", "--j", str(THREADS),
        "--patch_x", str(patches), "--patch_y", str(patches), "--bfactor", "150",
        "--dose_weighting", "--dose_per_frame", "1", "--preexposure", "0", "--gainref", "gain.mrc",
    ]  # fmt: skip
    return _run(command, folder)[0]


def _run(command: Sequence[str], folder: Path, **variables: str) -> tuple[Cost, str]:
    """Run a command, and return what it cost and what it said."""
    project = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": project, **variables}
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        peak_gb = 0.0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak_gb = max(peak_gb, _peak_gb(process.pid))
            time.sleep(LOOK_S)
        _, status, usage = ended
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{text[-2000:]}")
    cost = Cost(wall, usage.ru_utime + usage.ru_stime, peak_gb)
    return cost, text.strip().rsplit("\n", 1)[-1]


def _peak_gb(pid: int) -> float:
    """Return the most memory that a program has had; the kernel's own sum has its parent's too."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) / 1e6 if found else 0.0


if __name__ == "__main__":
    main()
