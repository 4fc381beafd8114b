"""The metadata files of all watched folders: movies and XML often come on two disks."""

from pathlib import Path

from cryobatch.importing.layouts.companions import Companions
from cryobatch.importing.watching.keys import epu_key, shared_key


class WatchedMetadata:
    """Takes note of metadata files by name, and knows more only of those that are asked for.

    Of 100,000 files most belong to recordings that were taken long ago.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._companions = Companions()
        self._seen: set[str] = set()
        self._unread: dict[str, list[str]] = {}

    def add(self, place: str) -> bool:
        """Take note of a file, named absolutely; tells whether it is new."""
        if place in self._seen:
            return False
        self._seen.add(place)
        key = epu_key(place)
        if key is None:
            self._companions.add(Path(place))
        else:
            self._unread.setdefault(key, []).append(place)
            self._companions.epu.expect()
        return True

    def has_xml(self) -> bool:
        """Tell whether there is the XML of any exposure."""
        return bool(self._companions.epu) or bool(self._unread)

    def of(self, path: str) -> Companions:
        """Return metadata files among which all are that a recording has."""
        for place in self._unread.pop(shared_key(path), ()):
            self._companions.add(Path(place))
        return self._companions
