"""A simulated microscope: movies and micrographs whose truth is known.

The physics, not kinder than nature where it matters to what this package measures:

* a weak phase object: particles, amorphous ice (``simulate_specimen``), carbon, ice crystals, drops
  of ethane (``simulate_contamination``); gold beads, which are no weak ones and may slide;
* the contrast transfer function -sin(pi lambda z k² - pi/2 Cs lambda³ k⁴ + phase + atan(A / sqrt(1
  - A²))), underfocus z positive, twice the phase as contrast, with an envelope exp(-B k² / 4);
* frames that blur while the specimen moves, drift and bend (``simulate_motion``) by a polynomial
  of RELION's class, and beyond any: a Gaussian process, a burst, a jump (``simulate_wandering``);
* water that diffuses under the beam, about 1 Å rms for each e/Å² (McMullan et al., Ultramicroscopy
  158:26 (2015)): Thon rings of the ice fade in sums over many frames, and the ice does not help to
  align frames that are far apart;
* particles that fade with dose by Grant & Grigorieff's curve (``dose``);
* ice that removes electrons: exp(-thickness / 3950 Å) pass at 300 kV (Rice et al., J. Struct.
  Biol. 204:38 (2018)), fewer at lower voltages as the electrons' squared velocity falls;
* a counting camera with Poisson noise, DQE and MTF, coincidence loss, gain, an error of the gain
  reference, hot and dead pixels (``simulate_camera``); frames for which the beam was off.

Kinder than nature: no multiple scattering, nor inelastic (but for the electrons that ice removes),
no beam tilt, no Ewald sphere, no change of defocus across the field, no structure in the particles
beyond atoms at random places in a shell, blur by the motion of whole frames only, and the same
camera at every voltage.

The field is larger than the frame, so that content enters and leaves at the edges. Everything is
decided by the settings and the seed, on any number of threads.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import CountArray, FloatArray, ImageArray
from cryobatch.imaging.simulate_camera import (
    COUNTING_EFFICIENCY,
    Camera,
    counts_of,
    make_camera,
    share_counted,
)
from cryobatch.imaging.simulate_contamination import free_path_factor
from cryobatch.imaging.simulate_field import Field, make_field
from cryobatch.imaging.simulate_motion import Motion, SimulatedMotion, at_rest, make_motion
from cryobatch.imaging.simulate_wandering import Wandering, disturb

_ICE_FREE_PATH_ANGSTROM = 3950.0
_BURST_FADING_DOSE = 1.0


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What is recorded, and how.

    Attributes:
        rows: Rows of a frame.
        columns: Columns of a frame.
        frames: Frames of a movie.
        pixel_size_angstrom: Å a pixel at the specimen.
        voltage_kv: Acceleration voltage.
        cs_mm: Spherical aberration.
        amplitude_contrast: Part of the contrast that is amplitude contrast.
        dose_per_frame: e/Å² on the specimen a frame.
        pre_exposure: e/Å² before the first frame.
        defocus_u_angstrom: Larger underfocus.
        defocus_v_angstrom: Smaller underfocus.
        defocus_angle_degrees: Direction of the larger one, from x towards y.
        phase_shift_degrees: Of a phase plate.
        envelope_angstrom2: B of the envelope exp(-B k² / 4) on amplitudes.
        particle_diameter_angstrom: Outer diameter.
        particle_hollow: Inner over outer diameter; 0 is solid.
        particle_elongation: Long over short axis.
        particle_count: Particles in the frame; None covers a fifth of it; 0 for none.
        particle_spacing: Smallest distance of two centres, in (long) diameters.
        ice_thickness_angstrom: Thickness of the ice.
        carbon_fraction: Part of the frame's width that a carbon film covers, from the left.
        contaminant_count: Ice crystals in the field.
        ethane_count: Ethane drops in the field.
        gold_count: Gold beads in the field.
        gold_sliding_angstrom: How far they slide over the specimen until the last frame.
        drift_angstrom: Length of the whole frame's path, without the jitter.
        local_motion_angstrom: The largest local displacement.
        jitter_angstrom: Random displacement of each frame, rms along each axis.
        wandering_velocity: Å for each e/Å² along an axis of a Gaussian process; 0 for none.
        wandering_length_angstrom: Over such distances its velocities are alike.
        burst_angstrom: Displacement by a burst that fades with 1 e/Å².
        jump_angstrom: Displacement between two frames of the middle third.
        empty_frames: Indices of frames without beam.
        electrons_per_readout: Of a pixel, for coincidence loss; 0 for none.
        gain_deviation: Relative spread of the camera's gain.
        gain_error: Relative spread of the gain reference about the right one.
        hot_pixels: How many.
        dead_pixels: How many.
    """

    rows: int = 1024
    columns: int = 1024
    frames: int = 16
    pixel_size_angstrom: float = 1.5
    voltage_kv: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1
    dose_per_frame: float = 1.5
    pre_exposure: float = 0.0
    defocus_u_angstrom: float = 15_000.0
    defocus_v_angstrom: float = 14_500.0
    defocus_angle_degrees: float = 35.0
    phase_shift_degrees: float = 0.0
    envelope_angstrom2: float = 40.0
    particle_diameter_angstrom: float = 130.0
    particle_hollow: float = 0.62
    particle_elongation: float = 1.0
    particle_count: int | None = None
    particle_spacing: float = 1.05
    ice_thickness_angstrom: float = 300.0
    carbon_fraction: float = 0.0
    contaminant_count: int = 0
    ethane_count: int = 0
    gold_count: int = 0
    gold_sliding_angstrom: float = 0.0
    drift_angstrom: float = 12.0
    local_motion_angstrom: float = 4.0
    jitter_angstrom: float = 0.1
    wandering_velocity: float = 0.0
    wandering_length_angstrom: float = 5_000.0
    burst_angstrom: float = 0.0
    jump_angstrom: float = 0.0
    empty_frames: tuple[int, ...] = ()
    electrons_per_readout: float = 0.01
    gain_deviation: float = 0.05
    gain_error: float = 0.0
    hot_pixels: int = 20
    dead_pixels: int = 20

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, columns)`` of a frame."""
        return (self.rows, self.columns)

    @property
    def arriving_per_pixel(self) -> float:
        """Electrons that arrive at a pixel in a frame, without what ice stops."""
        free_path = _ICE_FREE_PATH_ANGSTROM * free_path_factor(self.voltage_kv)
        transmitted = math.exp(-self.ice_thickness_angstrom / free_path)
        return self.dose_per_frame * self.pixel_size_angstrom**2 * transmitted

    @property
    def readouts(self) -> int:
        """Readouts of the camera a frame; 0 where no electron hides another."""
        if self.electrons_per_readout <= 0.0:
            return 0
        detected = self.arriving_per_pixel * COUNTING_EFFICIENCY
        return max(1, round(detected / self.electrons_per_readout))

    @property
    def electrons_per_pixel(self) -> float:
        """Electrons counted a pixel and frame, on average."""
        detected = self.arriving_per_pixel * COUNTING_EFFICIENCY
        readouts = self.readouts
        return detected * (share_counted(detected / readouts) if readouts else 1.0)


@dataclass(frozen=True, slots=True)
class SimulatedMovie:
    """A movie with its truth.

    Attributes:
        settings: What was asked for; CTF, dose and pixel size are exact.
        frames: ``(frames, rows, columns)`` uint8, raw counts.
        camera: The gain reference, hot and dead pixels.
        motion: Displacement of the content, pixels, zero in the first frame.
        particle_centres_px: ``(n, 2)`` float64, x and y in the first frame, of those inside it.
    """

    settings: SimulationSettings
    frames: CountArray
    camera: Camera
    motion: Motion
    particle_centres_px: FloatArray

    @property
    def gain(self) -> ImageArray:
        """``(rows, columns)`` float32: counts times this are electrons; 0 is a dead pixel."""
        return self.camera.gain

    @property
    def global_shifts_angstrom(self) -> FloatArray:
        """``(frames, 2)`` float64, x and y of each whole frame."""
        return self.motion.global_shifts_px * self.settings.pixel_size_angstrom


@dataclass(frozen=True, slots=True)
class SimulatedMicrograph:
    """One summed image, free of motion and of the camera's flaws, with its truth.

    Attributes:
        settings: What was asked for.
        image: ``(rows, columns)`` float32, electrons counted a pixel; particles are dark.
        particle_centres_px: ``(n, 2)`` float64, x and y, of those inside the frame.
    """

    settings: SimulationSettings
    image: ImageArray
    particle_centres_px: FloatArray


def simulate_movie(
    settings: SimulationSettings,
    seed: int,
    *,
    camera: Camera | None = None,
    noise_seed: int | None = None,
    threads: int = 2,
) -> SimulatedMovie:
    """Record a movie.

    Args:
        settings: What and how.
        seed: Integer; decides the specimen and its motion.
        camera: The camera to record with; by default one that the seed decides.
        noise_seed: Decides which electrons arrive; by default the seed does. Two movies that differ
            in nothing else differ by noise alone.
        threads: For Fourier transforms.
    """
    noise = 1_000_003 * (seed if noise_seed is None else noise_seed)
    camera = camera or simulated_camera(settings, seed)
    motion = simulated_motion(settings, seed)
    field = make_field(settings, motion, seed, threads)
    frames = np.empty((settings.frames, *settings.shape), np.uint8)
    for index, intensity in enumerate(_intensities(settings, field, motion)):
        frames[index] = counts_of(intensity, camera, noise + index, settings.readouts)
    return SimulatedMovie(settings, frames, camera, motion, field.centres_in_frame())


def simulate_micrograph(
    settings: SimulationSettings, seed: int, *, threads: int = 2
) -> SimulatedMicrograph:
    """Record one image with the dose of all frames of the settings, motion-corrected perfectly."""
    still = at_rest(settings.shape)
    field = make_field(settings, still, seed, threads)
    dose = settings.frames * settings.electrons_per_pixel
    expected = field.resample(field.mean_contrast(), still, 0) * np.float32(dose)
    image = np.random.default_rng([seed, 6]).poisson(np.maximum(expected, 0.0)).astype(np.float32)
    return SimulatedMicrograph(settings, image, field.centres_in_frame())


def simulated_camera(settings: SimulationSettings, seed: int) -> Camera:
    """Make the camera that the settings describe."""
    return make_camera(
        settings.shape,
        gain_deviation=settings.gain_deviation,
        hot=settings.hot_pixels,
        dead=settings.dead_pixels,
        seed=seed,
        gain_error=settings.gain_error,
    )


def simulated_motion(settings: SimulationSettings, seed: int) -> SimulatedMotion:
    """Make the motion that the settings describe."""
    pixel = settings.pixel_size_angstrom
    smooth = make_motion(
        settings.shape,
        settings.frames,
        drift_px=settings.drift_angstrom / pixel,
        local_px=settings.local_motion_angstrom / pixel,
        jitter_px=settings.jitter_angstrom / pixel,
        seed=seed,
    )
    wandering = Wandering(
        velocity_px=settings.wandering_velocity * settings.dose_per_frame / pixel,
        length_px=settings.wandering_length_angstrom / pixel,
        burst_px=settings.burst_angstrom / pixel,
        burst_frames=_BURST_FADING_DOSE / settings.dose_per_frame,
        jump_px=settings.jump_angstrom / pixel,
    )
    return disturb(smooth, wandering, seed)


def _intensities(
    settings: SimulationSettings, field: Field, motion: SimulatedMotion
) -> Iterator[ImageArray]:
    """Yield the electrons a pixel that arrive, frame by frame."""
    for index in range(settings.frames):
        beam = 0.0 if index in settings.empty_frames else settings.arriving_per_pixel
        contrast = field.frame_contrast(index, motion)
        yield field.resample(contrast, motion, index) * np.float32(beam)
