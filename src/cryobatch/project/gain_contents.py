"""Notice that a gain reference has another content than before, and which images that concerns."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from cryobatch.errors import CryobatchError, ScriptFailed
from cryobatch.importing.doubts.session_checks import Alarm
from cryobatch.model.image import ImageRecord
from cryobatch.processing.currency import FileDigests
from cryobatch.project.images import Images
from cryobatch.store import library
from cryobatch.store.settings import get_setting, put_setting

CONTENTS = "gain_contents"
"""Names, in the database, the gain references of the images, with size, time and content."""


class GainContents:
    """The gain references of a project's images, as they were when these were imported."""

    def __init__(self, images: Images) -> None:
        """Take note of where to look.

        Args:
            images: The project's.
        """
        self._images = images
        self._digests = FileDigests(images.place.folder)

    def note(self, names: Iterable[str]) -> None:
        """Remember gain references of images that are about to be registered.

        Call ``check`` before: what has changed concerns the images that are there already.
        """
        with self._images.database.reading() as r:
            known = get_setting(r, CONTENTS, {})
        new = {name: self._look(name) for name in set(names) - known.keys()}
        self._keep({name: look for name, look in new.items() if look is not None})

    def check(self) -> Iterator[Alarm]:
        """Yield an alarm for each gain reference that is gone, or has another content.

        Images that were imported before and not yet unpacked are concerned: they would be corrected
        by the new one. Those that are unpacked were corrected by the old one, which is right.
        """
        with self._images.database.reading() as r:
            known = get_setting(r, CONTENTS, {})
        for name, (stamp, digest) in known.items():
            now = self._stamp(name)
            if now is None:
                yield Alarm(f"gain gone: {name}", f"the gain reference {name} is gone: images that "
                            "need it fail until it is there again", ())  # fmt: skip
            elif list(now) != stamp:
                look = self._look(name)
                if look is not None:
                    if look[1] != digest:
                        yield self._alarm(name, look[1])
                    self._keep({name: look})

    def digest(self, name: str) -> str:
        """Return what tells a gain reference's content from another, empty when not known."""
        with self._images.database.reading() as r:
            known = get_setting(r, CONTENTS, {})
        return str(known[name][1]) if name in known else ""

    def _alarm(self, name: str, digest: str) -> Alarm:
        images = tuple(self._find_waiting(name))
        text = (
            f"the gain reference {name} has another content than before; images that were imported "
            f"before the change and wait to be unpacked: {len(images)}"
        )
        doubt = "its gain reference was replaced after it was imported"
        return Alarm(f"gain content: {name} {digest}", text, images, doubt)

    def _find_waiting(self, name: str) -> Iterator[int]:
        """Yield images with this gain reference that no script has unpacked."""
        with self._images.database.reading() as r:
            waiting = library.select(
                r, "frame_count is none and root_product == 'movie'", known_values=["frame_count"]
            )
        for image_id in waiting:
            try:
                record = self._images.record(image_id)
            except CryobatchError:
                continue
            if record.fact("gain") == name and not _is_unpacked(record):
                yield image_id

    def _look(self, name: str) -> tuple[list[int], str] | None:
        stamp = self._stamp(name)
        try:
            return None if stamp is None else (list(stamp), self._digests(name))
        except ScriptFailed:
            return None

    def _stamp(self, name: str) -> tuple[int, int, int] | None:
        try:
            status = Path(self._digests.find(name)).stat()
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns, status.st_ino

    def _keep(self, looks: dict[str, tuple[list[int], str]]) -> None:
        if looks:
            with self._images.database.transaction() as t:
                put_setting(t, CONTENTS, {**get_setting(t, CONTENTS, {}), **looks})


def _is_unpacked(record: ImageRecord) -> bool:
    return any("frame_count" in values for values in record.values.values())
