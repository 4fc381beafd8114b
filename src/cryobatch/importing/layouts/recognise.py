"""Recognise which program has written a folder, by the names of its files alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryobatch.importing.layouts.layout import grid_square, parse_exposure
from cryobatch.importing.layouts.leginon import parse_leginon

_MDOC, _XML = ".mdoc", ".xml"


@dataclass(frozen=True, slots=True)
class Layout:
    """One program's share of a folder.

    Args:
        program: "EPU", "SerialEM", "Leginon", or "names of their own".
        recordings: How many recordings it has written.
        note: What else was found, in words.
    """

    program: str
    recordings: int
    note: str


def recognise_layouts(recordings: Sequence[Path], metadata: Sequence[Path]) -> list[Layout]:
    """Return who wrote the recordings of a folder, the largest share first.

    Args:
        recordings: The recordings.
        metadata: XML and mdoc files.
    """
    epu = [path for path in recordings if parse_exposure(path.name) is not None]
    rest = [path for path in recordings if parse_exposure(path.name) is None]
    leginon = [path for path in rest if parse_leginon(path.name) is not None]
    others = [path for path in rest if parse_leginon(path.name) is None]
    found = []
    if epu:
        xml = [path for path in metadata if path.suffix.lower() == _XML]
        found.append(Layout("EPU", len(epu), _describe_epu(epu, xml)))
    if leginon:
        found.append(Layout("Leginon", len(leginon), ""))
    mdocs = sum(path.suffix.lower() == _MDOC for path in metadata)
    if others and mdocs:
        found.append(Layout("SerialEM", len(others), _count(mdocs, "mdoc file")))
    elif others:
        found.append(Layout("names of their own", len(others), "no metadata beside them"))
    return sorted(found, key=lambda one: -one.recordings)


def _describe_epu(recordings: Sequence[Path], xml: Sequence[Path]) -> str:
    exposures = sum(parse_exposure(path.name) is not None for path in xml)
    squares = {square for path in (*recordings, *xml) if (square := grid_square(path)) is not None}
    said = (
        _count(exposures, "XML file") if exposures else "no XML here; it may be in another folder"
    )
    return f"{_count(len(squares), 'grid square')}, {said}" if squares else said


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
