"""What is known of the recording whose stack is corrected."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import ScriptFailed
from cryobatch.formats.star import StarTable, read_star
from cryobatch.imaging.dose import Exposure
from cryobatch.model import Run


@dataclass(frozen=True, slots=True)
class Recording:
    """A movie and the stack made of it.

    Attributes:
        movie: Path of the movie.
        shape: ``(frames, rows, columns)`` as unpacked, before any cropping.
        pixel_size_angstrom: Of those pixels.
        stack_pixel_size_angstrom: Of the stack.
        dose_per_frame: e/Å² of a frame of the stack, None if unknown.
        pre_exposure: e/Å² before its first frame.
        voltage_kv: None if unknown.
        gain: Path of the gain reference if it applies as it is, neither turned nor flipped.
        start_frame: Number (from 1) of the movie's frame that is the stack's first.
        hot_pixels: ``(n, 2)`` float64, x and y, as unpacked.
        eer_upsampling: None for what is no EER.
        eer_grouping: None likewise.
    """

    movie: str
    shape: tuple[int, int, int]
    pixel_size_angstrom: float
    stack_pixel_size_angstrom: float
    dose_per_frame: float | None
    pre_exposure: float
    voltage_kv: float | None
    gain: str | None
    start_frame: int
    hot_pixels: NDArray[np.float64]
    eer_upsampling: int | None
    eer_grouping: int | None

    @property
    def binning(self) -> float:
        """The stack's pixel over the unpacked movie's."""
        return self.stack_pixel_size_angstrom / self.pixel_size_angstrom

    def exposure(self, image: str) -> Exposure:
        """Return how it was exposed.

        Raises:
            ScriptFailed: Dose or voltage is unknown; the text names the ways out.
        """
        missing = [
            name
            for name, value in (("dose a frame", self.dose_per_frame), ("voltage", self.voltage_kv))
            if value is None
        ]
        if self.dose_per_frame is None or self.voltage_kv is None:
            raise ScriptFailed(
                f"{image}: the {' and the '.join(missing)} must be known to weight frames by dose: "
                "give --dose-per-frame (e/Å²) and --voltage (kV) with import, set them by "
                "`cryobatch image set`, or do without by "
                "--set correct_drift.dose_weighting=false"
            )
        return Exposure(self.dose_per_frame, self.pre_exposure, self.voltage_kv)


def read_recording(
    run: Run, shape: tuple[int, int, int], stack_pixel_size_angstrom: float | None
) -> Recording:
    """Gather what the table of frames and the acquisition facts tell.

    Args:
        run: The run, with the product ``frames`` where there is one.
        shape: ``(frames, rows, columns)`` of the stack.
        stack_pixel_size_angstrom: As its header says, None where it says nothing.
    """
    blocks = read_star(run.input("frames")) if run.has("frames") else {}
    general = blocks.get("general", StarTable({}))
    own = _number(general, "rlnMicrographOriginalPixelSize") or float(run.read("pixel_size"))
    dose = _number(general, "rlnMicrographDoseRate")
    before = _number(general, "rlnMicrographPreExposure")
    sizes = [_number(general, f"rlnImageSize{axis}") for axis in "ZYX"]
    # Headers keep float32: 0.8 comes back as 0.800000012.
    stack_pixel = float(f"{stack_pixel_size_angstrom or own:.6g}")
    return Recording(
        movie=_movie(run, general),
        shape=_unpacked_shape(sizes, shape, stack_pixel / own),
        pixel_size_angstrom=own,
        stack_pixel_size_angstrom=stack_pixel,
        dose_per_frame=dose if dose is not None else run.read("dose_per_frame"),
        pre_exposure=before if before is not None else float(run.read("pre_exposure") or 0.0),
        voltage_kv=run.read("voltage"),
        gain=_gain(run),
        start_frame=_whole(general, "rlnMicrographStartFrame") or 1,
        hot_pixels=_places(blocks.get("hot_pixels")),
        eer_upsampling=_whole(general, "rlnEERUpsampling"),
        eer_grouping=_whole(general, "rlnEERGrouping"),
    )


def _movie(run: Run, general: StarTable) -> str:
    label = "rlnMicrographMovieName"
    return general.text(label) if label in general else str(run.input("stack"))


def _gain(run: Run) -> str | None:
    turned = run.read("gain_rotation") or run.read("gain_flip")
    gain = run.read("gain")
    return str(Path(gain)) if gain is not None and not turned else None


def _unpacked_shape(
    sizes: list[float | None], shape: tuple[int, int, int], binning: float
) -> tuple[int, int, int]:
    if any(size is None for size in sizes):
        return shape[0], round(shape[1] * binning), round(shape[2] * binning)
    frames, rows, columns = (round(size) for size in sizes if size is not None)
    return frames, rows, columns


def _places(table: StarTable | None) -> NDArray[np.float64]:
    if table is None or not len(table):
        return np.zeros((0, 2))
    return np.stack([table.floats("rlnCoordinateX"), table.floats("rlnCoordinateY")], axis=-1)


def _number(table: StarTable, label: str) -> float | None:
    return table.number(label) if label in table else None


def _whole(table: StarTable, label: str) -> int | None:
    return round(table.number(label)) if label in table else None
