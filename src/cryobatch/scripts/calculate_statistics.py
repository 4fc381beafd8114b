"""Measure and grade an image, and draw its thumbnails."""

from typing import Annotated

from cryobatch.model import Optional, Output, Parameter, Run, Value, script


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
        "frames?",
        "frames_expected?",
        "gain_verdict?",
        "gain_fit?",
        "gain_best?",
        "doubts?",
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
    from cryobatch.scripts.statistics.measures import findings, measure
    from cryobatch.scripts.statistics.pictures import draw

    micrograph = read_micrograph(run.input("micrograph"))
    run.progress(0.2)
    values = measure(run, micrograph)
    draw(run, micrograph, thumbnail_size)
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
    quality, reasons = grade(findings(run, values), limits)
    return values | {"quality": str(quality), "quality_reasons": "; ".join(reasons)}
