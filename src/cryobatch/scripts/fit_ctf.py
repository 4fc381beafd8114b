"""Fit the contrast transfer function of a micrograph."""

from typing import TYPE_CHECKING, Annotated

from cryobatch.errors import BadInput
from cryobatch.model import Absent, Optional, Parameter, Run, Value, script

if TYPE_CHECKING:
    from pathlib import Path

    from cryobatch.formats.star import StarTable
    from cryobatch.imaging.ctf import CtfFit
    from cryobatch.imaging.ctf_curve import CtfCurve
    from cryobatch.imaging.spectrum import AmplitudeSpectrum

_FITTED = (
    "defocus_u", "defocus_v", "defocus_angle", "astigmatism", "defocus_error", "phase_shift",
    "ctf_resolution",
)  # fmt: skip


@script(
    category="Fit CTF",
    title="Fit CTF",
    version="2",
    inputs=[Optional("power_spectrum_frames"), "micrograph_unweighted|micrograph"],
    outputs={"power_spectrum": "power_spectrum.mrc", "ctf_curve": "ctf_curve.star"},
    values={
        "defocus_u": Value("Å", low=0, high=150_000, optional=True, help="Largest underfocus."),
        "defocus_v": Value("Å", low=0, high=150_000, optional=True, help="Smallest underfocus."),
        "defocus_angle": Value(
            "°", low=0, high=180, optional=True, help="Direction of defocus_u from x towards y."
        ),
        "astigmatism": Value(
            "Å", low=0, high=150_000, optional=True, help="defocus_u less defocus_v."
        ),
        "defocus_error": Value(
            "Å", low=0, optional=True, help="Standard error of the mean of defocus_u and defocus_v."
        ),
        "phase_shift": Value(
            "°", low=0, high=180, optional=True, help="Additional phase shift (a phase plate's)."
        ),
        "ctf_score": Value(low=-1, high=1, help="Correlation of the spectrum and its fit."),
        "ctf_resolution": Value(
            "Å", low=0, high=1000, optional=True, help="Up to where rings follow the fit."
        ),
        "ice_ring": Value(
            low=0,
            optional=True,
            help="Amplitude at 0.25 to 0.28 1/Å over its surroundings; 1 without crystals of ice.",
        ),
    },
    reads=["pixel_size", "voltage", "cs", "amplitude_contrast", "micrograph_pixel_size?"],
)
def fit_ctf(
    run: Run,
    *,
    box: Annotated[
        int,
        Parameter(
            "px", low=128, high=4096, help="Side of a spectrum that is made from a micrograph."
        ),
    ] = 512,
    resolution_low: Annotated[
        float, Parameter("Å", low=5, high=200, help="Coarsest detail that is compared.")
    ] = 30.0,
    resolution_high: Annotated[
        float,
        Parameter(
            "Å",
            low=1,
            high=50,
            help="Finest detail that is compared; finer if rings are few or weak.",
        ),
    ] = 5.0,
    defocus_low: Annotated[
        float, Parameter("Å", low=500, high=150_000, help="Least mean defocus to look for.")
    ] = 3000.0,
    defocus_high: Annotated[
        float, Parameter("Å", low=1000, high=150_000, help="Largest mean defocus to look for.")
    ] = 50_000.0,
    astigmatism_restraint: Annotated[
        float | None,
        Parameter("Å", low=1, high=50_000, help="Astigmatism to expect of weak spectra; or none."),
    ] = None,
    phase_shift_search: Annotated[
        bool, Parameter(help="Find the phase shift too (phase plates).")
    ] = False,
    phase_shift_low: Annotated[
        float, Parameter("°", low=0, high=180, help="Smallest phase shift that is searched.")
    ] = 0.0,
    phase_shift_high: Annotated[
        float, Parameter("°", low=0, high=180, help="Largest phase shift that is searched.")
    ] = 180.0,
    phase_shift_step: Annotated[
        float, Parameter("°", low=1, high=90, help="Step of the search before it is refined.")
    ] = 10.0,
) -> dict[str, object]:
    """Compare the amplitude spectrum with every CTF there may be, like CTFFIND.

    The spectrum is the one that drift correction averaged over short sums of frames, where there is
    one, else that of the micrograph (unweighted, where there is one). What shows no Thon rings gets
    no defocus but the reason.
    """
    from cryobatch.formats.mrc import write_image
    from cryobatch.formats.star import write_star
    from cryobatch.imaging.ctf import fit_spectrum

    path, spectrum = _read_spectrum(run, box)
    run.progress(0.6)
    try:
        fit = fit_spectrum(
            spectrum.amplitudes,
            pixel_size_angstrom=spectrum.pixel_size_angstrom,
            voltage_kv=run.read("voltage"),
            cs_mm=run.read("cs"),
            amplitude_contrast=run.read("amplitude_contrast"),
            resolution_low_angstrom=resolution_low,
            resolution_high_angstrom=resolution_high,
            defocus_low_angstrom=defocus_low,
            defocus_high_angstrom=defocus_high,
            astigmatism_restraint_angstrom=astigmatism_restraint,
            phase_shift_range_degrees=(
                (phase_shift_low, phase_shift_high) if phase_shift_search else None
            ),
            phase_shift_step_degrees=phase_shift_step,
        )
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    _tell(run, fit)
    write_image(run.output("power_spectrum"), spectrum.amplitudes, spectrum.pixel_size_angstrom)
    write_star(run.output("ctf_curve"), {"ctf_curve": _curve_table(fit.curve)})
    return _values(fit, phase_shift_search)


