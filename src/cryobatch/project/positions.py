"""Keep the index of where images were recorded up to date with their parameter files."""

from collections.abc import Iterable, Sequence

from cryobatch.errors import CryobatchError
from cryobatch.importing import Recording
from cryobatch.model.overview import Overview
from cryobatch.model.position import Position, position_of
from cryobatch.project.images import Images
from cryobatch.project.keepsakes import keep_overviews
from cryobatch.store import positions

READ_AT_ONCE = 400
"""Images whose parameter files are read for one look at the map: about a second."""


def read_unknown(images: Images, limit: int = READ_AT_ONCE) -> int:
    """Note positions of images of an older project, which nobody has noted yet.

    Args:
        images: The project's images.
        limit: How many to read at most.

    Returns:
        How many are left.
    """
    with images.database.reading() as r:
        ids, count = positions.unknown(r, limit)
    if not ids:
        return 0
    found = {one: _read(images, one) for one in ids}
    with images.database.transaction() as t:
        positions.put(t, found)
    return count - len(ids)


def _read(images: Images, image_id: int) -> Position:
    try:
        return position_of(images.record(image_id))
    except CryobatchError:
        return Position()  # the doctor tells of files that cannot be read


def note_overviews(images: Images, recordings: Sequence[Recording]) -> None:
    """Note the pictures of the grid that recordings have brought along."""
    database = images.database
    found = {one.source: one for item in recordings for one in item.overviews}
    if not found:
        return
    with database.reading() as r:
        known = {one.source: one for one in positions.overviews(r).values()}
    new = list(_differing(found.values(), known))
    if new:
        keep_overviews(images.place.folder, new)
        with database.transaction() as t:
            positions.put_overviews(t, new)


def _differing(found: Iterable[Overview], known: dict[str, Overview]) -> Iterable[Overview]:
    return (one for one in found if known.get(one.source) != one)
