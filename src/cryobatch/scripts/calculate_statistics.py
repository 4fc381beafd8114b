"""Measure and grade an image, and draw its thumbnails."""

from typing import TYPE_CHECKING, Annotated

from cryobatch.errors import BadInput
from cryobatch.model import Absent, Optional, Output, Parameter, Run, Value, script

if TYPE_CHECKING:
    from cryobatch.imaging.arrays import ImageArray
    from cryobatch.imaging.statistics_grade import Findings
    from cryobatch.imaging.thumbnail import Picture

_UNKNOWN_DIAMETER_PART = 0.02


@script(
    category="Calculate Statistics",
    title="Calculate statistics",
    version="1",
    inputs=[
        "micrograph",
        Optional("frames"),
        Optional("power_spectrum"),
        Optional("ctf_curve"),
        Optional("particles"),
    ],
    outputs={
        "micrograph_thumbnail": "thumbnails/micrograph.jpg",
        "power_spectrum_thumbnail": Output("thumbnails/power_spectrum.jpg", optional=True),
        "picks_thumbnail": Output("thumbnails/picks.jpg", optional=True),
    },
    values={
        "mean_intensity": Value(
            help="Mean of the pixels: of a frame after gain correction (counts), or of the "
            "micrograph where no frames were unpacked."
        ),
        "intensity_deviation": Value(
            low=0, help="Standard deviation of the same pixels as mean_intensity."
        ),
        "measured_dose": Value(
            "e/Å²", optional=True, help="Exposure of a frame by its counts, if they are electrons."
        ),
        "dose_disagreement": Value(
            "%", optional=True, help="Measured less stated dose of a frame, of the stated one."
        ),
        "stripes": Value(
            low=0, help="How much whole rows or columns differ from their neighbours; 1: chance."
        ),
        "quality": Value(kind="text", help="green, amber or red."),
        "quality_reasons": Value(
            kind="text", help="Why it is not green, separated by semicolons; empty if it is."
        ),
    },
    reads=[
        "pixel_size",
        "micrograph_pixel_size?",
        "dose_per_frame?",
        "voltage?",
        "cs?",
        "amplitude_contrast?",
        "drift_range?",
        "defocus_u?",
        "defocus_v?",
        "defocus_angle?",
        "phase_shift?",
        "ctf_resolution?",
        "ice_ring?",
        "particle_count?",
        "particle_diameter?",
    ],
    medians=["mean_intensity"],
)
def calculate_statistics(
    run: Run,
    *,
    dark: Annotated[
        float, Parameter("%", low=0, high=100, help="Red below this part of the recent median.")
    ] = 10.0,
    stripes: Annotated[
        float, Parameter(low=1, high=1000, help="Amber above this measure of stripes.")
    ] = 3.0,
    drift_amber: Annotated[
        float, Parameter("Å", low=0, high=10_000, help="Amber above this range of drift.")
    ] = 30.0,
    drift_red: Annotated[
        float, Parameter("Å", low=0, high=10_000, help="Red above this range of drift.")
    ] = 50.0,
    defocus_low: Annotated[
        float, Parameter("Å", low=0, high=150_000, help="Amber below this mean defocus.")
    ] = 2000.0,
    defocus_high: Annotated[
        float, Parameter("Å", low=0, high=150_000, help="Amber above this mean defocus.")
    ] = 70_000.0,
    astigmatism: Annotated[
        float,
        Parameter("Å", low=0, high=150_000, help="Amber above this and the relative limit."),
    ] = 500.0,
    astigmatism_relative: Annotated[
        float, Parameter("%", low=0, high=200, help="Amber above this part of the defocus.")
    ] = 10.0,
    resolution_amber: Annotated[
        float, Parameter("Å", low=0, high=1000, help="Amber above this CTF resolution.")
    ] = 6.0,
    resolution_red: Annotated[
        float, Parameter("Å", low=0, high=1000, help="Red above this CTF resolution.")
    ] = 10.0,
    ice: Annotated[float, Parameter(low=0, high=1000, help="Amber above this ice_ring.")] = 1.1,
    least_particles: Annotated[
        int, Parameter(low=0, help="Amber with fewer particles; 0: any number will do.")
    ] = 0,
    dose_disagreement: Annotated[
        float, Parameter("%", low=0, high=1000, help="Amber where the doses differ by more.")
    ] = 30.0,
    thumbnail_size: Annotated[
        int, Parameter("px", low=64, high=4096, help="Longest side of thumbnails.")
    ] = 1024,
) -> dict[str, object]:
    """Say how bright, striped and well exposed an image is, and grade all that is known of it.

    What is not known (no frames, no CTF fit asked for, no picks) counts for nothing. Thumbnails
    show row 0 at the bottom.
    """
    from cryobatch.imaging.statistics_grade import Limits, grade
    from cryobatch.scripts.micrograph_file import read_micrograph

    path = run.input("micrograph")
    micrograph = read_micrograph(path)
    run.progress(0.2)
    try:
        values = _measure(run, micrograph)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    _draw(run, micrograph, thumbnail_size)
    limits = Limits(
        dark_percent=dark,
        stripes=stripes,
        drift_amber_angstrom=drift_amber,
        drift_red_angstrom=drift_red,
        defocus_low_angstrom=defocus_low,
        defocus_high_angstrom=defocus_high,
        astigmatism_angstrom=astigmatism,
        astigmatism_percent=astigmatism_relative,
        resolution_amber_angstrom=resolution_amber,
        resolution_red_angstrom=resolution_red,
        ice_ring=ice,
        least_particles=least_particles,
        dose_disagreement_percent=dose_disagreement,
    )
    quality, reasons = grade(_findings(run, values), limits)
    return values | {"quality": str(quality), "quality_reasons": "; ".join(reasons)}


