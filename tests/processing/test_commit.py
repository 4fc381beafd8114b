"""Commits and parameter files: nobody's words are lost, whoever writes at the same time."""

import multiprocessing
from pathlib import Path

import pytest

from cryobatch.formats import parameter_file
from cryobatch.model import Person
from cryobatch.processing.image_folder import read_record, update_record
from cryobatch.project import Selection
from cryobatch.project.correction import (
    comment_image,
    correct_facts,
    flag_image,
    lock_values,
    set_parameters,
)
from tests.one_processor import OneProcessor
from tests.processing.conftest import MakeProject
from tests.projects import MICROGRAPH_WORKFLOW

ALL = Selection(everything=True)


def test_an_edit_by_hand_while_a_script_runs_is_kept(new_project: MakeProject) -> None:
    """A person's editor saves between the script's beginning and its commit: both are there."""
    project = new_project(1)
    path = project.images.folder(1) / "image.toml"

    def edit(script: str) -> None:
        if script == "measure":
            said = '[person]\nflag = "amber"\ncomment = "crack"\n[person.facts]\ncs = 0.01\n'
            path.write_text(f"{path.read_text()}\n{said}\n[parameters.pick]\ndiameter = 77\n")

    processor = OneProcessor(project, before_commit=edit)
    told = processor.run(1, *MICROGRAPH_WORKFLOW)
    assert told.done == list(MICROGRAPH_WORKFLOW)
    record = read_record(path.parent)
    assert record.person == Person(flag="amber", comment="crack", facts={"cs": 0.01})
    assert set(record.runs) == set(MICROGRAPH_WORKFLOW)
    row = project.images.rows()[0]
    assert (row["defocus_u"], row["flag"]) == (1000.0, "amber")


def test_every_word_of_a_person_survives_a_batch(new_project: MakeProject) -> None:
    """Facts, locks, flags, comments and parameters, said before each commit."""
    project = new_project(1)
    changes = {
        "measure": correct_facts({"cs": 2.7}),
        "pick": lock_values({"particle_count": 3}),
        "judge": flag_image("red"),
    }

    def speak(script: str) -> None:
        project.images.update(ALL, changes[script])
        project.images.update(ALL, comment_image(f"before {script}"))
        project.images.update(ALL, set_parameters({script: {}}))

    OneProcessor(project, before_commit=speak).run(1, *MICROGRAPH_WORKFLOW)
    person = project.images.record(1).person
    assert person == Person("red", "before judge", False, {"particle_count": 3}, {"cs": 2.7})
    assert set(project.images.record(1).parameters) == set(MICROGRAPH_WORKFLOW)


def test_a_fact_corrected_while_its_script_ran_makes_the_result_stale(
    new_project: MakeProject,
) -> None:
    """The result was made with the old one, and the next batch makes it anew."""
    project = new_project(1)

    def correct(script: str) -> None:
        project.correct_facts(ALL, {"pixel_size": 2.0})

    processor = OneProcessor(project, before_commit=correct)
    processor.run(1, "measure")
    assert project.images.rows()[0]["stale"] == ["measure"]
    assert processor.run(1, "measure").done == ["measure"]


def test_a_file_broken_by_hand_while_a_script_runs_is_left_as_it_is(
    new_project: MakeProject,
) -> None:
    """The script fails with the file's name; nothing that a person wrote is overwritten."""
    project = new_project(1)
    path = project.images.folder(1) / "image.toml"
    whole = path.read_text()

    def destroy(script: str) -> None:
        path.write_text(f"{whole}\n[person\n")

    processor = OneProcessor(project, before_commit=destroy)
    told = processor.work(processor.order(1, *MICROGRAPH_WORKFLOW))
    assert told.messages[-1]["event"] in {"done", "script_done"}
    assert path.read_text() == f"{whole}\n[person\n"


def test_what_does_not_depend_on_a_refused_result_goes_on(new_project: MakeProject) -> None:
    """The picks could not be kept; the spectrum can, and the statistics do without picks."""
    project = new_project(1)
    particles = project.images.folder(1) / "particles.txt"

    def block(script: str) -> None:
        if script == "pick":
            particles.mkdir()
            (particles / "something").touch()

    told = OneProcessor(project, before_commit=block).run(1, *MICROGRAPH_WORKFLOW)
    assert told.done == ["measure", "pick", "judge"]
    assert set(project.images.record(1).runs) == {"measure", "judge"}
    assert project.images.rows()[0]["quality"] == "red"


def _lock_often(folder: Path, name: str, times: int) -> None:
    for count in range(times):
        update_record(folder, lock_values({f"{name}_{count}": float(count)}))


def test_two_processes_that_write_different_things_lose_nothing(new_project: MakeProject) -> None:
    """Each read-modify-write happens under the image's lock."""
    folder = new_project(1).images.folder(1)
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_lock_often, args=(folder, n, 12)) for n in ("a", "b")]
    for process in others:
        process.start()
    for process in others:
        process.join(60)
    assert [process.exitcode for process in others] == [0, 0]
    locks = read_record(folder).person.locks
    assert locks == {f"{n}_{count}": float(count) for n in ("a", "b") for count in range(12)}


@pytest.mark.parametrize("keep", [False, True])
def test_history_keeps_what_a_new_run_replaces(new_project: MakeProject, keep: bool) -> None:
    """Record, values and thumbnails; large products only by setting."""
    project = new_project(1)
    processor = OneProcessor(project, keep_products=keep)
    processor.run(1, *MICROGRAPH_WORKFLOW)
    folder = project.images.folder(1)
    old_picture = (folder / "thumbnails/micrograph.txt").read_text()
    processor.run(1, *MICROGRAPH_WORKFLOW, parameters={"pick": {"diameter": 90.0}}, force=True)
    kept = {path.name.split("-")[0]: path for path in (folder / "history").iterdir()}
    assert set(kept) == set(MICROGRAPH_WORKFLOW)
    assert (kept["judge"] / "thumbnails/micrograph.txt").read_text() == old_picture
    assert (kept["pick"] / "particles.txt").exists() == keep
    first = parameter_file.read(kept["pick"] / "record.toml")
    assert first.runs["pick"].batch == 1
    assert first.values == {"pick": {"particle_count": 7}}
    assert list(first.runs) == ["pick"]


def test_a_first_run_leaves_no_history(new_project: MakeProject) -> None:
    """There is nothing to keep."""
    project = new_project(1)
    OneProcessor(project).run(1, *MICROGRAPH_WORKFLOW)
    assert not (project.images.folder(1) / "history").exists()


def test_history_keeps_the_run_of_another_maker_too(new_project: MakeProject) -> None:
    """``measure_otherwise`` took the place of ``measure``."""
    project = new_project(1)
    processor = OneProcessor(project)
    processor.run(1, "measure")
    processor.run(1, "measure_otherwise")
    (kept,) = (project.images.folder(1) / "history").iterdir()
    assert parameter_file.read(kept / "record.toml").values["measure"]["defocus_u"] == 1000.0
