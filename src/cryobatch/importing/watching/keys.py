"""What the names of files in a watched folder tell of which belong together.

A start looks at a hundred thousand names: these functions work on texts, in about a microsecond.
"""

import re

EPU_START = "FoilHole_"
_DATA = "_Data_"
_MDOC = ".mdoc"
_DIGITS = re.compile(r"([0-9]{1,18})")
_ENDINGS = (".gz", ".bz2", ".mrc", ".mrcs", ".tif", ".tiff", ".eer")


def shared_key(path: str) -> str:
    """Return what a recording and the metadata files of its own have in common.

    >>> shared_key("frames/Position_1.TIF.mdoc") == shared_key("Position_1.tif")
    True
    >>> shared_key("Data/FoilHole_1_Data_2_3_20250108_154915_fractions.tiff")
    'FoilHole_1_Data_2_3'
    """
    name = path.rpartition("/")[2]
    fields = _exposure_fields(name)
    if fields is not None:
        return _exposure_key(name, fields)
    name = name.lower().removesuffix(_MDOC)
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name


def movie_key(path: str) -> str | None:
    """Return the shared key of a movie of EPU's, None for its sums and for all others.

    >>> movie_key("FoilHole_1_Data_2_3_20250108_154915.mrc"), movie_key("a_fractions.tiff")
    (None, None)
    """
    name = path.rpartition("/")[2]
    fields = _exposure_fields(name)
    return None if fields is None or len(fields) == 4 else _exposure_key(name, fields)


def epu_key(path: str) -> str | None:
    """Return the shared key of a file of one of EPU's exposures, None for all others.

    >>> epu_key("FoilHole_1_20250108_154915.xml")
    """
    name = path.rpartition("/")[2]
    fields = _exposure_fields(name)
    return None if fields is None else _exposure_key(name, fields)


def is_sum(path: str) -> bool:
    """Tell whether a recording is EPU's own sum of an exposure, of which there may be a movie.

    >>> is_sum("FoilHole_1_Data_2_3_20250108_154915.mrc")
    True
    """
    fields = _exposure_fields(path.rpartition("/")[2])
    return fields is not None and len(fields) == 4


def natural_order(path: str) -> list[str | int]:
    """Return what sorts names as people number them: texts and numbers take turns.

    >>> sorted(["m10.mrc", "m9.mrc", "10.mrc"], key=natural_order)
    ['10.mrc', 'm9.mrc', 'm10.mrc']
    """
    parts = _DIGITS.split(path)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def _exposure_key(name: str, fields: list[str]) -> str:
    return f"{name.partition(_DATA)[0]}{_DATA}{fields[0]}_{fields[1]}"


def _exposure_fields(name: str) -> list[str] | None:
    """Return template, number, date, time and what follows; None for no exposure of EPU's."""
    if not name.startswith(EPU_START):
        return None
    fields = name.partition(_DATA)[2].split("_")
    dated = len(fields) >= 4 and len(fields[2]) == 8 and fields[2].isdigit()
    return fields if dated else None
