"""Unpack a movie into a stack of gain-corrected frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cryobatch.errors import BadInput, ScriptFailed
from cryobatch.model import Absent, Output, Parameter, Run, Value, script

if TYPE_CHECKING:
    from cryobatch.formats.movie import Movie
    from cryobatch.scripts.unpacking.camera import Camera
    from cryobatch.scripts.unpacking.frame_table import StackFacts
    from cryobatch.scripts.unpacking.plan import Settings
    from cryobatch.scripts.unpacking.stack import StackReport


@script(
    category="Prepare Stack",
    title="Unpack",
    version="2",
    inputs=["movie"],
    outputs={
        "stack": "stack.mrc",
        "stack_gain": Output("stack_gain.mrc", optional=True),
        "frames": "frames.star",
    },
    values={
        "frame_count": Value(low=1, kind="int", help="Frames of the stack."),
        "stack_dose_per_frame": Value(
            "e/Å²", low=0, optional=True, help="Exposure of one frame of the stack."
        ),
        "stack_pre_exposure": Value(
            "e/Å²", low=0, optional=True, help="Exposure before the first frame of the stack."
        ),
        "bad_pixel_count": Value(
            low=0, kind="int", help="Pixels that gain reference or defect map call bad."
        ),
        "hot_pixel_count": Value(
            low=0, kind="int", optional=True, help="Other pixels that stand out of all frames."
        ),
        "gain_fit": Value(
            optional=True,
            help="Part of the gain reference's pattern that the raw counts show; 1: it fits.",
        ),
        "gain_fit_error": Value(low=0, optional=True, help="Standard error of gain_fit."),
        "gain_verdict": Value(
            kind="text", optional=True, help="fits, turned, foreign or undecided."
        ),
        "gain_best": Value(
            kind="text", optional=True, help="Orientation of the gain reference that fits best."
        ),
    },
    reads=[
        "pixel_size", "gain?", "gain_stated?", "gain_applied?", "gain_rotation?", "gain_flip?",
        "defects?", "dose_per_frame?", "pre_exposure?",
    ],
)  # fmt: skip
def unpack(
    run: Run,
    *,
    eer_fraction_dose: Annotated[
        float, Parameter("e/Å²", low=0.01, high=100, help="Dose of one frame made of an EER.")
    ] = 1.0,
    eer_frames_per_fraction: Annotated[
        int | None, Parameter(low=1, help="Hardware frames of an EER to sum instead.")
    ] = None,
    eer_upsampling: Annotated[
        int,
        Parameter(low=1, high=4, help="Pixels of an EER: 1 the camera's, 2 halves, 4 quarters."),
    ] = 1,
    first_frame: Annotated[
        int, Parameter(low=1, help="First frame to keep (of an EER: after its grouping).")
    ] = 1,
    last_frame: Annotated[
        int | None, Parameter(low=1, help="Last frame to keep; all when not set.")
    ] = None,
    hot_pixel_sigma: Annotated[
        float | None,
        Parameter(low=3, high=100, help="Deviations from which on a pixel of the sum is hot."),
    ] = 6.0,
    without_gain: Annotated[
        bool, Parameter(help="Take the raw counts of an EER though no gain reference is known.")
    ] = False,
    stack_type: Annotated[
        str,
        Parameter(choices=("auto", "float16", "float32"), help="Number type of the stack."),
    ] = "auto",
    pack: Annotated[
        bool, Parameter(help="Keep counts up to 15 in 4 bits where no gain is applied.")
    ] = True,
) -> dict[str, object]:
    """Read any movie, apply gain reference and defect map, repair hot pixels.

    The stack holds the movie's own integers where all who read it know of the gain beside it, or
    where there is none (in 4 bits where they are small); else 16-bit floats where their range
    suffices, else 32-bit floats.
    """
    from cryobatch.imaging.memory import keep_freed_memory
    from cryobatch.scripts.unpacking.frame_table import write_frame_table
    from cryobatch.scripts.unpacking.plan import Settings, choose_frames
    from cryobatch.scripts.unpacking.stack import make_stack

    if eer_upsampling == 3:
        raise ScriptFailed("unpack.eer_upsampling = 3: pixels are split in 1, 2 or 4")
    keep_freed_memory()
    settings = Settings(
        eer_fraction_dose, eer_frames_per_fraction, eer_upsampling, first_frame, last_frame,
        stack_type, pack, hot_pixel_sigma,
    )  # fmt: skip
    path = run.input("movie")
    grouping = _grouping(run, settings, path)
    with _open(path, settings, grouping) as movie:
        frames = choose_frames(settings, movie.shape[0], str(path))
        facts = _facts(run, movie, frames, settings, grouping)
        camera = _camera(run, movie, must_have=grouping is not None and not without_gain)
        gain_path = run.output("stack_gain") if "stack_gain" in run.outputs else None
        report = make_stack(
            run, run.output("stack"), gain_path, movie, camera, frames, settings,
            facts.pixel_size_angstrom,
        )  # fmt: skip
    write_frame_table(run.output("frames"), facts, report)
    turned = run.read("gain_rotation") or 0, run.read("gain_flip") or 0
    return _values(facts, camera, report, turned)


def _grouping(run: Run, settings: "Settings", path: Path) -> int | None:
    """Return the hardware frames of a dose fraction, None for what is no EER."""
    from cryobatch.formats.movie import recording_kind
    from cryobatch.scripts.unpacking.plan import group_frames

    if recording_kind(path.name) != "eer":
        return None
    return group_frames(settings, run.read("dose_per_frame"), str(path))


def _open(path: Path, settings: "Settings", grouping: int | None) -> "Movie":
    from cryobatch.formats.movie import open_movie

    if grouping is None:
        return open_movie(path)
    return open_movie(path, frames_per_fraction=grouping, eer_upsampling=settings.eer_upsampling)


def _camera(run: Run, movie: "Movie", *, must_have: bool) -> "Camera":
    from cryobatch.imaging.gain_orientation import Orientation
    from cryobatch.scripts.unpacking.camera import load_camera
    from cryobatch.scripts.unpacking.gain_proposal import propose_orientation

    gain, defects = run.read("gain"), run.read("defects")
    if gain is None:
        # Counts are whole numbers; what has been multiplied by a gain hardly ever is.
        counts = movie.dtype.kind in "iu"
        stated = run.read("gain_stated")
        if counts and stated:
            raise ScriptFailed(
                f"{movie.path}: was recorded without its gain reference ({stated}), and none is "
                "known: give it with 'cryobatch image set gain=...'"
            )
        if counts and run.read("gain_applied") is False:
            raise ScriptFailed(
                f"{movie.path}: was recorded without gain correction, as its session says, and no "
                "gain reference is known: give it with 'cryobatch image set gain=...'"
            )
        if must_have:
            raise ScriptFailed(
                f"{movie.path}: an EER holds raw counts, which need the camera's gain reference, "
                "and none is known: give it with 'cryobatch image set gain=...', or take them as "
                "they are with '--set unpack.without_gain=true'"
            )
        run.message(
            "no gain reference is known: the frames are taken as gain-corrected",
            level="warning" if counts else "info",
        )
    turn = Orientation(run.read("gain_rotation") or 0, run.read("gain_flip") or 0)
    try:
        return load_camera(
            movie.path,
            movie.shape[1:],
            gain=None if gain is None else Path(gain),
            rotation=turn.rotation,
            flip=turn.flip,
            defects=None if defects is None else Path(defects),
        )
    except BadInput as error:
        words = "" if gain is None else propose_orientation(movie, Path(gain), turn)
        if not words:
            raise
        raise BadInput(f"{error}; {words}") from error


def _facts(
    run: Run, movie: "Movie", frames: range, settings: "Settings", grouping: int | None
) -> "StackFacts":
    from cryobatch.scripts.unpacking.frame_table import StackFacts

    upsampling = 1 if grouping is None else settings.eer_upsampling
    dose = run.read("dose_per_frame")
    dose = None if dose is None else dose * (grouping or 1)
    before = run.read("pre_exposure") or 0.0
    return StackFacts(
        movie=movie.path,
        shape=(len(frames), *movie.shape[1:]),
        pixel_size_angstrom=run.read("pixel_size") / upsampling,
        frames=frames,
        dose_per_frame=dose,
        pre_exposure=None if dose is None else before + dose * frames[0],
        eer_grouping=grouping,
        eer_upsampling=upsampling,
    )


def _values(
    facts: "StackFacts", camera: "Camera", report: "StackReport", turned: tuple[int, int]
) -> dict[str, Any]:
    """Return the script's values (Any: of several types)."""
    import numpy as np

    from cryobatch.imaging.gain_orientation import Orientation
    from cryobatch.scripts.unpacking.gain_fit import gain_values

    unknown = Absent("the dose of a frame is unknown")
    return {
        "frame_count": len(facts.frames),
        "stack_dose_per_frame": unknown if facts.dose_per_frame is None else facts.dose_per_frame,
        "stack_pre_exposure": unknown if facts.pre_exposure is None else facts.pre_exposure,
        "bad_pixel_count": int(np.count_nonzero(camera.bad)),
        "hot_pixel_count": (
            Absent("not looked for, or too many to be hot pixels")
            if report.hot is None
            else int(np.count_nonzero(report.hot))
        ),
        **gain_values(report.gain, Orientation(*turned), applied=camera.gain is not None),
    }
