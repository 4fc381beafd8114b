"""RELION (3.1 to 5): a folder that its jobs can begin with, as if RELION had come so far itself.

The tables are those of RELION's own jobs: ``movies.star`` (Import), ``corrected_micrographs.star``
(Motion correction), ``micrographs_ctf.star`` (CTF estimation), ``autopick.star`` with one file of
coordinates a micrograph (Auto-picking), and ``particles.star`` with all picks. Names are below the
folder, which is the RELION project. RELION labels its three motions Å, yet fills them with the path
in pixels of the movie: so does this.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.export.bundle import Bundle, Content
from cryobatch.export.exposure import Exposure, Lacks
from cryobatch.export.optics import Optics, group_optics, missing_settings
from cryobatch.formats.motion_star import format_motion, read_motion
from cryobatch.formats.star import (
    StarTable,
    StarValue,
    format_head,
    format_rows,
    format_star,
    read_star,
)

_MOTIONS = {
    "rlnAccumMotionTotal": "drift_path",
    "rlnAccumMotionEarly": "drift_early",
    "rlnAccumMotionLate": "drift_late",
}
_FITS = {
    "rlnCtfFigureOfMerit": "ctf_score",
    "rlnCtfMaxResolution": "ctf_resolution",
    "rlnCtfIceRingDensity": "ice_ring",
}
PICKED = ("rlnCoordinateX", "rlnCoordinateY", "rlnClassNumber", "rlnAnglePsi",
          "rlnAutopickFigureOfMerit")  # fmt: skip
SUFFIX = "_autopick.star"


@dataclass(frozen=True, slots=True)
class Names:
    """Paths of an exposure's files below the export's folder."""

    one: Exposure

    @property
    def movie(self) -> str:
        """Return the recording's."""
        suffix = "" if self.one.movie is None else "".join(self.one.movie.suffixes[-1:])
        return f"Movies/{self.one.title}{suffix}"

    @property
    def micrograph(self) -> str:
        """Return the micrograph's."""
        return f"Micrographs/{self.one.title}.mrc"

    @property
    def motion(self) -> str:
        """Return the motion file's."""
        return f"Micrographs/{self.one.title}.star"

    @property
    def spectrum(self) -> str:
        """Return the spectrum's."""
        return f"Spectra/{self.one.title}.ctf"

    @property
    def coordinates(self) -> str:
        """Return the coordinate file's, as RELION 3.1 makes it of folder, micrograph and suffix."""
        return f"AutoPick/Micrographs/{self.one.title}{SUFFIX}"


def bundle_for_relion(exposures: Sequence[Exposure]) -> Bundle:
    """Return what RELION begins with.

    Args:
        exposures: The images; those without a needed fact, or without any file, are left out.
    """
    left_out = {one.title: why for one in exposures if (why := explain_left_out(one))}
    chosen = [one for one in exposures if one.title not in left_out]
    lacks = Lacks({one.title: "no CTF fit: not in micrographs_ctf.star" for one in chosen
                   if one.micrograph is not None and not has_fit(one)})  # fmt: skip
    links: dict[str, Path] = {}
    for one in chosen:
        names = Names(one)
        wanted = {names.movie: one.movie, names.micrograph: one.micrograph,
                  names.spectrum: one.power_spectrum}  # fmt: skip
        links |= {name: path for name, path in wanted.items() if path is not None}
    return Bundle(_files(chosen, lacks), links, len(chosen), left_out, lacks.texts)


def explain_left_out(one: Exposure) -> str | None:
    """Return why an exposure cannot be told to other programs, None when it can."""
    missing = missing_settings(one)
    if missing:
        return f"unknown: {', '.join(missing)}; give it with 'cryobatch image set'"
    if one.movie is None and one.micrograph is None:
        return "neither a movie nor a micrograph is there"
    return None


