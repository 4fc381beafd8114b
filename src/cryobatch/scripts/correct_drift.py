"""Correct the drift of a movie and sum its frames."""

import math
from typing import TYPE_CHECKING, Annotated

from cryobatch.model import Absent, Output, Parameter, Run, Value, script

if TYPE_CHECKING:
    from cryobatch.imaging.motion import MotionEstimate
    from cryobatch.scripts.drift.recording import Recording

_SPECTRUM_DOSE = 4.0
_SPECTRUM_GROUPS = 8
_DRIFT_VALUES = {
    "drift_path": "Sum of the steps from frame to frame.",
    "drift_early": "Part of the path before 4 e/Å².",
    "drift_late": "Part of the path after 4 e/Å².",
    "drift_range": "Largest distance between two frames.",
    "drift_longest_step": "Largest step from frame to frame.",
    "drift_local": "Largest local motion besides the drift.",
    "drift_uncertainty": "Expected error of a frame's shift along an axis.",
}


@script(
    category="Drift Correct",
    title="Correct drift",
    version="2",
    inputs=["stack", "stack_gain?", "frames?"],
    outputs={
        "micrograph": "micrograph.mrc",
        "micrograph_unweighted": Output("micrograph_unweighted.mrc", optional=True),
        "micrograph_even": Output("micrograph_even.mrc", optional=True),
        "micrograph_odd": Output("micrograph_odd.mrc", optional=True),
        "motion": "motion.star",
        "power_spectrum_frames": Output("power_spectrum_frames.mrc", optional=True),
        "corrected_stack": Output("corrected_stack.mrc", optional=True),
    },
    values={
        "micrograph_pixel_size": Value("Å", low=0.01, help="Pixel of the micrograph."),
        **{
            name: Value("Å", low=0, optional=True, help=text)
            for name, text in _DRIFT_VALUES.items()
        },
    },
    reads=[
        "pixel_size", "voltage?", "dose_per_frame?", "pre_exposure?", "gain?", "gain_rotation?",
        "gain_flip?",
    ],
)  # fmt: skip
def correct_drift(
    run: Run,
    *,
    patches: Annotated[
        int, Parameter(low=1, high=20, help="Patches along x (and y); 1 aligns whole frames only.")
    ] = 5,
    patches_y: Annotated[
        int | None, Parameter(low=1, high=20, help="Patches along y, where it is another number.")
    ] = None,
    resolution: Annotated[
        float, Parameter("Å", low=1, high=50, help="Finest detail that frames are aligned by.")
    ] = 5.0,
    bfactor: Annotated[
        float,
        Parameter(
            "px²",
            low=0,
            high=5000,
            help="Trust fine detail less than the movie's own "
            "signal and noise say; 0 follows those, other programs start from 150.",
        ),
    ] = 0.0,
    dose_weighting: Annotated[
        bool, Parameter(help="Weight frames by the damage of their dose.")
    ] = True,
    save_unweighted: Annotated[
        bool, Parameter(help="Keep the unweighted sum beside the weighted one.")
    ] = False,
    save_halves: Annotated[
        bool, Parameter(help="Keep sums of the even and the odd frames (unweighted).")
    ] = False,
    spectrum_box: Annotated[
        int, Parameter("px", low=128, high=4096, help="Size of the frames' spectrum.")
    ] = 512,
    float16: Annotated[
        bool, Parameter(help="Write micrographs as 16-bit floats (half the size).")
    ] = False,
) -> dict[str, object]:
    """Align whole frames and patches, sum frames with the motion undone, weight them by dose.

    Also makes the spectrum for the CTF fit: the mean of amplitude spectra of sums of about 4 e/Å².
    """  # fmt: skip
    from cryobatch.imaging.matrix_threads import keep_matrices_to_one_thread
    from cryobatch.imaging.memory import keep_freed_memory
    from cryobatch.imaging.motion import MotionOptions, estimate_motion
    from cryobatch.scripts.drift.frames import ReportedFrames
    from cryobatch.scripts.drift.products import SumRequest, make_sums, write_motion_file
    from cryobatch.scripts.drift.recording import read_recording
    from cryobatch.scripts.stack_file import open_frames

    keep_freed_memory()
    keep_matrices_to_one_thread()
    with open_frames(run) as stack:
        recording = read_recording(run, stack.shape, stack.pixel_size_angstrom)
        exposure = recording.exposure(recording.movie) if dose_weighting else None
        estimate = estimate_motion(
            ReportedFrames(stack, run, 0.0, 0.35),
            recording.stack_pixel_size_angstrom,
            MotionOptions((patches, patches_y or patches), resolution, bfactor),
            threads=run.threads,
        )
        _tell(run, estimate)
        request = SumRequest(
            exposure, save_unweighted, save_halves, float16, spectrum_box,
            _frames_a_spectrum(recording.dose_per_frame, stack.shape[0]),
        )  # fmt: skip
        make_sums(run, ReportedFrames(stack, run, 0.5, 0.5), recording, estimate.model, request)
    write_motion_file(run, recording, estimate.model)
    return _values(recording, estimate)


