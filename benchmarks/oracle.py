"""What a perfect drift correction would make of a simulated movie, and the signal that is in it.

The oracle knows the true motion, moves frames as Fourier series (a phase where nothing moves
locally; else a spline through the frame made twice as fine in Fourier space, exact to 0.1 % up to
Nyquist), and weights each frame by the very factor by which its signal has faded.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import THREADS
from cryobatch.imaging import fourier, spline
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulated_motion
from cryobatch.imaging.simulate_field import make_field
from cryobatch.imaging.simulate_motion import NODES, SimulatedMotion, at_rest, node
from cryobatch.imaging.simulate_optics import damage_rate

_FRAMES_APART = 4

Image = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


def oracle_micrograph(movie: SimulatedMovie, seed: int) -> Image:
    """Sum a movie's frames with the true motion (the seed's) undone and the true weights."""
    settings = movie.settings
    motion = simulated_motion(settings, seed)
    y, x = fourier.frequencies(settings.shape)
    k = (np.hypot(y, x) / settings.pixel_size_angstrom).astype(np.float32)
    rate = damage_rate(k, settings.voltage_kv)
    total = np.zeros(rate.shape, np.complex64)
    for index in range(settings.frames):
        frame = clean_frame(movie, index)
        dose = settings.pre_exposure + settings.dose_per_frame * (index + 0.5)
        total += _at_rest(motion, index, frame) * np.exp(-rate * np.float32(dose))
    return fourier.inverse(total, settings.shape, THREADS)


def true_signal(movie: SimulatedMovie, seed: int, displaced_px: NDArray[np.float64]) -> Image:
    """Return the particles' contrast without noise or damage, as the first frame would show it.

    Args:
        movie: The movie.
        seed: That it was made with.
        displaced_px: ``(2, NODES, NODES)``, x and y, at the places of ``node_places``: the pixel at
            p shows what is at p + displacement.
    """
    settings = movie.settings
    field = make_field(settings, simulated_motion(settings, seed), seed, THREADS)
    shown = (field.particles * field.transfer).astype(np.complex64)
    coefficients = fourier.inverse(shown, field.shape, THREADS)
    still = MotionModel(settings.shape, np.zeros((1, 2)))
    motion = SimulatedMotion(still, np.zeros((1, 2)), -displaced_px[None])
    signal: Image = field.resample(coefficients, motion, 0) / field.illumination - np.float32(1.0)
    return signal


def frame_bound_angstrom(settings: SimulationSettings, seed: int) -> float:
    """Return how exactly one frame tells its displacement to who knows the particles already.

    The Cramér-Rao bound of a frame's shift in Poisson noise of e electrons a pixel,

        variance along x = pixels / (e sum over k of (2 pi k_x)² |contrast(k)|²),

    root mean square over the frames, as a distance in the plane. Less can be reached only by what
    frames tell of each other: smooth motion, and ice that neighbours share.
    """
    field = make_field(settings, at_rest(settings.shape), seed, THREADS)
    y, x = fourier.frequencies(field.shape)
    from_coefficients = spline.coefficient_response(y) * spline.coefficient_response(x)
    shown = np.abs(field.particles * field.transfer * from_coefficients) ** 2
    variances = []
    for frame in range(0, settings.frames, _FRAMES_APART):
        dose = settings.pre_exposure + settings.dose_per_frame * (frame + 0.5)
        seen = shown * np.exp(-2.0 * np.float32(dose) * field.damage)
        # Half of the plane is stored, and tells the same as the other.
        known = [2.0 * float((np.square(2.0 * np.pi * axis) * seen).sum()) for axis in (x, y)]
        noise = field.shape[0] * field.shape[1] / settings.electrons_per_pixel
        variances.append(sum(noise / part for part in known))
    return float(np.sqrt(np.mean(variances))) * settings.pixel_size_angstrom


def node_places(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y, ``(NODES * NODES,)``, of the nodes of a displacement."""
    places = (np.arange(NODES) - 1.0) / (NODES - 3)
    y, x = np.meshgrid(places * shape[0], places * shape[1], indexing="ij")
    return x.ravel(), y.ravel()


def clean_frame(movie: SimulatedMovie, index: int) -> Image:
    """Return a frame in electrons, hot and dead pixels at its mean."""
    bad = np.concatenate([movie.camera.hot_pixels, movie.camera.dead_pixels]).astype(np.int64)
    frame: Image = (movie.frames[index] * movie.gain).astype(np.float32)
    frame[bad[:, 1], bad[:, 0]] = 0.0
    frame[bad[:, 1], bad[:, 0]] = frame.sum() / (frame.size - len(bad))
    return frame


def _at_rest(motion: SimulatedMotion, index: int, frame: Image) -> Spectrum:
    """Return a frame's spectrum with its true motion undone."""
    spectrum: Spectrum = fourier.forward(frame, THREADS)
    shift = motion.global_shifts_px[index]
    if motion.coefficients_px is None and motion.nodes_px is None:
        y, x = fourier.frequencies(motion.shape)
        turned: Spectrum = np.exp(2j * np.pi * (y * shift[1] + x * shift[0])).astype(np.complex64)
        return spectrum * turned
    bent = motion.smooth.frame_coefficients_px(index)
    bent[:, 0] += shift
    nodes = np.zeros((2, NODES, NODES)) if motion.nodes_px is None else motion.nodes_px[index]
    straight = np.empty(motion.shape, np.float32)
    _sample(straight, _twice_as_fine(spectrum, motion.shape), bent, nodes)
    result: Spectrum = fourier.forward(straight, THREADS)
    return result


def _twice_as_fine(spectrum: Spectrum, shape: tuple[int, int]) -> Image:
    """Return spline coefficients of an image with half the pixel."""
    rows, columns = shape
    fine = np.zeros((2 * rows, columns + 1), np.complex64)
    half = rows // 2
    fine[:half, : columns // 2] = spectrum[:half, : columns // 2]
    fine[-half:, : columns // 2] = spectrum[-half:, : columns // 2]
    y, x = fourier.frequencies((2 * rows, 2 * columns))
    fine *= 4.0 / (spline.coefficient_response(y) * spline.coefficient_response(x))
    return fourier.inverse(fine, (2 * rows, 2 * columns), THREADS)


@numba.njit(cache=True, parallel=True, nogil=True)
def _sample(out, fine, bent, nodes):  # type: ignore[no-untyped-def]  # numba infers the types
    """Take each pixel from where its content lies, in pixels of ``out``."""
    rows, columns = out.shape
    for row in numba.prange(rows):
        v = row / rows - 0.5
        for column in range(columns):
            u = column / columns - 0.5
            x = column + spline.bend(bent[0], u, v)
            y = row + spline.bend(bent[1], u, v)
            x += spline.sample(nodes[0], node(u + 0.5), node(v + 0.5))
            y += spline.sample(nodes[1], node(u + 0.5), node(v + 0.5))
            out[row, column] = spline.sample(fine, 2.0 * x, 2.0 * y)
