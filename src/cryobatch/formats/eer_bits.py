"""How the electrons of EER movies are written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventBits:
    """How electrons are written.

    Args:
        skip: Bits of the distance to the next electron.
        x: Bits of its place within the pixel along x.
        y: Along y.
    """

    skip: int
    x: int
    y: int

    @property
    def are_sensible(self) -> bool:
        """Whether events can be read by them."""
        return 1 <= self.skip <= 16 and 0 <= self.x <= 8 and 0 <= self.y <= 8
