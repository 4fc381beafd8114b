"""Make the stack of a movie: all frames once, then again where hot pixels were found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryobatch.formats.movie import Movie
from cryobatch.formats.mrc import PixelsTooLarge, StackWriter, to_float32
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import MaskArray, RawFrame, apply_gain
from cryobatch.imaging.gain_orientation import GainEvidence, weigh_gain
from cryobatch.imaging.hot_pixels import find_hot_pixels
from cryobatch.imaging.pixel_repair import fill_gain, plan_repair
from cryobatch.model import Run
from cryobatch.scripts.unpacking.camera import Camera
from cryobatch.scripts.unpacking.frames import FrameStatistics, FrameWork
from cryobatch.scripts.unpacking.plan import Settings, StackType, choose_type, may_stay_counts

MOST_HOT = 0.01
"""A larger part of hot pixels is no defect of single pixels: gain reference or movie are wrong."""

BYTES_A_PIXEL = 12
"""In work: a frame as it was recorded, as 32-bit floats, and the sum of a thread's frames."""

MOST_BYTES_IN_WORK = 9 << 28
"""2.4 GB: with the gain a processor stays below 4 GB at a K3's super-resolution too."""


@dataclass(frozen=True, slots=True)
class StackReport:
    """What was found while a stack was made.

    Args:
        statistics: Of each of its frames, bad and hot pixels repaired.
        hot: ``(rows, columns)``: hot pixels; None: they were not looked for.
        gain: What the sum says of the gain reference; None: nothing.
    """

    statistics: tuple[FrameStatistics, ...]
    hot: MaskArray | None
    gain: GainEvidence | None = None


def make_stack(
    run: Run,
    path: Path,
    gain_path: Path | None,
    movie: Movie,
    camera: Camera,
    frames: range,
    settings: Settings,
    pixel_size_angstrom: float,
) -> StackReport:
    """Write the gain-corrected, repaired frames of a movie.

    Args:
        run: Is told of the progress, and of what a person should know.
        path: The stack.
        gain_path: Where those who read the stack would look for its gain: then frames of small
            integers stay what they are. None: the stack must be gain-corrected.
        movie: Open.
        camera: Of the movie.
        frames: Which frames, counted from 0.
        settings: What a person wants.
        pixel_size_angstrom: Of the stack.
    """
    threads = _choose_threads(movie, run.threads)
    work = FrameWork(movie, camera, plan_repair(camera.bad), frames, threads)
    if gain_path is not None and camera.gain is not None and may_stay_counts(settings, movie.dtype):
        return _write_counts(run, path, gain_path, work, settings, pixel_size_angstrom)
    highest = _find_highest(work)
    kind = choose_type(settings, movie.dtype, highest, scaled=camera.gain is not None)
    try:
        return _write(run, path, work, kind, settings, pixel_size_angstrom)
    except PixelsTooLarge:
        wider = _widen(kind)
        run.message(f"a later frame holds more than the first: the stack is kept as {wider.dtype}")
        return _write(run, path, work, wider, settings, pixel_size_angstrom)


def _write_counts(
    run: Run,
    path: Path,
    gain_path: Path,
    work: FrameWork,
    settings: Settings,
    pixel_size_angstrom: float,
) -> StackReport:
    """Write the movie's own integers, and beside them the gain that they are multiplied by."""
    scale = np.array(work.camera.gain, np.float32)
    fill_gain(scale, work.repair)
    work = replace(work, scale=scale)
    kind = StackType(work.movie.dtype)

    def write_gain() -> None:
        with StackWriter(gain_path, (1, *scale.shape), np.float32, pixel_size_angstrom) as writer:
            writer.write(0, scale)

    return _write(run, path, work, kind, settings, pixel_size_angstrom, write_gain)


def _choose_threads(movie: Movie, wanted: int) -> int:
    """Return how many frames to work on at a time."""
    # Going back in a compressed file means to decode it again from its start.
    if movie.path.suffix.lower() in {".gz", ".bz2"}:
        return 1
    fitting = MOST_BYTES_IN_WORK // (movie.shape[1] * movie.shape[2] * BYTES_A_PIXEL)
    return max(1, min(wanted, fitting))


def _find_highest(work: FrameWork) -> float:
    """Return the largest magnitude in the first frame."""
    first = to_float32(work.correct(work.frames[0], work.make_bench()))
    return float(max(first.max(), -first.min()))


def _write(
    run: Run,
    path: Path,
    work: FrameWork,
    kind: StackType,
    settings: Settings,
    pixel_size_angstrom: float,
    write_gain: Callable[[], None] | None = None,
) -> StackReport:
    """Write the stack; its gain, whole when hot pixels are known, beside their repair."""
    shape = (len(work.frames), *work.movie.shape[1:])
    with (
        ThreadPoolExecutor(1) as beside,
        StackWriter(path, shape, kind.dtype, pixel_size_angstrom, packed=kind.packed) as writer,
    ):
        measures, summed = work.write_all(writer, lambda done: run.progress(0.8 * done))
        evidence, hot = _judge_sum(run, work, summed, settings.hot_pixel_sigma)
        repair = None
        if hot is not None and hot.any():
            repair = plan_repair(hot | work.camera.bad, hot)
            if work.scale is not None:
                fill_gain(work.scale, repair)
        gain = None if write_gain is None else beside.submit(write_gain)
        if repair is not None:
            work.repair_all(writer, repair, measures, lambda done: run.progress(0.8 + 0.2 * done))
        if gain is not None:
            gain.result()
    statistics = tuple(map(work.judge, measures, work.frames))
    return StackReport(statistics, hot, evidence)


def _judge_sum(
    run: Run, work: FrameWork, summed: RawFrame, sigma: float | None
) -> tuple[GainEvidence | None, MaskArray | None]:
    """Return what a sum of frames says of the gain, and its hot pixels; each in its own thread."""

    def weigh() -> GainEvidence | None:
        gain = work.camera.gain
        return None if gain is None else weigh_gain(summed, gain, corrected=not work.is_scaled)

    with ThreadPoolExecutor(1) as beside:
        evidence = beside.submit(weigh)
        hot = _find_hot(run, _as_floats(summed, work.scale), work.camera, sigma)
        return evidence.result(), hot


def _as_floats(summed: RawFrame, scale: ImageArray | None) -> ImageArray:
    """Return a sum of frames, gain-corrected, ``(rows, columns) float32``."""
    if scale is None:
        return summed.astype(np.float32, copy=False)
    corrected = np.empty(summed.shape, np.float32)
    apply_gain(summed, scale, corrected)
    return corrected


def _find_hot(
    run: Run, summed: ImageArray, camera: Camera, sigma: float | None
) -> MaskArray | None:
    if sigma is None:
        return None
    hot = find_hot_pixels(summed, sigma, run.threads) & ~camera.bad
    part = np.count_nonzero(hot) / hot.size
    if part <= MOST_HOT:
        return hot
    run.message(
        f"{part:.1%} of the pixels look hot, more than single pixels' defects explain: none "
        "was repaired; see whether the gain reference belongs to this movie",
        level="warning",
    )
    return None


def _widen(kind: StackType) -> StackType:
    if kind.packed:
        return replace(kind, packed=False)
    return StackType(np.dtype("float32"))
