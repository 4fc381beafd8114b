"""Entries of the settings: what can be set, in which unit, and where the present value is from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cryobatch.model.facts import FACTS
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.script import Script
from cryobatch.model.settings import ProcessorSettings, ProjectSettings, SiteSettings

Path = tuple[str, ...]
"""The keys that lead to a setting in project.toml."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a project may set.

    Args:
        path: Where it stands in project.toml.
        kind: "int", "float", "bool", "str", "file" or "list".
        value: What holds (Any: TOML's own variety), None for nothing.
        source: Who says so: "default", "site" or "project".
        usual: What would hold without the project's word.
        usual_source: Who would say so.
        unit: Unit as a person reads it.
        help: What it does.
        low: Smallest allowed number, inclusive.
        high: Largest allowed number, inclusive.
        choices: The allowed texts, where only some are.
        optional: Whether a script takes "none" for it.
    """

    path: Path
    kind: str
    value: Any
    source: str
    usual: Any
    usual_source: str = "default"
    unit: str = ""
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        """The path as a person writes it."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Plain:
    """A setting that no script declares.

    Args:
        kind: As of an entry.
        help: What it does.
        unit: Unit as a person reads it.
        low: Smallest allowed number, inclusive.
        usual: What holds where nobody says anything, in words.
    """

    kind: str
    help: str
    unit: str = ""
    low: float | None = None
    usual: str = ""


PLAIN: Mapping[str, Mapping[str, Plain]] = {
    "project": {"name": Plain("str", "What people call the project.")},
    "processors": {
        "number": Plain("int", "How many batches at once.", low=1,
                        usual="as many as cores and memory allow"),
        "threads": Plain("int", "Cores for each.", low=1, usual="the cores shared out"),
        "gpus": Plain("int", "GPUs for each.", low=0),
        "memory_limit_gb": Plain("float", "A script that needs more fails.", "GB", 0.05,
                                 "no limit"),
        "machine_limit": Plain("int", "Batches at once on this machine, over all projects.", low=1,
                               usual="its cores"),
        "scratch": Plain("str", "Folder for transient stacks.", usual=".scratch in the project"),
    },
    "queue": {"max_losses": Plain("int", "After so many deaths of its processor on the same script "
                                  "a batch has failed.", low=1)},
    "history": {"keep_products": Plain("bool", "Keep large products of replaced runs too.")},
    "disk": {
        "warn_gb": Plain("float", "With less room a person is warned.", "GB", 0,
                         "50 GB, or a tenth of the disk"),
        "hold_gb": Plain("float", "With less, importing and processing are held.", "GB", 0,
                         "10 GB, or a fiftieth of the disk"),
    },
    "import": {"pattern": Plain("str", "Reads facts and group from names, such as "
                                "{grid}_{square}_*.", usual="nothing")},
    "copy": {
        "to": Plain("str", "Folder, or host:folder, that results are copied to.", usual="nowhere"),
        "what": Plain("list", "Products to copy.", usual="all that are kept"),
        "recordings": Plain("bool", "Copy the recordings too."),
        "rate_mb_s": Plain("float", "Copy no faster than this.", "MB/s", 0.001,
                           "as fast as may be"),
    },
}  # fmt: skip
"""The project's settings by table and key; a test compares them with what its reader takes."""

_MEMBERS = {"import": "importing", "copy": "copying"}


@dataclass(frozen=True, slots=True)
class Layers:
    """What the levels of settings say.

    Args:
        project: What project.toml says, as parsed TOML (Any: TOML's own variety).
        settings: The same as settings.
        site: What the site says.
        scripts: All scripts.
    """

    project: Mapping[str, Any]
    settings: ProjectSettings
    site: SiteSettings
    scripts: Mapping[str, Script] = field(default_factory=dict)

    def plain(self) -> Iterator[Entry]:
        """Yield the settings that no script declares."""
        for table, members in PLAIN.items():
            for name, known in members.items():
                own = self.project.get(table, {}).get(name)
                usual, source = self._usual(table, name)
                yield Entry(
                    (table, name), known.kind, usual if own is None else own,
                    source if own is None else "project", usual, source, known.unit,
                    known.help + (f" Not set: {known.usual}." if known.usual else ""), known.low,
                )  # fmt: skip

    def facts(self) -> Iterator[Entry]:
        """Yield the acquisition facts: those that hold for all recordings."""
        for name, known in FACTS.items():
            own, site = self.settings.acquisition.get(name), self.site.acquisition.get(name)
            usual = "default" if site is None else "site"
            yield Entry(
                ("acquisition", name), known.kind, site if own is None else own,
                usual if own is None else "project", site, usual, known.unit,
                f"{known.help[:1].upper()}{known.help[1:]}.", known.low, known.high,
            )  # fmt: skip

    def parameters(self) -> Iterator[Entry]:
        """Yield the parameters of all scripts, script by script."""
        for script in self.scripts.values():
            site = self.site.parameters.get(script.name, {})
            own = self.settings.parameters.get(script.name, {})
            for name, known in script.parameters.items():
                usual: ParameterValue = site.get(name, known.default)
                source = "site" if name in site else "default"
                yield Entry(
                    ("parameters", script.name, name), known.kind, own.get(name, usual),
                    "project" if name in own else source, usual, source, known.unit, known.help,
                    known.low, known.high, known.choices, known.optional,
                )  # fmt: skip

    def _usual(self, table: str, name: str) -> tuple[Any, str]:
        """Return what holds where the project says nothing, and who says so."""
        if table == "project":
            return None, "default"
        record = type(getattr(self.settings, _MEMBERS.get(table, table)))
        default = next(one.default for one in fields(record) if one.name == name)
        if record is ProcessorSettings:
            site = getattr(self.site.processors, name)
            if site != default:
                return site, "site"
        return default, "default"
