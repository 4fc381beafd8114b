"""Find the recordings in folders, and read what their headers and metadata say."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from cryobatch.errors import BadInput, UsageError
from cryobatch.formats.epu import read_epu
from cryobatch.formats.movie import inspect_recording, recording_kind, recording_stem
from cryobatch.importing.facts import epu_facts, header_facts, name_source
from cryobatch.importing.identity import identify
from cryobatch.importing.layout import (
    choose_group,
    choose_recordings,
    grid_square,
    match_metadata,
    parse_exposure,
)
from cryobatch.importing.names import make_safe
from cryobatch.importing.recording import Found, Recording, Refused
from cryobatch.model.image import Fact

SETTINGS_FILE = "project.toml"
OWN_FOLDER = "images"
"""A project's folder of images, beside its settings: nothing in it is a recording."""

Metadata = Mapping[str, Sequence[Path]]
"""EPU's XML files by exposure key."""

Skip = Callable[[Path], bool]
"""Tells of a file whether it is known already and need not be looked at."""


def find_recordings(
    paths: Iterable[Path],
    *,
    skip: Skip | None = None,
    done: Callable[[int, int], None] | None = None,
) -> Found:
    """Find the recordings in folders, with all below them, and among files.

    Args:
        paths: Folders and files. EPU's XML may lie in another of these folders than the movies.
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
    chosen = sorted({*named, *choose_recordings(files)})
    metadata = _index_metadata([*files, *_neighbours(named)])
    recordings: list[Recording] = []
    for number, path in enumerate(chosen, start=1):
        if skip is None or not skip(path):
            try:
                recordings.append(read_recording(path, metadata))
            except BadInput as error:
                refused.append(Refused(path, str(error)))
        if done is not None:
            done(number, len(chosen))
    ignored = len({*files, *named}) - len(chosen)
    return Found(tuple(recordings), tuple(refused), ignored)


def read_recording(path: Path, metadata: Metadata) -> Recording:
    """Read what one recording says of itself.

    Args:
        path: The file, absolute.
        metadata: EPU's XML files.

    Raises:
        BadInput: It is incomplete or broken.
    """
    _check_name(path)
    header = inspect_recording(path)
    exposure = parse_exposure(path.name)
    xml = match_metadata(path, metadata.get(exposure.key, ())) if exposure is not None else None
    from_xml, recorded_at, remarks = _read_metadata(xml, header.columns)
    names = _name_facts(path, xml)
    single = header.frames == 1 and header.kind != "eer"
    return Recording(
        path=path,
        name=make_safe(recording_stem(path.name)),
        group=choose_group(path, xml),
        root_product="micrograph" if single else "movie",
        rows=header.rows,
        columns=header.columns,
        frames=header.frames,
        recorded_at=recorded_at,
        facts={**names, **header_facts(header), **from_xml},
        source_id=identify(path),
        remarks=remarks,
    )


def _check_name(path: Path) -> None:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(
            f"{str(path).encode('utf-8', 'replace').decode()}: its name is no text in UTF-8; "
            "rename it"
        ) from None


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
    """Yield the XML files beside recordings that were named one by one."""
    for folder in {path.parent for path in named if parse_exposure(path.name) is not None}:
        yield from folder.glob("FoilHole_*_Data_*.xml")


def _index_metadata(files: Iterable[Path]) -> Metadata:
    index: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        if path.suffix.lower() == ".xml":
            exposure = parse_exposure(path.name)
            if exposure is not None:
                index[exposure.key].append(path)
    return index


def _read_metadata(
    xml: Path | None, columns: int
) -> tuple[dict[str, Fact], str | None, tuple[str, ...]]:
    if xml is None:
        return {}, None, ()
    try:
        exposure = read_epu(xml)
    except BadInput as error:
        return {}, None, (str(error),)
    return epu_facts(exposure, columns, f"EPU XML {xml.name}"), exposure.recorded_at, ()


def _name_facts(path: Path, xml: Path | None) -> dict[str, Fact]:
    """Return what the names of file and folders tell."""
    found = {}
    exposure = parse_exposure(path.name)
    if exposure is not None:
        found["foil_hole"] = exposure.foil_hole
    square = grid_square(path) or (grid_square(xml) if xml is not None else None)
    if square is not None:
        found["grid_square"] = square.removeprefix("GridSquare_")
    return name_source(found, "file name")
