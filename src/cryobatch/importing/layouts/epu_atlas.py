"""Find the atlas of an EPU session: a picture of the whole grid, kept in a folder of its own."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath

from cryobatch.errors import BadInput
from cryobatch.formats.epu_overview import EpuOverview, read_epu_overview
from cryobatch.formats.epu_session import read_atlas_place, read_atlas_size
from cryobatch.formats.mrc import open_stack
from cryobatch.model.overview import Overview, OverviewKind

FOLDER = "Atlas"
SESSION_FILE = "EpuSession.dm"
MOST_TILES = 200
LEVELS_UP = 4
"""How far above a session's folder its atlas is looked for."""
ASKED_AGAIN_AFTER = 50
"""An atlas that was not there is looked for again after so many recordings."""

_ATLAS = re.compile(r"Atlas_\d+\.xml\Z")
_TILE = re.compile(r"Tile_[\w-]+\.xml\Z")


class EpuAtlases:
    """The atlases that lie among some files, or beside the sessions that name them."""

    def __init__(self) -> None:
        """Begin empty."""
        self._folders: set[Path] = set()
        self._found: dict[Path, tuple[Overview, ...]] = {}
        self._asked: dict[Path, int] = {}

    def add(self, path: Path) -> None:
        """Take note of an XML file; what is none of an atlas is left alone."""
        if path.parent.name == FOLDER and (_ATLAS.match(path.name) or _TILE.match(path.name)):
            self._folders.add(path.parent)

    def find(self, session: Path) -> tuple[Overview, ...]:
        """Return atlas and tiles of a session, nothing while they are nowhere."""
        if session in self._found:
            return self._found[session]
        asked = self._asked[session] = self._asked.get(session, -1) + 1
        if asked % ASKED_AGAIN_AFTER:
            return ()
        folder = choose_folder(_place_of(session), [*self._folders, *_folders_near(session)])
        found = tuple(_read_folder(folder)) if folder is not None else ()
        if found:
            self._found[session] = found
        return found


def choose_folder(stated: PureWindowsPath | None, folders: Iterable[Path]) -> Path | None:
    """Return the folder that a session's atlas is in.

    Args:
        stated: Where it lies on the microscope's computer, None where nothing says so.
        folders: Folders of atlases.

    Returns:
        The one whose path ends most alike, at least in sample and folder; without a statement the
        only one that there is.
    """
    found = sorted(set(folders))
    if stated is None:
        return found[0] if len(found) == 1 else None
    alike = max(((_alike(stated.parent.parts, one.parts), one) for one in found), default=None)
    return alike[1] if alike is not None and alike[0] >= 2 else None


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many parts from the end on are the same."""
    count = 0
    for ours, theirs in zip(reversed(one), reversed(other), strict=False):
        if ours.lower() != theirs.lower():
            break
        count += 1
    return count


def _place_of(session: Path) -> PureWindowsPath | None:
    try:
        return read_atlas_place(session / SESSION_FILE)
    except BadInput:
        return None  # without the session's file, or while it is written


def _folders_near(session: Path) -> Iterable[Path]:
    """Yield folders of atlases beside a session: where its file says, else in a sample's folder."""
    above = [session, *session.parents][:LEVELS_UP]
    stated = _place_of(session)
    parts = stated.parent.parts[1:] if stated is not None else ()
    if ".." in parts:
        parts = ()
    for folder in above:
        tails = [Path(*parts[start:]) for start in range(len(parts))]
        places = [*(folder / tail for tail in tails), folder / FOLDER, *_samples(folder)]
        yield from (place for place in places if place.name == FOLDER and place.is_dir())


def _samples(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob(f"Sample*/{FOLDER}"))
    except OSError:
        return []  # a folder above that nobody lets us list


def _read_folder(folder: Path) -> Iterable[Overview]:
    names = sorted(path.name for path in folder.iterdir())
    atlas = [name for name in names if _ATLAS.match(name)]
    tiles = [name for name in names if _TILE.match(name)][:MOST_TILES]
    for kind, chosen in ((OverviewKind.ATLAS, atlas[-1:]), (OverviewKind.TILE, tiles)):
        for name in chosen:
            try:
                found = read_epu_overview(folder / name)
            except BadInput:
                continue  # a picture without its place is of no use to a map
            if kind is OverviewKind.ATLAS:
                found = _whole(found, folder / name)
            picture = (folder / name).with_suffix(".jpg")
            yield Overview(
                kind, Path(name).stem, str(folder / name),
                str(picture) if picture.is_file() else None,
                found.x, found.y, found.right, found.down, found.columns, found.rows,
                found.recorded_at,
            )  # fmt: skip


def _whole(atlas: EpuOverview, xml: Path) -> EpuOverview:
    """Return an atlas with its own size: its XML has that of the tiles it is put together from."""
    for read in (_size_of_pixels, _size_of_tiles):
        try:
            columns, rows = read(xml)
        except BadInput:
            continue
        return replace(atlas, columns=columns, rows=rows)
    return atlas


def _size_of_pixels(xml: Path) -> tuple[int, int]:
    with open_stack(xml.with_suffix(".mrc")) as stack:
        return stack.shape[2], stack.shape[1]


def _size_of_tiles(xml: Path) -> tuple[int, int]:
    return read_atlas_size(xml.with_name("Atlas.dm"))
