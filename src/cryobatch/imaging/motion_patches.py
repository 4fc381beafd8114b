"""Patches of a movie's coarse frames, cut so that their content stays in sight."""

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft

from cryobatch.imaging import fourier
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.motion_frames import CoarseFrames
from cryobatch.imaging.motion_model import spatial_terms

_OVERLAP = 1.3
_TAPERED_PART = 0.15
_SMALLEST_PX = 48


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """Where patches lie, in coarse pixels.

    Attributes:
        shape: ``(rows, columns)`` of every patch.
        share: Part of what all patches say that is not said twice, because they overlap.
        corners: ``(patches, 2)`` int64, x and y of their first pixel.
        space: ``(patches, 6)`` float64, the motion model's terms at their centres.
    """

    shape: tuple[int, int]
    share: float
    corners: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    space: FloatArray


def make_grid(shape: tuple[int, int], patches: tuple[int, int]) -> PatchGrid:
    """Lay ``patches`` = (along x, along y) overlapping patches over an image.

    Fewer where the image is too small for patches that hold anything to align.
    """
    rows, first_y = _along(shape[0], patches[1])
    columns, first_x = _along(shape[1], patches[0])
    x, y = (values.ravel() for values in np.meshgrid(first_x, first_y))
    centres_x: FloatArray = x.astype(np.float64) + 0.5 * (columns - 1)
    centres_y: FloatArray = y.astype(np.float64) + 0.5 * (rows - 1)
    space = spatial_terms(centres_x, centres_y, shape)
    share = min(1.0, shape[0] * shape[1] / (x.size * rows * columns))
    return PatchGrid((rows, columns), share, np.stack([x, y], axis=-1), space)


def _along(length: int, patches: int) -> tuple[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    patches = max(1, min(patches, length // _SMALLEST_PX))
    size = min(length, fourier.good_size(math.ceil(length / patches * _OVERLAP)))
    centres = (np.arange(patches) + 0.5) * length / patches
    first = np.clip(np.rint(centres - 0.5 * size), 0, length - size)
    return size, first.astype(np.int64)


def cut_patches(
    frames: CoarseFrames, grid: PatchGrid, displacements: FloatArray, threads: int
) -> tuple[SpectrumArray, FloatArray]:
    """Cut patches that follow the motion known so far, by whole pixels.

    Args:
        frames: The coarse frames.
        grid: Where patches lie in the first frame.
        displacements: ``(patches, frames, 2)`` float64, Å, x and y.
        threads: For Fourier transforms.

    Returns:
        Spectra ``(patches, frames, rows, half)`` complex64, and how far each patch was moved,
        ``(patches, frames, 2)``, Å: subtract it from displacements to get what the spectra show.
    """
    pixel = np.array(frames.pixel_size_angstrom[::-1])
    moved = np.rint(displacements / pixel).astype(np.int64)
    rows, columns = grid.shape
    patches, count = moved.shape[:2]
    spectra = np.empty((patches, count, rows, columns // 2 + 1), np.complex64)
    window = _taper(rows)[:, None] * _taper(columns)[None, :]
    cut = np.empty((patches, rows, columns), np.float32)
    for index in range(count):
        image = frames.image(index, threads)
        for patch in range(patches):
            x, y = grid.corners[patch] + moved[patch, index]
            cut[patch] = _window_of(image, int(x), int(y), grid.shape)
        cut -= cut.mean(axis=(1, 2), keepdims=True)
        cut *= window
        spectra[:, index] = scipy.fft.rfft2(cut, axes=(1, 2), workers=threads)
    return spectra, moved * pixel


def _window_of(image: ImageArray, x: int, y: int, shape: tuple[int, int]) -> ImageArray:
    """Return a part of an image, 0 where it is outside."""
    rows, columns = shape
    if x >= 0 and y >= 0 and y + rows <= image.shape[0] and x + columns <= image.shape[1]:
        return image[y : y + rows, x : x + columns]
    part = np.zeros(shape, np.float32)
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + rows, image.shape[0]), min(x + columns, image.shape[1])
    if bottom > top and right > left:
        part[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    return part


def _taper(length: int) -> ImageArray:
    """Return ``(length,)`` float32: 1 in the middle, falling as a cosine to 0 at both ends."""
    edge = max(1, round(0.5 * _TAPERED_PART * length))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    taper = np.ones(length)
    taper[:edge] = ramp
    taper[-edge:] = ramp[::-1]
    return taper.astype(np.float32)
