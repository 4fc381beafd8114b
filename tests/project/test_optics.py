"""Optics groups of a project: on every image, over imports, restarts and a database built anew."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryobatch.importing import Pace, Recording, Take, find_recordings
from cryobatch.model.image import Fact
from cryobatch.processing.image_folder import read_record
from cryobatch.project import Project
from cryobatch.project.optics import KEPT, Optics
from cryobatch.project.renewal import Renewal
from cryobatch.project.selection import Selection
from cryobatch.store.settings import delete_setting
from tests.recording_files import write_tiff

FACTS = {"pixel_size": 1.5, "voltage": 300}


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


def make_recordings(folder: Path, first: int, count: int) -> list[Recording]:
    """Write movies of a pattern of four holes and return what an import would find."""
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        write_tiff(folder / f"m{number:03}.tif", np.full((2, 8, 8), number % 250, np.uint8))
    found = find_recordings([folder]).recordings[first:]
    return [_add_shift(item, first + number) for number, item in enumerate(found)]


def _add_shift(recording: Recording, number: int) -> Recording:
    jitter = np.random.default_rng(number).normal(0, 0.03, 2)
    shift = {"beam_shift_x": number % 2 + jitter[0], "beam_shift_y": number % 4 // 2 + jitter[1]}
    facts = {name: Fact(float(value), "test") for name, value in shift.items()}
    return replace(recording, facts={**recording.facts, **facts})


def register(project: Project, recordings: Sequence[Recording]) -> None:
    """Register recordings one by one, as they come."""
    registrar = project.registrar
    for one in recordings:
        facts = {one.source_id: registrar.gather_facts(one, {})}
        for _, refused in registrar.register([one], facts, {}, Take.LINK, lambda *_: None):
            assert not refused


def groups_of(project: Project) -> Mapping[str, object]:
    """Return the optics group of each image, None where it has none."""
    found: dict[str, object] = {}
    for row in project.images.rows():
        record = read_record(project.place.image_folder(str(row["group"]), str(row["name"])))
        found[record.image.name] = record.fact("optics_group")
    return found


def expected(count: int) -> Mapping[str, object]:
    """Return the groups of so many images."""
    return {f"m{number:03}": number % 4 + 1 for number in range(count)}


def test_every_image_gets_its_group_once_the_pattern_is_known(tmp_path: Path) -> None:
    """Those that came before it was known get theirs later; a restart changes nothing."""
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        register(project, make_recordings(tmp_path / "day", 0, 5))
        assert set(groups_of(project).values()) == {None}
    with Project.open(tmp_path / "project") as project:
        register(project, make_recordings(tmp_path / "day", 5, 15))
        assert groups_of(project) == expected(20)


def test_a_database_built_anew_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    """The images' files tell the groups that there are."""
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        register(project, make_recordings(tmp_path / "day", 0, 20))
        with project.database.transaction() as t:
            delete_setting(t, KEPT)
        register(project, make_recordings(tmp_path / "day", 20, 8))
        assert groups_of(project) == expected(28)


def test_a_killed_import_owes_nothing_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups that were found and not written are written by the next import."""
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        with monkeypatch.context() as patched:
            patched.setattr(Optics, "complete", lambda *_: None)
            register(project, make_recordings(tmp_path / "day", 0, 20))
        assert None in groups_of(project).values()
        register(project, make_recordings(tmp_path / "day", 20, 1))
        assert groups_of(project) == expected(21)


def test_an_image_whose_recording_is_being_copied_is_owed_its_group(tmp_path: Path) -> None:
    """Others of another folder find its group meanwhile; it gets it with the next import."""
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        recordings = make_recordings(tmp_path / "day", 0, 21)
        register(project, recordings[:2])
        slow, others = recordings[2], recordings[3:20]

        @contextmanager
        def aside() -> Iterator[None]:
            register(project, others)
            yield

        facts = {slow.source_id: project.registrar.gather_facts(slow, {})}
        pace = Pace(aside=aside)
        for _, refused in project.registrar.register(
            [slow], facts, {}, Take.COPY, lambda *_: None, pace
        ):
            assert not refused
        register(project, recordings[20:])
        assert groups_of(project) == expected(21)


def test_images_whose_shifts_come_later_get_their_groups(tmp_path: Path) -> None:
    """Metadata that were late make up for it."""
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        recordings = make_recordings(tmp_path / "day", 0, 20)
        register(project, [replace(one, facts={}) for one in recordings])
        assert set(groups_of(project).values()) == {None}
        late = [replace(one, recorded_at="2026-01-01T00:00:00Z") for one in recordings]
        assert len(Renewal(project.registrar, project.images).renew(late)) == 20
        assert groups_of(project) == expected(20)


def test_a_person_may_correct_a_group(tmp_path: Path) -> None:
    """The correction stays, and later images keep their numbers."""
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        register(project, make_recordings(tmp_path / "day", 0, 20))
        project.correct_facts(Selection(images=(3,)), {"optics_group": 7})
        register(project, make_recordings(tmp_path / "day", 20, 4))
        assert groups_of(project) == {**expected(24), "m002": 7}
