"""Write what correct_drift makes."""

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cryobatch.formats.motion_star import MotionFile, write_motion
from cryobatch.formats.mrc import StackWriter, write_image
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.ctf_pixels import LEAST_SIZE
from cryobatch.imaging.dose import Exposure
from cryobatch.imaging.frame_source import FrameSource
from cryobatch.imaging.interpolation import usual_damping
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.spectrum import amplitude_spectrum
from cryobatch.imaging.summing import FrameSink, FrameSums, SumOptions, sum_frames
from cryobatch.model import Run
from cryobatch.scripts.drift.recording import Recording

_FINE_ENOUGH = 2048
_LITTLE_OVERLAP = 0.25


@dataclass(slots=True)
class SpectrumMean:
    """The mean of the amplitude spectra of sums of frames.

    Attributes:
        box: Pixels of the spectrum along a side.
        pixel_size_angstrom: Of the sums.
        threads: Threads to use.
        total: Sum of the spectra so far, ``(box, box)`` float64, None before the first.
        count: How many.
        spectrum_pixel_size_angstrom: Of the image whose spectrum has this size and step.
    """

    box: int
    pixel_size_angstrom: float
    threads: int
    total: NDArray[np.float64] | None = None
    count: int = 0
    spectrum_pixel_size_angstrom: float = field(default=0.0)

    def add(self, _index: int, image: ImageArray) -> None:
        """Take a sum of frames, ``(rows, columns)`` float32."""
        # Boxes that overlap by half use a large image's signal a little better, for 1.8 times the
        # time; a small image needs it.
        overlap = _LITTLE_OVERLAP if min(image.shape) > _FINE_ENOUGH else 0.5
        spectrum = amplitude_spectrum(
            image, self.box, pixel_size_angstrom=self.pixel_size_angstrom, overlap=overlap,
            threads=self.threads,
        )  # fmt: skip
        self.spectrum_pixel_size_angstrom = spectrum.pixel_size_angstrom
        amplitudes = spectrum.amplitudes.astype(np.float64)
        self.total = amplitudes if self.total is None else self.total + amplitudes
        self.count += 1

    def mean(self) -> ImageArray | None:
        """Return the mean, without what resampling has damped; None where nothing was added."""
        if self.total is None:
            return None
        size = len(self.total)
        finest = self.pixel_size_angstrom / self.spectrum_pixel_size_angstrom
        frequency = (np.arange(size) - size // 2) / size * finest
        damping = usual_damping(frequency)
        mean = self.total / (self.count * np.outer(damping, damping))
        return mean.astype(np.float32)


def write_spectrum(run: Run, mean: SpectrumMean) -> None:
    """Write the mean spectrum, where anything was added to it."""
    amplitudes = mean.mean()
    if amplitudes is not None:
        write_image(
            run.output("power_spectrum_frames"), amplitudes, mean.spectrum_pixel_size_angstrom
        )


@dataclass(frozen=True, slots=True)
class SumRequest:
    """What to make of the frames.

    Attributes:
        exposure: Weights frames by dose; None leaves them alike.
        unweighted: Whether to keep the unweighted sum beside the weighted one.
        halves: Whether to keep sums of even and odd frames.
        float16: Whether to keep images as 16-bit floats.
        spectrum_box: Pixels of the frames' spectrum.
        spectrum_frames: Frames that are summed for each spectrum.
    """

    exposure: Exposure | None
    unweighted: bool
    halves: bool
    float16: bool
    spectrum_box: int
    spectrum_frames: int


def make_sums(
    run: Run,
    frames: FrameSource,
    recording: Recording,
    model: MotionModel,
    request: SumRequest,
) -> None:
    """Read the frames, sum them with their motion undone, write all products but the motion."""
    pixel_size = recording.stack_pixel_size_angstrom
    mean = SpectrumMean(request.spectrum_box, pixel_size, run.threads)
    with ExitStack() as open_files:
        beside = open_files.enter_context(_Beside())
        spectra = spectrum_sink(run, mean, frames.shape[1:])
        last = max(frames.shape[0] // request.spectrum_frames - 1, 0)
        options = SumOptions(
            exposure=request.exposure,
            halves=request.halves,
            unweighted=request.unweighted,
            group_frames=request.spectrum_frames,
            group_sink=None if spectra is None else beside.wrap(spectra, last),
            frame_sink=corrected_stack_sink(run, frames.shape, pixel_size, open_files),
        )
        sums = sum_frames(frames, model, pixel_size, options, threads=run.threads)
        beside.begin_last()
        for product, image in _wanted(sums, request).items():
            write_image(run.output(product), image, pixel_size, request.float16)
    # The spectrum is whole when the context has ended.
    write_spectrum(run, mean)


class _Beside:
    """Lets a sink work in another thread, one image at a time, the next one waiting.

    Such a sink uses no parallel kernels: numba's threads serve one caller at a time. The last image
    is taken when it is told to be, while files are written: that is work for one thread.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._waiting: Future[None] | None = None
        self._last: Callable[[], None] | None = None

    def wrap(self, sink: FrameSink, last: int) -> FrameSink:
        """Return a sink that hands over to the thread; ``last`` is the last index."""

        def hand_over(index: int, image: ImageArray) -> None:
            self._finish()
            if index == last:
                self._last = functools.partial(sink, index, image)
            else:
                self._waiting = self._pool.submit(sink, index, image)

        return hand_over

    def begin_last(self) -> None:
        """Begin with the last image."""
        if self._last is not None:
            self._waiting = self._pool.submit(self._last)

    def _finish(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        with self._pool:
            self._finish()


def _wanted(sums: FrameSums, request: SumRequest) -> dict[str, ImageArray]:
    """Return the images to keep; without dose weighting the unweighted sum is the micrograph."""
    wanted = {}
    if sums.weighted is not None:
        wanted["micrograph"] = sums.weighted
    if sums.unweighted is not None and (request.unweighted or not wanted):
        wanted["micrograph_unweighted" if wanted else "micrograph"] = sums.unweighted
    if sums.even is not None and sums.odd is not None:
        wanted |= {"micrograph_even": sums.even, "micrograph_odd": sums.odd}
    return wanted


def spectrum_sink(run: Run, mean: SpectrumMean, shape: tuple[int, int]) -> FrameSink | None:
    """Return where sums of frames go, None (and a message) where they are too small for spectra."""
    if min(shape) < LEAST_SIZE:
        run.message(f"frames of {shape[1]} x {shape[0]} pixels are too small for a spectrum")
        return None
    return mean.add


def corrected_stack_sink(
    run: Run, shape: tuple[int, int, int], pixel_size_angstrom: float, open_files: ExitStack
) -> FrameSink | None:
    """Return where corrected frames go, None if nobody wants them."""
    if "corrected_stack" not in run.outputs:
        return None
    path = run.output("corrected_stack")
    writer = open_files.enter_context(StackWriter(path, shape, "float16", pixel_size_angstrom))

    def write(index: int, frame: ImageArray) -> None:
        writer.write(index, frame)

    return write


def write_motion_file(run: Run, recording: Recording, model: MotionModel) -> None:
    """Write the motion in RELION's layout, in pixels as unpacked."""
    scale = recording.binning
    coefficients, early = model.coefficients_px, model.early_px
    write_motion(
        run.output("motion"),
        MotionFile(
            movie=recording.movie,
            shape=recording.shape,
            pixel_size_angstrom=recording.pixel_size_angstrom,
            binning=scale,
            global_shifts_px=model.global_shifts_px * scale,
            coefficients_px=None if coefficients is None else coefficients * scale,
            hot_pixels=recording.hot_pixels,
            local_shifts_px=np.zeros((0, 5)),
            voltage_kv=recording.voltage_kv,
            dose_per_frame=recording.dose_per_frame,
            pre_exposure=recording.pre_exposure,
            gain=recording.gain,
            start_frame=recording.start_frame,
            eer_upsampling=recording.eer_upsampling,
            eer_grouping=recording.eer_grouping,
            early_px=None if early is None else early * scale,
        ),
    )