def _tell(run: Run, fit: "CtfFit") -> None:
    if fit.reason is not None:
        run.message(fit.reason, level="warning")
    elif fit.no_phase_plate:
        run.message(
            f"the phase shift of {fit.phase_shift_degrees:.0f}° differs from 0 or 180° by no more "
            f"than its error of {fit.errors.phase_shift_degrees:.0f}°: is there a phase plate?",
            level="warning",
        )


def _read_spectrum(run: Run, box: int) -> "tuple[Path, AmplitudeSpectrum]":
    """Return the spectrum to fit, and the file that it came from."""
    from cryobatch.formats.mrc import read_image
    from cryobatch.imaging.spectrum import AmplitudeSpectrum, amplitude_spectrum
    from cryobatch.scripts.micrograph_file import read_micrograph

    pixel_size = run.read("micrograph_pixel_size") or run.read("pixel_size")
    if run.has("power_spectrum_frames"):
        path = run.input("power_spectrum_frames")
        amplitudes, own_pixel_size = read_image(path)
        return path, AmplitudeSpectrum(amplitudes, own_pixel_size or pixel_size)
    path = run.input("micrograph_unweighted", "micrograph")
    micrograph = read_micrograph(path)
    try:
        made = amplitude_spectrum(
            micrograph, box, pixel_size_angstrom=pixel_size, threads=run.threads
        )
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return path, made


def _curve_table(curve: "CtfCurve") -> "StarTable":
    from cryobatch.formats.star import StarTable

    columns = {
        "cryobatchSpatialFrequency": curve.frequency,
        "cryobatchRotationalAverage": curve.rotational,
        "cryobatchEquiPhaseAverage": curve.average,
        "cryobatchCtfFit": curve.fit,
        "cryobatchFitCorrelation": curve.correlation,
    }
    return StarTable({label: [float(f"{value:.6g}") for value in column]
                      for label, column in columns.items()})  # fmt: skip


def _values(fit: "CtfFit", phase_searched: bool) -> dict[str, object]:
    ice = Absent("the spectrum ends before 3.2 Å") if fit.ice_ring is None else fit.ice_ring
    always: dict[str, object] = {"ctf_score": fit.score, "ice_ring": ice}
    if fit.reason is not None:
        absent = Absent(fit.reason)
        return always | dict.fromkeys(_FITTED, absent)
    return always | {
        "defocus_u": fit.defocus_u_angstrom,
        "defocus_v": fit.defocus_v_angstrom,
        "defocus_angle": fit.defocus_angle_degrees,
        "astigmatism": fit.defocus_u_angstrom - fit.defocus_v_angstrom,
        "defocus_error": fit.errors.defocus_angstrom,
        "phase_shift": fit.phase_shift_degrees if phase_searched else Absent("not searched"),
        "ctf_resolution": fit.resolution_angstrom,
    }
