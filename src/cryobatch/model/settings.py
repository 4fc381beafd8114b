"""Settings: what holds for a site and for a project."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryobatch.model.batch import ParameterSet
from cryobatch.model.image import FactValue

DEFAULT_WORKFLOWS: Mapping[str, tuple[str, ...]] = {
    "movie": (
        "unpack",
        "fourier_crop",
        "correct_drift",
        "fit_ctf",
        "pick_particles",
        "calculate_statistics",
    ),
    "micrograph": ("fit_ctf", "pick_particles", "calculate_statistics"),
}
"""Workflows that every project knows; the names are those of the root products they suit."""


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    """How this machine's processors are made.

    Args:
        number: How many; None: as many as cores and memory allow.
        threads: Cores each; None: the machine's cores shared out among them.
        gpus: GPUs each.
        memory_limit_gb: A script whose processor grows beyond it fails; None: no limit.
        machine_limit: Batches at once on this machine over all projects; None: its cores.
        scratch: Folder for transient products; None: in the project.
    """

    number: int | None = None
    threads: int | None = None
    gpus: int = 0
    memory_limit_gb: float | None = None
    machine_limit: int | None = None
    scratch: str | None = None


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How patient the queue is.

    Args:
        max_losses: After so many deaths of its processor on the same script a batch has failed.
    """

    max_losses: int = 3


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """What is kept of earlier runs besides their record, values and thumbnails.

    Args:
        keep_products: Whether the large products are kept too.
    """

    keep_products: bool = False


@dataclass(frozen=True, slots=True)
class DiskSettings:
    """How much room must be left on the disks that a project writes to.

    Args:
        warn_gb: With less a person is warned; None: 50 GB, on a small disk a tenth of it.
        hold_gb: With less importing and processing are held; None: 10 GB, or a fiftieth.
    """

    warn_gb: float | None = None
    hold_gb: float | None = None


@dataclass(frozen=True, slots=True)
class CopySettings:
    """Where results are copied to as they come.

    Args:
        to: A folder, or ``host:folder``; None: nowhere.
        what: Products to copy; None: all that are kept.
        recordings: Whether the recordings are copied too.
        rate_mb_s: Copy no faster than this, MB/s; None: as fast as may be.
    """

    to: str | None = None
    what: tuple[str, ...] | None = None
    recordings: bool = False
    rate_mb_s: float | None = None


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """How recordings are understood.

    Args:
        pattern: Reads facts and group from names, such as ``{grid}_{square}_*``; None: nothing.
    """

    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where database and lock are kept when the project lies on a network file system.

    Args:
        host: The machine that works on the project.
        path: Folder on that machine's local disk.
    """

    host: str
    path: str


@dataclass(frozen=True, slots=True)
class Microscope:
    """What a site knows of one of its microscopes.

    Args:
        names: Words of which one stands in the recordings' fact ``microscope``.
        facts: Facts that hold for all its recordings, such as cs.
        pixel_sizes: Calibrated pixel size (Å) by nominal magnification.
    """

    names: tuple[str, ...] = ()
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    pixel_sizes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Camera:
    """What a site knows of one of its cameras.

    Args:
        rows: Height in the camera's own pixels.
        columns: Width in the camera's own pixels.
        names: Words of which one stands in the recordings' fact ``camera``.
    """

    rows: int
    columns: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What holds for all projects of a machine or laboratory.

    Args:
        acquisition: Facts that hold where nothing else is known.
        microscopes: The site's microscopes by name.
        cameras: The site's cameras by name.
        parameters: Parameters by script.
        processors: This machine's processors.
        gain_folder: Where gain references are looked for by name.
        programs: Paths of external programs by name.
        file_group: Group that new files belong to; None: the user's own.
        umask: Mask for new files, as an octal text; None: the user's own.
    """

    acquisition: Mapping[str, FactValue] = field(default_factory=dict)
    microscopes: Mapping[str, Microscope] = field(default_factory=dict)
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    parameters: ParameterSet = field(default_factory=dict)
    processors: ProcessorSettings = field(default_factory=ProcessorSettings)
    gain_folder: str | None = None
    programs: Mapping[str, str] = field(default_factory=dict)
    file_group: str | None = None
    umask: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """What holds for a project.

    Args:
        name: What a person calls it.
        id: Tells it from every other project.
        created_at: ISO 8601.
        acquisition: Facts that hold for all its recordings.
        workflows: Named sets of scripts.
        default_workflows: Name of the workflow for each root product.
        categories: Categories that the project adds, each with the one that it follows.
        parameters: Parameters by script.
        processors: This project's processors; None members fall back to the site's.
        queue: The queue's settings.
        history: What is kept of earlier runs.
        disk: How much room must be left.
        importing: How recordings are understood.
        copying: Where results are copied to as they come.
        place: Where database and lock are, when not in the project.
    """

    name: str
    id: str
    created_at: str
    acquisition: Mapping[str, FactValue] = field(default_factory=dict)
    workflows: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DEFAULT_WORKFLOWS)
    default_workflows: Mapping[str, str] = field(
        default_factory=lambda: {"movie": "movie", "micrograph": "micrograph"}
    )
    categories: Mapping[str, str] = field(default_factory=dict)
    parameters: ParameterSet = field(default_factory=dict)
    processors: ProcessorSettings = field(default_factory=ProcessorSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    disk: DiskSettings = field(default_factory=DiskSettings)
    importing: ImportSettings = field(default_factory=ImportSettings)
    copying: CopySettings = field(default_factory=CopySettings)
    place: Place | None = None
