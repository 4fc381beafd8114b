"""What else than particles in ice a simulated microscope sees: carbon, crystals, drops, gold.

* Carbon film: 2.0 g/cm³, 0.1 atoms/Å³, 4.5 V above ice, 150 Å thick, with a round edge.
* Ice crystals, flat, of 150 to 400 Å radius: hexagonal ice on top of the film, denser in
  scattering than its potential alone says because it diffracts.
* Ethane drops that were not blotted off, of 80 to 300 Å radius: 0.68 g/cm³ or 0.0136 molecules/Å³;
  47.9 V Å² times its molecules' form factor at zero (8.2 Å) makes 5.3 V. Bubbling under the beam is
  not simulated.
* Gold beads, spheres of 100 Å: 25 V (published values: 21 to 30); they scatter so strongly that the
  wave in them is kept whole, exp(i phase - thickness / 2 L), where L = 129 Å is what elastic
  scattering at 300 kV leaves (Langmore & Smith, Ultramicroscopy 46:349 (1992); 59 atoms/nm³), as if
  an aperture stopped all of that. They lie on the film's surface and may slide along it.
"""

import numpy as np

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.simulate_specimen import Layer, add_shells, interaction_constant

_CARBON_THICKNESS_ANGSTROM = 150.0
_CARBON_POTENTIAL_V = 4.5
_CARBON_ATOMS = 0.1
_CRYSTAL_POTENTIAL_V = 6.0
_CRYSTAL_ATOMS = 0.08
_ETHANE_POTENTIAL_V = 5.3
_ETHANE_ATOMS = 0.027
_GOLD_POTENTIAL_V = 25.0
_GOLD_FREE_PATH_ANGSTROM = 129.0
_GOLD_DIAMETER_ANGSTROM = 100.0
_FREE_PATH_VOLTAGE_KV = 300.0


def carbon_cover(shape: tuple[int, int], fraction: float, width_px: float) -> ImageArray:
    """Return ``(rows, columns)`` float32, 0 to 1: a carbon film whose round edge enters at left."""
    if fraction <= 0.0:
        return np.zeros(shape, np.float32)
    rows, columns = shape
    y, x = np.ogrid[:rows, :columns]
    radius = 2.0 * max(shape)
    distance = radius - np.hypot(x - fraction * columns - radius, y - 0.5 * rows)
    return (0.5 - 0.5 * np.tanh(distance / width_px)).astype(np.float32)


def carbon_layer(cover: ImageArray) -> Layer:
    """Return the film that covers so much of each pixel."""
    thickness = cover * np.float32(_CARBON_THICKNESS_ANGSTROM)
    return Layer(thickness, _CARBON_POTENTIAL_V, _CARBON_ATOMS)


def ice_crystals(
    shape: tuple[int, int], count: int, pixel_size_angstrom: float, seed: int
) -> Layer:
    """Return so many crystals, a fifth as thick as a sphere would be."""
    random = np.random.default_rng([seed, 4])
    thickness = _spheres(shape, count, (150.0, 400.0), 0.2, pixel_size_angstrom, random)
    return Layer(thickness, _CRYSTAL_POTENTIAL_V, _CRYSTAL_ATOMS)


def ethane_drops(
    shape: tuple[int, int], count: int, pixel_size_angstrom: float, seed: int
) -> Layer:
    """Return so many drops, half as thick as a sphere would be."""
    random = np.random.default_rng([seed, 13])
    thickness = _spheres(shape, count, (80.0, 300.0), 0.5, pixel_size_angstrom, random)
    return Layer(thickness, _ETHANE_POTENTIAL_V, _ETHANE_ATOMS)


def gold_beads(
    shape: tuple[int, int], count: int, pixel_size_angstrom: float, voltage_kv: float, seed: int
) -> tuple[ImageArray, ImageArray]:
    """Return how the wave behind so many beads differs from 1: real and imaginary part.

    Each ``(rows, columns)`` float32.
    """
    random = np.random.default_rng([seed, 14])
    radii = (0.5 * _GOLD_DIAMETER_ANGSTROM, 0.5 * _GOLD_DIAMETER_ANGSTROM)
    thickness = _spheres(shape, count, radii, 1.0, pixel_size_angstrom, random)
    phase = thickness * np.float32(interaction_constant(voltage_kv) * _GOLD_POTENTIAL_V)
    free_path = _GOLD_FREE_PATH_ANGSTROM * free_path_factor(voltage_kv)
    amplitude = np.exp(thickness * np.float32(-0.5 / free_path))
    return amplitude * np.cos(phase) - np.float32(1.0), amplitude * np.sin(phase)


def free_path_factor(voltage_kv: float) -> float:
    """Return an electron's free path over that at 300 kV: cross-sections go with 1 / velocity²."""
    return _squared_velocity(voltage_kv) / _squared_velocity(_FREE_PATH_VOLTAGE_KV)


def _squared_velocity(voltage_kv: float) -> float:
    """Return the square of an electron's velocity over that of light."""
    return 1.0 - (1.0 + voltage_kv / 510.99895) ** -2


def _spheres(
    shape: tuple[int, int],
    count: int,
    radii_angstrom: tuple[float, float],
    flatness: float,
    pixel_size_angstrom: float,
    random: np.random.Generator,
) -> ImageArray:
    """Return ``(rows, columns)`` float32, Å: spheres of random place and size, flattened."""
    thickness = np.zeros(shape, np.float32)
    for _ in range(count):
        centre = random.uniform((0.0, 0.0), (shape[1], shape[0]))[None]
        radius = random.uniform(*radii_angstrom) / pixel_size_angstrom
        add_shells(thickness, centre, np.zeros(1), radius, 0.0, 1.0, flatness * pixel_size_angstrom)
    return thickness
