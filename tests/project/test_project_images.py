"""Images: what a person says is kept in their files, and the library repeats it."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.errors import (
    CryobatchError,
    MissingFactError,
    ProjectError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from cryobatch.formats import group_file
from cryobatch.formats.group_file import GroupRecord
from cryobatch.model import ImageRecord
from cryobatch.model.facts import missing_fact
from cryobatch.processing.image_folder import PARAMETER_FILE
from cryobatch.project import Project, Selection
from cryobatch.project.correction import (
    comment_image,
    flag_image,
    lock_values,
    restore_facts,
    set_parameters,
    trash_image,
    unlock_values,
)
from cryobatch.project.images import Images
from cryobatch.store.database import Database
from tests.one_processor import OneProcessor
from tests.projects import MICROGRAPH_WORKFLOW, add_images, make_project, open_project

ALL = Selection(everything=True)


def column(project: Project, name: str) -> list[object]:
    """Return one column of the library."""
    return [row[name] for row in project.images.rows()]


def process(project: Project) -> None:
    """Run the whole workflow on all images."""
    processor = OneProcessor(project)
    for image in project.images.select(ALL):
        assert processor.run(image, *MICROGRAPH_WORKFLOW).failures == {}


def test_a_persons_words_are_in_the_file_and_in_the_library(project: Project) -> None:
    """Flag, comment, trash, locks; only images that changed are named."""
    images = project.images
    assert images.update(Selection(images=(1, 2)), flag_image("amber")) == [1, 2]
    assert images.update(ALL, flag_image("amber")) == [3]
    images.update(Selection(images=(2,)), comment_image("crack in the ice"))
    images.update(Selection(images=(2,)), lock_values({"defocus_u": 9000.0}))
    assert column(project, "flag") == ["amber"] * 3
    assert images.record(2).person.comment == "crack in the ice"
    assert images.select(Selection(where='"crack" in comment')) == [2]
    assert column(project, "defocus_u") == [None, 9000.0, None]
    images.update(ALL, flag_image(None))
    images.update(ALL, unlock_values(("defocus_u",)))
    assert column(project, "flag") == [None] * 3
    assert column(project, "defocus_u") == [None] * 3


def test_the_trash_is_out_of_sight_and_comes_back(project: Project) -> None:
    """Its file says so, and nothing of the image is lost."""
    project.images.update(Selection(images=(2,)), trash_image(True))
    assert column(project, "id") == [1, 3]
    assert project.images.record(2).person.trashed
    project.images.update(Selection(images=(2,)), trash_image(False))
    assert column(project, "id") == [1, 2, 3]


def test_a_flag_is_one_of_three() -> None:
    """The message names them."""
    with pytest.raises(UsageError, match="green, amber, red"):
        flag_image("blue")


def test_a_fact_is_corrected_for_a_range_of_images(project: Project) -> None:
    """The imported one stays beside it, and comes back when the correction is taken back."""
    changed = project.correct_facts(Selection(where="id >= 2"), {"pixel_size": "1.06"})
    assert changed == [2, 3]
    record = project.images.record(2)
    assert (record.fact("pixel_size"), record.acquisition["pixel_size"].value) == (1.06, 1.5)
    assert project.images.record(1).fact("pixel_size") == 1.5
    project.images.update(ALL, restore_facts(("pixel_size",)))
    assert project.images.record(2).fact("pixel_size") == 1.5


@pytest.mark.parametrize(
    ("facts", "error", "why"),
    [
        ({}, UsageError, "name a fact"),
        ({"pixelsize": 1}, UnknownNameError, "known: pixel_size"),
        ({"pixel_size": 1e9}, UsageError, "from 0.05 to 100 Å"),
        ({"gain": "/nowhere.mrc"}, ProjectError, "no file /nowhere.mrc"),
    ],
)
def test_a_wrong_correction_changes_nothing(
    project: Project, facts: dict[str, object], error: type[Exception], why: str
) -> None:
    """It is checked before the first file is written."""
    with pytest.raises(error, match=why):
        project.correct_facts(ALL, facts)
    assert all(not project.images.record(one).person.facts for one in (1, 2, 3))


def test_a_file_that_cannot_be_read_stops_no_other_image(project: Project) -> None:
    """All others change, and the error names the file."""
    path = project.images.folder(2) / PARAMETER_FILE
    path.write_text("[image")
    with pytest.raises(ProjectError, match=rf"2 images have changed, 1 could not be: {path}"):
        project.images.update(ALL, flag_image("red"))
    assert column(project, "flag") == ["red", None, "red"]
    assert list(project.images.index([1, 2, 3])) == [str(path.parent)]
    project.images.refresh(ALL)


def test_parameters_of_a_group_hold_for_its_images(project: Project) -> None:
    """They are added to what the group has, and make stale what they change."""
    other = add_images(project, 1, group="other square")[0]
    process(project)
    project.images.set_group_parameters("other square", {"pick": {"diameter": 90.0}})
    project.images.set_group_parameters("other square", {"measure": {"reference": None}})
    assert column(project, "stale") == [[], [], [], ["judge", "pick"]]
    group = group_file.read(project.place.images / "other square" / "group.toml")
    assert group.parameters["pick"] == {"diameter": 90.0}
    OneProcessor(project).run(other, *MICROGRAPH_WORKFLOW)
    assert column(project, "stale") == [[], [], [], []]


def test_a_group_that_is_not_there_is_answered_with_the_nearest(project: Project) -> None:
    """And no folder is made for it."""
    with pytest.raises(UnknownNameError, match="no group is called 'squre'; known: square"):
        project.images.set_group_parameters("squre", {})
    assert not (project.place.images / "squre").exists()


def test_parameters_of_an_image_hold_for_it_alone(project: Project) -> None:
    """They are added to what the image has."""
    process(project)
    project.images.update(Selection(images=(2,)), set_parameters({"pick": {"diameter": 90.0}}))
    assert column(project, "stale") == [[], ["judge", "pick"], []]


def _comment_group(folder: Path, text: str, times: int) -> None:
    with open_project(folder) as project:

        def change(record: GroupRecord) -> GroupRecord:
            return replace(record, comment=record.comment + text)

        for _ in range(times):
            project.images.update_group("square", change)


def test_two_processes_that_change_a_group_lose_nothing(project: Project) -> None:
    """Each read-modify-write happens under the group's lock."""
    context = multiprocessing.get_context("fork")
    folder = project.place.folder
    others = [context.Process(target=_comment_group, args=(folder, x, 8)) for x in "ab"]
    project.close()
    for process_ in others:
        process_.start()
    for process_ in others:
        process_.join(60)
    assert [process_.exitcode for process_ in others] == [0, 0]
    comment = group_file.read(project.place.images / "square" / "group.toml").comment
    assert sorted(comment) == ["a"] * 8 + ["b"] * 8


