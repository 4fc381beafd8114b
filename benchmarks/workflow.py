"""The whole default workflow: images an hour, cost by script, growth with frames and pixels.

``cryobatch run`` works on copies of a simulated movie with as many processors as there are cores,
start of the processors included, after a small movie for which code is compiled. Asked: 340 images
an hour of 4096 x 4096 x 32 on two cores (goal 500). ``if alone`` is what the processor seconds
allow on two cores that do nothing else; on a busy machine only that can be compared. fourier_crop,
which belongs to the workflow, leaves no record of its time.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.movie_files import Counts, write_eer, write_tiff
from benchmarks.plot import Plot, draw
from benchmarks.recordings import THREADS, run_script
from benchmarks.table import print_table
from cryobatch.formats.mrc import write_image
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulate_movie
from cryobatch.scripts.calculate_statistics import calculate_statistics
from cryobatch.scripts.correct_drift import correct_drift
from cryobatch.scripts.fit_ctf import fit_ctf
from cryobatch.scripts.pick_particles import pick_particles
from cryobatch.scripts.unpack import unpack

CORES = 2
WARM = 512
SEED = 9301
EER_HARDWARE_FRAMES = 20
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "cost.svg"
FRAME_COUNTS = (8, 16, 32, 64)
SIDES = (1024, 1536, 2048, 3072, 4096)
SIDES_FRAMES = 16
SCRIPTS = ("unpack", "correct_drift", "fit_ctf", "pick_particles", "calculate_statistics")

SETTINGS = SimulationSettings(
    rows=4096, columns=4096, frames=32, pixel_size_angstrom=0.8, dose_per_frame=1.0,
    local_motion_angstrom=8.0, hot_pixels=300, dead_pixels=300,
)  # fmt: skip
K3_SHAPE = (40, 4092, 5760)
K3_PIXEL_ANGSTROM = 0.83


@dataclass(frozen=True, slots=True)
class Recording:
    """A kind of movie to measure.

    Args:
        name: What it is.
        file: The movie's file name.
        write: Writes a movie of frames to a path.
        frames: ``(frames, rows, columns)`` uint8.
        pixel_size_angstrom: Of the file.
        dose_per_frame: e/Å² of a frame of the file.
        gain: ``(rows, columns)`` of the file.
        images: How many copies are measured.
        parameters: Parameters of scripts, as the command line takes them.
    """

    name: str
    file: str
    write: Callable[[Path, Counts], None]
    frames: Counts
    pixel_size_angstrom: float
    dose_per_frame: float
    gain: NDArray[np.float32]
    images: int
    parameters: tuple[str, ...] = ()


def main() -> None:
    """Measure and print."""
    movie = simulate_movie(SETTINGS, SEED, threads=THREADS)
    rows = []
    with tempfile.TemporaryDirectory(prefix="cryobatch-workflow-") as folder:
        for recording in recordings(movie):
            rows.append(_measure(Path(folder), recording))
            print(f"{recording.name}: {rows[-1][4]:.1f} cpu s an image", flush=True)
    columns = ["", "images an hour", "if alone", "wall s", "cpu s", "GB", *SCRIPTS]
    print_table(f"default workflow, {CORES} processors, an image; scripts: wall s", columns, rows)
    _measure_growth(movie)


def recordings(movie: SimulatedMovie) -> Sequence[Recording]:
    """Return the kinds of movie, all of one movie's counts."""
    counts, gain, dose = movie.frames, movie.gain, SETTINGS.dose_per_frame
    k3 = _like_k3(counts)
    k3_gain = _repeated(gain, K3_SHAPE[1:])
    fine_gain = np.repeat(np.repeat(k3_gain, 2, axis=0), 2, axis=1)
    return (
        Recording(
            "4096 x 4096 x 32, LZW", "m.tiff", write_tiff, counts,
            SETTINGS.pixel_size_angstrom, dose, gain, 4,
        ),
        Recording(
            "EER of 640 frames", "m.eer",
            lambda path, frames: write_eer(path, frames, EER_HARDWARE_FRAMES), counts,
            SETTINGS.pixel_size_angstrom, dose / EER_HARDWARE_FRAMES, gain, 2,
        ),
        Recording(
            "K3 4092 x 5760 x 40, LZW", "k3.tiff", write_tiff, k3, K3_PIXEL_ANGSTROM, dose,
            k3_gain, 2,
        ),
        Recording(
            "K3 8184 x 11520 x 40, LZW", "fine.tiff",
            lambda path, frames: write_tiff(path, frames, super_resolution=True), k3,
            0.5 * K3_PIXEL_ANGSTROM, dose, fine_gain, 2, ("fourier_crop.factor=2",),
        ),
    )  # fmt: skip


