"""Find what SerialEM's mdocs say of a recording: that of its frames, and that of its series."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.mdoc import Mdoc, Section, read_mdoc
from cryobatch.formats.movie import recording_kind, recording_stem
from cryobatch.importing.layouts.paths_by_key import PathsByKey
from cryobatch.importing.layouts.serialem import View, order_views

ENDING = ".mdoc"
_STACK_ENDINGS = (".mrc", ".st", ".mrcs")

Look = tuple[int, int]
"""Size and modification time of a file."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What one mdoc states of a recording.

    Args:
        path: The mdoc.
        mdoc: What it holds.
        section: The recording's own section.
        view: Its place in a tilt series, None in an mdoc of frames.
    """

    path: Path
    mdoc: Mdoc
    section: Section
    view: View | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """An mdoc that was read because it may list recordings of other names.

    Args:
        look: How the file looked.
        views: Its images that have a movie, by the movie's stem.
        mdoc: What it holds; None of one that cannot be read, or not yet.
    """

    look: Look | None
    views: dict[str, View]
    mdoc: Mdoc | None


class MdocFiles:
    """SerialEM's mdocs of some folders; none is opened before somebody asks.

    An mdoc of frames has the name of its movie. A tilt series' names its movies inside, and grows
    while they are recorded.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._named = PathsByKey()
        self._folders: Counter[Path] = Counter()
        self._unread: set[str] = set()
        self._series: dict[str, _Read] = {}

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self._named)

    def are_near(self, recording: Path) -> bool:
        """Tell whether there are any where those of a recording could be: beside, above, below."""
        above = recording.parent.parent
        near = (recording.parent, above)
        return any(folder in near or folder.parent in near for folder in self._folders)

    def add(self, path: Path) -> None:
        """Take note of a file; what is no mdoc is left alone."""
        if path.name.lower().endswith(ENDING) and self._named.add(_key(path.name), path):
            self._folders[path.parent] += 1
            inner = path.name[: -len(ENDING)]
            # "x.tif.mdoc" is that of one movie; "x.mrc.mdoc" and "x.mdoc" may be that of a series.
            if recording_kind(inner) in (None, "mrc"):
                self._unread.add(str(path))

    def discard(self, path: Path) -> None:
        """Forget a file."""
        if self._named.discard(_key(path.name), path):
            self._folders -= Counter([path.parent])
        self._unread.discard(str(path))
        self._series.pop(str(path), None)

    def named_like(self, recording: Path) -> Path | None:
        """Return the mdoc of a recording's name, the nearest if there are several."""
        return _nearest(recording, self._named.get(_key(recording.name)))

    def frames_of(self, recording: Path) -> Stated | None:
        """Return what the mdoc of a recording's frames states; None where there is none.

        Raises:
            BadInput: It is there and cannot be read.
        """
        path = self.named_like(recording)
        if path is None:
            return None
        mdoc = read_mdoc(path)
        sections = mdoc.frame_sets or (mdoc.sections if len(mdoc.sections) == 1 else ())
        section = _choose(sections, recording)
        return Stated(path, mdoc, section) if section is not None else None

    def series_of(self, recording: Path) -> Stated | None:
        """Return what a tilt series' mdoc states of a recording; None where none names it."""
        self._read_new()
        stem = recording_stem(recording.name).lower()
        listing = [Path(place) for place, read in self._series.items() if stem in read.views]
        path = _nearest(recording, listing)
        read = self._series[str(path)] if path is not None else None
        if path is None or read is None or read.mdoc is None:
            return None
        view = read.views[stem]
        return Stated(path, read.mdoc, view.section, view)

    def is_stack(self, recording: Path) -> bool:
        """Tell whether a file holds the images of a series or map, or the sum of kept frames."""
        path = self.named_like(recording)
        if path is None or recording_kind(recording.name) != "mrc":
            return False
        try:
            mdoc = read_mdoc(path)
        except BadInput:
            return False
        images = [section for section in mdoc.sections if section.kind == "ZValue"]
        stem = recording_stem(recording.name).lower()
        # While a series grows it has one image at first: its frames lie elsewhere even then.
        elsewhere = any(recording_stem(v.frames_name or "").lower() != stem for v in mdoc.views)
        return not mdoc.frame_sets and (len(images) > 1 or elsewhere)

    def _read_new(self) -> None:
        """Read the mdocs that were added, and those of series again that have changed."""
        for place in sorted(self._unread):
            read = _read_series(Path(place))
            if read.mdoc is None or not read.mdoc.frame_sets:
                self._series[place] = read  # it may grow
        self._unread.clear()
        for place, known in self._series.items():
            if _look_at(place) != known.look:
                self._series[place] = _read_series(Path(place))


def series_name(path: Path) -> str:
    """Return the name of a tilt series: that of its mdoc without endings."""
    inner = path.name[: -len(ENDING)]
    return Path(inner).stem if inner.lower().endswith(_STACK_ENDINGS) else inner


def _read_series(path: Path) -> _Read:
    look = _look_at(str(path))
    try:
        mdoc = read_mdoc(path)
    except BadInput:
        return _Read(look, {}, None)
    views = {
        recording_stem(view.section.frames_name or "").lower(): view
        for view in order_views(mdoc.views)
    }
    return _Read(look, views, mdoc)


def _look_at(place: str) -> Look | None:
    try:
        status = Path(place).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _key(name: str) -> str:
    """Return what a recording and the mdoc of its frames have in common."""
    lower = name.lower().removesuffix(ENDING).removesuffix(".st")
    return recording_stem(lower) if recording_kind(lower) is not None else lower


def _choose(sections: Sequence[Section], recording: Path) -> Section | None:
    """Return the section that names a recording; the only one if none does."""
    stem = recording_stem(recording.name).lower()
    for section in sections:
        if recording_stem(section.frames_name or "").lower() == stem:
            return section
    return sections[0] if len(sections) == 1 else None


def _nearest(recording: Path, places: Sequence[Path]) -> Path | None:
    """Return the path that shares most folders with a recording's; the first of equals."""

    def shared(path: Path) -> int:
        return len(os.path.commonpath([recording, path]))

    return max(sorted(places), key=shared, default=None)
