"""When a file may be taken is decided by what was observed and what its bytes prove."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryobatch.importing.completeness import Proof, ProofState
from cryobatch.importing.watching.settle import (
    LONGEST_PAUSE_S,
    TAKE,
    Candidate,
    Doubt,
    Patience,
    judge,
    look_at,
    pause_s,
)

PATIENCE = Patience(fast_s=2.0, patient_s=30.0)
COMPLETE = Proof(ProofState.COMPLETE)
INCOMPLETE = Proof(ProofState.INCOMPLETE, "half of it is there")
UNPROVEN = Proof(ProofState.UNPROVEN, "nobody knows")
OPEN = Doubt("it is open", 30.0)
SUM = Doubt("a movie may come", 600.0)


def test_a_proven_file_is_taken_after_a_moment() -> None:
    """Nothing is taken at once, and what is proven does not wait long."""
    assert judge(1.5, COMPLETE, (), PATIENCE).again_s == 0.5
    assert judge(2.0, COMPLETE, (), PATIENCE) == TAKE


@pytest.mark.parametrize("doubts", [(OPEN,), ()])
def test_a_doubtful_file_is_taken_patiently(doubts: tuple[Doubt, ...]) -> None:
    """What cannot be proven, or is open elsewhere, has to be unchanged for longer."""
    proof = COMPLETE if doubts else UNPROVEN
    early = judge(10.0, proof, doubts, PATIENCE)
    assert (early.take, early.missing) == (False, "")
    assert early.again_s <= 2.0
    assert judge(30.0, proof, doubts, PATIENCE) == TAKE


def test_an_incomplete_file_is_never_taken_and_listed_after_a_while() -> None:
    """A short pause of the writer is nothing to tell; a long one is, with what is missing."""
    assert judge(10.0, INCOMPLETE, (), PATIENCE).missing == ""
    for quiet_s in (30.0, 1e6):
        verdict = judge(quiet_s, INCOMPLETE, (), PATIENCE)
        assert (verdict.take, verdict.missing) == (False, "half of it is there")


def test_the_longest_doubt_counts() -> None:
    """A file with several reasons to wait waits for all of them, and the longest is listed."""
    verdict = judge(100.0, UNPROVEN, (OPEN, SUM), PATIENCE)
    assert (verdict.take, verdict.missing, verdict.again_s) == (False, SUM.reason, 500.0)
    assert judge(600.0, UNPROVEN, (OPEN, SUM), PATIENCE) == TAKE


@given(
    st.floats(0, 1e5), st.sampled_from([COMPLETE, UNPROVEN, INCOMPLETE]),
    st.lists(st.builds(Doubt, st.just("a doubt"), st.floats(0, 1e4)), max_size=3),
)  # fmt: skip
def test_every_file_is_taken_or_looked_at_again(
    quiet_s: float, proof: Proof, doubts: list[Doubt]
) -> None:
    """No verdict forgets a file: without a time to look again there is something to list."""
    verdict = judge(quiet_s, proof, tuple(doubts), PATIENCE)
    assert verdict.take or verdict.again_s > 0 or verdict.missing
    if verdict.take:
        assert proof.state is not ProofState.INCOMPLETE
        assert quiet_s >= PATIENCE.fast_s


def test_files_found_wanting_are_looked_at_ever_more_seldom() -> None:
    """But never less than every ten minutes."""
    pauses = [pause_s(attempts, PATIENCE) for attempts in range(12)]
    assert pauses[:3] == [30.0, 60.0, 120.0]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_any_change_begins_the_wait_anew() -> None:
    """Size, time and inode: another one of these is another file."""
    for changed in ((11, 1, 1), (10, 2, 1), (10, 1, 2)):
        candidate = Candidate((10, 1, 1), changed_at=5.0, attempts=3)
        assert not candidate.observe((10, 1, 1), 6.0, 106.0)
        assert candidate.observe(changed, 7.0, 107.0)
        assert (candidate.changed_at, candidate.written_at, candidate.attempts) == (7.0, 107.0, 0)


def test_only_plain_files_have_a_look(tmp_path: Path) -> None:
    """A pipe would keep whoever opens it; folders and what is gone are no recordings either."""
    os.mkfifo(tmp_path / "pipe.mrc")
    (tmp_path / "folder.mrc").mkdir()
    (tmp_path / "a.mrc").write_bytes(b"1234")
    assert look_at(tmp_path / "pipe.mrc") is None
    assert look_at(tmp_path / "folder.mrc") is None
    assert look_at(tmp_path / "gone.mrc") is None
    look = look_at(tmp_path / "a.mrc")
    assert look is not None
    assert look[0] == 4
