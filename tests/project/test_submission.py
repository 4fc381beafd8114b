"""Submitting: what can run is queued, what cannot is refused with a reason, nothing is doubled."""

from pathlib import Path

import pytest

from cryobatch.errors import (
    ParameterError,
    SettingsError,
    UnknownNameError,
    UsageError,
    WorkflowError,
)
from cryobatch.model import Batch
from cryobatch.model.batch import ParameterSet
from cryobatch.processing.catalog import Catalog, Problem
from cryobatch.project import Project, Selection
from cryobatch.project.correction import trash_image
from cryobatch.project.submission import Choice
from tests.one_processor import OneProcessor
from tests.projects import MICROGRAPH_WORKFLOW, MOVIE_WORKFLOW, add_images, make_project
from tests.simple_scripts import simple_scripts

ALL = Selection(everything=True)


def queued(project: Project) -> list[Batch]:
    """Return what waits, in its order."""
    return [row.batch for row in project.queue.listing()]


def test_without_a_choice_each_kind_of_image_has_its_own_workflow(project: Project) -> None:
    """Movies the one for movies, micrographs the one for micrographs."""
    add_images(project, 1, root="movie")
    report = project.submit(ALL, Choice())
    assert len(report.batches) == 4
    assert report.refused == {}
    assert [b.scripts for b in queued(project)] == [MICROGRAPH_WORKFLOW] * 3 + [MOVIE_WORKFLOW]


def test_images_are_named_by_all_by_ids_or_by_an_expression(project: Project) -> None:
    """By exactly one of the three."""
    OneProcessor(project).run(2, "measure")
    scripts = Choice(scripts=("pick",))
    project.submit(Selection(where="defocus_u > 500"), scripts)
    project.submit(Selection(images=(3,)), scripts)
    assert [batch.image_id for batch in queued(project)] == [2, 3]
    assert len(project.submit(ALL, scripts).batches) == 1
    with pytest.raises(UsageError, match="more than one way"):
        Selection(everything=True, images=(1,))
    with pytest.raises(UsageError, match="no image of the library has the id 99"):
        project.submit(Selection(images=(1, 99)), scripts)


def test_a_value_can_be_asked_for_before_any_image_has_it(project: Project) -> None:
    """Scripts declare it; another name is answered with the nearest."""
    assert project.submit(Selection(where="defocus_u is none"), Choice(scripts=("pick",))).batches
    with pytest.raises(UnknownNameError, match="'defocus'; known: defocus_u"):
        project.submit(Selection(where="defocus > 1"), Choice())


def test_top_goes_before_everything_and_keeps_its_own_order(project: Project) -> None:
    """Newest first is for whoever submits them so."""
    project.submit(Selection(images=(1,)), Choice())
    project.submit(Selection(images=(2, 3)), Choice(top=True))
    assert [batch.image_id for batch in queued(project)] == [2, 3, 1]


def test_the_same_again_is_reported_and_not_doubled(project: Project) -> None:
    """Other scripts, parameters or force are not the same."""
    first = project.submit(ALL, Choice(scripts=("pick",)))
    again = project.submit(ALL, Choice(scripts=("pick",)))
    assert (again.batches, again.duplicates) == ((), first.batches)
    given = {"pick": {"diameter": 90.0}}
    assert project.submit(ALL, Choice(scripts=("pick",), parameters=given)).batches
    assert project.submit(ALL, Choice(scripts=("measure",))).batches
    assert project.submit(ALL, Choice(scripts=("pick",), force=True)).batches
    assert project.submit(ALL, Choice(scripts=("pick",), parameters=given)).batches == ()


def test_force_and_parameters_travel_with_the_batch(project: Project) -> None:
    """Checked and in their own types; none is a word of its own."""
    given: ParameterSet = {"pick": {"diameter": 90}, "measure": {"reference": None}}
    choice = Choice(scripts=("pick", "measure"), parameters=given, force=True)
    project.submit(Selection(images=(1,)), choice)
    (batch,) = queued(project)
    assert batch.force
    assert batch.parameters == {"pick": {"diameter": 90.0}, "measure": {"reference": "none"}}


