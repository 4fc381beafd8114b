"""What one process spends on drift correction; run as ``python -m benchmarks.drift_process``.

Arguments: ``once``, ``kept``, ``floor`` or ``floor-patches``, the movie's folder, and patches
along an axis. ``once`` corrects the movie and ends. ``kept`` corrects it as a processor that has
worked before does, and ``floor`` does nothing but what no drift correction can leave out: decode
every frame, transform it once, shift and add its spectrum, transform the sum back. With
``floor-patches`` each frame's low frequencies are transformed back besides, as coarse as motion is
estimated from, and each patch of them once. All print seconds, on the clock and of processors, as
a list.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import THREADS, run_script
from cryobatch.formats.movie import open_movie
from cryobatch.imaging import fft, fourier
from cryobatch.imaging.memory import keep_freed_memory
from cryobatch.imaging.motion_patches import make_grid
from cryobatch.scripts.correct_drift import correct_drift
from cryobatch.scripts.unpack import unpack

PIXEL_ANGSTROM = 0.8
COARSE = 1500
"""Pixels along a side of what the motion of 4096 of them is estimated from."""


def main(what: str, folder: Path, patches: int) -> None:
    """Do one of the four."""
    if what == "once":
        correct(folder, patches)
    elif what == "kept":
        correct(folder, patches)
        print(json.dumps(_timed(lambda: correct(folder, patches))))
    else:
        least = patches if what == "floor-patches" else 1
        do_least(folder, least)
        print(json.dumps(_timed(lambda: do_least(folder, least))))


def correct(folder: Path, patches: int) -> None:
    """Run unpack and correct_drift on a folder's movie."""
    facts = {
        "pixel_size": PIXEL_ANGSTROM, "voltage": 300.0, "dose_per_frame": 1.0,
        "gain": str(folder / "gain.mrc"),
    }  # fmt: skip
    values = run_script(unpack, folder, facts, lambda _: None)
    run_script(correct_drift, folder, facts | values, lambda _: None, patches=patches)


def do_least(folder: Path, patches: int) -> None:
    """Decode, transform, shift, add and transform back, frames shared out over threads.

    More than one patch along an axis: they are transformed too.
    """
    keep_freed_memory()
    with open_movie(folder / "movie.tif") as movie, ThreadPoolExecutor(THREADS) as pool:
        frames, rows, columns = movie.shape
        y, x = np.fft.fftfreq(rows), np.fft.rfftfreq(columns)
        total = np.zeros((rows, columns // 2 + 1), np.complex64)

        def spectrum(index: int) -> NDArray[np.complex64]:
            found: NDArray[np.complex64] = fft.rfft2(movie.frame(index))
            if patches > 1:
                _transform_patches(found, (rows, columns), patches)
            return found

        for start in range(0, frames, THREADS):
            indices = range(start, min(start + THREADS, frames))
            for index, found in zip(indices, pool.map(spectrum, indices), strict=True):
                phases = (np.exp(2j * np.pi * 0.3 * index * line).astype("c8") for line in (y, x))
                _shift_and_add(total, found, *phases)
    fft.irfft2(total, s=(rows, columns), workers=THREADS)


def _transform_patches(
    spectrum: NDArray[np.complex64], shape: tuple[int, int], patches: int
) -> None:
    coarse = (COARSE, COARSE)
    image = fourier.inverse(fourier.crop_spectra(spectrum, shape, coarse), coarse)
    grid = make_grid(coarse, (patches, patches))
    for left, top in grid.corners:
        fft.rfft2(image[top : top + grid.shape[0], left : left + grid.shape[1]])


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def _shift_and_add(total, spectrum, y, x):  # type: ignore[no-untyped-def]  # numba
    for row in numba.prange(total.shape[0]):
        for column in range(total.shape[1]):
            total[row, column] += spectrum[row, column] * (y[row] * x[column])


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
