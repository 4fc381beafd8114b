"""Bundles: folders of files and links, which appear whole or not at all."""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cryobatch.errors import ConflictError, ProjectError
from cryobatch.formats.atomic import sync_folder, write_bytes_durably

MANIFEST = "export.json"
"""Tells what a folder holds, and that it is one of ours and may be written anew."""


Content = bytes | Iterable[bytes]
"""What a file holds; in pieces where the whole would be large."""


class Links(StrEnum):
    """How files that stay where they are are linked to."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes into a folder.

    Args:
        files: Contents by path below the folder, made while they are written.
        links: Files that stay where they are, by path below the folder.
        images: How many images are told of.
        left_out: Why images are not, by group and name.
        lacks: What is not told of images that are there, such as their fit, by group and name; more
            while the files are made, where one of an image's own cannot be read.
    """

    files: Iterable[tuple[str, Content]]
    links: Mapping[str, Path]
    images: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)


def write_bundle(
    folder: Path,
    bundle: Bundle,
    about: Mapping[str, object],
    links: Links,
    *,
    replace: bool,
    step: Callable[[], None],
) -> None:
    """Write a folder, which appears whole or not at all.

    Args:
        folder: Where; its parents are made.
        bundle: What goes in.
        about: What the manifest tells besides: the kind, when, from where.
        links: How files are linked to. Relative ones hold when project and export move together.
        replace: Whether an earlier export may be replaced.
        step: Is called after each link and each piece of a file; what it raises ends the writing,
            and all is as it was before.

    Raises:
        ConflictError: The folder is there, and may not be replaced.
        ProjectError: It cannot be written.
    """
    check_place(folder, replace=replace)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _beside(folder) as beside:
            _fill(beside, folder, bundle, links, step)
            text = json.dumps({**about, "images": bundle.images, "left_out": dict(bundle.left_out),
                               "lacks": dict(bundle.lacks)}, indent=1)  # fmt: skip
            write_bytes_durably(beside / MANIFEST, f"{text}\n".encode())
            os.sync()  # tens of thousands of files: one by one would take minutes
            check_place(folder, replace=replace)  # somebody else may have been quicker
            _put(beside, folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise ProjectError(
            f"{folder}: cannot be written ({error.strerror}); free the disk or choose another place"
        ) from error


def check_place(folder: Path, *, replace: bool) -> None:
    """See whether a folder can be written, before the work for it begins.

    Raises:
        ConflictError: It is there, and may not be replaced.
    """
    if not os.path.lexists(folder):
        return
    if not (folder / MANIFEST).is_file() or folder.is_symlink():
        raise ConflictError(f"{folder}: is there and is no export of ours; choose another name")
    if not replace:
        raise ConflictError(f"{folder}: is an earlier export; choose another name, or replace it")


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    place = folder.parent / f".{folder.name[:40]}.{secrets.token_hex(6)}.new"
    place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _fill(
    beside: Path, folder: Path, bundle: Bundle, links: Links, step: Callable[[], None]
) -> None:
    made: set[Path] = set()

    def place(name: str) -> Path:
        path = beside / name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        return path

    for name, target in bundle.links.items():
        place(name).symlink_to(_link(folder, name, target, links))
        step()
    for name, content in bundle.files:
        with place(name).open("wb") as file:
            for piece in [content] if isinstance(content, bytes) else content:
                file.write(piece)
                step()


def _link(folder: Path, name: str, target: Path, links: Links) -> str:
    target = target.absolute()
    if links is Links.ABSOLUTE:
        return str(target)
    # From where the folder really is: a link counts its ".." from there.
    start = folder.parent.resolve() / folder.name / Path(name).parent
    return os.path.relpath(target.parent.resolve() / target.name, start)


def _put(beside: Path, folder: Path) -> None:
    """Let the new folder take the place of an earlier one; between two steps it is away."""
    if not folder.exists():
        beside.rename(folder)
        return
    old = folder.parent / f".{folder.name[:40]}.{secrets.token_hex(6)}.old"
    folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