def _frames_a_spectrum(dose_per_frame: float | None, frames: int) -> int:
    """Return how many frames make about 4 e/Å², an eighth of them if the dose is unknown."""
    if dose_per_frame is None:
        return max(1, round(frames / _SPECTRUM_GROUPS))
    return max(1, min(frames, round(_SPECTRUM_DOSE / dose_per_frame)))


def _tell(run: Run, estimate: "MotionEstimate") -> None:
    if estimate.empty_frames:
        numbers = ", ".join(str(index + 1) for index in estimate.empty_frames[:10])
        run.message(
            f"{len(estimate.empty_frames)} of {estimate.model.frames} frames are empty "
            f"(number {numbers}): they say nothing about the drift",
            level="warning",
        )
    if estimate.bright_part > 0.0:
        _tell_of_gold(run, estimate.bright_part)
    if not _is_seen(estimate):
        run.message(
            f"no drift can be seen ({_why_unseen(estimate)}): the frames are summed as they are",
            level="warning",
        )


def _tell_of_gold(run: Run, part: float) -> None:
    from cryobatch.imaging.bright_spots import is_too_much

    covered = f"gold or the like covers {100.0 * part:.0f} % of the frame"
    if is_too_much(part):
        run.message(
            f"{covered}: where it slides over the specimen, the drift is the gold's",
            level="warning",
        )
    else:
        run.message(f"{covered}: the drift is estimated from the rest")


def _is_seen(estimate: "MotionEstimate") -> bool:
    return math.isfinite(estimate.uncertainty_angstrom)


def _why_unseen(estimate: "MotionEstimate") -> str:
    if estimate.model.frames - len(estimate.empty_frames) < 2:
        return "fewer than two frames have content"
    return "the frames agree with each other no better than noise does"


def _values(recording: "Recording", estimate: "MotionEstimate") -> dict[str, object]:
    from cryobatch.imaging.motion_statistics import drift_statistics

    pixel_size = recording.stack_pixel_size_angstrom
    if not _is_seen(estimate):
        unseen = Absent(_why_unseen(estimate))
        return {"micrograph_pixel_size": pixel_size, **dict.fromkeys(_DRIFT_VALUES, unseen)}
    drift = drift_statistics(
        estimate.model, pixel_size, recording.dose_per_frame, recording.pre_exposure
    )
    dose = Absent("the dose of a frame is unknown")
    return {
        "micrograph_pixel_size": pixel_size,
        "drift_path": drift.path,
        "drift_early": dose if drift.early is None else drift.early,
        "drift_late": dose if drift.late is None else drift.late,
        "drift_range": drift.extent,
        "drift_longest_step": drift.longest_step,
        "drift_local": drift.local,
        "drift_uncertainty": estimate.uncertainty_angstrom,
    }
