"""cryobatch: batch processing of cryo-EM recordings while they are being made."""

from typing import TYPE_CHECKING, Any

from cryobatch.model import Absent, Optional, Output, Parameter, Run, Value, script
from cryobatch.version import VERSION

if TYPE_CHECKING:
    from cryobatch.project import Project

__all__ = ["Absent", "Optional", "Output", "Parameter", "Project", "Run", "Value", "script"]
__version__ = VERSION


def __getattr__(name: str) -> Any:
    # The facade opens databases and arrays; a script that only declares itself needs neither.
    if name == "Project":
        from cryobatch.project import Project

        return Project
    raise AttributeError(f"module 'cryobatch' has no attribute {name!r}")
