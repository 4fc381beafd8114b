"""A simulated specimen: particles in amorphous ice, perhaps with layers of other materials.

Everything is a weak phase object, projected: radians of phase a pixel. Materials have a mean inner
potential, which gives the low frequencies, and atoms at random places, which give the high ones
(Wilson statistics: fluctuations of ``atoms/Å² * (wavelength * form factor)²`` in rad² Å²).

Densities: vitreous ice 0.0314 molecules/Å³; protein 1.35 g/cm³, about 0.056 atoms/Å³ besides
hydrogen, 2.5 V above ice. Form factors at zero: International Tables C, 4.3.1; their fall is taken
as one Gaussian.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray

_PROTEIN_POTENTIAL_V = 2.5
_PROTEIN_ATOMS = 0.056
_ICE_MOLECULES = 0.0314
_WATER_FORM_FACTOR_ANGSTROM = 3.0
_ATOM_FORM_FACTOR_ANGSTROM = 2.3
_FORM_FACTOR_FALL_ANGSTROM2 = 1.9
_ELECTRON_REST_ENERGY_EV = 510_998.95


@dataclass(frozen=True, slots=True)
class Layer:
    """A material that lies on or in the ice.

    Attributes:
        thickness_angstrom: ``(rows, columns)`` float32.
        potential_v: Mean inner potential, above what it lies in.
        atoms: For each Å³, besides hydrogen.
    """

    thickness_angstrom: ImageArray
    potential_v: float
    atoms: float


@dataclass(frozen=True, slots=True)
class Particles:
    """Where particles lie and what they look like.

    Attributes:
        centres_px: ``(n, 2)`` float64, x and y, from the centre of pixel (0, 0).
        diameter_angstrom: Outer diameter (the short one of an elongated particle).
        hollow: Inner diameter over the outer one; 0 is solid, apoferritin about 0.62.
        elongation: Long axis over short axis, in the plane of the image.
        angles_degrees: ``(n,)`` float64, of the long axis from x towards y.
    """

    centres_px: FloatArray
    diameter_angstrom: float
    hollow: float
    elongation: float
    angles_degrees: FloatArray


def wavelength_angstrom(voltage_kv: float) -> float:
    """Return the relativistic wavelength of an electron."""
    energy_ev = voltage_kv * 1000.0
    return 12.264259 / math.sqrt(energy_ev * (1.0 + 0.978476e-6 * energy_ev))


def interaction_constant(voltage_kv: float) -> float:
    """Return radians of phase per volt and Å (Kirkland, Advanced Computing in EM, eq. 5.6)."""
    energy_ev = voltage_kv * 1000.0
    rest = _ELECTRON_REST_ENERGY_EV
    relativistic = (rest + energy_ev) / (2.0 * rest + energy_ev)
    return 2.0 * math.pi / (wavelength_angstrom(voltage_kv) * energy_ev) * relativistic


def form_factor(frequency_per_angstrom: ImageArray) -> ImageArray:
    """Return the fall of an atom's electron form factor with frequency (1 at zero)."""
    result: ImageArray = np.exp(-_FORM_FACTOR_FALL_ANGSTROM2 * frequency_per_angstrom**2).astype(
        np.float32
    )
    return result


def ice_amplitude(
    frequency_per_angstrom: ImageArray, thickness_angstrom: float, voltage_kv: float
) -> ImageArray:
    """Return the root of ice's phase spectrum, rad Å.

    Water's structure factor: its molecules hardly fluctuate in density over long distances, and
    their next-neighbour distance shows as a broad peak at 3.7 Å (amorphous ice's first ring).
    Solutes and uneven ice keep the long distances from vanishing altogether.
    """
    k = frequency_per_angstrom
    structure = 0.2 + 0.8 * k**4 / (k**4 + 0.18**4) + 0.9 * np.exp(-(((k - 0.27) / 0.035) ** 2))
    atoms = _ICE_MOLECULES * thickness_angstrom * structure
    scattering = wavelength_angstrom(voltage_kv) * _WATER_FORM_FACTOR_ANGSTROM * form_factor(k)
    result: ImageArray = (np.sqrt(atoms) * scattering).astype(np.float32)
    return result


