"""The catalog: all scripts that a project can use, from wherever they come."""

import hashlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import cryobatch.scripts
from cryobatch.errors import CryobatchError, UnknownNameError, UsageError
from cryobatch.formats.script_header import find_header, parse_header
from cryobatch.model.batch import BEFORE_SCRIPTS, ParameterSet
from cryobatch.model.declaration import declared_script
from cryobatch.model.resolution import check_parameters
from cryobatch.model.script import Script, script_from_json
from cryobatch.version import VERSION

ENTRY_POINT_GROUP = "cryobatch.scripts"
HEADER_BYTES = 65_536
DISCOVERY_TIMEOUT_S = 60.0
_FORMAT = f"{VERSION} {sorted(Script.__slots__)}"
"""Part of what is remembered: another version of ours may describe a script in other words."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TAKEN = {BEFORE_SCRIPTS}
"""Names that say something else where scripts are named."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A script file that cannot be used, and why."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All scripts by name, with what could not be used.

    Args:
        scripts: A project's script comes before a user's, that before an installed package's, and
            that before the built-in one of the same name.
        problems: Broken files, and names that hide others.
        stamp: Changes when any laboratory's file changes.
    """

    scripts: Mapping[str, Script] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    stamp: str = ""

    def broken(self) -> dict[str, str]:
        """Return what is wrong with files that cannot be used, by the name of the script."""
        return {Path(one.place).stem: f"{one.place}: {one.text}" for one in self.problems}

    def check_parameters(self, given: ParameterSet) -> None:
        """See that parameters of scripts are some; a broken file's cannot be known.

        Raises:
            UsageError: A script or parameter is not known, or a value is not allowed.
        """
        broken = self.broken()
        for name, values in given.items():
            try:
                if name in self.scripts:
                    check_parameters(self.scripts[name], values)
                elif name not in broken:
                    raise UnknownNameError("script", name, self.scripts)
            except UsageError as error:
                raise UsageError(f"[parameters.{name}]: {error}") from error


def discover(folders: Iterable[tuple[str, Path]], cache: Path | None = None) -> Catalog:
    """Find every script.

    Args:
        folders: Origin ("user", "project") and folder, the stronger one later.
        cache: File that remembers what Python files declared, as long as they do not change.
    """
    found: dict[str, Script] = {}
    problems: list[Problem] = []
    _merge(found, problems, builtin_scripts())
    _merge(found, problems, _from_entry_points(cache, problems))
    stamps = []
    for origin, folder in folders:
        files = _script_files(folder)
        stamps += [_stamp(path) for path in files]
        _merge(found, problems, _from_files(files, origin, cache, problems))
    stamp = hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:16]
    return Catalog(found, tuple(problems), stamp)


def builtin_scripts() -> list[Script]:
    """Return the package's own scripts."""
    names = [module.name for module in pkgutil.iter_modules(cryobatch.scripts.__path__)]
    return [
        script
        for name in sorted(names)
        for script in scripts_of_module(import_module(f"cryobatch.scripts.{name}"))
    ]


def scripts_of_module(module: object) -> list[Script]:
    """Return the scripts that a module's functions declare."""
    found = [declared_script(item) for item in vars(module).values()]
    own = [s for s in found if s is not None and s.place == getattr(module, "__name__", None)]
    return sorted(own, key=lambda script: script.name)


def digest_file(path: Path) -> str:
    """Return the version of a laboratory's script: a hash of its content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _merge(found: dict[str, Script], problems: list[Problem], scripts: Iterable[Script]) -> None:
    for script in scripts:
        if not _NAME.fullmatch(script.name) or script.name in _TAKEN:
            text = f"{script.name!r} is no name for a script: letters, digits, _ and - only"
            problems.append(Problem(script.place, text))
            continue
        hidden = found.get(script.name)
        if hidden is not None:
            text = (
                f"{script.name} ({script.origin}) hides the one of {hidden.origin}: {hidden.place}"
            )
            problems.append(Problem(script.place, text))
        found[script.name] = script


def _from_entry_points(cache: Path | None, problems: list[Problem]) -> list[Script]:
    """Describe installed packages' scripts; an entry point names a module of functions."""
    scripts: list[Script] = []
    modules: set[str] = set()
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.module in modules:
            continue
        modules.add(point.module)
        name, version = (point.dist.name, point.dist.version) if point.dist else (point.name, "")
        subject = f"module:{point.module}"
        own: list[Problem] = []
        found = _describe({subject: f"{subject}:{name}:{version}"}, cache, own)
        package = f" of the package {name} {version}" if point.dist else ""
        place = f"{point.module} (entry point {point.name}{package})"
        problems += [Problem(place, one.text) for one in own]
        scripts += [replace(s, origin=name, version=f"{s.version}-{version}") for s in found]
    return scripts


