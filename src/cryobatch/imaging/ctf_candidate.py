"""What a CTF search may find, and one thing that it found."""

import math
from dataclasses import dataclass

from cryobatch.imaging.ctf_formula import Defocus

RESTRAINT_OFF = math.inf


@dataclass(frozen=True, slots=True)
class SearchRange:
    """What a fit may find.

    Attributes:
        defocus_low_angstrom: Least mean defocus.
        defocus_high_angstrom: Largest mean defocus.
        astigmatism_high_angstrom: Largest difference of u and v in the coarse search.
        astigmatism_restraint_angstrom: Astigmatism that costs as much score as one unit of noise
            (CTFFIND's restraint); infinite for none.
        phase_low_turns: Least phase shift; ``phase_high_turns``: largest; equal: not searched.
        phase_high_turns: See ``phase_low_turns``.
        phase_step_turns: Step of the coarse search.
    """

    defocus_low_angstrom: float
    defocus_high_angstrom: float
    astigmatism_high_angstrom: float = 2600.0
    astigmatism_restraint_angstrom: float = RESTRAINT_OFF
    phase_low_turns: float = 0.0
    phase_high_turns: float = 0.0
    phase_step_turns: float = 1.0 / 18.0

    @property
    def searches_phase(self) -> bool:
        """Whether the phase shift is free."""
        return self.phase_high_turns > self.phase_low_turns


@dataclass(frozen=True, slots=True)
class Candidate:
    """One defocus and its score."""

    defocus: Defocus
    score: float