def place_particles(
    shape: tuple[int, int], count: int, spacing_px: float, margin_px: float, seed: int
) -> FloatArray:
    """Place up to ``count`` centres at random, none nearer to another than the spacing.

    Returns:
        ``(n, 2)`` float64, x and y; fewer than asked for where no more fit in.
    """
    random = np.random.default_rng([seed, 2])
    low, high = margin_px, np.array([shape[1], shape[0]], dtype=np.float64) - 1.0 - margin_px
    candidates = random.uniform(low, np.maximum(high, low + 1.0), size=(count * 40, 2))
    chosen: FloatArray = _keep_apart(candidates, count, spacing_px)
    return chosen


@numba.njit(cache=True, nogil=True)
def _keep_apart(candidates, count, spacing):  # type: ignore[no-untyped-def]
    kept = np.empty((count, 2))
    number = 0
    for index in range(candidates.shape[0]):
        if number == count:
            break
        free = True
        for other in range(number):
            dx = candidates[index, 0] - kept[other, 0]
            dy = candidates[index, 1] - kept[other, 1]
            if dx * dx + dy * dy < spacing * spacing:
                free = False
                break
        if free:
            kept[number] = candidates[index]
            number += 1
    return kept[:number].copy()


def specimen_phase(
    shape: tuple[int, int],
    particles: Particles,
    layers: Sequence[Layer],
    *,
    pixel_size_angstrom: float,
    voltage_kv: float,
    seed: int,
) -> tuple[ImageArray, ImageArray]:
    """Project everything but the ice.

    Args:
        shape: ``(rows, columns)`` of the field.
        particles: Where and what they are, in pixels of this field.
        layers: What else there is.
        pixel_size_angstrom: Å a pixel.
        voltage_kv: Acceleration voltage.
        seed: Of the atoms' places.

    Returns:
        Mean phase and atoms' fluctuation, each ``(rows, columns)`` float32, radians. The second one
        is white and still has to be multiplied by ``form_factor`` in Fourier space.
    """
    protein = np.zeros(shape, np.float32)
    add_shells(protein, *_particle_table(particles, pixel_size_angstrom))
    potential = _PROTEIN_POTENTIAL_V * protein
    atoms = _PROTEIN_ATOMS * protein
    for layer in layers:
        potential += layer.potential_v * layer.thickness_angstrom
        atoms += layer.atoms * layer.thickness_angstrom
    white = np.random.default_rng([seed, 3]).standard_normal(shape, dtype=np.float32)
    scattering = wavelength_angstrom(voltage_kv) * _ATOM_FORM_FACTOR_ANGSTROM / pixel_size_angstrom
    mean = (interaction_constant(voltage_kv) * potential).astype(np.float32)
    return mean, (scattering * np.sqrt(atoms) * white).astype(np.float32)


def _particle_table(
    particles: Particles, pixel_size_angstrom: float
) -> tuple[FloatArray, FloatArray, float, float, float, float]:
    radius_px = 0.5 * particles.diameter_angstrom / pixel_size_angstrom
    return (
        particles.centres_px,
        np.deg2rad(particles.angles_degrees),
        radius_px,
        radius_px * particles.hollow,
        particles.elongation,
        pixel_size_angstrom,
    )


@numba.njit(cache=True, nogil=True)
def add_shells(  # type: ignore[no-untyped-def]
    thickness, centres, angles, outer, inner, elongation, pixel_size
):
    """Add the chords (Å) through ellipsoidal shells to ``thickness``."""
    rows, columns = thickness.shape
    reach = outer * elongation + 2.0
    for index in range(centres.shape[0]):
        x0, y0 = centres[index]
        cosine, sine = math.cos(angles[index]), math.sin(angles[index])
        for row in range(max(0, int(y0 - reach)), min(rows, int(y0 + reach) + 2)):
            for column in range(max(0, int(x0 - reach)), min(columns, int(x0 + reach) + 2)):
                dx, dy = column - x0, row - y0
                along = (cosine * dx + sine * dy) / elongation
                across = cosine * dy - sine * dx
                radius2 = along * along + across * across
                chord = max(0.0, outer * outer - radius2) ** 0.5
                chord -= max(0.0, inner * inner - radius2) ** 0.5
                thickness[row, column] += 2.0 * chord * pixel_size
