"""The field that a simulated microscope looks at, as an image that moves and fades."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from cryobatch.imaging import fourier, spline
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.simulate_camera import next_uniform, row_state
from cryobatch.imaging.simulate_contamination import (
    carbon_cover,
    carbon_layer,
    ethane_drops,
    gold_beads,
    ice_crystals,
)
from cryobatch.imaging.simulate_motion import NODES, SimulatedMotion, node
from cryobatch.imaging.simulate_optics import damage_rate, passed, transfer, wave_phase
from cryobatch.imaging.simulate_specimen import (
    Layer,
    Particles,
    form_factor,
    ice_amplitude,
    place_particles,
    specimen_phase,
)

if TYPE_CHECKING:
    from cryobatch.imaging.simulate import SimulationSettings

_WATER_DIFFUSION_ANGSTROM2 = 1.0 / 3.0
_ILLUMINATION_SLOPE = 0.06
_DARKEST = 0.02
_EXTRA_MARGIN_PX = 8
_NOTHING = np.zeros((2, NODES, NODES))
_COVERAGE = 0.2
_CARBON_EDGE_ANGSTROM = 40.0
_CARBON_ABSORPTION = 0.08


@dataclass(slots=True)
class Field:
    """A specimen in Fourier space, with all that makes a frame's contrast of it.

    The one thing that changes is ``ice``: its water diffuses from frame to frame.
    """

    settings: "SimulationSettings"
    seed: int
    threads: int
    shape: tuple[int, int]
    margin: tuple[int, int]
    centres_px: FloatArray
    particles: SpectrumArray
    ice: SpectrumArray
    ice_scale: ImageArray
    diffusion: ImageArray
    damage: ImageArray
    transfer: ImageArray
    illumination: ImageArray
    gold: SpectrumArray | None

    def centres_in_frame(self) -> FloatArray:
        """Return ``(n, 2)`` float64: centres inside the frame, in its pixels."""
        centres = self.centres_px - np.array([self.margin[1], self.margin[0]], dtype=np.float64)
        limit = np.array([self.settings.columns - 1.0, self.settings.rows - 1.0])
        inside = np.all((centres >= 0.0) & (centres <= limit), axis=1)
        return centres[inside]

    def frame_contrast(self, frame: int, motion: SimulatedMotion) -> ImageArray:
        """Return the field's contrast in a frame, as spline coefficients."""
        dose = self.settings.dose_per_frame
        elapsed = self.settings.pre_exposure + dose * (frame + 0.5)
        spectrum = np.empty_like(self.particles)
        _frame_spectrum(
            spectrum, self.particles, self.ice, self.ice_scale, self.diffusion, self.damage,
            self.transfer, elapsed, dose if frame else -1.0, motion.blurs_px[frame],
            self.seed * 7_919 + frame,
        )  # fmt: skip
        if self.gold is not None:
            _add_moved(spectrum, self.gold, *self._sliding(frame))
        return fourier.inverse(spectrum, self.shape, self.threads)

    def _sliding(self, frame: int) -> tuple[SpectrumArray, SpectrumArray]:
        """Return what moves gold to where it has slid to, as factors by row and by column."""
        part = frame / max(self.settings.frames - 1, 1)
        distance = part * self.settings.gold_sliding_angstrom / self.settings.pixel_size_angstrom
        angle = np.random.default_rng([self.seed, 15]).uniform(0.0, 2.0 * math.pi)
        y, x = fourier.frequencies(self.shape)
        factors = (
            np.exp(-2j * np.pi * distance * math.sin(angle) * y[:, 0]),
            np.exp(-2j * np.pi * distance * math.cos(angle) * x[0]),
        )
        return factors[0].astype(np.complex64), factors[1].astype(np.complex64)

    def mean_contrast(self) -> ImageArray:
        """Return the mean contrast over all frames of a specimen at rest, as coefficients."""
        total = self.settings.dose_per_frame * self.settings.frames
        ice = np.empty_like(self.particles)
        nothing = np.zeros_like(self.particles)
        one = np.ones_like(self.transfer)
        _frame_spectrum(
            ice, nothing, self.ice, self.ice_scale, self.diffusion, self.damage, one, 0.0,
            -1.0, np.zeros(2), self.seed * 7_919,
        )  # fmt: skip
        decay = np.maximum(self.diffusion * total, 1e-6).astype(np.float64)
        ice *= np.sqrt(2.0 * (decay + np.expm1(-decay)) / decay**2).astype(np.float32)
        faded = np.maximum(self.damage * total, 1e-6)
        spectrum = (self.particles * (-np.expm1(-faded) / faded) + ice) * self.transfer
        if self.gold is not None:
            spectrum += self.gold
        return fourier.inverse(spectrum.astype(np.complex64), self.shape, self.threads)

    def resample(self, coefficients: ImageArray, motion: SimulatedMotion, frame: int) -> ImageArray:
        """Return the relative intensity in a frame, ``(rows, columns)`` float32, about 1."""
        moved = motion.smooth.frame_coefficients_px(frame)
        moved[:, 0] += motion.global_shifts_px[frame]
        wandered = motion.nodes_px is not None
        nodes = motion.nodes_px[frame] if motion.nodes_px is not None else _NOTHING
        intensity = np.empty(self.settings.shape, np.float32)
        _resample(
            intensity, coefficients, self.illumination, self.margin[0], self.margin[1], moved,
            wandered, nodes,
        )  # fmt: skip
        return intensity


