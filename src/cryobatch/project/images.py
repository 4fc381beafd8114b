"""The images of a project: their parameter files, and the library that repeats them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryobatch.errors import CryobatchError, ProjectError, UnknownNameError
from cryobatch.formats import group_file
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.formats.group_file import GroupRecord
from cryobatch.model.batch import ParameterSet
from cryobatch.model.image import ImageRecord
from cryobatch.model.index import IndexEntry, index_entry
from cryobatch.model.position import position_of
from cryobatch.processing.currency import Surroundings, fingerprint_root, recording_path
from cryobatch.processing.image_folder import (
    PARAMETER_FILE,
    Read,
    identify,
    image_lock,
    read_record,
    update_records,
)
from cryobatch.processing.staleness import find_stale
from cryobatch.project.correction import Change, leave_out, trash_image
from cryobatch.project.place import ProjectPlace
from cryobatch.project.progress import Done, tell_nobody
from cryobatch.project.selection import Selection, select_images
from cryobatch.project.update_journal import finish_updates, keep_journal
from cryobatch.store import library, positions
from cryobatch.store.database import Database
from cryobatch.store.table import Columns, read_table

CHUNK = 500
"""Images indexed in one transaction: some hundredths of a second."""
UPDATED_AT_ONCE = 100
"""Images whose parameter files are written before the library repeats them."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images of a project.

    Args:
        database: The project's database.
        place: Where the images' folders are.
        surroundings: Gives what results depend on, for a group's record.
        known_values: Gives the names of all values that scripts may calculate.
    """

    database: Database
    place: ProjectPlace
    surroundings: Callable[[GroupRecord], Surroundings]
    known_values: Callable[[], Sequence[str]]

    def select(self, selection: Selection) -> Sequence[int]:
        """Return the ids of the selected images."""
        with self.database.reading() as r:
            return select_images(r, selection, self.known_values())

    def rows(
        self,
        where: str | None = None,
        *,
        ids: Collection[int] | None = None,
        sort: str = "id",
        descending: bool = False,
        limit: int | None = None,
        columns: Collection[str] = (),
    ) -> list[dict[str, object]]:
        """Return the library: one object an image, with every value under its name."""
        with self.database.reading() as r:
            return library.rows(
                r, where, ids=ids, sort=sort, descending=descending, limit=limit,
                known_values=self.known_values(), columns=columns,
            )  # fmt: skip

    def table(
        self,
        where: str | None = None,
        *,
        fields: Collection[str] | None = None,
        besides: Collection[str] = (),
        sort: str = "id",
        descending: bool = False,
        limit: int | None = None,
        exact: bool = True,
    ) -> Columns:
        """Return the library as columns: see ``store.table``."""
        with self.database.reading() as r:
            return read_table(
                r, where, fields=fields, besides=besides, sort=sort, descending=descending,
                limit=limit, known_values=self.known_values(), exact=exact,
            )  # fmt: skip

    def folder(self, image_id: int) -> Path:
        """Return the folder of an image."""
        with self.database.reading() as r:
            return self.place.image_folder(*library.place_of(r, image_id))

    def record(self, image_id: int) -> ImageRecord:
        """Return all that is known about an image."""
        return read_record(self.folder(image_id))

    def present_products(self, image_id: int) -> list[str]:
        """Return the products that scripts have made of an image."""
        folder = self.folder(image_id)
        return [
            product
            for run in read_record(folder).runs.values()
            for product, file in run.products.items()
            if (folder / file).is_file()
        ]

    def find(self, name: str) -> int:
        """Return the image of an id, a name, or a group and name with a slash between them."""
        with self.database.reading() as r:
            if name.isdigit() and library.places(r, [int(name)]):
                return int(name)
            group, slash, own = name.rpartition("/")
            found = library.find_by_name(r, own, group if slash else None)
        if len(found) == 1:
            return found[0]
        problem = "several images are" if found else "no image is"
        raise CryobatchError(f"{problem} called {name!r}: name it by its id (see the library)")

    def update(
        self, selection: Selection, change: Change, *, done: Done = tell_nobody
    ) -> list[int]:
        """Change the parameter files of images, and the library with them.

        Args:
            selection: Which images.
            change: Gives the new record of each.
            done: Is told of the progress.

        Who is stopped, or killed, leaves each image as it was or changed, and the library in step
        with it: at the latest when the project is opened next.

        Returns:
            Ids of the images that have changed.

        Raises:
            ProjectError: Files of some images cannot be read or written; all others have changed.
        """
        ids = self.select(selection)
        changed: list[int] = []
        problems: list[str] = []
        for start in range(0, len(ids), UPDATED_AT_ONCE):
            part = ids[start : start + UPDATED_AT_ONCE]
            with keep_journal(self.place.state, part):
                found, failed = self._update_some(part, change)
            changed += found
            problems += failed
            done(start + len(part), len(ids))
        if problems:
            raise ProjectError(
                f"{len(changed)} images have changed, {len(problems)} could not be: "
                + "; ".join(problems[:5])
            )
        return changed

    def finish_updates(self) -> None:
        """Index the images whose update was killed between their files and the library."""
        finish_updates(self.place.state, self.index)

    def _update_some(self, ids: Sequence[int], change: Change) -> tuple[list[int], list[str]]:
        """Change some images; returns those that have changed, and why others could not be."""
        folders = dict(self._folders(ids))
        try:
            updated = dict(zip(folders, update_records(folders.values(), change), strict=True))
            reads = {one: read for one, read in updated.items() if isinstance(read, Read)}
            self._index_reads(reads)
        except (KeyboardInterrupt, SystemExit):  # a person's Ctrl-C
            self.index(ids)
            raise
        return list(reads), [str(one) for one in updated.values() if isinstance(one, Exception)]

    def trash(self, selection: Selection, trashed: bool) -> list[int]:
        """Put images aside or take them back; one whose folder is gone only in the library.

        Returns:
            Ids of the images that have changed.
        """
        folders = list(self._folders(self.select(selection)))
        gone = [image_id for image_id, folder in folders if not folder.is_dir()]
        there = tuple(image_id for image_id, folder in folders if folder.is_dir())
        changed = self.update(Selection(images=there), trash_image(trashed)) if there else []
        with self.database.transaction() as t:
            library.set_trashed(t, gone, trashed)
        return sorted([*changed, *gone])

    def update_group(self, group: str, change: Callable[[GroupRecord], GroupRecord]) -> bool:
        """Change what holds for a group; tells whether that was another thing before."""
        with self.database.reading() as r:
            groups = library.groups(r)
        if group not in groups:
            raise UnknownNameError("group", group, groups)
        path = self.place.images / group / group_file.FILE_NAME
        with image_lock(path.parent):
            before = group_file.read(path)
            after = change(before)
            write_bytes_durably(path, group_file.dumps(after).encode())
        self.refresh(Selection(where=f"group == {group!r}"))
        return after != before

    def set_group_parameters(self, group: str, given: ParameterSet) -> None:
        """Set scripts' parameters for all images of a group."""

        def change(record: GroupRecord) -> GroupRecord:
            parameters = {name: dict(values) for name, values in record.parameters.items()}
            for script, values in given.items():
                parameters.setdefault(script, {}).update(values)
            return replace(record, parameters=parameters)

        self.update_group(group, change)

    def unset_group_parameters(self, group: str, names: Collection[tuple[str, str]]) -> bool:
        """Take scripts' parameters of a group back, named by script and name; tells if any was."""
        return self.update_group(
            group, lambda g: replace(g, parameters=leave_out(g.parameters, names))
        )

    def find_own_parameters(
        self, group: str, names: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], list[int]]:
        """Return the images of a group whose own value of a parameter comes before the group's.

        Args:
            group: The group.
            names: Parameters by script and name.
        """
        found: dict[tuple[str, str], list[int]] = {}
        for image_id, folder in self._folders(self.select(Selection(where=f"group == {group!r}"))):
            try:
                own = read_record(folder).parameters
            except CryobatchError:
                continue  # the doctor tells of files that cannot be read
            for script, name in names:
                if name in own.get(script, {}):
                    found.setdefault((script, name), []).append(image_id)
        return found

    def index(self, ids: Sequence[int]) -> Mapping[str, str]:
        """Bring the library up to date with the parameter files of images.

        Returns:
            Why files could not be read, by folder; their images stay as the library has them.
        """
        problems: dict[str, str] = {}
        for start in range(0, len(ids), CHUNK):
            reads: dict[int, Read] = {}
            for image_id, folder in self._folders(ids[start : start + CHUNK]):
                try:
                    reads[image_id] = Read.now(folder)
                except CryobatchError as error:
                    problems[str(folder)] = str(error)
            problems |= self._index_reads(reads)
        return problems

    def _index_reads(self, reads: Mapping[int, Read]) -> Mapping[str, str]:
        problems: dict[str, str] = {}
        entries: dict[int, IndexEntry] = {}
        for image_id, read in reads.items():
            try:
                entries[image_id] = self._entry(read)
            except CryobatchError as error:
                problems[str(read.folder)] = str(error)
        with self.database.transaction() as t:
            for image_id, entry in entries.items():
                library.index(t, image_id, self._renew(reads[image_id], entry))
            positions.put(t, {one: position_of(reads[one].record) for one in entries})
        return problems

    def _entry(self, read: Read) -> IndexEntry:
        return index_entry(read.record, self.find_stale(read.record, read.folder))

    def _renew(self, read: Read, entry: IndexEntry) -> IndexEntry:
        """Return the entry of what is in the file now that nobody else writes to the library.

        A daemon that has committed a result meanwhile may have repeated it in the library already.
        """
        try:
            if identify(read.folder) != read.identity:
                return self._entry(Read.now(read.folder))
        except CryobatchError:
            return entry  # it was there a moment ago; whoever reads it next will tell
        return entry

    def refresh(self, selection: Selection) -> Mapping[str, str]:
        """Find out which results of images are stale now; returns problems as ``index`` does."""
        return self.index(self.select(selection))

    def rebuild(self) -> Mapping[str, str]:
        """Build the library anew from the images' parameter files.

        Returns:
            Why images could not be read, by folder.
        """
        records, problems = self._read_all()
        ids = sorted(records)
        for start in range(0, len(ids), CHUNK):
            with self.database.transaction() as t:
                library.register(t, [records[one].image for one in ids[start : start + CHUNK]])
        return {**problems, **self.index(ids)}

    def _read_all(self) -> tuple[dict[int, ImageRecord], dict[str, str]]:
        records: dict[int, ImageRecord] = {}
        problems: dict[str, str] = {}
        for path in sorted(self.place.images.glob(f"*/*/{PARAMETER_FILE}")):
            try:
                record = read_record(path.parent)
            except CryobatchError as error:
                problems[str(path.parent)] = str(error)
                continue
            image = record.image
            if self.place.image_folder(image.group, image.name) == path.parent:
                records[image.id] = record
            else:
                problems[str(path.parent)] = (
                    f"{path}: says that it belongs to {image.group}/{image.name}: "
                    "move the folder back, or remove the copy"
                )
        return records, problems

    def find_stale(self, record: ImageRecord, folder: Path) -> tuple[str, ...]:
        """Return the scripts whose results are not what they would be now."""
        if not record.runs:
            return ()
        group = group_file.read(folder.parent / group_file.FILE_NAME)
        surroundings = self.surroundings(group)
        try:
            recording = fingerprint_root(record, recording_path(record, folder))
        except CryobatchError:
            recording = ""
        person = record.person
        effective = replace(
            record, person=replace(person, facts={**group.acquisition, **person.facts})
        )
        now = replace(
            surroundings,
            layers=(*surroundings.layers, record.parameters),
            recording=recording,
            is_there=lambda file: (folder / file).is_file(),
        )
        return find_stale(effective, now)

    def _folders(self, ids: Sequence[int]) -> Iterator[tuple[int, Path]]:
        with self.database.reading() as r:
            places = library.places(r, ids)
        for image_id in ids:
            if image_id in places:
                yield image_id, self.place.image_folder(*places[image_id])
