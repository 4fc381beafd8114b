"""Modules that a page needs: a browser that is told of all at once fetches them together."""

import re
from functools import cache

from cryobatch.web.files import COMPONENTS
from cryobatch.web.vendor import find_files

FRAME = "frame"
HEAD = 20_000
"""Imports stand before so many letters; a library is long."""
_IMPORT = re.compile(r'^(?:import|export)\b[^"\']*?["\'](\./|/libraries/)([\w-]+\.js)["\']', re.M)


@cache
def find_modules(module: str) -> tuple[str, ...]:
    """Return the addresses of all that a page's module and the frame import, at any depth.

    Args:
        module: The page's module, without ending.
    """
    found: dict[str, None] = {}
    ahead = [f"/components/{name}.js" for name in (FRAME, module)]
    while ahead:
        address = ahead.pop(0)
        if address not in found:
            found[address] = None
            ahead += _read_imports(address)
    return tuple(found)


def _read_imports(address: str) -> list[str]:
    place, _, name = address.rpartition("/")
    path = COMPONENTS / name if place == "/components" else find_files().get(name)
    if path is None or not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")[:HEAD]
    return [f"{place}/{found}" if where == "./" else where + found
            for where, found in _IMPORT.findall(text)]  # fmt: skip