def make_field(
    settings: "SimulationSettings", motion: SimulatedMotion, seed: int, threads: int
) -> Field:
    """Make a field large enough that nothing but specimen moves into the frame."""
    margin = _margin_px(motion)
    shape = (
        fourier.good_size(settings.rows + 2 * margin),
        fourier.good_size(settings.columns + 2 * margin),
    )
    margins = ((shape[0] - settings.rows) // 2, (shape[1] - settings.columns) // 2)
    particles = _particles(settings, shape, seed)
    cover = carbon_cover(
        shape,
        (margins[1] / settings.columns + settings.carbon_fraction) * settings.columns / shape[1]
        if settings.carbon_fraction > 0.0
        else 0.0,
        _CARBON_EDGE_ANGSTROM / settings.pixel_size_angstrom,
    )
    mean, atoms = specimen_phase(
        shape,
        particles,
        _layers(settings, shape, cover, seed),
        pixel_size_angstrom=settings.pixel_size_angstrom,
        voltage_kv=settings.voltage_kv,
        seed=seed,
    )
    y, x = fourier.frequencies(shape, settings.pixel_size_angstrom)
    k = np.hypot(x, y)
    spectrum = fourier.forward(mean, threads) + fourier.forward(atoms, threads) * form_factor(k)
    scale = math.sqrt(shape[0] * shape[1]) / settings.pixel_size_angstrom
    return Field(
        settings, seed, threads, shape, margins, particles.centres_px,
        spectrum.astype(np.complex64), np.zeros(k.shape, np.complex64),
        ice_amplitude(k, settings.ice_thickness_angstrom, settings.voltage_kv) * np.float32(scale),
        (2.0 * math.pi**2 * _WATER_DIFFUSION_ANGSTROM2 * k**2).astype(np.float32),
        damage_rate(k, settings.voltage_kv),
        transfer(settings, shape, k),
        _illumination(settings, cover, margins),
        _gold(settings, shape, k, seed, threads),
    )  # fmt: skip


def _margin_px(motion: SimulatedMotion) -> int:
    rows, columns = motion.shape
    grid_y, grid_x = np.mgrid[0:rows:5j, 0:columns:5j]
    furthest = np.abs(motion.shifts_px(grid_x.ravel(), grid_y.ravel())).max()
    return math.ceil(float(furthest)) + _EXTRA_MARGIN_PX


def _particles(settings: "SimulationSettings", shape: tuple[int, int], seed: int) -> Particles:
    """Place the particles in the whole field, as densely as is asked for in the frame."""
    diameter_px = settings.particle_diameter_angstrom / settings.pixel_size_angstrom
    area_ratio = shape[0] * shape[1] / (settings.rows * settings.columns)
    wanted = settings.particle_count
    if wanted is None:
        covered = math.pi / 4.0 * diameter_px**2 * settings.particle_elongation
        wanted = round(_COVERAGE * settings.rows * settings.columns / covered)
    spacing = settings.particle_spacing * diameter_px * settings.particle_elongation
    centres = place_particles(shape, round(wanted * area_ratio), spacing, 0.0, seed)
    angles = np.random.default_rng([seed, 7]).uniform(0.0, 180.0, len(centres))
    return Particles(
        centres, settings.particle_diameter_angstrom, settings.particle_hollow,
        settings.particle_elongation, angles,
    )  # fmt: skip


def _layers(
    settings: "SimulationSettings", shape: tuple[int, int], cover: ImageArray, seed: int
) -> list[Layer]:
    pixel = settings.pixel_size_angstrom
    layers = []
    if settings.carbon_fraction > 0.0:
        layers.append(carbon_layer(cover))
    if settings.contaminant_count > 0:
        layers.append(ice_crystals(shape, settings.contaminant_count, pixel, seed))
    if settings.ethane_count > 0:
        layers.append(ethane_drops(shape, settings.ethane_count, pixel, seed))
    return layers


def _gold(
    settings: "SimulationSettings", shape: tuple[int, int], k: ImageArray, seed: int, threads: int
) -> SpectrumArray | None:
    """Return the contrast of gold beads; both parts of a wave have one, of another phase."""
    if settings.gold_count <= 0:
        return None
    real, imaginary = gold_beads(
        shape, settings.gold_count, settings.pixel_size_angstrom, settings.voltage_kv, seed
    )
    phase = wave_phase(settings, shape, k)
    contrast = fourier.forward(real, threads) * (2.0 * np.cos(phase))
    contrast -= fourier.forward(imaginary, threads) * (2.0 * np.sin(phase))
    return (contrast * passed(settings, shape, k)).astype(np.complex64)


def _illumination(
    settings: "SimulationSettings", cover: ImageArray, margin: tuple[int, int]
) -> ImageArray:
    """Return the beam's uneven brightness times what carbon lets through, about 1."""
    y, x = np.ogrid[: settings.rows, : settings.columns]
    slope = x / settings.columns + 0.5 * y / settings.rows - 0.75
    film = cover[margin[0] : margin[0] + settings.rows, margin[1] : margin[1] + settings.columns]
    passed = (1.0 + _ILLUMINATION_SLOPE * slope) * (1.0 - _CARBON_ABSORPTION * film)
    return passed.astype(np.float32)


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def _frame_spectrum(  # type: ignore[no-untyped-def]
    out, particles, ice, ice_scale, diffusion, damage, transfer, elapsed, dose, step, seed
):
    """Let water diffuse for a frame's dose (all anew if that is negative); image what is there."""
    rows, columns = out.shape
    for row in numba.prange(rows):
        state = row_state(seed, row)
        ky = row / rows if 2 * row <= rows else row / rows - 1.0
        for column in range(columns):
            kept = math.exp(-diffusion[row, column] * dose) if dose >= 0.0 else 0.0
            state, first = next_uniform(state)
            state, second = next_uniform(state)
            size = math.sqrt(-math.log(first) * (1.0 - kept * kept)) * ice_scale[row, column]
            angle = 2.0 * math.pi * second
            fresh = complex(size * math.cos(angle), size * math.sin(angle))
            ice[row, column] = ice[row, column] * kept + fresh
            along = math.pi * (ky * step[1] + 0.5 * column / (columns - 1) * step[0])
            blur = math.sin(along) / along if abs(along) > 1e-4 else 1.0
            faded = particles[row, column] * math.exp(-damage[row, column] * elapsed)
            out[row, column] = (faded + ice[row, column]) * (transfer[row, column] * blur)


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def _add_moved(total, spectrum, y, x):  # type: ignore[no-untyped-def]  # numba infers the types
    for row in numba.prange(total.shape[0]):
        for column in range(total.shape[1]):
            total[row, column] += spectrum[row, column] * (y[row] * x[column])


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def _resample(  # type: ignore[no-untyped-def]
    out, coefficients, illumination, top, left, moved, wandered, nodes
):
    """Evaluate the field where the content of each pixel came from."""
    rows, columns = out.shape
    for row in numba.prange(rows):
        v = row / rows - 0.5
        for column in range(columns):
            u = column / columns - 0.5
            x = left + column - spline.bend(moved[0], u, v)
            y = top + row - spline.bend(moved[1], u, v)
            if wandered:
                x -= spline.sample(nodes[0], node(u + 0.5), node(v + 0.5))
                y -= spline.sample(nodes[1], node(u + 0.5), node(v + 0.5))
            value = 1.0 + spline.sample(coefficients, x, y)
            out[row, column] = max(value, _DARKEST) * illumination[row, column]
