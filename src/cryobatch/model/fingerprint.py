"""Fingerprints: all that a result depends on, in one word."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryobatch.model.script import Script

_ENCODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def fingerprint_run(
    script: Script,
    parameters: Mapping[str, Any],
    reads: Mapping[str, Any],
    inputs: Mapping[str, str],
) -> str:
    """Return the fingerprint of a run.

    Args:
        script: The script; its name and version count.
        parameters: Resolved parameters; a file as the fingerprint of its content.
        reads: Facts and values that it reads; a file as the fingerprint of its content.
        inputs: Fingerprint of each input by product.
    """
    parts = {
        "script": [script.name, script.version],
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "reads": {name: _plain(value) for name, value in reads.items()},
        "inputs": dict(inputs),
    }
    return _digest(parts)


def fingerprint_product(product: str, producers: tuple[str, ...]) -> str:
    """Return the fingerprint of a product from those of the runs that made it.

    Args:
        product: Its name.
        producers: Fingerprints of its maker and of its transformers, in their order.
    """
    return _digest([product, *producers])


def fingerprint_recording(size_bytes: int, mtime_ns: int, inode: int) -> str:
    """Return the fingerprint of a root product, which is too big to be read for it."""
    return _digest(["recording", size_bytes, mtime_ns, inode])


def _plain(value: Any) -> Any:
    # A person who writes 15000 into a file means the 15000.0 that a program would write.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _digest(parts: Any) -> str:
    return hashlib.sha256(_ENCODE(parts).encode()).hexdigest()[:32]
