"""The contrast transfer function of an electron microscope.

Underfocus is positive. The function is ``-sin(chi)`` with::

    chi(s) = pi wl s² (defocus - wl² s² Cs / 2) + atan(A / sqrt(1 - A²)) + phase shift

(Rohou & Grigorieff 2015, equations 2 to 4), where ``s`` is the spatial frequency in 1/Å, ``wl`` the
wavelength and ``A`` the amplitude contrast. Phases here are in **turns of 2 chi**, that is chi /
pi: each turn is one Thon ring of ``sin²(chi)``, and a zero of the function is a whole number.
"""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray

MM_IN_ANGSTROM = 1e7


@dataclass(frozen=True, slots=True)
class Optics:
    """What a microscope does to every image: kV, mm and the fraction of amplitude contrast."""

    voltage_kv: float
    cs_mm: float
    amplitude_contrast: float

    @property
    def wavelength_angstrom(self) -> float:
        """Relativistic wavelength of the electron."""
        return electron_wavelength_angstrom(self.voltage_kv)

    @property
    def amplitude_turns(self) -> float:
        """Phase that the amplitude contrast stands for, in turns."""
        contrast = self.amplitude_contrast
        return math.atan2(contrast, math.sqrt(1.0 - contrast * contrast)) / math.pi


@dataclass(frozen=True, slots=True)
class Defocus:
    """Underfocus by direction, in the parameters that a fit can move freely.

    ``defocus(direction) = mean + cosine cos(2 direction) + sine sin(2 direction)`` in Å, the
    direction counted from x (columns) to y (rows).
    """

    mean_angstrom: float
    cosine_angstrom: float = 0.0
    sine_angstrom: float = 0.0
    phase_shift_turns: float = 0.0

    @property
    def half_difference_angstrom(self) -> float:
        """Half of the difference between largest and smallest defocus."""
        return math.hypot(self.cosine_angstrom, self.sine_angstrom)

    @property
    def angle_degrees(self) -> float:
        """Direction of the largest defocus from x towards y, from 0 up to 180."""
        double = math.degrees(math.atan2(self.sine_angstrom, self.cosine_angstrom))
        return double / 2.0 % 180.0


def astigmatic_defocus(
    u_angstrom: float, v_angstrom: float, angle_degrees: float, phase_shift_degrees: float = 0.0
) -> Defocus:
    """Return the defocus that RELION and CTFFIND would call ``u``, ``v`` and ``angle``."""
    half = (u_angstrom - v_angstrom) / 2.0
    double = math.radians(2.0 * angle_degrees)
    return Defocus(
        (u_angstrom + v_angstrom) / 2.0,
        half * math.cos(double),
        half * math.sin(double),
        phase_shift_degrees / 180.0,
    )


def electron_wavelength_angstrom(voltage_kv: float) -> float:
    """Return the relativistic de Broglie wavelength (CODATA 2018 constants)."""
    volt = voltage_kv * 1e3
    planck, mass, charge, light = 6.62607015e-34, 9.1093837015e-31, 1.602176634e-19, 299792458.0
    momentum = 2.0 * mass * charge * volt * (1.0 + charge * volt / (2.0 * mass * light * light))
    return planck / math.sqrt(momentum) * 1e10


def defocus_coefficient(frequency: FloatArray, optics: Optics) -> FloatArray:
    """Return the turns a frequency (1/Å) gains per Å of defocus."""
    return optics.wavelength_angstrom * frequency**2


def constant_turns(frequency: FloatArray, optics: Optics) -> FloatArray:
    """Return the turns at a frequency (1/Å) that do not depend on the defocus."""
    aberration = optics.wavelength_angstrom**3 * optics.cs_mm * MM_IN_ANGSTROM / 2.0
    return optics.amplitude_turns - aberration * frequency**4


def ring_turns(frequency: FloatArray, defocus_angstrom: float, optics: Optics) -> FloatArray:
    """Return chi / pi at frequencies (1/Å) of one direction, without a phase shift."""
    linear = defocus_coefficient(frequency, optics) * defocus_angstrom
    return linear + constant_turns(frequency, optics)


def transfer(
    frequency: FloatArray, direction: FloatArray, defocus: Defocus, optics: Optics
) -> FloatArray:
    """Return the contrast transfer function, -1 to 1.

    Args:
        frequency: Spatial frequencies in 1/Å, any shape.
        direction: Their directions in radians from x towards y, same shape.
        defocus: The defocus by direction, with its phase shift.
        optics: The microscope.
    """
    local = (
        defocus.mean_angstrom
        + defocus.cosine_angstrom * np.cos(2.0 * direction)
        + defocus.sine_angstrom * np.sin(2.0 * direction)
    )
    turns = defocus_coefficient(frequency, optics) * local + constant_turns(frequency, optics)
    result: FloatArray = -np.sin(np.pi * (turns + defocus.phase_shift_turns))
    return result
