"""Find the recordings in folders, and read what their headers and metadata say."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from cryobatch.errors import BadInput, UsageError
from cryobatch.formats.movie import inspect_recording, recording_kind, recording_stem
from cryobatch.importing.doubts.disagreement import find_disagreements
from cryobatch.importing.facts import exposed_frames, first_of, header_facts, name_source
from cryobatch.importing.identity import identify
from cryobatch.importing.layouts.companions import METADATA_ENDINGS, Companions, account_facts
from cryobatch.importing.layouts.layout import (
    choose_group,
    choose_recordings,
    grid_square,
    parse_exposure,
)
from cryobatch.importing.layouts.leginon import parse_leginon
from cryobatch.importing.layouts.pattern import Named, NamePattern
from cryobatch.importing.names import make_safe
from cryobatch.importing.recording import Found, Recording, Refused
from cryobatch.model.image import Fact, FactValue
from cryobatch.store.text import storable

SETTINGS_FILE = "project.toml"
OWN_FOLDER = "images"
"""A project's folder of images, beside its settings: nothing in it is a recording."""

Skip = Callable[[Path], bool]
"""Tells of a file whether it is known already and need not be looked at."""


def find_recordings(
    paths: Iterable[Path],
    *,
    pattern: NamePattern | None = None,
    skip: Skip | None = None,
    done: Callable[[int, int], None] | None = None,
) -> Found:
    """Find the recordings in folders, with all below them, and among files.

    Args:
        paths: Folders and files. EPU's XML may lie in another of these folders than the movies.
        pattern: Reads facts and groups from names.
        skip: Leaves files out before they are opened.
        done: Is told how many files were looked at, and of how many.

    Returns:
        Complete recordings in the order of their paths, broken ones with the reason, and how many
        other files there were. What projects have made is passed over.

    Raises:
        UsageError: A path is not there or holds a project's own images, or a file that was named
            is no recording.
    """
    named, folders = _sort_out(paths)
    refused: list[Refused] = []
    files = sorted({file for folder in folders for file in _walk(folder, refused)})
    companions = Companions([*files, *_neighbours(named), *_mdocs_above(folders)])
    inside = (path for path in choose_recordings(files) if not companions.is_stack(path))
    chosen = sorted({*named, *inside})
    recordings: list[Recording] = []
    for number, path in enumerate(chosen, start=1):
        if skip is None or not skip(path):
            try:
                recordings.append(read_recording(path, companions, pattern))
            except BadInput as error:
                refused.append(Refused(path, str(error)))
        if done is not None:
            done(number, len(chosen))
    ignored = len({*files, *named}) - len(chosen)
    return Found(tuple(recordings), tuple(refused), ignored)


def read_recording(
    path: Path, companions: Companions, pattern: NamePattern | None = None
) -> Recording:
    """Read what one recording, and the metadata files about it, say.

    Args:
        path: The file, absolute.
        companions: Metadata files, among which its own are looked for.
        pattern: Reads facts and groups from names.

    Raises:
        BadInput: It is incomplete, broken, or no recording of one exposure.
    """
    _check_name(path)
    if companions.is_stack(path):
        raise BadInput(
            f"{path}: holds the images of a series or map, as its mdoc says, and is no movie; name "
            "the folder of the series' frames"
        )
    header = inspect_recording(path)
    account = companions.account(path)
    named = (pattern.read(path) if pattern is not None else None) or Named()
    layers = [
        *account_facts(account, companions, path, header.rows, header.columns),
        header_facts(header),
        named.facts,
        _name_facts(path, account.xml),
    ]
    facts = first_of(layers)
    single = header.frames == 1 and header.kind != "eer"
    return Recording(
        path=path,
        name=make_safe(recording_stem(path.name)),
        group=make_safe(named.group or "", choose_group(path, account.xml, account.series_name)),
        root_product="micrograph" if single else "movie",
        rows=header.rows,
        columns=header.columns,
        frames=header.frames,
        recorded_at=account.recorded_at,
        facts=facts,
        source_id=identify(path),
        remarks=account.broken,
        lacks=account.lacks,
        metadata=account.files,
        disagreements=find_disagreements(layers, exposed_frames(facts, header.frames)),
        overviews=companions.epu.overviews_of(path, account.xml) if account.xml else (),
    )


def _check_name(path: Path) -> None:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(f"{storable(str(path))}: its name is no text in UTF-8; rename it") from None


def _sort_out(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return named files and folders, as absolute paths; links stay what the person named."""
    named, folders = [], []
    for given in paths:
        path = Path(os.path.abspath(given))  # noqa: PTH100 - resolve() would follow links
        _check_outside(path)
        if path.is_dir():
            folders.append(path)
        elif not path.exists():
            raise UsageError(f"{given}: there is no such file or folder")
        elif recording_kind(path.name) is None:
            raise UsageError(
                f"{given}: is no recording; known endings are .mrc .mrcs .mrc.gz .mrc.bz2 .tif "
                ".tiff .eer"
            )
        else:
            named.append(path)
    return named, folders


def _check_outside(path: Path) -> None:
    """See that a path is not in a project's own images: its products are no recordings."""
    for folder in (path, *path.parents):
        if folder.name == OWN_FOLDER and (folder.parent / SETTINGS_FILE).is_file():
            raise UsageError(
                f"{path}: holds what the project {folder.parent} has made; name the folder that "
                "the recordings are in"
            )


def _walk(folder: Path, refused: list[Refused]) -> Iterable[Path]:
    """Yield every file below a folder; links to folders are followed, each folder once."""

    def refuse(error: OSError) -> None:
        reason = f"{error.filename}: the folder cannot be read: {error.strerror}"
        refused.append(Refused(Path(error.filename), reason))

    seen = set()
    for here, inner, files in os.walk(folder, followlinks=True, onerror=refuse):
        status = Path(here).stat()
        if (status.st_dev, status.st_ino) in seen:
            inner.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        own = OWN_FOLDER if SETTINGS_FILE in files else None  # a project's own results
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name != own)
        yield from (Path(here, name) for name in files)


def _neighbours(named: Iterable[Path]) -> Iterable[Path]:
    """Yield the metadata files beside recordings that were named one by one."""
    for folder in sorted({path.parent for path in named}):
        yield from (item for item in folder.iterdir() if item.suffix.lower() in METADATA_ENDINGS)


def _mdocs_above(folders: Iterable[Path]) -> Iterable[Path]:
    """Yield the mdocs beside folders of frames: SerialEM leaves those of tilt series there."""
    for above in sorted({folder.parent for folder in folders}):
        with suppress(OSError):
            yield from [item for item in above.iterdir() if item.suffix.lower() == ".mdoc"]


def _name_facts(path: Path, xml: Path | None) -> dict[str, Fact]:
    """Return what the names of file and folders tell."""
    found: dict[str, FactValue] = {}
    exposure = parse_exposure(path.name)
    if exposure is not None:
        found |= {"foil_hole": exposure.foil_hole, "shot": exposure.shot}
    square = grid_square(path) or (grid_square(xml) if xml is not None else None)
    if square is not None:
        found["grid_square"] = square.removeprefix("GridSquare_")
    leginon = parse_leginon(path.name)
    if leginon is not None:
        found |= leginon.facts
    return name_source(found, "file name")