def _like_k3(counts: Counts) -> Counts:
    """Return a movie of a K3's size: the same counts side by side, then backwards in time.

    Nothing but its cost is measured, and simulating one would take longer than that.
    """
    there = np.arange(len(counts))
    order = np.concatenate([there, there[-2::-1]])[: K3_SHAPE[0]]
    return np.stack([_repeated(counts[index], K3_SHAPE[1:]) for index in order])


def _repeated(image: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Repeat an image until it has a size (Any: counts or gain)."""
    return np.pad(
        image, [(0, max(0, shape[axis] - image.shape[axis])) for axis in (0, 1)], mode="wrap"
    )[: shape[0], : shape[1]]


def _measure(folder: Path, recording: Recording) -> Sequence[object]:
    """Make a project, let it compile for a small movie, then run the measured ones."""
    place = folder / recording.file.replace(".", "-")
    _make_project(place, recording, "warm", recording.frames[:4, :WARM, :WARM], 1)
    _import_and_run(place / "warm", recording)
    _make_project(place, recording, "measured", recording.frames, recording.images)
    wall, cpu = _import_and_run(place / "measured", recording)
    each = 1.0 / recording.images
    memory, *runs = _runs(place / "measured" / "project", recording.images)
    shutil.rmtree(place)
    return [
        recording.name, 3600.0 / (wall * each), CORES * 3600.0 / (cpu * each), wall * each,
        cpu * each, memory, *runs,
    ]  # fmt: skip


def _make_project(
    place: Path, recording: Recording, name: str, frames: Counts, images: int
) -> None:
    """Make ``project`` beside ``movies``, which holds so many copies of one movie."""
    folder = place / name
    movies = folder / "movies"
    movies.mkdir(parents=True)
    first = movies / recording.file
    recording.write(first, frames)
    for number in range(1, images):
        shutil.copy(first, first.with_stem(f"m{number}"))
    rows, columns = (
        recording.gain.shape[axis] * frames.shape[axis + 1] // recording.frames.shape[axis + 1]
        for axis in (0, 1)
    )
    write_image(
        folder / "gain.mrc", np.ascontiguousarray(recording.gain[:rows, :columns]),
        recording.pixel_size_angstrom,
    )  # fmt: skip
    _cryobatch(
        folder, "new", "project", "--voltage", "300", "--cs", "2.7", "--gain",
        str(folder / "gain.mrc"), "--pixel-size", str(recording.pixel_size_angstrom),
        "--dose-per-frame", str(recording.dose_per_frame),
    )  # fmt: skip


def _import_and_run(folder: Path, recording: Recording) -> tuple[float, float]:
    """Return wall and processor seconds."""
    given = [part for text in recording.parameters for part in ("--set", text)]
    _cryobatch(folder / "project", "import", str(folder / "movies"), *given)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    _cryobatch(folder / "project", "run", "--processors", str(CORES))
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def _cryobatch(folder: Path, *arguments: str) -> None:
    program = str(Path(sys.executable).with_name("cryobatch"))
    done = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=3600
    )
    if done.returncode:
        raise RuntimeError(f"cryobatch {' '.join(arguments)}: {done.stdout}{done.stderr}")


def _runs(project: Path, images: int) -> list[float]:
    """Return the most memory of a script (GB), and the mean wall seconds of each."""
    files = list((project / "images").glob("*/*/image.toml"))
    if len(files) != images:
        raise RuntimeError(f"{len(files)} of {images} images are in {project}")
    records: list[dict[str, Any]] = [tomllib.loads(file.read_text())["runs"] for file in files]
    memory = max(run["memory_bytes"] for record in records for run in record.values()) / 1e9
    seconds = (sum(float(record[name]["seconds"]) for record in records) for name in SCRIPTS)
    return [memory, *(one / images for one in seconds)]


def _measure_growth(movie: SimulatedMovie) -> None:
    """Measure what the scripts cost by frames and by pixels, in this process, and draw it."""
    long = simulate_movie(
        SimulationSettings(
            rows=2048, columns=2048, frames=max(FRAME_COUNTS), pixel_size_angstrom=0.8,
            dose_per_frame=1.0,
        ),
        SEED,
        threads=THREADS,
    )  # fmt: skip
    _scripts_cpu_s(long.frames[:4, :512, :512], long.gain[:512, :512])
    by_frames = [
        (float(count), _scripts_cpu_s(long.frames[:count], long.gain)) for count in FRAME_COUNTS
    ]
    by_pixels = [
        (
            side * side / 1e6,
            _scripts_cpu_s(movie.frames[:SIDES_FRAMES, :side, :side], movie.gain[:side, :side]),
        )
        for side in SIDES
    ]
    plots = [
        _plot("Frames of 2048 x 2048", "frames", by_frames),
        _plot(f"Pixels of {SIDES_FRAMES} frames", "million pixels a frame", by_pixels),
    ]
    rows = [_growth_row(plot) for plot in plots]
    print_table(
        "cpu s of the default workflow's scripts", ["", "x", "cpu s", "constant", "a unit of x",
        "furthest from the line, s"], rows,
    )  # fmt: skip
    PICTURE.write_text(draw(plots))


def _plot(title: str, x_name: str, points: Sequence[tuple[float, float]]) -> Plot:
    x, y = np.array(points).T
    slope, start = np.polyfit(x, y, 1)
    line = ((0.0, max(0.0, float(start))), (float(x[-1]), float(start + slope * x[-1])))
    return Plot(title, x_name, "cpu s a movie", points, line)


def _growth_row(plot: Plot) -> Sequence[object]:
    x, y = np.array(plot.points).T
    slope, start = np.polyfit(x, y, 1)
    places, costs = " ".join(f"{v:.3g}" for v in x), " ".join(f"{v:.1f}" for v in y)
    off = float(np.abs(y - start - slope * x).max())
    return [plot.title, places, costs, float(start), float(slope), off]


def _scripts_cpu_s(frames: Counts, gain: NDArray[np.float32]) -> float:
    """Return processor seconds of the scripts (without fourier_crop, which hands on) on a movie."""
    with tempfile.TemporaryDirectory(prefix="cryobatch-growth-") as name:
        folder = Path(name)
        write_tiff(folder / "movie.tiff", np.ascontiguousarray(frames))
        write_image(folder / "gain.mrc", np.ascontiguousarray(gain), 0.8)
        facts: dict[str, object] = {
            "pixel_size": 0.8, "voltage": 300.0, "cs": 2.7, "amplitude_contrast": 0.1,
            "dose_per_frame": 1.0, "gain": str(folder / "gain.mrc"),
        }  # fmt: skip
        started = time.process_time()
        for script in (unpack, correct_drift, fit_ctf, pick_particles, calculate_statistics):
            facts |= run_script(script, folder, facts, lambda event: None)
        return time.process_time() - started


if __name__ == "__main__":
    main()
