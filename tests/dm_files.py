"""DM3 and DM4 files to test with, written independently of the code that reads them."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CODES = {"int16": (1, 2), "float32": (2, 6), "uint8": (6, 10), "int32": (7, 3), "uint16": (10, 4)}
"""Numbers of a pixel type in ``DataType`` and in the description of an array."""

Tree = dict[str, Any]
"""Tags by name: groups as dictionaries, else numbers, texts, arrays (Any: one of these)."""


def write_dm(path: Path, image: NDArray[Any], version: int = 4) -> Path:
    """Write an image, the first row on top, after a thumbnail of it, with some other tags.

    Groups in a list have no names, here as in real files.

    Args:
        path: The file.
        image: ``(rows, columns)``; its last row becomes the first of the file.
        version: 3 or 4.
    """
    thumbnail = np.zeros((4, 4), np.int32)
    tree: Tree = {
        "ApplicationBounds": (0, 0, 100, 200),
        "ImageList": {
            "": {"ImageData": _image_data(thumbnail), "Name": "thumbnail"},
            " ": {
                "ImageData": _image_data(image[::-1]),
                "ImageTags": {"Gain": {"kV": 300.0, "Nothing": np.zeros(0, np.int16)}},
                "Name": "gain",
            },
        },
        "InImageMode": 1,
    }
    long = "q" if version == 4 else "i"
    body = _group(tree, long)
    head = struct.pack(">i", version) + struct.pack(">" + long, len(body)) + struct.pack(">i", 1)
    path.write_bytes(head + body + bytes(8))
    return path


def _image_data(image: NDArray[Any]) -> Tree:
    calibrations = {"Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": "e"}}
    return {
        "Calibrations": calibrations,
        "Data": image,
        "DataType": _CODES[image.dtype.name][0],
        "Dimensions": {"": image.shape[1], " ": image.shape[0]},
        "PixelDepth": image.dtype.itemsize,
    }


def _group(tree: Tree, long: str) -> bytes:
    return struct.pack(">2B" + long, 1, 0, len(tree)) + b"".join(
        _tag(name.strip(), value, long) for name, value in tree.items()
    )


def _tag(name: str, value: Any, long: str) -> bytes:
    is_group = isinstance(value, dict)
    body = _group(value, long) if is_group else _data(value, long)
    size = struct.pack(">q", len(body)) if long == "q" else b""
    return struct.pack(">BH", 20 if is_group else 21, len(name)) + name.encode() + size + body


def _data(value: Any, long: str) -> bytes:
    if isinstance(value, np.ndarray):
        info, data = [20, _CODES[value.dtype.name][1], value.size], value.tobytes()
    elif isinstance(value, tuple):
        info, data = [15, 0, len(value)] + [0, 3] * len(value), struct.pack("<4i", *value)
    elif isinstance(value, str):
        info, data = [20, 4, len(value)], value.encode("utf-16-le")
    elif isinstance(value, float):
        info, data = [6], struct.pack("<f", value)
    else:
        info, data = [5], struct.pack("<I", value)
    return b"%%%%" + struct.pack(f">{len(info) + 1}{long}", len(info), *info) + data
