"""Bin a stack by cropping it in Fourier space."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cryobatch.errors import ScriptFailed
from cryobatch.model import Parameter, Run, script

if TYPE_CHECKING:
    from cryobatch.scripts.stack_file import FrameStack

_SUPER_RESOLUTION_FACTOR = 2.0
_BYTES_A_PIXEL = 16
"""In work: a frame, its lines transformed, and what is kept of those, twice."""
_MOST_BYTES = 4 << 30
"""A processor stays below 4 GB at a K3's super-resolution too."""


@script(
    category="Prepare Stack",
    title="Fourier crop",
    version="2",
    inputs=["stack", "stack_gain?"],
    outputs={"stack": "stack.mrc"},
    reads=["pixel_size", "super_resolution?"],
)
def fourier_crop(
    run: Run,
    *,
    factor: Annotated[
        float | None,
        Parameter(
            low=1,
            high=16,
            help="How many pixels become one along each axis; when not set, "
            "2 for a super-resolution movie and 1 for others.",
        ),
    ] = None,
    pixel_size: Annotated[
        float | None,
        Parameter(
            "Å",
            low=0.05,
            high=20,
            help="Pixel size to reach, instead of a factor; pixels that are larger already stay.",
        ),
    ] = None,
) -> dict[str, object]:
    """Show a stack in fewer, larger pixels without aliasing; counts add up, as in a larger pixel.

    A stack that stays as it is is handed on without being copied.
    """  # fmt: skip
    from cryobatch.imaging.fourier import cropped_shape
    from cryobatch.scripts.stack_file import open_frames

    source, target = run.input("stack"), run.output("stack")
    with open_frames(run) as stack:
        own = stack.pixel_size_angstrom or float(run.read("pixel_size"))
        wanted = _factor(run, factor, pixel_size, own)
        _, rows, columns = stack.shape
        shape = cropped_shape((rows, columns), wanted)
        if shape != (rows, columns):
            _crop(run, stack, target, shape, own * columns / shape[1])
            return {}
    _hand_on(source, target)
    return {}


def _factor(run: Run, factor: float | None, pixel_size: float | None, own: float) -> float:
    if factor is not None and pixel_size is not None:
        raise ScriptFailed(
            "fourier_crop: factor and pixel_size are both set; set one of them to none"
        )
    if pixel_size is not None:
        return max(1.0, pixel_size / own)
    if factor is not None:
        return factor
    return _SUPER_RESOLUTION_FACTOR if run.read("super_resolution") else 1.0


def _crop(
    run: Run, stack: "FrameStack", target: Path, shape: tuple[int, int], pixel_size_angstrom: float
) -> None:
    """Crop frames, one in each thread, in memory that is used again."""
    import numpy as np

    from cryobatch.formats.mrc import StackWriter
    from cryobatch.imaging.fourier import crop_image
    from cryobatch.imaging.memory import keep_freed_memory

    keep_freed_memory()
    frames, rows, columns = stack.shape
    counts = np.float32(rows * columns / (shape[0] * shape[1]))
    threads = max(1, min(run.threads, frames, _MOST_BYTES // (rows * columns * _BYTES_A_PIXEL)))
    buffers = deque(np.empty((rows, columns), np.float32) for _ in range(threads))

    def do(index: int) -> None:
        buffer = buffers.pop()
        stack.read_frame(index, buffer)
        cropped = crop_image(buffer, shape)
        buffers.append(buffer)
        cropped *= counts
        writer.write(index, cropped)

    with (
        StackWriter(target, (frames, *shape), "float16", pixel_size_angstrom) as writer,
        ThreadPoolExecutor(threads) as pool,
    ):
        for number, _ in enumerate(pool.map(do, range(frames)), start=1):
            run.progress(number / frames)


def _hand_on(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Some file systems have no second names; nobody else reads the stack any more.
        source.replace(target)
