"""A processor's priority: the import and the pages come first, however the kernel shares cores."""

from pathlib import Path
from typing import NoReturn

import pytest

from cryobatch.processing import processor


def test_a_processors_session_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel shares the cores among sessions, it is told so."""
    monkeypatch.setattr(processor, "_SESSION_NICENESS", str(tmp_path / "autogroup"))
    assert processor.give_way()
    assert (tmp_path / "autogroup").read_text() == str(processor.NICENESS)


def test_a_kernel_that_knows_no_sessions_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the niceness of the process counts."""
    monkeypatch.setattr(processor, "_SESSION_NICENESS", str(tmp_path / "none" / "autogroup"))
    assert processor.give_way()


def test_a_kernel_that_was_just_asked_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes one such word of all users within a tenth of a second."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise BlockingIOError

    monkeypatch.setattr(processor, "open", refuse, raising=False)
    assert not processor.give_way()
