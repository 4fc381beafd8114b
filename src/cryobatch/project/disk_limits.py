"""How much room must be left on a disk before a person is warned, or work is held."""

GIGABYTE = 1e9
WARN_BELOW = (50.0, 0.1)
HOLD_BELOW = (10.0, 0.02)
"""Gigabytes, or a share of a small disk, where the settings say nothing."""


def limit_bytes(gigabytes: float | None, usual: tuple[float, float], whole: int) -> float:
    """Return a limit in bytes.

    Args:
        gigabytes: As the settings say.
        usual: Gigabytes and a share of the disk; the less of both holds where they say nothing.
        whole: Bytes of the disk.
    """
    if gigabytes is not None:
        return gigabytes * GIGABYTE
    return min(usual[0] * GIGABYTE, usual[1] * whole)