@pytest.mark.parametrize(
    ("choice", "error", "why"),
    [
        (Choice(scripts=("pikc",)), UnknownNameError, r"'pikc'; known: pick.*scripts list"),
        (Choice(workflow="micrograhp"), UnknownNameError, "'micrograhp'; known: micrograph"),
        (Choice(scripts=()), WorkflowError, "at least one script"),
        (Choice(parameters={"pikc": {}}), UnknownNameError, "'pikc'; known: pick"),
        (Choice(parameters={"pick": {"size": 1}}), UnknownNameError, "'size'; known: diameter"),
        (Choice(parameters={"pick": {"diameter": -1}}), ParameterError, r"pick\.diameter = -1"),
        (
            Choice(scripts=("measure",), parameters={"pick": {"diameter": 9}}),
            WorkflowError,
            r"pick is not among the chosen scripts \(measure\)",
        ),
        (Choice(scripts=("measure", "measure_otherwise")), WorkflowError, "choose one of them"),
    ],
)
def test_a_choice_that_nobody_can_have_is_refused_as_a_whole(
    project: Project, choice: Choice, error: type[Exception], why: str
) -> None:
    """Before anything is queued."""
    with pytest.raises(error, match=why):
        project.submit(ALL, choice)
    assert queued(project) == []


def test_an_unknown_script_is_an_error_without_any_image(tmp_path: Path) -> None:
    """A typing error does not hide behind an empty project."""
    with make_project(tmp_path / "empty") as project:
        with pytest.raises(UnknownNameError, match="'pikc'"):
            project.submit(ALL, Choice(scripts=("pikc",)))
        assert project.submit(ALL, Choice()).batches == ()


def test_images_that_lack_an_input_are_refused_one_by_one(tmp_path: Path) -> None:
    """The reason names the script that would help; the others are queued."""
    with make_project(tmp_path / "movies", 2, root="movie") as project:
        OneProcessor(project).run(1, "align")
        report = project.submit(ALL, Choice(scripts=("pick",)))
        assert len(report.batches) == 1
        assert report.refused == {2: "pick needs micrograph: add align"}


def test_a_product_that_is_gone_does_not_count(tmp_path: Path) -> None:
    """The record still names it; the file is what counts."""
    with make_project(tmp_path / "movies", 1, root="movie") as project:
        OneProcessor(project).run(1, "align")
        (project.images.folder(1) / "micrograph.txt").unlink()
        assert set(project.submit(ALL, Choice(scripts=("pick",))).refused) == {1}


def test_what_is_queued_already_may_make_what_an_image_lacks(tmp_path: Path) -> None:
    """The second batch of the image waits for the first."""
    with make_project(tmp_path / "movies", 1, root="movie") as project:
        project.submit(ALL, Choice(scripts=("align",)))
        report = project.submit(ALL, Choice(scripts=("pick",)))
        assert len(report.batches) == 1
        assert report.refused == {}


def test_images_of_a_kind_that_cannot_have_it_are_refused_and_the_others_go(
    project: Project,
) -> None:
    """A drift correction for all: the sums among the images have no frames."""
    movie = add_images(project, 1, root="movie")[0]
    report = project.submit(ALL, Choice(scripts=("align",)))
    assert [batch.image_id for batch in queued(project)] == [movie]
    assert set(report.refused) == {1, 2, 3}
    assert "already a micrograph" in report.refused[1]
    with pytest.raises(WorkflowError, match="none of the chosen scripts applies to a micrograph"):
        project.submit(Selection(images=(1, 2)), Choice(scripts=("align",)))


def test_what_does_not_apply_is_left_out_and_told(project: Project) -> None:
    """The movie's workflow for a sum: the rest of it runs."""
    report = project.submit(ALL, Choice(workflow="movie"))
    assert len(report.batches) == 3
    assert set(report.left_out) == {"take", "halve", "align"}


def test_a_parameter_of_a_transient_maker_is_for_a_script_that_runs(tmp_path: Path) -> None:
    """``take`` comes along with ``align``, and its parameter matters."""
    with make_project(tmp_path / "movies", 1, root="movie") as project:
        given = {"halve": {"factor": 4.0}}
        assert project.submit(ALL, Choice(scripts=("align",), parameters=given)).batches


def test_a_parameter_file_that_cannot_be_read_refuses_its_own_image(tmp_path: Path) -> None:
    """With the file's name."""
    with make_project(tmp_path / "movies", 2, root="movie") as project:
        OneProcessor(project).run(1, "align")
        path = project.images.folder(2) / "image.toml"
        path.write_text("[")
        report = project.submit(ALL, Choice(scripts=("pick",)))
        assert len(report.batches) == 1
        assert str(path) in report.refused[2]


