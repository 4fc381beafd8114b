"""How exactly a movie's motion can be told at all, by whom it may be: the Cramér-Rao bound.

Frames are Gaussian: in every frequency a specimen of unknown phases that fades with dose, ice that
diffuses, and the noise of the electrons, with the covariance C between frames. The displacements of
two frames i, j along x then share the Fisher information

    sum over k of half the plane of 2 (2 pi k_x)² (C_ij (C^-1)_ij - [i = j]),

and the truth's own class of motion is known beforehand, as its covariance over many simulated
motions. Nothing is simulated but motions; edges and the blur of moving frames are left out.
"""

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import THREADS
from cryobatch.imaging import fourier, spline
from cryobatch.imaging.motion_model import spatial_terms, temporal_terms
from cryobatch.imaging.simulate import SimulationSettings
from cryobatch.imaging.simulate_field import Field, make_field
from cryobatch.imaging.simulate_motion import at_rest, make_motion

_SIZE = 1024
_RINGS = 200
_MOTIONS = 1500
_SEED = 1
_FIRST_MOTION = 1_000_000
_FAR_ANGSTROM = 100.0

Array = NDArray[np.float64]


@cache
def motion_bound_angstrom(settings: SimulationSettings, finest_angstrom: float = 0.0) -> float:
    """Return the least root mean square distance of found from true over frames and a 5x5 field.

    Each point's mean over the frames is left out.

    Args:
        settings: Of the movie; ``local_motion_angstrom`` 0: known to be without local motion.
        finest_angstrom: Finer detail than this is not looked at.
    """
    information = _information(settings, finest_angstrom)
    space, time = _terms(settings)
    whole = np.concatenate([np.ones((len(space), 1)), space], axis=1)
    # Points of the field each tell their part of what frames do.
    shared = whole.T @ whole / len(whole)
    if settings.local_motion_angstrom <= 0.0:
        shared = shared[:1, :1]
    local = len(shared) - 1
    design = np.concatenate(
        [np.kron(np.ones((len(space), 1)), np.eye(len(time))), np.kron(space, time)], axis=1
    )[:, : len(time) + local * time.shape[1]]
    cross = np.kron(shared[:1, 1:], information @ time)
    seen = np.block(
        [
            [shared[0, 0] * information, cross],
            [cross.T, np.kron(shared[1:, 1:], time.T @ information @ time)],
        ]
    )
    # Scaled by what is expected, so that the inverse is exact.
    root = np.linalg.cholesky(_expected(settings, local * time.shape[1]))
    left = root @ np.linalg.inv(np.eye(len(root)) + root.T @ seen @ root) @ root.T
    blind = design.reshape(len(space), len(time), -1)
    blind = blind - blind.mean(axis=1, keepdims=True)
    variance = np.einsum("pfu,uv,pfv->pf", blind, left, blind).mean()
    return float(np.sqrt(2.0 * variance))


def _terms(settings: SimulationSettings) -> tuple[Array, Array]:
    """Return centred terms of space ``(25, 5)`` and of time ``(frames, 3)``."""
    cell = (np.arange(5) + 0.5) / 5
    y, x = np.meshgrid(cell * settings.rows, cell * settings.columns, indexing="ij")
    space = spatial_terms(x.ravel(), y.ravel(), settings.shape)[:, 1:]
    time = temporal_terms(settings.frames) / max(settings.frames - 1, 1) ** np.arange(1.0, 4.0)
    return space - space.mean(axis=0), time


def _expected(settings: SimulationSettings, local: int) -> Array:
    """Return the covariance of whole frames' shifts and local terms along an axis, Å²."""
    pixel = settings.pixel_size_angstrom
    last = max(settings.frames - 1, 1) ** np.arange(1.0, 4.0)
    shifts, tables = [], []
    for number in range(_MOTIONS):
        motion = make_motion(
            settings.shape, settings.frames, drift_px=settings.drift_angstrom / pixel,
            local_px=settings.local_motion_angstrom / pixel, jitter_px=0.0,
            seed=_FIRST_MOTION + number,
        )  # fmt: skip
        shifts.append(motion.global_shifts_px.T * pixel)
        if motion.coefficients_px is not None and local:
            table = motion.coefficients_px.reshape(2, 6, 3)[:, 1:] * last * pixel
            tables.append(table.reshape(2, -1))
    paths = np.concatenate(shifts)
    whole = paths.T @ paths / len(paths)
    whole += settings.jitter_angstrom**2 * np.eye(len(whole)) + _FAR_ANGSTROM**2
    if not tables:
        return whole
    bends = np.concatenate(tables)
    result = np.zeros((len(whole) + local, len(whole) + local))
    result[: len(whole), : len(whole)] = whole
    result[len(whole) :, len(whole) :] = bends.T @ bends / len(bends)
    return result + 1e-10 * np.eye(len(result))


def _information(settings: SimulationSettings, finest_angstrom: float) -> Array:
    """Return ``(frames, frames)``, 1/Å²: Fisher's information along an axis."""
    field = make_field(
        replace(settings, rows=_SIZE, columns=_SIZE), at_rest((_SIZE, _SIZE)), _SEED, THREADS
    )
    y, x = fourier.frequencies(field.shape)
    k = np.hypot(y, x) / settings.pixel_size_angstrom
    finest = 0.5 / settings.pixel_size_angstrom
    if finest_angstrom > 0.0:
        finest = min(finest, 1.0 / finest_angstrom)
    # Half of the plane is stored: each frequency once.
    ring = np.minimum(k / finest * _RINGS, _RINGS).astype(np.int64).ravel()
    counts = np.bincount(ring, minlength=_RINGS + 1)

    def mean(values: NDArray[np.float32] | Array) -> Array:
        return np.bincount(ring, values.ravel(), _RINGS + 1) / np.maximum(counts, 1)

    specimen, ice = _powers(field)
    area = settings.rows * settings.columns / (field.shape[0] * field.shape[1])
    frames = np.arange(settings.frames)
    dose = settings.pre_exposure + settings.dose_per_frame * (frames + 0.5)
    apart = settings.dose_per_frame * np.abs(frames[:, None] - frames)
    stays, passes, fades, moves, middle = (
        mean(values) for values in (specimen, ice, field.damage, field.diffusion, k)
    )
    total = np.zeros((len(frames), len(frames)))
    for index in range(1, _RINGS):
        faded = np.exp(-fades[index] * dose)
        shared = stays[index] * np.outer(faded, faded)
        shared += passes[index] * np.exp(-moves[index] * apart) + np.eye(len(frames))
        told = shared * np.linalg.inv(shared) - np.eye(len(frames))
        # Along one axis: half of k² on average.
        total += area * counts[index] * (2.0 * np.pi * middle[index]) ** 2 * told
    return np.asarray(total, dtype=np.float64)


def _powers(field: Field) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the powers of the specimen and of ice, over that of the electrons' noise."""
    y, x = fourier.frequencies(field.shape)
    from_coefficients = spline.coefficient_response(y) * spline.coefficient_response(x)
    shown = np.square(field.transfer * from_coefficients)
    noise = np.float32(field.shape[0] * field.shape[1] / field.settings.electrons_per_pixel)
    specimen = np.square(np.abs(field.particles)) * shown / noise
    return specimen.astype(np.float32), (field.ice_scale**2 * shown / noise).astype(np.float32)
