"""How scripts read a micrograph, whichever format it was recorded in."""

from pathlib import Path
from typing import TYPE_CHECKING

from cryobatch.errors import BadInput

if TYPE_CHECKING:
    from cryobatch.imaging.arrays import ImageArray


def read_micrograph(path: Path) -> "ImageArray":
    """Return the one frame of a file, ``(rows, columns)`` float32, row 0 at the bottom.

    Raises:
        BadInput: It cannot be read, or holds several frames.
    """
    from cryobatch.formats.movie import open_movie

    with open_movie(path) as movie:
        if movie.shape[0] != 1:
            raise BadInput(
                f"{path}: holds {movie.shape[0]} frames where one micrograph is expected; "
                "import it as a movie"
            )
        return movie.frame(0)
