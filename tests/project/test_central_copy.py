"""The plan of a central copy: which targets mean something, and which files are copied."""

from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.errors import SettingsError, UnknownNameError, UsageError
from cryobatch.model.settings import CopySettings
from cryobatch.processing.image_folder import read_record
from cryobatch.project import Project, Selection
from cryobatch.project.central.central_copy import (
    Target,
    check_what,
    parse_target,
    plan_recording,
    plan_records,
    plan_results,
    sign,
)
from cryobatch.project.submission import Choice
from tests.one_processor import OneProcessor
from tests.projects import MICROGRAPH_WORKFLOW


@pytest.mark.parametrize(
    ("text", "host", "folder"),
    [
        ("/data/central", None, "/data/central"),
        ("/data/10:30/it's here", None, "/data/10:30/it's here"),
        ("storage:/data", "storage", "/data"),
        ("storage.lab.org:session 1", "storage.lab.org", "session 1"),
        ("em_user@10.0.0.7:/a:b", "em_user@10.0.0.7", "/a:b"),
        ("em@[fe80::1]:/data", "em@[fe80::1]", "/data"),
        ("[::1]:/data", "[::1]", "/data"),
    ],
)
def test_a_target_is_a_folder_or_that_of_a_host(text: str, host: str | None, folder: str) -> None:
    """As rsync reads it: a colon before any slash names a host."""
    target = parse_target(text, Path("/project"))
    assert target == Target(host, folder)
    assert str(target) == text


@pytest.mark.parametrize(
    "text",
    [
        "-e sh:/data", "--rsh=sh:/data", "-host:/data", "a@-host:/data", "-a@host:/data",
        "host:-folder", "host:", "host::module", ":/data", "rsync://host/data", "a b:/data",
        "host;rm:/data", "$(id):/data", "a@b@c:/data", "relative/folder", "-folder", "",
        "/a\nb", "/a\0b", "host:/a\nb", "/project", "/project/images",
    ],
)  # fmt: skip
def test_nothing_else_is_a_target(text: str) -> None:
    """Neither an option, nor another protocol, nor the project itself."""
    with pytest.raises(UsageError, match=r"\[copy\] to"):
        parse_target(text, Path("/project"))


def test_a_wrong_target_is_told_when_batches_are_submitted(project: Project) -> None:
    """With the file that it stands in."""
    project.settings = replace(project.settings, copying=CopySettings(to="-x"))
    with pytest.raises(SettingsError, match=r"project\.toml: \[copy\] to = '-x'"):
        project.submit(Selection(everything=True), Choice(scripts=("measure",)))


def test_only_products_that_somebody_makes_can_be_asked_for(project: Project) -> None:
    """A misspelt one would never come."""
    scripts = project.catalog.scripts.values()
    check_what(CopySettings(what=("particles",)), scripts)
    with pytest.raises(UnknownNameError, match="'particle'; known: particles"):
        check_what(CopySettings(what=("particle",)), scripts)


def test_results_thumbnails_and_records_are_copied(project: Project) -> None:
    """All kept products, or those that are named; thumbnails come along."""
    OneProcessor(project).run(1, *MICROGRAPH_WORKFLOW)
    folder = project.images.folder(1)
    record = read_record(folder)
    place = "images/square/image_1"

    def paths(settings: CopySettings) -> list[str]:
        return [file.path for file in plan_results(record, folder, settings)]

    everything = ["particles.txt", "power_spectrum.txt", "thumbnails/micrograph.txt"]
    assert paths(CopySettings()) == [f"{place}/{name}" for name in everything]
    some = [f"{place}/particles.txt", f"{place}/thumbnails/micrograph.txt"]
    assert paths(CopySettings(what=("particles",))) == some
    assert [file.path for file in plan_records(record, folder)] == [f"{place}/image.toml"]
    (folder.parent / "group.toml").write_text("")
    assert plan_records(record, folder)[-1].path == "images/square/group.toml"
    recording = plan_recording(record, folder)
    assert recording.source == folder / "recording.mrc"
    assert recording.path == "recordings/square/image_1/recording.mrc"


def test_a_record_cannot_name_files_outside_its_folder(project: Project) -> None:
    """Somebody may have edited it."""
    OneProcessor(project).run(1, "pick")
    folder = project.images.folder(1)
    path = folder / "image.toml"
    for odd in ("../image_2/image.toml", "/etc/hostname"):
        path.write_text(path.read_text().replace('"particles.txt"', f'"{odd}"'))
        assert plan_results(read_record(folder), folder, CopySettings()) == []
        path.write_text(path.read_text().replace(f'"{odd}"', '"particles.txt"'))


def test_other_orders_are_other_copies() -> None:
    """Where to and what; not how quickly."""
    settings = CopySettings(to="/a")
    assert sign(settings) == sign(replace(settings, rate_mb_s=1.0))
    others = [replace(settings, to="/b"), replace(settings, what=()),
              replace(settings, recordings=True)]  # fmt: skip
    assert len({sign(settings), *map(sign, others)}) == 4
