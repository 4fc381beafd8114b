"""Orders: the words between the daemon and a processor, as JSON's types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryobatch.model.batch import ParameterSet
from cryobatch.model.index import IndexEntry


@dataclass(frozen=True, slots=True)
class Setup:
    """What a processor is told once, before its first batch.

    Args:
        processor: Its name.
        scripts: All scripts, as ``script_to_json`` writes them.
        categories: All categories in their order.
        companions: Scripts of the project's own workflows, by root product.
        site_parameters: The weakest layer of parameters.
        project_parameters: The next layer.
        project_folder: What relative paths in parameters are relative to.
        keep_products: Whether history keeps the large products too.
        threads: Cores that its scripts may use.
        gpus: GPUs that it owns.
        bring_back: Command that brings back the recording of the image whose folder is added.
        site_file: Where the site's parameters stand.
    """

    processor: str
    scripts: tuple[Mapping[str, Any], ...]
    categories: tuple[str, ...]
    companions: Mapping[str, tuple[str, ...]]
    site_parameters: ParameterSet
    project_parameters: ParameterSet
    project_folder: str
    keep_products: bool
    threads: int
    gpus: int = 0
    bring_back: Sequence[str] = ()
    site_file: str = ""


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """A batch that a processor is to work through.

    Args:
        batch: Its id.
        attempt: Which claim of it this is.
        image_folder: Folder of its image.
        scripts: Names of the chosen scripts.
        parameters: The strongest layer of parameters.
        force: Whether what is up to date runs too.
        failures: Scripts of this batch that have failed in an earlier attempt, with the reason.
        staging: Folder, on the images' file system, for what waits to be committed.
        scratch: Folder for transient products.
        medians: Medians of values over the group's recent images.
        previous: Values of the images recorded before in the group.
    """

    batch: int
    attempt: int
    image_folder: str
    scripts: tuple[str, ...]
    parameters: ParameterSet
    force: bool
    failures: Mapping[str, str]
    staging: str
    scratch: str
    medians: Mapping[str, float] = field(default_factory=dict)
    previous: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedResult:
    """What a script has finished, ready to be committed.

    Args:
        script: Its name.
        record: The image's next parameter file; empty where that was not staged.
        staged: Folder that holds ``products/`` and ``history/``, where there are some.
        base: Identity of the parameter file that the staged one replaces.
        products: File below the image's folder, by product.
        removed: Files of the earlier run that this one does not make any more.
        history: Name of the folder for the earlier run's history, None at the first run.
        content: The next parameter file itself, where that is all there is to commit, and sooner
            made again than staged; else None.
    """

    script: str
    record: str
    staged: str
    base: tuple[int, int, int]
    products: Mapping[str, str]
    removed: tuple[str, ...]
    history: str | None
    content: str | None = None


def to_json(message: Setup | BatchOrder | StagedResult | IndexEntry) -> dict[str, Any]:
    """Return a message as JSON's types."""
    return {name: getattr(message, name) for name in message.__slots__}


def order_from_json(data: Mapping[str, Any]) -> BatchOrder:
    """Return the order that ``to_json`` wrote."""
    return BatchOrder(**{**data, "scripts": tuple(data["scripts"])})


def setup_from_json(data: Mapping[str, Any]) -> Setup:
    """Return the setup that ``to_json`` wrote."""
    return Setup(
        **{
            **data,
            "scripts": tuple(data["scripts"]),
            "categories": tuple(data["categories"]),
            "companions": {root: tuple(names) for root, names in data["companions"].items()},
        }
    )


def staged_from_json(data: Mapping[str, Any]) -> StagedResult:
    """Return the result that ``to_json`` wrote."""
    mtime_ns, size, inode = data["base"]
    return StagedResult(
        **{**data, "base": (mtime_ns, size, inode), "removed": tuple(data["removed"])}
    )
