"""What the names of files in a watched folder tell of which belong together."""

from cryobatch.formats.movie import recording_kind, recording_stem
from cryobatch.importing.layout import parse_exposure

EPU_START = "FoilHole_"
MDOC = ".mdoc"


def shared_key(path: str) -> str:
    """Return what a recording and the metadata files of its own have in common.

    >>> shared_key("frames/Position_1.TIF.mdoc") == shared_key("Position_1.tif")
    True
    """
    name = path.rpartition("/")[2]
    if name.startswith(EPU_START):
        exposure = parse_exposure(name)
        if exposure is not None:
            return exposure.key
    lower = name.lower().removesuffix(MDOC)
    return recording_stem(lower) if recording_kind(lower) is not None else lower


def is_epu(path: str) -> bool:
    """Tell whether a file has the name of one of EPU's exposures."""
    name = path.rpartition("/")[2]
    return name.startswith(EPU_START) and parse_exposure(name) is not None


def is_sum(path: str) -> bool:
    """Tell whether a recording is EPU's own sum of an exposure, of which there may be a movie."""
    name = path.rpartition("/")[2]
    exposure = parse_exposure(name) if name.startswith(EPU_START) else None
    return exposure is not None and not exposure.ending