def test_an_image_is_found_by_id_by_name_or_by_group_and_name(project: Project) -> None:
    """A name that two groups have is not guessed."""
    images = project.images
    assert images.find("2") == 2
    assert images.find("image_3") == 3
    assert images.find("square/image_1") == 1
    with pytest.raises(CryobatchError, match="no image is called 'image_9'"):
        images.find("image_9")
    with pytest.raises(CryobatchError, match="no image is called '77'"):
        images.find("77")


def test_the_library_is_built_again_from_the_parameter_files(project: Project) -> None:
    """Values, flags, comments, trash, stale marks: the same rows as before."""
    process(project)
    project.images.update(Selection(images=(1,)), comment_image("fine"))
    project.images.update(Selection(images=(2,)), flag_image("red"))
    project.images.update(Selection(images=(3,)), lock_values({"defocus_u": 1.0}))
    project.correct_facts(Selection(images=(1,)), {"pixel_size": 2.0})
    before = project.images.rows()
    for row in before:
        row.pop("state")
    project.close()
    for file in project.place.state.glob("library.db*"):
        file.unlink()
    Database.create(project.place.database).close()
    with open_project(project.place.folder) as again:
        assert again.images.rebuild() == {}
        rows = again.images.rows()
        assert [{k: v for k, v in row.items() if k != "state"} for row in rows] == before
        assert again.images.select(Selection(where='comment == "fine"')) == [1]
        assert add_images(again, 1) == [4]
        assert again.images.rebuild() == {}


def test_a_rebuild_goes_past_what_is_broken_and_tells(project: Project) -> None:
    """An unreadable file, and a folder that was copied or renamed by hand."""
    images = project.place.images / "square"
    (images / "image_1" / PARAMETER_FILE).write_text("[image")
    (images / "image_2").rename(images / "renamed")
    problems = project.images.rebuild()
    assert set(problems) >= {str(images / "image_1"), str(images / "renamed")}
    assert "square/image_2" in problems[str(images / "renamed")]
    assert project.images.record(3).image.name == "image_3"


def test_the_library_is_sorted_filtered_and_cut(project: Project) -> None:
    """By any value; images without it come last."""
    project.images.update(Selection(images=(2,)), lock_values({"score": 0.5}))
    project.images.update(Selection(images=(3,)), lock_values({"score": 0.7}))
    rows = project.images.rows(sort="score", descending=True)
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert [row["id"] for row in project.images.rows("score > 0.6")] == [3]
    assert len(project.images.rows(limit=2)) == 2


def test_a_needed_fact_that_is_unknown_names_the_option() -> None:
    """Where a script asks for it."""
    error = missing_fact("dose_per_frame", "image_1")
    assert isinstance(error, MissingFactError)
    assert "image set dose_per_frame=" in str(error)
    assert "--dose-per-frame" in str(error)


def test_an_unreadable_groups_file_is_named(tmp_path: Path) -> None:
    """Its images stay as the library has them."""
    with make_project(tmp_path / "p", 1) as project:
        process(project)
        path = project.place.images / "square" / "group.toml"
        path.write_text("[group]\ncolour = 3\n")
        assert str(path) in project.images.index([1])[str(path.parent / "image_1")]
        with pytest.raises(SettingsError, match="colour"):
            project.images.set_group_parameters("square", {})


def test_a_result_committed_while_images_are_indexed_is_not_lost(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon writes file and library between our reading and our writing."""
    find_stale = type(project.images).find_stale
    processor = OneProcessor(project)
    meanwhile = [True]

    def find_and_let_others_work(images: Images, record: ImageRecord, folder: Path) -> object:
        found = find_stale(images, record, folder)
        if meanwhile and record.image.id == 2:
            meanwhile.clear()
            processor.run(2, "measure")
        return found

    monkeypatch.setattr(Images, "find_stale", find_and_let_others_work)
    project.images.update(ALL, flag_image("amber"))
    assert meanwhile == []
    assert column(project, "defocus_u") == [None, 1000.0, None]
    assert column(project, "flag") == ["amber"] * 3