def _measure(run: Run, micrograph: "ImageArray") -> dict[str, object]:
    from cryobatch.imaging.statistics import mean_and_deviation, striping

    mean, deviation = mean_and_deviation(micrograph)
    if run.has("frames"):
        measured = _measure_frames(run)
    else:
        nothing = Absent("a sum without frames does not tell what a frame counted")
        measured = {
            "mean_intensity": mean,
            "intensity_deviation": deviation,
            "measured_dose": nothing,
            "dose_disagreement": nothing,
        }
    return measured | {"stripes": striping(micrograph)}


def _measure_frames(run: Run) -> dict[str, object]:
    """Measure by the table of frames; what it says of them precedes the facts of the recording."""
    from cryobatch.formats.star import StarTable, read_star
    from cryobatch.imaging.statistics import measured_dose

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


def _disagreement(dose: float, stated: float) -> "float | Absent":
    if stated <= 0.0:
        return Absent("no dose was stated (dose_per_frame)")
    return 100.0 * (dose - stated) / stated


def _findings(run: Run, values: dict[str, object]) -> "Findings":
    from cryobatch.imaging.statistics_grade import Findings

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
    )


def _draw(run: Run, micrograph: "ImageArray", longest_side: int) -> None:
    from cryobatch.imaging.thumbnail import encode_jpeg, thumbnail

    small = thumbnail(micrograph, longest_side, run.threads)
    run.output("micrograph_thumbnail").write_bytes(encode_jpeg(small))
    run.progress(0.6)
    if run.has("particles"):
        drawn = _picks_picture(run, small, micrograph.shape)
        run.output("picks_thumbnail").write_bytes(encode_jpeg(drawn))
    if run.has("power_spectrum"):
        drawn = _spectrum_picture(run)
        run.output("power_spectrum_thumbnail").write_bytes(encode_jpeg(drawn))


def _picks_picture(run: Run, small: "Picture", shape: tuple[int, ...]) -> "Picture":
    import numpy as np

    from cryobatch.formats.star import read_star
    from cryobatch.imaging.thumbnail import place_in_thumbnail, with_circles

    blocks = read_star(run.input("particles"))
    table = next((block for block in blocks.values() if "rlnCoordinateX" in block), None)
    coordinates = np.zeros((0, 2))
    if table is not None:
        columns = table.floats("rlnCoordinateX"), table.floats("rlnCoordinateY")
        coordinates = np.column_stack(columns)
    pixel_size = float(run.read("micrograph_pixel_size") or run.read("pixel_size"))
    diameter = run.read("particle_diameter")
    diameter_px = diameter / pixel_size if diameter else _UNKNOWN_DIAMETER_PART * max(shape)
    centres = place_in_thumbnail(coordinates, shape, small.shape)
    return with_circles(small, centres, diameter_px / 2.0 * small.shape[1] / shape[1])


def _spectrum_picture(run: Run) -> "Picture":
    from cryobatch.formats.mrc import read_image
    from cryobatch.imaging.ctf_formula import Optics, astigmatic_defocus
    from cryobatch.imaging.spectrum_picture import spectrum_picture
    from cryobatch.imaging.thumbnail import grey_picture

    spectrum, own_pixel_size = read_image(run.input("power_spectrum"))
    pixel_size = float(
        own_pixel_size or run.read("micrograph_pixel_size") or run.read("pixel_size")
    )
    names = ("defocus_u", "defocus_v", "defocus_angle", "voltage", "cs", "amplitude_contrast")
    known = [run.read(name) for name in names]
    if any(value is None for value in known):
        return grey_picture(spectrum_picture(spectrum, pixel_size_angstrom=pixel_size))
    u, v, angle, voltage, cs, contrast = (float(value) for value in known)
    picture = spectrum_picture(
        spectrum,
        pixel_size_angstrom=pixel_size,
        optics=Optics(voltage, cs, contrast),
        defocus=astigmatic_defocus(u, v, angle, float(run.read("phase_shift") or 0.0)),
        resolution_angstrom=float(run.read("ctf_resolution") or 0.0),
    )
    return grey_picture(picture)