def has_fit(one: Exposure) -> bool:
    """Tell whether an exposure has a micrograph with a CTF fit."""
    fitted = one.number("defocus_u") is not None and one.number("defocus_v") is not None
    return one.micrograph is not None and fitted


def fit_columns(some: Sequence[Exposure], *, with_phase: bool) -> dict[str, list[StarValue]]:
    """Return the defocus of exposures that have a fit, as RELION names it.

    Args:
        some: The exposures.
        with_phase: Whether phase shifts stand beside; one that was not searched is 0.
    """
    columns: dict[str, list[StarValue]] = {
        "rlnDefocusU": [one.number("defocus_u") or 0.0 for one in some],
        "rlnDefocusV": [one.number("defocus_v") or 0.0 for one in some],
        "rlnDefocusAngle": [one.number("defocus_angle") or 0.0 for one in some],
    }
    if with_phase:
        columns["rlnPhaseShift"] = [one.number("phase_shift") or 0.0 for one in some]
    return columns


def have_phase(some: Sequence[Exposure]) -> bool:
    """Tell whether a phase shift was found of any."""
    return any(one.number("phase_shift") is not None for one in some)


def read_picks(one: Exposure) -> StarTable | None:
    """Return an exposure's picks as RELION's auto-picker would have written them."""
    if one.particles is None:
        return None
    blocks = read_star(one.particles)
    table = blocks.get("particles") or next(iter(blocks.values()), None)
    if table is None or not len(table):
        return None
    if not {"rlnCoordinateX", "rlnCoordinateY"} <= table.columns.keys():
        raise BadInput(f"{one.particles}: has no coordinates; pick again")
    count = len(table)
    usual: dict[str, Sequence[StarValue]] = {
        "rlnClassNumber": [1] * count,
        "rlnAnglePsi": [0.0] * count,
        "rlnAutopickFigureOfMerit": [0.0] * count,
    }
    return StarTable({label: {**usual, **table.columns}[label] for label in PICKED})


def _files(chosen: Sequence[Exposure], lacks: Lacks) -> Iterator[tuple[str, Content]]:
    movies = [one for one in chosen if one.movie is not None]
    optics = group_optics(chosen)
    if movies:
        yield _text("movies.star", {"optics": optics.table(movies, micrographs=False),
                                    "movies": _movie_table(movies, optics)})  # fmt: skip
    micrographs: list[Exposure] = []
    for one in chosen:
        if one.micrograph is None:
            continue
        motion = lacks.read(_motion, one)
        if motion is not None:
            yield motion
        micrographs.append(one if motion is not None else replace(one, motion=None))
    fitted = [one for one in micrographs if has_fit(one)]
    if micrographs:
        corrected = StarTable(_corrected(micrographs, optics))
        yield _text("corrected_micrographs.star",
                    {"optics": optics.table(micrographs), "micrographs": corrected})  # fmt: skip
    if fitted:
        yield _text("micrographs_ctf.star", {
            "optics": optics.table(fitted), "micrographs": _ctf_table(fitted, optics),
        })  # fmt: skip
    yield from _picks(micrographs, optics, lacks)


def _text(name: str, blocks: dict[str, StarTable]) -> tuple[str, bytes]:
    return name, format_star(blocks).encode()


def _movie_table(movies: Sequence[Exposure], optics: Optics) -> StarTable:
    return StarTable({
        "rlnMicrographMovieName": [Names(one).movie for one in movies],
        "rlnOpticsGroup": [optics.numbers[one.id] for one in movies],
    })  # fmt: skip


def _motion(one: Exposure) -> tuple[str, bytes] | None:
    """Return an exposure's motion file with the names that hold in the export."""
    if one.motion is None:
        return None
    motion = read_motion(one.motion)
    movie = motion.movie if one.movie is None else Names(one).movie
    return Names(one).motion, format_motion(replace(motion, movie=movie)).encode()


