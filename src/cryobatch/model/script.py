"""Scripts: what one processing step declares of itself."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cryobatch.errors import BrokenScriptError
from cryobatch.model.parameter import Parameter
from cryobatch.model.product import TRANSIENT_PRODUCTS, Input, Output
from cryobatch.model.value import Value

ScriptKind = Literal["module", "file", "executable"]


@dataclass(frozen=True, slots=True)
class Read:
    """An acquisition fact, or another script's value, that a script reads."""

    name: str
    optional: bool = False

    @classmethod
    def parse(cls, declared: str) -> "Read":
        """Read ``"pixel_size"`` or ``"pre_exposure?"`` (may be unknown)."""
        return cls(declared.removesuffix("?"), declared.endswith("?"))


@dataclass(frozen=True, slots=True)
class Script:
    """One processing step at the level of an image.

    Args:
        name: Its function's name or its file's stem.
        title: What a person reads.
        category: One of the project's categories.
        version: Changes when its results may change; of a laboratory's file, a hash.
        kind: "module" (function of an importable module), "file" (function of a Python file),
            "executable" (any program with a header).
        place: Module name, or path of the file.
        origin: Who brought it: "package", "project", "user" or an installed package's name.
        inputs: Products that it reads.
        outputs: Products that it makes, by name.
        values: Values that it calculates, by name.
        parameters: Its settings, by name.
        reads: Facts and other scripts' values that it reads.
        medians: Values of which it wants the median over the group's recent images.
        in_order: Whether the images of a group have it run one after another, as recorded.
        previous: Values of which it wants that of the image recorded before; only in order.
        help: What it does, in a few sentences.
        time_limit_s: After so many seconds it is stopped and has failed; None: no limit.
        gpus: GPUs that it needs.
    """

    name: str
    title: str
    category: str
    version: str
    kind: ScriptKind
    place: str
    origin: str = "package"
    inputs: tuple[Input, ...] = ()
    outputs: Mapping[str, Output] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    reads: tuple[Read, ...] = ()
    medians: tuple[str, ...] = ()
    in_order: bool = False
    previous: tuple[str, ...] = ()
    help: str = ""
    time_limit_s: float | None = None
    gpus: int = 0

    def __post_init__(self) -> None:
        if self.previous and not self.in_order:
            raise BrokenScriptError(
                f"{self.name} wants {self.previous[0]} of the image before: say in_order as well, "
                "or that image may not have it yet"
            )

    @property
    def reads_products(self) -> frozenset[str]:
        """Products that it reads, or would read where they are there."""
        return frozenset(name for item in self.inputs for name in item.names)

    @property
    def transforms(self) -> frozenset[str]:
        """Products that it both reads and makes."""
        return self.reads_products & frozenset(self.outputs)

    def without_inputs(self, products: Collection[str]) -> "Script":
        """Return it without those of its inputs that name one of these products."""
        kept = tuple(item for item in self.inputs if not any(n in products for n in item.names))
        return self if kept == self.inputs else replace(self, inputs=kept)

    @property
    def only_transient(self) -> bool:
        """Whether nothing that it makes outlives its batch."""
        if self.values or not self.outputs:
            return False  # what makes nothing at all, such as a copy elsewhere, is done for itself
        return all(name in TRANSIENT_PRODUCTS for name in self.outputs)

    @property
    def path(self) -> Path:
        """The file of a script that is no module."""
        return Path(self.place)


def script_to_json(script: Script) -> dict[str, Any]:
    """Return a script's declaration as JSON's types (Any: JSON's own variety)."""
    return asdict(script)


def script_from_json(data: Mapping[str, Any]) -> Script:
    """Return the script that ``script_to_json`` wrote."""
    return Script(
        **{
            **data,
            "inputs": tuple(Input(tuple(i["names"]), i["optional"]) for i in data["inputs"]),
            "outputs": {k: Output(**v) for k, v in data["outputs"].items()},
            "values": {k: Value(**v) for k, v in data["values"].items()},
            "parameters": {
                k: Parameter(**{**v, "choices": tuple(v["choices"])})
                for k, v in data["parameters"].items()
            },
            "reads": tuple(Read(**r) for r in data["reads"]),
            "medians": tuple(data["medians"]),
            "previous": tuple(data["previous"]),
        }
    )
