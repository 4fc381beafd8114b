"""Drift's error and failures over many movies, kept as they are measured, so that one may stop.

``python -m benchmarks.accuracy_survey FOLDER --movies 300``: another 300 movies of the cells (dose,
pixel, whole or local motion), each of a seed of its own, after those that ``FOLDER`` holds already;
then the table of all; ``--movies 0`` prints it alone. Movies without local motion are aligned as
whole frames (1x1) and with patches (5x5). Frames of 2048 x 2048 cost a quarter and tell a quarter
of what those of 4096 x 4096 tell, so that errors are about twice as large: the harder case.
"""

import argparse
import itertools
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import (
    DOSES,
    FAILURE_ANGSTROM,
    PIXELS_ANGSTROM,
    field_errors,
    grid_settings,
)
from benchmarks.motion_bound import motion_bound_angstrom
from benchmarks.recordings import THREADS, correct_movie
from benchmarks.table import print_table
from cryobatch.imaging.simulate import simulate_movie

FIRST_SEED = 20_001
PERCENTILES = tuple(range(101))


@dataclass(frozen=True, slots=True)
class Cell:
    """What movies have in common.

    Args:
        dose: e/Å² a frame.
        pixel: Å.
        local: Whether there is local motion.
        size: Rows and columns of a frame.
    """

    dose: float
    pixel: float
    local: bool
    size: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure further movies and print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--movies", type=int, default=0)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--doses", type=float, nargs="+", default=DOSES)
    parser.add_argument("--pixels", type=float, nargs="+", default=PIXELS_ANGSTROM)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    file = chosen.folder / "movies.jsonl"
    cells = [
        Cell(dose, pixel, local, chosen.size)
        for dose, pixel, local in itertools.product(chosen.doses, chosen.pixels, (False, True))
    ]
    start = len(_read(file))
    for number in range(start, start + chosen.movies):
        cell = cells[number % len(cells)]
        for result in _measure(cell, chosen.first_seed + number):
            with file.open("a") as stream:
                stream.write(json.dumps(result) + "\n")
    show(_read(file))


def _read(file: Path) -> dict[int, list[dict[str, object]]]:
    """Return what is kept, by seed; a line that was cut off by an end is left out."""
    found: dict[int, list[dict[str, object]]] = defaultdict(list)
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    for line in lines:
        if line.endswith("\n"):
            entry = json.loads(line)
            found[entry["seed"]].append(entry)
    return found


def _measure(cell: Cell, seed: int) -> Iterator[dict[str, object]]:
    settings = grid_settings(cell.dose, cell.pixel, cell.size, cell.local)
    movie = simulate_movie(settings, seed, threads=THREADS)
    for patches in (5,) if cell.local else (1, 5):
        with tempfile.TemporaryDirectory(prefix="cryobatch-survey-") as folder:
            corrected = correct_movie(Path(folder), movie, patches)
        distances = field_errors(corrected.motion, movie)
        yield {
            "seed": seed, "dose": cell.dose, "pixel": cell.pixel, "local": cell.local,
            "size": cell.size, "patches": patches,
            "rms": float(np.sqrt((distances**2).mean())),
            "failed": float((distances > FAILURE_ANGSTROM).mean()),
            "percentiles": np.percentile(distances, PERCENTILES).round(4).tolist(),
        }  # fmt: skip


COLUMNS = ("", "movies", "rms Å", "bound Å", "B Å²", "95 % Å", "worst movie Å", "over 1 Å %",
           "movies over 1 Å")  # fmt: skip


def show(found: dict[int, list[dict[str, object]]]) -> None:
    """Print a row a cell and number of patches, and rows of all."""
    groups: dict[tuple[object, ...], list[dict[str, object]]] = defaultdict(list)
    for entry in itertools.chain.from_iterable(found.values()):
        kind = (entry["size"], entry["local"], entry["patches"])
        groups[(*kind, entry["dose"], entry["pixel"])].append(entry)
        groups[kind].append(entry)
    rows = [
        _row(key, groups[key]) for key in sorted(groups, key=lambda key: (key[:3], -len(key), key))
    ]
    print_table("drift error over many movies", COLUMNS, rows)


def _row(key: tuple[object, ...], entries: list[dict[str, object]]) -> list[object]:
    size, local, patches = key[:3]
    name = f"{size} px, {'local' if local else 'whole'} motion, {patches}x{patches}"
    bound: object = ""
    if len(key) > 3:
        dose, pixel = float(str(key[3])), float(str(key[4]))
        name += f", {dose:g} e/Å², {pixel:g} Å"
        settings = grid_settings(dose, pixel, int(str(size)), bool(local))
        bound = motion_bound_angstrom(settings)
    rms = _column(entries, "rms")
    everything = np.concatenate([np.asarray(entry["percentiles"], float) for entry in entries])
    square = float((rms**2).mean())
    return [
        name, len(entries), float(np.sqrt(square)), bound, 4.0 * np.pi**2 * square,
        float(np.percentile(everything, 95.0)), float(rms.max()),
        100.0 * float(_column(entries, "failed").mean()), int((rms > FAILURE_ANGSTROM).sum()),
    ]  # fmt: skip


def _column(entries: list[dict[str, object]], name: str) -> NDArray[np.float64]:
    return np.array([entry[name] for entry in entries], dtype=np.float64)


if __name__ == "__main__":
    main()
