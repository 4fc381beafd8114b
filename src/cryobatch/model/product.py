"""Products: the files that scripts read and make for an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from cryobatch.errors import BrokenScriptError

TRANSIENT_PRODUCTS = frozenset({"stack", "stack_gain", "corrected_stack"})
"""Too big to keep: they live in scratch as long as their batch."""

COMPANIONS: Mapping[str, str] = {"stack_gain": "stack"}
"""Products without which another one is not understood: such a one is made only where all who read
the other read it too."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a script reads: the first of some products that is there.

    Args:
        names: Products in the order of preference.
        optional: Whether the script can do without.
    """

    names: tuple[str, ...]
    optional: bool = False

    @classmethod
    def parse(cls, declared: "str | Input") -> "Input":
        """Read ``"a"``, ``"a|b"`` (the first that is there), ``"a?"`` (may be missing)."""
        if isinstance(declared, Input):
            return declared
        optional = declared.endswith("?")
        names = tuple(name.strip() for name in declared.removesuffix("?").split("|"))
        if not all(name.isidentifier() for name in names):
            raise BrokenScriptError(f"input {declared!r}: products are named like micrograph")
        return cls(names, optional)

    def __str__(self) -> str:
        return "|".join(self.names) + ("?" if self.optional else "")


def Optional(*names: str) -> Input:  # noqa: N802 - reads as a type where scripts declare inputs
    """Declare an input that a script can do without."""
    return Input(names, optional=True)


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a script makes.

    Args:
        file: Its path below the image's folder.
        optional: Whether a run may leave it out.
    """

    file: str
    optional: bool = False

    @classmethod
    def parse(cls, declared: "str | Output") -> "Output":
        """Read a declared output and see that it stays inside the image's folder."""
        output = declared if isinstance(declared, Output) else cls(declared)
        path = PurePosixPath(output.file)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\x00" in output.file:
            raise BrokenScriptError(f"output {output.file!r}: a path below the image's folder")
        if path.parts[0] in {"image.toml", "logs", "history"} or path.parts[0].startswith("."):
            raise BrokenScriptError(f"output {output.file!r}: this name is kept for cryobatch")
        return output
