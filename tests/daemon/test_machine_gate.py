"""The machine's gate: daemons of two projects, each in turn."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cryobatch.daemon.gate import LOOK_INTERVAL_S, MachineGate

Gates = tuple[MachineGate, MachineGate]


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[Gates]:
    """Return the gates of two daemons on a machine with one place."""
    with closing(MachineGate(tmp_path, 1)) as one, closing(MachineGate(tmp_path, 1)) as other:
        yield one, other


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time that the gates see, to be moved."""
    now = [1000.0]
    monkeypatch.setattr("cryobatch.daemon.gate.time.monotonic", lambda: now[0])
    return now


def test_who_holds_the_place_hears_that_another_waits(gates: Gates, moment: list[float]) -> None:
    """So that it hands out nothing more, and the other's turn comes."""
    one, other = gates
    assert one.enter(0)
    assert not one.is_wanted()
    assert not other.enter(0)
    moment[0] += 2 * LOOK_INTERVAL_S
    assert one.is_wanted()
    one.leave(0)
    assert other.enter(0)
    moment[0] += 2 * LOOK_INTERVAL_S
    assert not other.is_wanted()


def test_a_shut_gate_lets_nothing_be_handed_ahead(gates: Gates) -> None:
    """What runs goes on, and nothing after it."""
    one, _ = gates
    assert one.enter(0)
    one.shut(True)
    assert one.is_wanted()
    one.shut(False)
    assert not one.is_wanted()
