"""Truth: what the simulated microscope knows of a recording, kept for the comparison."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulatedMovie


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one recording.

    Args:
        name: The image's name.
        shape: Rows and columns.
        pixel_size_angstrom: Å a pixel.
        defocus_u_angstrom: Larger underfocus.
        defocus_v_angstrom: Smaller underfocus.
        defocus_angle_degrees: Direction of the larger one.
        particle_diameter_angstrom: Diameter of the particles.
        global_shifts_px: x and y of each frame.
        coefficients_px: The local motion's polynomial for x and y, None without one.
        particles_px: x and y of the particles' centres.
    """

    name: str
    shape: tuple[int, int]
    pixel_size_angstrom: float
    defocus_u_angstrom: float
    defocus_v_angstrom: float
    defocus_angle_degrees: float
    particle_diameter_angstrom: float
    global_shifts_px: list[list[float]]
    coefficients_px: list[list[float]] | None
    particles_px: list[list[float]]

    @property
    def motion(self) -> MotionModel:
        """Return the motion of the content."""
        coefficients = None if self.coefficients_px is None else np.array(self.coefficients_px)
        return MotionModel(self.shape, np.array(self.global_shifts_px), coefficients)

    @property
    def mean_defocus_angstrom(self) -> float:
        """Return the mean of the two defocus values."""
        return (self.defocus_u_angstrom + self.defocus_v_angstrom) / 2


def describe_movie(name: str, movie: SimulatedMovie) -> Truth:
    """Return the truth of a simulated movie."""
    settings, motion = movie.settings, movie.motion
    coefficients = motion.coefficients_px
    return Truth(
        name=name,
        shape=settings.shape,
        pixel_size_angstrom=settings.pixel_size_angstrom,
        defocus_u_angstrom=settings.defocus_u_angstrom,
        defocus_v_angstrom=settings.defocus_v_angstrom,
        defocus_angle_degrees=settings.defocus_angle_degrees,
        particle_diameter_angstrom=settings.particle_diameter_angstrom,
        global_shifts_px=motion.global_shifts_px.tolist(),
        coefficients_px=None if coefficients is None else coefficients.tolist(),
        particles_px=movie.particle_centres_px.tolist(),
    )


def write_truth(folder: Path, truth: Truth) -> None:
    """Keep the truth of a recording."""
    write_bytes_durably(folder / f"{truth.name}.json", json.dumps(asdict(truth)).encode())


def read_truths(folder: Path) -> dict[str, Truth]:
    """Return all truths by the image's name."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {t["name"]: Truth(**{**t, "shape": tuple(t["shape"])}) for t in found}
