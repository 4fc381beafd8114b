"""The metadata files of all watched folders: movies and XML often come on two disks."""

import threading
from pathlib import Path

from cryobatch.importing.layouts.companions import Companions
from cryobatch.importing.watching.keys import epu_key, shared_key


class WatchedMetadata:
    """Takes note of metadata files by name, and knows more only of those that are asked for.

    Of 100,000 files most belong to recordings that were taken long ago. Any thread may add; only
    one at a time may ask, and use what it got.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._companions = Companions()
        self._adding = threading.Lock()
        self._fresh: list[str] = []
        self._seen: set[str] = set()
        self._unread: dict[str, list[str]] = {}

    def add(self, place: str) -> bool:
        """Take note of a file, named absolutely; tells whether it is new."""
        with self._adding:
            if place in self._seen:
                return False
            self._seen.add(place)
            self._fresh.append(place)
        return True

    def _sort_in(self) -> None:
        with self._adding:
            fresh, self._fresh = self._fresh, []
        for place in fresh:
            self._sort_in_one(place)

    def _sort_in_one(self, place: str) -> None:
        key = epu_key(place)
        if key is None:
            self._companions.add(Path(place))
        else:
            self._unread.setdefault(key, []).append(place)
            self._companions.epu.expect()

    def has_xml(self) -> bool:
        """Tell whether there is the XML of any exposure."""
        self._sort_in()
        return bool(self._companions.epu) or bool(self._unread)

    def of(self, path: str) -> Companions:
        """Return metadata files among which all are that a recording has."""
        self._sort_in()
        for place in self._unread.pop(shared_key(path), ()):
            self._companions.add(Path(place))
        return self._companions
