"""Decide which files of a folder are recordings, and to which group each belongs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryobatch.formats.movie import recording_kind, recording_stem
from cryobatch.importing.layouts.leginon import has_frames, is_overview, parse_leginon
from cryobatch.importing.names import make_safe

MOST_SECONDS_APART = 120.0
"""EPU stamps a movie and its XML each with its own time; two exposures of one place are further
apart than they."""

_GRID_SQUARE = re.compile(r"GridSquare_\w+\Z")
_EXPOSURE = re.compile(
    r"(?P<key>FoilHole_(?P<hole>\w+?)_Data_(?P<template>[^_]+)_(?P<number>[^_]+))"
    r"_(?P<date>\d{8})_(?P<time>\d{6}|\d{4})(?P<ending>_[A-Za-z].*|-\d.*)?\Z"
)
_SQUARE_IMAGE = re.compile(r"GridSquare_\d{8}_\d{6}\Z")
_HOLE_IMAGE = re.compile(r"FoilHole_(?P<hole>\w+?)_\d{8}_\d{6}\Z")
_ATLAS_IMAGE = re.compile(r"(?:Atlas|Tile)_[\w-]+\Z")
_PLACES = ("FoilHole_", "GridSquare_")
"""What EPU's names begin with, exposures' too."""
_REFERENCE = re.compile(
    r"(?i)(?<![a-z])(?:gain(?:ref\w*)?|defects?|darkref)(?![a-z])|^(?:superref|countref)"
)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the name of a file of EPU's tells.

    Args:
        key: Hole, template and number: the same for all files of an exposure.
        foil_hole: Number of the hole.
        shot: Which of the exposures of a hole: EPU's number of its place in the template.
        stamp: When the file was begun, by the microscope's clock.
        ending: What stands behind the time, such as ``_fractions``, of an early EPU ``-1234``;
            empty for EPU's own sum.
    """

    key: str
    foil_hole: str
    shot: str
    stamp: datetime
    ending: str


def parse_exposure(name: str) -> Exposure | None:
    """Read a name like ``FoilHole_1_Data_2_3_20250108_154915_fractions.tiff``; None for others."""
    stem = recording_stem(name) if recording_kind(name) else Path(name).stem
    match = _EXPOSURE.match(stem)
    if match is None:
        return None
    try:
        stamp = _read_stamp(match["date"], match["time"])
    except ValueError:
        return None
    return Exposure(match["key"], match["hole"], match["template"], stamp, match["ending"] or "")


def parse_place(path: Path) -> str | None:
    """Return which grid square, or hole of which square, EPU's image shows; None for others.

    Returns:
        ``GridSquare_1`` for an image of a square, ``GridSquare_1/2`` for one of its hole 2.
    """
    square = grid_square(path)
    if square is None:
        return None
    if _SQUARE_IMAGE.match(path.stem):
        return square
    hole = _HOLE_IMAGE.match(path.stem)
    return f"{square}/{hole['hole']}" if hole is not None else None


def grid_square(path: Path) -> str | None:
    """Return the innermost ``GridSquare_...`` folder of a path, None where there is none."""
    return next((part for part in reversed(path.parts[:-1]) if _GRID_SQUARE.match(part)), None)


def choose_recordings(paths: Iterable[Path]) -> list[Path]:
    """Return those files of a folder that are recordings.

    Gain references and dark images are not. In a tree of EPU's only ``Data`` holds exposures, the
    rest are images of holes and squares, as are those of Leginon's; and where a movie was kept, the
    microscope's sum of it is left out.
    """
    chosen = [path for path in paths if _is_candidate(path)]
    movies = {key for path in chosen if (key := movie_key(path)) is not None}
    return [path for path in chosen if movies.isdisjoint(_sum_keys(path))]


def movie_key(path: Path) -> str | None:
    """Return what a movie of EPU's or Leginon's has in common with its sum; None for others."""
    exposure = parse_exposure(path.name)
    if exposure is not None:
        return f"{grid_square(path) or ''}/{exposure.key}" if exposure.ending else None
    leginon = parse_leginon(path.name) if has_frames(path.name) else None
    return leginon.key if leginon is not None else None


def _sum_keys(path: Path) -> tuple[str, ...]:
    """Return the keys of the movies that a file may be the sum of."""
    exposure = parse_exposure(path.name)
    if exposure is not None:
        # Movies often lie under another root, without folders for the grid squares.
        squares = {grid_square(path) or "", ""}
        return () if exposure.ending else tuple(f"{one}/{exposure.key}" for one in squares)
    leginon = None if has_frames(path.name) else parse_leginon(path.name)
    return (leginon.key,) if leginon is not None else ()


def choose_group(path: Path, metadata: Path | None, series: str | None = None) -> str:
    """Return the group of a recording: its grid square or tilt series, else its folder.

    Of a name of Leginon's it is session, grid and square.

    Args:
        path: The recording.
        metadata: Its EPU XML, which may lie in the tree that has the grid squares' folders.
        series: The tilt series that it belongs to.
    """
    square = grid_square(path) or (grid_square(metadata) if metadata is not None else None)
    leginon = parse_leginon(path.name)
    named = leginon.group if leginon is not None else path.parent.name
    return make_safe(square or series or named, "images")


def match_metadata(path: Path, candidates: Sequence[Path]) -> Path | None:
    """Return the XML of an exposure.

    Args:
        path: The recording.
        candidates: XML files with the recording's exposure key.

    Returns:
        The one of the same grid square, if any are, whose time is nearest and within two minutes.
    """
    exposure = parse_exposure(path.name)
    if exposure is None:
        return None
    square = grid_square(path)
    same = [item for item in candidates if square is not None and grid_square(item) == square]
    near = []
    for item in same or candidates:
        found = parse_exposure(item.name)
        if found is not None and found.key == exposure.key:
            seconds = abs((found.stamp - exposure.stamp).total_seconds())
            near.append((seconds, str(item), item))
    best = min(near, default=None)
    return best[2] if best is not None and best[0] <= MOST_SECONDS_APART else None


def _read_stamp(date: str, time: str) -> datetime:
    # A hundred thousand names are read at a start: strptime would take seconds.
    return datetime(
        int(date[:4]), int(date[4:6]), int(date[6:]),
        int(time[:2]), int(time[2:4]), int(time[4:] or 0),
    )  # fmt: skip


def _is_of_atlas(path: Path) -> bool:
    """Tell whether a file is EPU's picture of the whole grid, or a tile of it."""
    return path.parent.name == "Atlas" and _ATLAS_IMAGE.match(path.stem) is not None


def _is_candidate(path: Path) -> bool:
    if recording_kind(path.name) is None or path.name.startswith("."):
        return False
    if is_overview(path.name) or _is_of_atlas(path):
        return False
    elsewhere = path.parent.name != "Data" or path.name.startswith(_PLACES)
    if grid_square(path) is not None and elsewhere and parse_exposure(path.name) is None:
        return False
    return _REFERENCE.search(recording_stem(path.name)) is None
