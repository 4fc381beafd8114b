"""Images whose contrast transfer function is known: what the CTF benchmark measures on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.simulate import (
    SimulationSettings,
    simulate_micrograph,
    simulate_movie,
)

SIDE = 2048
_DRIFTED_SIDE = 1536
_FRAMES = 12
_OPTICS = ((300.0, 2.7, 0.07), (300.0, 2.7, 0.1), (200.0, 2.7, 0.1), (200.0, 1.4, 0.1))
_BLANK = SimulationSettings(rows=SIDE, columns=SIDE, particle_count=0, ice_thickness_angstrom=0.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One image to make, and what is asked about it.

    Attributes:
        kind: Cases of a kind are counted together.
        settings: With the true contrast transfer function.
        seed: Of the simulation.
        rings: Whether the specimen gives Thon rings at all.
        phase_plate: Whether the phase shift is unknown, and searched.
        drift: Whether frames are summed without undoing their motion.
    """

    kind: str
    settings: SimulationSettings
    seed: int
    rings: bool = True
    phase_plate: bool = False
    drift: bool = False

    @property
    def mean_defocus_angstrom(self) -> float:
        """Mean of the largest and the smallest defocus."""
        return (self.settings.defocus_u_angstrom + self.settings.defocus_v_angstrom) / 2.0

    def image(self) -> NDArray[np.float32]:
        """Record the image, ``(rows, columns)``."""
        if not self.drift:
            return simulate_micrograph(self.settings, self.seed).image
        movie = simulate_movie(self.settings, self.seed)
        summed: NDArray[np.float32] = movie.frames.sum(axis=0, dtype=np.float32) * movie.gain
        return summed


def grid_cases(count: int, first_seed: int) -> list[Case]:
    """Fill 0.3-4 µm, 10-150 nm of ice, 0-2,000 Å of astigmatism, 0-120° of phase shift.

    A Latin hypercube: each range is cut into ``count`` parts, and each part is met once. Every
    other image has a phase plate.
    """
    random = np.random.default_rng([first_seed, count])
    places = np.stack([(random.permutation(count) + 0.5) / count for _ in range(8)], axis=-1)
    return [_grid_case(place, first_seed + index) for index, place in enumerate(places.tolist())]


def _grid_case(place: Sequence[float], seed: int) -> Case:
    defocus, ice, astigmatism, phase, pixel, dose, crowd, angle = place
    mean = 3000.0 * (40_000.0 / 3000.0) ** defocus
    half = 1000.0 * astigmatism
    voltage, cs, contrast = _OPTICS[seed % len(_OPTICS)]
    plate = seed % 2 == 0
    settings = SimulationSettings(
        rows=SIDE, columns=SIDE, frames=_FRAMES, pixel_size_angstrom=0.7 + 0.8 * pixel,
        voltage_kv=voltage, cs_mm=cs, amplitude_contrast=contrast,
        dose_per_frame=(30.0 + 30.0 * dose) / _FRAMES,
        defocus_u_angstrom=mean + half, defocus_v_angstrom=mean - half,
        defocus_angle_degrees=180.0 * angle, phase_shift_degrees=120.0 * phase if plate else 0.0,
        particle_count=round(120 * crowd), particle_diameter_angstrom=150.0,
        ice_thickness_angstrom=100.0 * 15.0**ice,
    )  # fmt: skip
    return Case("phase plate" if plate else "grid", settings, seed, phase_plate=plate)


def usual_cases(count: int, first_seed: int) -> Iterator[Case]:
    """Yield what a good session records: 0.8-2.5 µm, 30 nm of ice, particles, little astigmatism.

    Half of them with a smaller pixel and at 200 kV.
    """
    for index in range(count):
        random = np.random.default_rng(first_seed + index)
        mean, half = random.uniform(8000.0, 25_000.0), random.uniform(0.0, 300.0)
        yield Case("usual", SimulationSettings(
            rows=SIDE, columns=SIDE, frames=_FRAMES,
            pixel_size_angstrom=0.85 if index % 2 else 1.1,
            voltage_kv=200.0 if index % 2 else 300.0,
            amplitude_contrast=0.1 if index % 2 else 0.07, dose_per_frame=40.0 / _FRAMES,
            defocus_u_angstrom=mean + half, defocus_v_angstrom=mean - half,
            defocus_angle_degrees=float(random.uniform(0.0, 180.0)),
            ice_thickness_angstrom=300.0,
        ), first_seed + index)  # fmt: skip


def odd_cases(count: int, first_seed: int) -> Iterator[Case]:
    """Yield carbon, drifted and empty images, so many of each kind."""
    for index in range(count):
        seed = first_seed + index
        random = np.random.default_rng(seed)
        base = next(usual_cases(1, seed)).settings
        film = float(random.uniform(0.3, 1.0))
        yield Case("carbon", replace(base, carbon_fraction=film), seed)
        smeared = replace(
            base, rows=_DRIFTED_SIDE, columns=_DRIFTED_SIDE, frames=8, dose_per_frame=5.0,
            drift_angstrom=float(random.uniform(10.0, 80.0)),
        )  # fmt: skip
        yield Case("drifted", smeared, seed, drift=True)
        pixel = float(random.uniform(0.7, 1.5))
        yield Case("empty", replace(_BLANK, pixel_size_angstrom=pixel), seed, rings=False)