def _script_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith((".", "_")) and not path.name.endswith("~")
    )


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{path}:{status.st_size}:{status.st_mtime_ns}:{status.st_mode}"


def _from_files(
    files: Sequence[Path], origin: str, cache: Path | None, problems: list[Problem]
) -> list[Script]:
    scripts: list[Script] = []
    python_files: list[Path] = []
    for path in files:
        try:
            header = find_header(_read_start(path))
        except (CryobatchError, OSError) as error:
            problems.append(Problem(str(path), str(error)))
            continue
        if header is not None:
            scripts += _from_header(header, path, origin, problems)
        elif path.suffix == ".py":
            python_files.append(path)
        elif os.access(path, os.X_OK):
            problems.append(Problem(str(path), "has no header: see 'cryobatch scripts new --help'"))
    described = _describe({str(path): _stamp(path) for path in python_files}, cache, problems)
    return scripts + [replace(script, origin=origin) for script in described]


def _read_start(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(HEADER_BYTES).decode("utf-8", errors="replace")


def _from_header(header: str, path: Path, origin: str, problems: list[Problem]) -> list[Script]:
    try:
        script = parse_header(header, path, version=digest_file(path), origin=origin)
    except (CryobatchError, OSError) as error:
        problems.append(Problem(str(path), str(error)))
        return []
    if not os.access(path, os.X_OK):
        problems.append(Problem(str(path), f"is not executable: chmod +x {path}"))
        return []
    return [script]


def _describe(
    stamps: Mapping[str, str], cache: Path | None, problems: list[Problem]
) -> list[Script]:
    """Return what files or modules declare, from memory as long as their stamps are the same.

    Args:
        stamps: By subject (a path, or "module:NAME"), what changes when it changes.
        cache: File that remembers.
        problems: Takes what cannot be used.
    """
    remembered = _read_cache(cache)
    stamps = {subject: f"{_FORMAT}:{stamp}" for subject, stamp in stamps.items()}
    answers = {subject: remembered.get(stamp) for subject, stamp in stamps.items()}
    unknown = [subject for subject, answer in answers.items() if answer is None]
    answers |= {subject: _ask_child(subject) for subject in unknown}
    # What could not be imported may be tomorrow, when a package that it needs is there.
    lasting = {stamps[s]: answers[s] for s in unknown if _is_lasting(answers[s])}
    if lasting:
        _write_cache(cache, lasting)
    scripts: list[Script] = []
    for subject, answer in answers.items():
        assert answer is not None
        if "error" in answer:
            problems.append(Problem(subject, answer["error"]))
        scripts += [script_from_json(data) for data in answer.get("scripts", ())]
    return scripts


def _is_lasting(answer: Mapping[str, Any] | None) -> bool:
    return answer is not None and ("error" not in answer or answer.get("slow", False))


def _ask_child(subject: str) -> dict[str, Any]:
    """Import foreign Python in a short-lived child, never in the daemon."""
    with tempfile.TemporaryDirectory(prefix="cryobatch-") as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "cryobatch.processing.discovery", str(answer), subject]
        try:
            finished = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", timeout=DISCOVERY_TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"error": f"its import took more than {DISCOVERY_TIMEOUT_S:g} s", "slow": True}
        if answer.exists():
            loaded: dict[str, Any] = json.loads(answer.read_text())
            return loaded
    last = (finished.stderr.strip().splitlines() or ["no message"])[-1]
    return {"error": f"its import ended with exit code {finished.returncode}: {last}"}


def _read_cache(cache: Path | None) -> dict[str, dict[str, Any]]:
    if cache is None:
        return {}
    try:
        loaded = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}  # a cache that cannot be read is made anew
    return loaded if isinstance(loaded, dict) else {}


def _write_cache(cache: Path | None, answers: Mapping[str, Any]) -> None:
    if cache is None:
        return
    merged = {**_read_cache(cache), **answers}
    beside = cache.with_name(f"{cache.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(merged))
        beside.replace(cache)
    except OSError:
        beside.unlink(missing_ok=True)
