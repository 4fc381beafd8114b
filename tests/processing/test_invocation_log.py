"""A script's log on a full disk: the reason of a failure is told all the same."""

from pathlib import Path

import pytest

from cryobatch.errors import ScriptFailed
from cryobatch.model import Run, Script
from cryobatch.processing.invocation import invoke
from cryobatch.processing.output import OutputFile

FULL = Path("/dev/full")
"""A file of Linux that takes no byte: every write says that there is no room."""


def test_a_full_disk_hides_no_reason(tmp_path: Path) -> None:
    """The script fails with its own reason though its log cannot be written."""
    script = Script("gone", "Gone", "Share", "1", kind="executable", place=str(tmp_path / "gone"))
    with pytest.raises(ScriptFailed, match="cannot be started"):
        invoke(script, Run(tmp_path), {}, str(FULL), OutputFile(tmp_path / "output"), dict)
