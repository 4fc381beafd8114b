"""Simulated recordings on disk, and the built-in scripts run on them in this process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryobatch.formats.motion_star import read_motion
from cryobatch.formats.mrc import StackWriter, read_image, write_image
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulatedMovie
from cryobatch.model import Absent, Run
from cryobatch.model.declaration import declared_script
from cryobatch.scripts.correct_drift import correct_drift
from cryobatch.scripts.unpack import unpack

THREADS = 2
TRANSIENT = ("corrected_stack",)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What unpack and correct_drift made of a movie.

    Args:
        folder: Holds the products.
        motion: The motion found, in pixels of the movie.
        values: What the scripts calculated.
        warnings: What they warned of.
    """

    folder: Path
    motion: MotionModel
    values: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def micrograph(self) -> NDArray[np.float32]:
        """The corrected, dose-weighted sum, ``(rows, columns)``."""
        return read_image(self.folder / "micrograph.mrc")[0]


def write_movie(folder: Path, movie: SimulatedMovie) -> None:
    """Write ``movie.mrcs`` and ``gain.mrc``; MRC knows no unsigned bytes, so counts end at 127."""
    folder.mkdir(parents=True, exist_ok=True)
    pixel = movie.settings.pixel_size_angstrom
    shape = (len(movie.frames), *movie.settings.shape)
    with StackWriter(folder / "movie.mrcs", shape, "int8", pixel) as writer:
        for index, frame in enumerate(movie.frames):
            writer.write(index, np.minimum(frame, 127).astype(np.int8))
    write_image(folder / "gain.mrc", movie.gain, pixel)


def correct_movie(folder: Path, movie: SimulatedMovie, patches: int = 5) -> Corrected:
    """Write a movie and correct its drift with the defaults of the built-in scripts."""
    write_movie(folder, movie)
    settings = movie.settings
    facts = {
        "pixel_size": settings.pixel_size_angstrom, "voltage": settings.voltage_kv,
        "dose_per_frame": settings.dose_per_frame, "pre_exposure": settings.pre_exposure,
        "gain": str(folder / "gain.mrc"),
    }  # fmt: skip
    heard: list[Mapping[str, Any]] = []
    values = run_script(unpack, folder, facts, heard.append)
    values |= run_script(correct_drift, folder, facts | values, heard.append, patches=patches)
    file = read_motion(folder / "motion.star")
    motion = MotionModel(settings.shape, file.global_shifts_px, file.coefficients_px, file.early_px)
    warnings = tuple(
        event["text"]
        for event in heard
        if event["event"] == "message" and event["level"] == "warning"
    )
    return Corrected(folder, motion, values, warnings)


def run_script(
    function: Callable[..., dict[str, object]],
    folder: Path,
    facts: Mapping[str, object],
    report: Callable[[Mapping[str, Any]], None],
    **parameters: object,
) -> dict[str, object]:
    """Run a built-in script on what lies in a folder, and return its values (Any: JSON's types)."""
    declared = declared_script(function)
    if declared is None:
        raise TypeError(f"{function} is no script")
    here = {path.stem: path for path in folder.iterdir() if path.is_file()}
    wanted = [name for item in declared.inputs for name in item.names]
    outputs = {
        name: folder / output.file
        for name, output in declared.outputs.items()
        if name not in TRANSIENT
    }
    known = {name: fact for name, fact in facts.items() if not isinstance(fact, Absent)}
    reads = {read.name: known.get(read.name) for read in declared.reads}
    run = Run(
        folder, {name: here[name] for name in wanted if name in here}, outputs, reads,
        threads=THREADS, report=report,
    )  # fmt: skip
    return function(run, **parameters)
