"""Settling: deciding from what was observed when a file is written no more and may be taken.

A file's age says nothing: the clocks of microscopes' computers are wrong. What counts is how long
we have seen it unchanged, by our own clock, and what its bytes prove.
"""

import stat
from dataclasses import dataclass
from pathlib import Path

from cryobatch.importing.completeness import Proof, ProofState

Look = tuple[int, int, int]
"""Size in bytes, modification time in ns and inode of a file."""

FAST_S = 1.5
PATIENT_S = 30.0
LONGEST_PAUSE_S = 600.0
_LARGEST = (1 << 63) - 1
"""What a database can keep; file systems have larger inodes and odd times."""


def look_at(path: Path) -> Look | None:
    """Return what a file looks like now, None when it is gone or no plain file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns & _LARGEST, status.st_ino & _LARGEST


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a file must have been seen unchanged.

    Args:
        fast_s: When its bytes prove that it is complete.
        patient_s: When they cannot.
    """

    fast_s: float = FAST_S
    patient_s: float = PATIENT_S


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a file that is unchanged should not be taken at once.

    Args:
        reason: What is missing, for a person.
        patience_s: After so long unchanged it is taken all the same.
    """

    reason: str
    patience_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a file.

    Args:
        take: Whether it is taken now.
        again_s: Else, after how long to look again; 0: seldom, for nothing is expected to change.
        missing: What it lacks, where it has been unchanged so long that a person should know.
        unfit: Whether it is no recording at all.
    """

    take: bool
    again_s: float = 0.0
    missing: str = ""
    unfit: bool = False


TAKE = Verdict(take=True)


@dataclass(slots=True)
class Candidate:
    """A file that is not taken yet, as it was observed.

    Args:
        look: How it looked last.
        changed_at: When it was last seen to change, by a clock that only goes forward.
        written_at: The same, seconds since the epoch; None where it was there before us.
        attempts: How often it was found wanting since then.
        listed: Whether a person has been told that it is incomplete.
        due_at: When to look again, by the clock of ``changed_at``.
    """

    look: Look
    changed_at: float
    written_at: float | None = None
    attempts: int = 0
    listed: bool = False
    due_at: float = 0.0

    def observe(self, look: Look, now: float, moment: float) -> bool:
        """Take note of how it looks; tells whether it has changed."""
        if look == self.look:
            return False
        self.touch(now, moment)
        self.look = look
        return True

    def touch(self, now: float, moment: float) -> None:
        """Take note that somebody has written to it."""
        self.changed_at, self.written_at, self.attempts = now, moment, 0


def judge(quiet_s: float, proof: Proof, doubts: tuple[Doubt, ...], patience: Patience) -> Verdict:
    """Decide about a file that has been unchanged for some time.

    Args:
        quiet_s: For so long.
        proof: What its bytes prove.
        doubts: Further reasons to wait.
        patience: How long to wait.
    """
    if quiet_s < patience.fast_s:
        return Verdict(take=False, again_s=patience.fast_s - quiet_s)
    left_s = max(0.0, patience.patient_s - quiet_s)
    if proof.state in {ProofState.INCOMPLETE, ProofState.UNFIT}:
        unfit = proof.state is ProofState.UNFIT
        missing = "" if left_s else proof.reason
        return Verdict(take=False, again_s=left_s, missing=missing, unfit=unfit)
    if proof.state is ProofState.UNPROVEN:
        doubts = (*doubts, Doubt(proof.reason, patience.patient_s))
    longest_s = max((doubt.patience_s - quiet_s for doubt in doubts), default=0.0)
    if longest_s <= 0:
        return TAKE
    if left_s:  # whoever writes it may close it, or its metadata come, at any moment
        return Verdict(take=False, again_s=min(longest_s, patience.fast_s))
    reason = next(doubt.reason for doubt in doubts if doubt.patience_s - quiet_s == longest_s)
    return Verdict(take=False, again_s=longest_s, missing=reason)


def pause_s(attempts: int, patience: Patience) -> float:
    """Return how long to leave a file alone that was found wanting so often."""
    pause = patience.patient_s * float(1 << min(attempts, 10))
    return min(max(LONGEST_PAUSE_S, patience.patient_s), pause)