def test_one_submission_runs_just_what_a_corrected_fact_made_stale(project: Project) -> None:
    """All images are submitted; only what used the fact, where it was corrected, runs again."""
    processor = OneProcessor(project)
    for image in (1, 2, 3):
        processor.run(image, *MICROGRAPH_WORKFLOW)
    assert project.correct_facts(Selection(where="id <= 2"), {"pixel_size": 2.0}) == [1, 2]
    assert [row["stale"] for row in project.images.rows()] == [["judge", "measure"]] * 2 + [[]]
    assert project.images.select(Selection(where="stale")) == [1, 2]
    project.submit(ALL, Choice())
    ran = {b.image_id: processor.run(b.image_id, *b.scripts).started for b in queued(project)}
    assert ran == {1: ["measure", "judge"], 2: ["measure", "judge"], 3: []}
    assert project.images.select(Selection(where="stale")) == []


def test_what_is_in_the_trash_is_not_meant_by_all(project: Project) -> None:
    """By its id it still is."""
    project.images.update(Selection(images=(2,)), trash_image(True))
    assert len(project.submit(ALL, Choice()).batches) == 2
    assert len(project.submit(Selection(images=(2,)), Choice()).batches) == 1


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("[parameters.pikc]\ndiameter = 9\n", r"\[parameters\.pikc\].*'pikc'; known: pick"),
        ("[parameters.pick]\ndiametre = 9\n", r"\[parameters\.pick\].*'diametre'; known: diam"),
        ("[parameters.pick]\ndiameter = 0\n", r"\[parameters\.pick\].*pick\.diameter = 0"),
    ],
)
def test_a_projects_parameter_that_nobody_can_use_is_an_error(
    tmp_path: Path, settings: str, why: str
) -> None:
    """Before a thousand batches fail with it; the text names the file."""
    project = make_project(tmp_path / "p", 1, settings=settings)
    with project, pytest.raises(SettingsError, match=rf"project\.toml: {why}"):
        project.submit(ALL, Choice())


def test_parameters_of_a_script_that_is_broken_today_wait_for_it(tmp_path: Path) -> None:
    """While a laboratory edits its file, other scripts run."""
    with make_project(tmp_path / "p", 1, settings="[parameters.mine]\nx = 9\n") as project:
        problem = Problem(str(project.place.scripts / "mine.py"), "SyntaxError")
        project.catalog = Catalog(simple_scripts(), (problem,))
        assert project.submit(ALL, Choice()).batches


def test_a_file_named_on_the_command_line_is_found_from_there(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one is taken as relative to the project."""
    (tmp_path / "reference.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    parsed = project.parse_parameters(["measure.reference=reference.txt"])
    assert parsed == {"measure": {"reference": str(tmp_path / "reference.txt")}}
    parsed = project.parse_parameters(["measure.reference=elsewhere.txt"])
    assert parsed == {"measure": {"reference": "elsewhere.txt"}}
    assert project.parse_parameters(["measure.reference=none"]) == {
        "measure": {"reference": "none"}
    }


def test_stale_alone_is_run_again(tmp_path: Path) -> None:
    """What is stale is queued image by image, also scripts outside the project's workflow."""
    with make_project(tmp_path / "project", 3) as project:
        one = OneProcessor(project)
        one.run(1, "measure")
        one.run(2, *MICROGRAPH_WORKFLOW, "tell")
        project.correct_facts(Selection(images=(1, 2)), {"pixel_size": 2.0})
        report = project.submit(Selection(everything=True), Choice(stale=True))
        assert len(report.batches) == 2
        queued = {row.batch.image_id: row.batch.scripts for row in project.queue.listing()}
        assert queued[1] == ("measure",)
        assert set(queued[2]) >= {"measure", "tell"}
        with pytest.raises(UsageError, match="stale"):
            project.submit(Selection(everything=True), Choice(scripts=("pick",), stale=True))


def test_scripts_of_a_batch_stand_in_their_order(tmp_path: Path) -> None:
    """However they were named, the queue shows them as they will run."""
    with make_project(tmp_path / "project", 1) as project:
        project.submit(Selection(everything=True), Choice(scripts=("judge", "measure", "pick")))
        assert project.queue.listing()[0].batch.scripts == ("measure", "pick", "judge")
        assert project.queue.batches_of_images([1]) == [1]
        assert project.queue.batches_of_images([2]) == []
