"""Find the gain reference that belongs to a recording of raw counts."""

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PureWindowsPath

from cryobatch.errors import BadInput
from cryobatch.formats import dm4
from cryobatch.formats.gain import EER_GAIN_ENDING
from cryobatch.formats.movie import open_movie, recording_kind
from cryobatch.importing.layouts.layout import grid_square

LEVELS, EPU_LEVELS = 2, 4
"""A session's gain lies beside its movies or in the session's folder: that above them, or in EPU's
tree the one above disc, grid square and data. Further up are other sessions'."""
UNREADABLE_ENDINGS = (".raw",)
_ENDINGS = (".mrc", ".tif", ".tiff", EER_GAIN_ENDING, *dm4.ENDINGS, *UNREADABLE_ENDINGS)
_NAMES = re.compile(r"(?<![A-Za-z])gain|Gain|GAIN|gainref|(?i:^superref|^countref|\.gain$)")


@dataclass(frozen=True, slots=True)
class GainSearch:
    """What was found.

    Args:
        path: The gain reference that fits, None when none does.
        problem: Why there is none although it is needed, in words; empty when it is not needed or
            was found.
    """

    path: Path | None = None
    problem: str = ""


def search_gain(
    recording: Path,
    rows: int,
    columns: int,
    *,
    stated: str | None,
    applied: bool | None = None,
    folder: Path | None = None,
) -> GainSearch:
    """Find the gain reference of a recording for which nobody has given one.

    It is looked for by its name beside the recording, in the folders above it and in the site's
    folder: that which the recording names, else any. Of several equally near ones the newest is
    taken: a session may have a new one at any time. Only recordings of raw counts have one: EER,
    those that name one or were written uncorrected, and those whose pixels are whole numbers. For
    the last it is no problem when none lies near: they may have been corrected all the same.

    Args:
        recording: The movie.
        rows: Height of its frames.
        columns: Width of its frames.
        stated: The name of the reference that the recording was made with, as far as it says.
        applied: Whether it was written gain-corrected; None: nothing says so.
        folder: The site's folder of gain references.
    """
    is_eer = recording_kind(recording.name) == "eer"
    if applied and not is_eer:
        return GainSearch()
    is_raw = is_eer or stated is not None or applied is False
    near = _find_near(recording, stated, folder)
    if near and not (is_eer or stated) and not _holds_counts(recording):
        return GainSearch()
    readable = [path for path in near if path.suffix.lower() not in UNREADABLE_ENDINGS]
    for path in readable:
        if _fits(path, rows, columns, finer=is_eer):
            return GainSearch(path)
    if not (is_eer or stated):
        near = [path for path in near if folder is None or path.parent != folder]
        readable = [path for path in readable if path in near and _shape_of_one(path) is not None]
        if not (is_raw or readable) or not _holds_counts(recording):
            return GainSearch()
    return GainSearch(problem=_describe(near, readable, stated, rows, columns))


def find_lost(recording: Path, earlier: Iterable[Path]) -> Path | None:
    """Return the gain reference that a recording would have, were it still there.

    Args:
        recording: A movie near which none lies.
        earlier: The references that earlier recordings have.

    Returns:
        One that lay near this recording of counts too and is gone, else None.
    """
    folders = set(_folders_near(recording))
    lost = (path for path in earlier if path.parent in folders and not path.exists())
    found = next(lost, None)
    return found if found is not None and _holds_counts(recording) else None


def _describe(
    near: Sequence[Path], readable: Sequence[Path], stated: str | None, rows: int, columns: int
) -> str:
    needed = "raw counts need a gain reference"
    if stated is not None:
        needed += f" ({PureWindowsPath(stated).name} by the recording)"
    if readable:
        return (
            f"{needed}; {readable[0].name}, which lies near it, is not of {columns} x {rows} "
            "pixels: give the right one with --gain"
        )
    if near:
        return f"{needed}; {near[0].name} cannot be read: convert it to MRC, give it with --gain"
    return f"{needed}, and none was found near it: give it with --gain"


def _find_near(recording: Path, stated: str | None, folder: Path | None) -> list[Path]:
    """Return candidates, the nearest first, and of one folder the newest first."""
    found: list[Path] = []
    for place in [*_folders_near(recording), *([folder] if folder is not None else [])]:
        found += (path for path in _references_in(place) if path != recording)
    if stated is None:
        return found
    stem = PureWindowsPath(stated).stem.lower()
    return [path for path in found if path.stem.lower() == stem]


def _folders_near(recording: Path) -> list[Path]:
    levels = LEVELS if grid_square(recording) is None else EPU_LEVELS
    return [*recording.parents][:levels]


def _references_in(folder: Path) -> Sequence[Path]:
    try:
        return _list_references(folder, folder.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=64)
def _list_references(folder: Path, _changed_ns: int) -> Sequence[Path]:
    """Return the gain references of a folder, the newest first; remembered until it changes."""
    with os.scandir(folder) as entries:
        found = [
            (entry.stat().st_mtime_ns, Path(entry.path))
            for entry in entries
            if is_reference_name(entry.name) and entry.is_file()
        ]
    return tuple(path for _, path in sorted(found, reverse=True))


def is_reference_name(name: str) -> bool:
    """Tell from a file's name whether it may be a gain reference.

    >>> [is_reference_name(n) for n in ("EerGainReference.gain", "SuperRef_a.dm4", "again.tif")]
    [True, True, False]
    """
    # Of a hundred thousand names, told without a path each.
    if _NAMES.search(name) is None or name.startswith("."):
        return False
    return name.lower().endswith(_ENDINGS)


def _holds_counts(recording: Path) -> bool:
    with suppress(BadInput), open_movie(recording) as movie:
        return movie.dtype.kind in "iu"
    return False


def _fits(path: Path, rows: int, columns: int, *, finer: bool) -> bool:
    """Tell whether a reference is one image of the frames' size, turned or not."""
    shape = _shape_of_one(path)
    if shape is None:
        return False
    factors = (1, 2, 4) if finer else (1,)
    own = sorted(shape)
    return any([side * factor for side in own] == sorted((rows, columns)) for factor in factors)


def _shape_of_one(path: Path) -> tuple[int, int] | None:
    """Return rows and columns of a file that holds one image, None for all others."""
    try:
        frames, rows, columns = _shape_of(path)
    except BadInput:
        return None
    return (rows, columns) if frames == 1 else None


def _shape_of(path: Path) -> tuple[int, int, int]:
    if path.suffix.lower() == EER_GAIN_ENDING:
        from cryobatch.formats.tiff import TiffMovie

        with TiffMovie(path) as file:
            return file.shape
    if path.suffix.lower() in dm4.ENDINGS:
        return (1, *dm4.dm4_shape(path))
    with open_movie(path) as movie:
        return movie.shape
