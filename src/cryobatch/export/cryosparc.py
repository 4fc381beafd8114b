"""cryoSPARC: micrographs in one folder, picks as a STAR file, and what its jobs must be told.

What its guide says of its jobs decides the form:

- *Import Micrographs* takes files by a pattern and links to them under names of its own with ours
  behind: so all micrographs lie in one folder, and a name tells optics group, group and image.
- *Exposure Group Utilities* splits exposures by parts of these names.
- *Import Particle Stack* reads RELION's STAR files, and finds the exposures of particles by
  ``rlnMicrographName``. It takes RELION's coordinates and turns y itself; our micrographs are not
  turned, so nothing else is.
- Micrographs bring no CTF: that comes with particles, or of Patch CTF.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from cryobatch.export.bundle import Bundle, Content
from cryobatch.export.exposure import FACTS, VALUES, Exposure, Lacks
from cryobatch.export.optics import Optics, group_optics
from cryobatch.export.relion import explain_left_out, has_fit, read_picks, write_particles
from cryobatch.formats.star import StarTable

FOLDER = "micrographs"


def bundle_for_cryosparc(exposures: Sequence[Exposure]) -> Bundle:
    """Return what cryoSPARC begins with.

    Args:
        exposures: The images; those without a needed fact, or without a micrograph, are left out.
    """
    left_out = {one.title: why for one in exposures if (why := _explain(one))}
    chosen = [one for one in exposures if one.title not in left_out]
    optics = group_optics(chosen)
    names = name_files(chosen, optics)
    links = {f"{FOLDER}/{names[one.id]}": one.micrograph
             for one in chosen if one.micrograph is not None}  # fmt: skip
    lacks = Lacks({one.title: "no CTF fit: its particles come without one"
                   for one in chosen if not has_fit(one)})  # fmt: skip
    files = _files(chosen, optics, names, lacks)
    return Bundle(files, links, len(chosen), left_out, lacks.texts)


def name_files(chosen: Sequence[Exposure], optics: Optics) -> dict[int, str]:
    """Return the names of exposures' micrographs by id: unique, the optics group in front.

    Where group and name could be parted in two ways (``a__b`` and ``c``, ``a`` and ``b__c``), the
    later one's id stands behind.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for one in chosen:
        name = f"og{optics.numbers[one.id]:03d}__{one.group}__{one.name}"
        while name in taken:
            name = f"{name}__{one.id}"
        taken.add(name)
        names[one.id] = f"{name}.mrc"
    return names


def _explain(one: Exposure) -> str | None:
    why = explain_left_out(one)
    return why or ("no micrograph yet" if one.micrograph is None else None)


def _files(
    chosen: Sequence[Exposure], optics: Optics, names: Mapping[int, str], lacks: Lacks
) -> Iterator[tuple[str, Content]]:
    yield "exposures.csv", _list_exposures(chosen, optics, names).encode()
    picked = [one for one in chosen if lacks.read(read_picks, one) is not None]
    if picked:
        table = _image_optics(picked, optics)
        yield "particles.star", write_particles(picked, optics, names, table, lacks)
    yield "import.txt", _explain_import(chosen, optics, particles=bool(picked)).encode()


def _image_optics(picked: Sequence[Exposure], optics: Optics) -> StarTable:
    """Return the optics with the pixel of the particles, which nobody has binned."""
    table = optics.table(picked)
    pixels = table.columns["rlnMicrographPixelSize"]
    return StarTable({**table.columns, "rlnImagePixelSize": pixels})


def _list_exposures(chosen: Sequence[Exposure], optics: Optics, names: Mapping[int, str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "optics_group", "id", "group", "name", *VALUES, *FACTS])
    for one in chosen:
        writer.writerow([
            names[one.id], optics.numbers[one.id], one.id, one.group, one.name,
            *(one.number(value) for value in VALUES), *(one.facts.get(fact) for fact in FACTS),
        ])  # fmt: skip
    return text.getvalue()


def _explain_import(chosen: Sequence[Exposure], optics: Optics, *, particles: bool) -> str:
    lines = [
        "To import into cryoSPARC",
        "",
        "1. Import Micrographs",
        f"   Micrographs data path: this folder's {FOLDER}/*.mrc, by its full path",
    ]
    for group in optics.groups:
        count = sum(number == group.number for number in optics.numbers.values())
        sample = group.sample
        lines.append(
            f"   og{group.number:03d}: {count} micrographs, pixel size "
            f"{sample.micrograph_pixel_size_angstrom:g} A, {sample.voltage_kv:g} kV, "
            f"Cs {sample.cs_mm:g} mm, amplitude contrast {sample.amplitude_contrast:g}"
        )
    settings = {(g.sample.micrograph_pixel_size_angstrom, g.sample.voltage_kv, g.sample.cs_mm,
                 g.sample.amplitude_contrast) for g in optics.groups}  # fmt: skip
    if len(settings) > 1:
        lines.append("   The settings differ: import once for each, such as "
                     f"{FOLDER}/og{optics.groups[0].number:03d}__*.mrc")  # fmt: skip
    lines += [
        "   A CTF is not imported with micrographs: run Patch CTF Estimation, or have it with the",
        "   particles. exposures.csv lists our values and the beam shifts by file.",
        "",
        "2. Exposure Group Utilities, action 'split', token creation by regular_expression:",
        "   og(\\d+)__",
    ]
    if particles:
        lines += [
            "",
            "3. The picks are particles.star: coordinates in pixels of these micrographs, RELION's",
            "   convention, optics groups, and the defocus where there is one. Import Particle",
            "   Stack needs particle images besides: extract them (RELION's reextraction takes",
            "   particles.star as it is), then import the extracted STAR file with the micrographs",
            "   of step 1 as Source Exposures. Micrographs are matched by rlnMicrographName: trim",
            "   what cryoSPARC has put before the names of its exposures. Leave y as it is.",
        ]
    return "\n".join([*lines, ""])
