"""The pulse of a project: tells whoever watches that something has changed, and what."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryobatch.project.place import ProjectPlace
from cryobatch.store.changes import Marks, changed_images, read_marks
from cryobatch.store.database import Database

MAX_IMAGES = 500


@dataclass(frozen=True, slots=True)
class Change:
    """What has changed since the last look.

    Args:
        topics: Of "images", "queue", "processors", "log", "settings".
        images: Ids of the images; None: too many to name.
        log: Id of the newest row of the log.
    """

    topics: frozenset[str]
    images: tuple[int, ...] | None
    log: int


class Pulse:
    """Looks at a project's database for changes of anybody, this process among them.

    It has a connection of its own, which sees what all others write. Not for several threads.
    """

    def __init__(self, place: ProjectPlace) -> None:
        """Open the database."""
        self._database = Database(place.database)
        self._version = -1
        self._marks: Marks | None = None

    def look(self) -> Change | None:
        """Return what has changed since the last look, None when nothing has (or at the first).

        A look at an unchanged database reads one number.
        """
        version = self._database.data_version()
        if version == self._version:
            return None
        self._version = version
        with self._database.reading() as r:
            before, after = self._marks, read_marks(r)
            self._marks = after
            if before is None:
                return None
            images = changed_images(r, before, after, MAX_IMAGES)
        return _compare(before, after, images)

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def _compare(before: Marks, after: Marks, images: list[int] | None) -> Change:
    different: Mapping[str, bool] = {
        "images": images is None or bool(images),
        "queue": before.queue != after.queue,
        "processors": before.processors != after.processors,
        "log": before.log != after.log,
        "settings": before.settings != after.settings,
    }
    topics = frozenset(name for name, is_so in different.items() if is_so)
    # A write that shows nowhere else may have moved batches far down the queue.
    return Change(topics or frozenset({"queue"}), None if images is None else tuple(images),
                  after.log)  # fmt: skip
