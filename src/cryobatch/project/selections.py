"""Saved selections: images that people have named, the same for everybody in the project."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryobatch.errors import ConflictError, UnknownNameError, UsageError
from cryobatch.formats import selection_file
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.formats.selection_file import SavedSelection
from cryobatch.processing.image_folder import image_lock
from cryobatch.project.images import Images
from cryobatch.project.selection import Selection
from cryobatch.store import library
from cryobatch.store.settings import put_setting

CHANGED = "selections"
"""Names, in the database, when they were changed last: who watches hears of it."""
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Selections:
    """The saved selections of a project, in a file of their own: the library can be built anew.

    Args:
        images: The project's images.
    """

    images: Images

    def listing(self) -> Mapping[str, SavedSelection]:
        """Return all by name, in the order in which they were made."""
        return selection_file.read(self._path)

    def get(self, name: str) -> Selection:
        """Return what a name means now; images that are gone are left out.

        Raises:
            UnknownNameError: Nobody has saved it.
        """
        saved = self.listing()
        if name not in saved:
            raise UnknownNameError("saved selection", name, saved)
        one = saved[name]
        if one.where is not None:
            return Selection(where=one.where)
        with self.images.database.reading() as r:
            there = library.places(r, one.images)
        if not there:
            raise UsageError(f"none of the images of the selection {name!r} is in the library now")
        return Selection(images=tuple(sorted(there)))

    def save(self, name: str, selection: Selection, *, replace: bool = False) -> SavedSelection:
        """Keep a selection under a name: an expression as it is, else the images it means now.

        Raises:
            ConflictError: The name is taken, and may not be given anew.
        """
        name = _check_name(name)
        ids = self.images.select(selection)  # an expression is seen to be one
        images = () if selection.where is not None else tuple(sorted(ids))
        moment = datetime.now(UTC).isoformat("T", "seconds")
        made = SavedSelection(selection.where, images, moment)
        with image_lock(self._lock):
            saved = dict(self.listing())
            if name in saved and not replace:
                raise ConflictError(f"there is a selection {name!r} already: choose another name")
            self._write(saved | {name: made})
        return made

    def rename(self, name: str, new: str) -> None:
        """Give a selection another name."""
        new = _check_name(new)
        with image_lock(self._lock):
            saved = self.listing()
            if name not in saved:
                raise UnknownNameError("saved selection", name, saved)
            if new in saved and new != name:
                raise ConflictError(f"there is a selection {new!r} already: choose another name")
            self._write({new if one == name else one: kept for one, kept in saved.items()})

    def remove(self, name: str) -> SavedSelection:
        """Forget a selection; no image is touched. Returns what it was."""
        with image_lock(self._lock):
            saved = dict(self.listing())
            if name not in saved:
                raise UnknownNameError("saved selection", name, saved)
            gone = saved.pop(name)
            self._write(saved)
        return gone

    @property
    def _path(self) -> Path:
        return self.images.place.folder / selection_file.FILE_NAME

    @property
    def _lock(self) -> Path:
        return self.images.place.images / selection_file.FILE_NAME

    def _write(self, saved: Mapping[str, SavedSelection]) -> None:
        write_bytes_durably(self._path, selection_file.dumps(saved).encode())
        with self.images.database.transaction() as t:
            put_setting(t, CHANGED, datetime.now(UTC).isoformat())


def _check_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"a selection's name has 1 to {LONGEST_NAME} printable characters")
    return name