def _corrected(some: Sequence[Exposure], optics: Optics) -> dict[str, list[StarValue]]:
    columns: dict[str, list[StarValue]] = {
        "rlnMicrographName": [Names(one).micrograph for one in some],
        "rlnOpticsGroup": [optics.numbers[one.id] for one in some],
    }
    if all(one.motion is not None for one in some):
        columns["rlnMicrographMetadata"] = [Names(one).motion for one in some]
    for label, value in _MOTIONS.items():
        columns |= _where_all(label, [_in_pixels(one, value) for one in some])
    return columns


def _in_pixels(one: Exposure, value: str) -> float | None:
    length = one.number(value)
    return None if length is None else length / (one.pixel_size_angstrom or 1.0)


def _ctf_table(some: Sequence[Exposure], optics: Optics) -> StarTable:
    columns = _corrected(some, optics)
    if all(one.power_spectrum is not None for one in some):
        columns["rlnCtfImage"] = [f"{Names(one).spectrum}:mrc" for one in some]
    columns |= fit_columns(some, with_phase=have_phase(some))
    columns["rlnCtfAstigmatism"] = [
        (one.number("defocus_u") or 0.0) - (one.number("defocus_v") or 0.0) for one in some
    ]
    for label, value in _FITS.items():
        columns |= _where_all(label, [one.number(value) for one in some])
    return StarTable(columns)


def _where_all(label: str, found: Sequence[float | None]) -> dict[str, list[StarValue]]:
    """Return a column that all exposures have a number for, else none: nothing is made up."""
    numbers: list[StarValue] = [one for one in found if one is not None]
    return {label: numbers} if len(numbers) == len(found) else {}


def _picks(
    micrographs: Sequence[Exposure], optics: Optics, lacks: Lacks
) -> Iterator[tuple[str, Content]]:
    picked: list[Exposure] = []
    for one in micrographs:
        table = lacks.read(read_picks, one)
        if table is not None:
            yield _text(Names(one).coordinates, {"": table})
            picked.append(one)
    if not picked:
        return
    # RELION 3.1 finds coordinate files by this file's name and folder; later ones by the list.
    yield f"AutoPick/coords_suffix{SUFFIX}", b"micrographs_ctf.star\n"
    yield _text("autopick.star", {"coordinate_files": StarTable({
        "rlnMicrographName": [Names(one).micrograph for one in picked],
        "rlnMicrographCoordinates": [Names(one).coordinates for one in picked],
    })})  # fmt: skip
    names = {one.id: Names(one).micrograph for one in picked}
    yield "particles.star", write_particles(picked, optics, names, optics.table(picked), lacks)


def write_particles(
    picked: Sequence[Exposure],
    optics: Optics,
    names: Mapping[int, str],
    table: StarTable,
    lacks: Lacks,
) -> Iterator[bytes]:
    """Yield a file with all picks, exposure by exposure: of a session there are millions.

    Each carries its micrograph's defocus where all these have one.

    Args:
        picked: Exposures with picks.
        optics: The exposures' optics groups.
        names: The micrographs' names by the exposures' ids.
        table: The optics groups as they stand in the file.
        lacks: Is told of picks that cannot be read any more.
    """
    yield f"{format_star({'optics': table})}\n".encode()
    with_fit, with_phase = all(map(has_fit, picked)), have_phase(picked)
    begun = False
    for one in picked:
        picks = lacks.read(read_picks, one)
        if picks is None:
            continue  # somebody has picked anew meanwhile, and found nothing
        count = len(picks)
        fit = fit_columns([one], with_phase=with_phase) if with_fit else {}
        rows = StarTable({
            "rlnMicrographName": [names[one.id]] * count,
            "rlnOpticsGroup": [optics.numbers[one.id]] * count,
            **picks.columns,
            **{label: values * count for label, values in fit.items()},
        })  # fmt: skip
        if not begun:
            yield format_head("particles", rows.columns).encode()
        begun = True
        yield format_rows(rows).encode()
