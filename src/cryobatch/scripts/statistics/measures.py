"""Measure an image by its frames, or by itself where there are none."""

from cryobatch.errors import BadInput
from cryobatch.formats.star import StarTable, read_star
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.statistics import mean_and_deviation, measured_dose, striping
from cryobatch.imaging.statistics_grade import Findings
from cryobatch.model import Absent, Run
from cryobatch.model.image import are_doubts


def measure(run: Run, micrograph: ImageArray) -> dict[str, object]:
    """Return the measured values by name.

    Raises:
        BadInput: The micrograph is damaged, or the table of its frames is.
    """
    try:
        mean, deviation = mean_and_deviation(micrograph)
        stripes = striping(micrograph)
    except BadInput as error:
        raise BadInput(f"{run.input('micrograph')}: {error}") from error
    if run.has("frames"):
        return _measure_frames(run) | {"stripes": stripes}
    nothing = Absent("a sum without frames does not tell what a frame counted")
    return {
        "mean_intensity": mean,
        "intensity_deviation": deviation,
        "measured_dose": nothing,
        "dose_disagreement": nothing,
        "stripes": stripes,
    }


def _measure_frames(run: Run) -> dict[str, object]:
    """Measure by the table of frames; what it says of them precedes the facts of the recording."""
    path = run.input("frames")
    blocks = read_star(path)
    frames, general = blocks.get("frames"), blocks.get("general", StarTable({}))
    if frames is None or not len(frames):
        raise BadInput(f"{path}: has no block data_frames with a row a frame; unpack it again")

    def told(label: str, fact: str) -> float:
        return general.number(label) if label in general else float(run.read(fact) or 0.0)

    mean = float(frames.floats("cryobatchMean").mean())
    deviation = float((frames.floats("cryobatchDeviation") ** 2).mean() ** 0.5)
    pixel_size = told("rlnMicrographOriginalPixelSize", "pixel_size")
    dose = measured_dose(mean, pixel_size)
    return {
        "mean_intensity": mean,
        "intensity_deviation": deviation,
        "measured_dose": dose,
        "dose_disagreement": _disagreement(dose, told("rlnMicrographDoseRate", "dose_per_frame")),
    }


def _disagreement(dose: float, stated: float) -> float | Absent:
    if stated <= 0.0:
        return Absent("no dose was stated (dose_per_frame)")
    return 100.0 * (dose - stated) / stated


def findings(run: Run, values: dict[str, object]) -> Findings:
    """Gather what was measured now and what other scripts found before."""

    def number(name: str) -> float | None:
        value = values.get(name)
        return float(value) if isinstance(value, int | float) else None

    return Findings(
        mean_intensity=number("mean_intensity"),
        median_intensity=run.median("mean_intensity"),
        stripes=number("stripes"),
        drift_range_angstrom=run.read("drift_range"),
        ctf_missing=run.has("ctf_curve") and run.read("defocus_u") is None,
        defocus_u_angstrom=run.read("defocus_u"),
        defocus_v_angstrom=run.read("defocus_v"),
        ctf_resolution_angstrom=run.read("ctf_resolution"),
        ice_ring=run.read("ice_ring"),
        particle_count=run.read("particle_count"),
        dose_disagreement_percent=number("dose_disagreement"),
        pixel_size_angstrom=run.read("micrograph_pixel_size") or run.read("pixel_size"),
        frames=run.read("frames"),
        frames_expected=run.read("frames_expected"),
        gain_verdict=run.read("gain_verdict"),
        gain_fit=run.read("gain_fit"),
        gain_best=run.read("gain_best"),
        doubts=run.read("doubts") if are_doubts(run.read("doubts")) else None,
    )
