"""Remember many paths by key in little memory."""

from pathlib import Path


class PathsByKey:
    """Paths by key; of a hundred thousand a dictionary of lists would take ten times as much."""

    def __init__(self) -> None:
        """Begin empty."""
        self._places: dict[str, str | tuple[str, ...]] = {}

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self._places)

    def add(self, key: str, path: Path) -> bool:
        """Take note of a path; tells whether it is new."""
        place, known = str(path), self._places.get(key)
        several = (known,) if isinstance(known, str) else known or ()
        if place in several:
            return False
        self._places[key] = (*several, place) if several else place
        return True

    def discard(self, key: str, path: Path) -> bool:
        """Forget a path; tells whether it was known."""
        before = self._all(key)
        left = tuple(place for place in before if place != str(path))
        if left:
            self._places[key] = left
        else:
            self._places.pop(key, None)
        return left != before

    def get(self, key: str) -> list[Path]:
        """Return the paths of a key."""
        return [Path(place) for place in self._all(key)]

    def _all(self, key: str) -> tuple[str, ...]:
        known = self._places.get(key, ())
        return (known,) if isinstance(known, str) else known
