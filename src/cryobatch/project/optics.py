"""Keep the optics groups of a project's images, whoever registers them and after every restart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryobatch.errors import CryobatchError
from cryobatch.importing.optics.optics_groups import (
    OPTICS_GROUP,
    OpticsGroups,
    groups_from_json,
    groups_to_json,
)
from cryobatch.model.image import Fact, ImageRecord
from cryobatch.processing.image_folder import read_record, update_record
from cryobatch.project.place import ProjectPlace
from cryobatch.store import library
from cryobatch.store.database import Database, Transaction
from cryobatch.store.settings import delete_setting, get_setting, put_setting

KEPT = "optics_groups"
"""Names the groups in the database: with the images' ids, so that both are true or none is."""
OWED = "optics_groups_owed"
"""Names, in the database, the groups that earlier images have and their files do not say yet."""
LEARNT_FROM = 2000
"""Images that groups are learnt from where the database was built anew: the last ones."""


@dataclass(frozen=True, slots=True)
class Optics:
    """The optics groups of a project.

    Args:
        place: Where its images are.
        database: Remembers the groups.
    """

    place: ProjectPlace
    database: Database

    def recall(self) -> None:
        """Learn the groups from the images, should the database not know them.

        What a killed import had not written is written now.
        """
        with self.database.reading() as r:
            known, owed = get_setting(r, KEPT) is not None, get_setting(r, OWED)
        if owed:
            self.complete({int(one): Fact(*group) for one, group in owed.items()})
        if not known:
            self._learn()

    def _learn(self) -> None:
        with self.database.reading() as r:
            places = library.places(r, library.select(r, "trashed == 0 or trashed == 1"))
        groups = OpticsGroups()
        for image_id in sorted(places)[-LEARNT_FROM:]:
            try:
                record = read_record(self.place.image_folder(*places[image_id]))
            except CryobatchError:
                continue  # the doctor tells of files that cannot be read
            groups.learn(image_id, record.acquisition)
        with self.database.transaction() as t:
            put_setting(t, KEPT, groups_to_json(groups))

    def assign(self, t: Transaction, images: Mapping[int, Mapping[str, Fact]]) -> dict[int, Fact]:
        """Give new images their groups.

        Args:
            t: That which reserves their ids: a group is kept before an image has it.
            images: Their facts by id.

        Returns:
            Groups by image: of new ones, and of earlier ones that have waited.
        """
        found = self._add(t, images)
        self._owe(t, {one: fact for one, fact in found.items() if one not in images})
        return found

    def catch_up(self, images: Mapping[int, Mapping[str, Fact]]) -> None:
        """Give groups to images that are registered, and whose facts have come later."""
        self.recall()
        late = {i: images[i] for i in sorted(images) if OPTICS_GROUP not in images[i]}
        if late:
            with self.database.transaction() as t:
                found = self._add(t, late)
                self._owe(t, found)
            self.complete(found)

    def _add(self, t: Transaction, images: Mapping[int, Mapping[str, Fact]]) -> dict[int, Fact]:
        kept = get_setting(t, KEPT)
        groups = OpticsGroups() if kept is None else groups_from_json(kept)
        found: dict[int, Fact] = {}
        for image_id, facts in images.items():
            found |= groups.add(image_id, facts)
        put_setting(t, KEPT, groups_to_json(groups))
        return found

    def _owe(self, t: Transaction, found: Mapping[int, Fact]) -> None:
        if found:
            owed = {str(one): (fact.value, fact.source) for one, fact in found.items()}
            put_setting(t, OWED, get_setting(t, OWED, {}) | owed)

    def complete(self, found: Mapping[int, Fact]) -> None:
        """Write groups into the files of images that were registered without.

        One that is not registered yet, as its recording is being copied, is owed its group.
        """
        if not found:
            return
        with self.database.reading() as r:
            places = library.places(r, list(found))
        for image_id, place in places.items():
            group = found[image_id]

            def add(record: ImageRecord, group: Fact = group) -> ImageRecord:
                return replace(record, acquisition={OPTICS_GROUP: group, **record.acquisition})

            try:
                update_record(self.place.image_folder(*place), add)
            except (CryobatchError, OSError):
                continue  # an image without its group costs the export, not the import
        with self.database.transaction() as t:
            owed = get_setting(t, OWED, {})
            left = {one: group for one, group in owed.items() if int(one) not in places}
            if left:
                put_setting(t, OWED, left)
            else:
                delete_setting(t, OWED)
