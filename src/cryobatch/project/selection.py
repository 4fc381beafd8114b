"""Selections: the images that a person means."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryobatch.errors import UsageError
from cryobatch.store import library
from cryobatch.store.database import Reading


@dataclass(frozen=True, slots=True)
class Selection:
    """Images by one of three ways.

    Args:
        everything: All images that are not in the trash.
        images: Ids of images.
        where: An expression such as ``ctf_resolution < 4 and flag != "red"``.
    """

    everything: bool = False
    images: tuple[int, ...] = ()
    where: str | None = None

    def __post_init__(self) -> None:
        ways = [self.everything, bool(self.images), self.where is not None]
        if sum(ways) > 1:
            raise UsageError("images are named in more than one way: give only one of --all, "
                             "--images ID... and --where EXPRESSION")  # fmt: skip
        if not any(ways):
            raise UsageError("name the images by --all, by --images ID... or by --where EXPRESSION")


def select_images(r: Reading, selection: Selection, known_values: Sequence[str]) -> Sequence[int]:
    """Return the ids of the selected images, in the library's order.

    Args:
        r: The reading.
        selection: What a person means.
        known_values: Names of values that an expression may name before any image has them.

    Raises:
        UsageError: An id is not in the library, or an expression cannot be read.
    """
    if selection.images:
        library.select(r, ids=selection.images)
        return selection.images
    return library.select(r, where=selection.where, known_values=known_values)
