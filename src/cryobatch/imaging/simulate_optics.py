"""What a simulated microscope's lens, camera and beam do to a specimen's spatial frequencies."""

import math
from typing import TYPE_CHECKING

import numpy as np

from cryobatch.imaging import fourier, spline
from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.dose import (
    CRITICAL_AMPLITUDE,
    CRITICAL_EXPONENT,
    CRITICAL_OFFSET,
    voltage_factor,
)
from cryobatch.imaging.simulate_camera import modulation_transfer
from cryobatch.imaging.simulate_specimen import wavelength_angstrom

if TYPE_CHECKING:
    from cryobatch.imaging.simulate import SimulationSettings


def damage_rate(k: ImageArray, voltage_kv: float) -> ImageArray:
    """Return 1 / (2 N_c): the amplitude's decay for each e/Å²."""
    with np.errstate(divide="ignore"):
        critical = CRITICAL_AMPLITUDE * k**CRITICAL_EXPONENT + CRITICAL_OFFSET
    return (0.5 / (critical * voltage_factor(voltage_kv))).astype(np.float32)


def transfer(settings: "SimulationSettings", shape: tuple[int, int], k: ImageArray) -> ImageArray:
    """Return contrast over phase: CTF, envelope, MTF, and what turns pixels into coefficients."""
    phase = wave_phase(settings, shape, k) + math.asin(settings.amplitude_contrast)
    return (-2.0 * np.sin(phase) * passed(settings, shape, k)).astype(np.float32)


def wave_phase(settings: "SimulationSettings", shape: tuple[int, int], k: ImageArray) -> FloatArray:
    """Return by what the lens, and a phase plate, shift the scattered wave, radians."""
    y, x = fourier.frequencies(shape)
    mean = 0.5 * (settings.defocus_u_angstrom + settings.defocus_v_angstrom)
    half = 0.5 * (settings.defocus_u_angstrom - settings.defocus_v_angstrom)
    azimuth = np.arctan2(y, x) - np.float32(math.radians(settings.defocus_angle_degrees))
    defocus = mean + half * np.cos(2.0 * azimuth)
    wavelength = wavelength_angstrom(settings.voltage_kv)
    aberration = 0.5 * math.pi * settings.cs_mm * 1e7 * wavelength**3 * k**4
    shifted = math.radians(settings.phase_shift_degrees)
    phase: FloatArray = math.pi * wavelength * defocus * k**2 - aberration + shifted
    return phase


def passed(settings: "SimulationSettings", shape: tuple[int, int], k: ImageArray) -> ImageArray:
    """Return envelope and MTF, over what makes pixels of spline coefficients."""
    y, x = fourier.frequencies(shape)
    envelope = np.exp(-0.25 * settings.envelope_angstrom2 * k**2)
    splines = spline.coefficient_response(y) * spline.coefficient_response(x)
    result: ImageArray = envelope * modulation_transfer(np.hypot(x, y)) / splines
    return result
