"""Moving images to another group: folder, parameter file and tables, as one step or not at all.

A journal is written first. A kill before the folder is renamed leaves the image where it was; after
that, whoever opens the project next finishes the rest.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryobatch.errors import ConflictError, CryobatchError, UsageError
from cryobatch.formats import group_file
from cryobatch.formats.atomic import sync_folder, write_bytes_durably
from cryobatch.importing import make_safe
from cryobatch.processing.image_folder import (
    ImageLocks,
    image_lock,
    read_record,
    write_record,
)
from cryobatch.project.images import Images
from cryobatch.project.place import ProjectPlace
from cryobatch.project.progress import Done, tell_nobody
from cryobatch.project.selection import Selection
from cryobatch.store import library, moving
from cryobatch.store.database import Database, Transaction

FOLDER = ".moving"
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Difference:
    """What holds for images of one group and otherwise for those of another.

    Args:
        group: Where the images are.
        name: A fact, or ``script.parameter``.
        now: What the group's file says; None: nothing.
        then: What the other group's file says; None: nothing.
        images: How many of the images are in the group.
    """

    group: str
    name: str
    now: object
    then: object
    images: int


@dataclass(slots=True)
class MoveReport:
    """What became of a move.

    Args:
        moved: Ids of the images that are in the group now, by the group where they were.
        refused: Why others are where they were, by id.
        stale: How many of the moved have results that would be different now.
    """

    moved: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Mover:
    """Moves images from group to group.

    Args:
        images: The project's images.
    """

    images: Images

    def groups(self) -> dict[str, int]:
        """Return all groups by name, with how many images each has."""
        with self.images.database.reading() as r:
            return library.groups(r)

    def compare(self, selection: Selection, group: str) -> list[Difference]:
        """Return what will hold otherwise for images in another group, by the groups' files."""
        with self.images.database.reading() as r:
            places = library.places(r, self.images.select(selection))
        counts: dict[str, int] = {}
        for own, _ in places.values():
            counts[own] = counts.get(own, 0) + 1
        then = self._settings(check_group(group))
        return [
            Difference(own, name, now.get(name), then.get(name), counts[own])
            for own in sorted(counts) for now in [self._settings(own)]
            for name in sorted({*now, *then}) if now.get(name) != then.get(name)
        ]  # fmt: skip

    def move(self, selection: Selection, group: str, *, done: Done = tell_nobody) -> MoveReport:
        """Move images into a group, which is made where there is none.

        One on which a batch runs, or whose name is taken there, stays where it is.
        """
        group = check_group(group)
        report = MoveReport()
        ids = self.images.select(selection)
        journals = self.images.place.folder / FOLDER
        journals.mkdir(exist_ok=True)
        with image_lock(journals / _ALL):
            for number, image_id in enumerate(ids, start=1):
                try:
                    before = self._move_one(journals, image_id, group)
                    report.moved.setdefault(before, []).append(image_id)
                except (CryobatchError, OSError) as error:
                    report.refused[image_id] = _explain(error)
                done(number, len(ids))
        moved = [one for some in report.moved.values() for one in some]
        self.images.index(moved)
        with self.images.database.reading() as r:
            report.stale = len(library.stale_scripts(r, moved))
        return report

    def _move_one(self, journals: Path, image_id: int, group: str) -> str:
        images = self.images
        with images.database.reading() as r:
            before, name = library.place_of(r, image_id)
        if before == group:
            raise UsageError(f"{group}/{name}: is there already")
        old, new = images.place.image_folder(before, name), images.place.image_folder(group, name)
        new.parent.mkdir(exist_ok=True)
        # The locks first, as everybody does: who holds one may wait for the database.
        with ImageLocks() as held:
            for folder in sorted((old, new)):
                held.take(folder, wait=False)
            with images.database.transaction() as t:
                _check(t, image_id, before, name, group, new)
                read_record(old)  # what cannot be read stays where somebody looks for it
                journal = journals / f"{image_id}.json"
                order = {"image": image_id, "name": name, "from": before, "to": group}
                write_bytes_durably(journal, json.dumps(order).encode())
                try:
                    old.rename(new)
                except OSError:
                    journal.unlink()
                    raise
                _finish(t, image_id, old, new)
            journal.unlink()
        return before

    def _settings(self, group: str) -> Mapping[str, object]:
        record = group_file.read(self.images.place.images / group / group_file.FILE_NAME)
        parameters = {f"{script}.{name}": value for script, some in record.parameters.items()
                      for name, value in some.items()}  # fmt: skip
        return {**record.acquisition, **parameters}


def check_group(name: str) -> str:
    """Return the name of a group, which is a folder's too.

    Raises:
        UsageError: It is none; the text says how it could be called.
    """
    safe = make_safe(name, "group")
    if safe != name:
        raise UsageError(f"{name!r} cannot be a folder's name everywhere: call it {safe!r}")
    return name


def finish_moves(place: ProjectPlace, database: Database) -> list[int]:
    """Finish, or undo, what a killed move has left; nothing where somebody moves just now.

    Returns:
        Ids of the images that are in their new group now.
    """
    journals = place.folder / FOLDER
    if next(journals.glob("*.json"), None) is None:
        return []
    try:
        with ImageLocks() as held:
            held.take(journals / _ALL, wait=False)
            return [one for path in sorted(journals.glob("*.json"))
                    for one in _recover(path, place, database)]  # fmt: skip
    except ConflictError:
        return []


def _recover(path: Path, place: ProjectPlace, database: Database) -> Iterator[int]:
    order = json.loads(path.read_bytes())
    old, new = (place.image_folder(order[end], order["name"]) for end in ("from", "to"))
    if new.is_dir() and not old.is_dir():
        with image_lock(new), database.transaction() as t:
            _finish(t, order["image"], old, new)
        yield order["image"]
    path.unlink()


def _finish(t: Transaction, image_id: int, old: Path, new: Path) -> None:
    """Let parameter file and tables say what the folder says; done twice, it is as if done once."""
    record = read_record(new)
    group = new.parent.name
    if record.image.group != group:
        write_record(new, replace(record, image=replace(record.image, group=group)))
    for parent in (new.parent, old.parent):
        sync_folder(parent)
    moving.move(t, image_id, group)


def _check(t: Transaction, image_id: int, before: str, name: str, group: str, new: Path) -> None:
    if library.place_of(t, image_id) != (before, name):
        raise ConflictError(f"{before}/{name}: somebody else has moved it; look again")
    if moving.busy(t, [image_id]):
        raise ConflictError(f"{before}/{name}: a batch runs on it; move it when that has ended")
    if library.taken_names(t, group, [name]) or new.exists():
        raise ConflictError(f"{group} has an image called {name} already")


def _explain(error: CryobatchError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: cannot be moved: {error.strerror}"
    return str(error)
