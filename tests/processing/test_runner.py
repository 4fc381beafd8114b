"""The runner: what must run runs, once; what is up to date does not; failures cost their own."""

from collections.abc import Callable
from dataclasses import replace
from mmap import PAGESIZE, mmap
from pathlib import Path

import pytest

from cryobatch.processing.image_folder import read_record
from cryobatch.processing.staging import Stopwatch
from cryobatch.project import Project
from tests import simple_scripts
from tests.one_processor import OneProcessor
from tests.processing.conftest import MakeProject
from tests.projects import MICROGRAPH_WORKFLOW, MOVIE_WORKFLOW

MAKERS = ["take", "halve"]
REST = ["align", "measure", "pick", "judge"]


@pytest.fixture
def movie(new_project: MakeProject) -> OneProcessor:
    """Return a processor for a project with one movie, its whole workflow done."""
    processor = OneProcessor(new_project(1, root="movie"))
    assert processor.run(1, *MOVIE_WORKFLOW).failures == {}
    return processor


def stale(project: Project) -> object:
    """Return what the library says is stale of the first image."""
    return project.images.rows()[0]["stale"]


def test_a_movies_whole_workflow_runs_in_order(new_project: MakeProject) -> None:
    """The stack is made, cropped and read; products and values are where they belong."""
    project = new_project(1, root="movie")
    told = OneProcessor(project).run(1, *reversed(MOVIE_WORKFLOW))
    assert told.started == ["take", "halve", *REST]
    folder = project.images.folder(1)
    text = (folder / "micrograph.txt").read_text()
    assert text == "align(halve(take(recording 1)), take(recording 1))"
    row = project.images.rows()[0]
    assert (row["drift_path"], row["defocus_u"], row["particle_count"]) == (3.0, 1000.0, 7)
    assert (row["quality"], row["flag"], row["stale"]) == ("green", "green", [])


def test_transient_products_do_not_outlive_their_batch(movie: OneProcessor) -> None:
    """Neither in the image's folder nor in scratch; staging holds but the file for output."""
    folder = movie.project.images.folder(1)
    assert not list(folder.rglob("*stack*"))
    left = [movie.project.place.folder / ".scratch", movie.project.place.staging]
    files = [path for place in left for path in place.rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".out"]


def test_what_is_up_to_date_is_skipped(movie: OneProcessor) -> None:
    """The second batch runs nothing, not even the makers of transient products."""
    again = movie.run(1, *MOVIE_WORKFLOW)
    assert again.started == []
    assert again.skipped == ["take", *REST]
    assert again.messages[-1]["event"] == "done"


def test_force_runs_what_was_chosen_and_no_more(movie: OneProcessor) -> None:
    """Makers that only came along run for their transient products alone."""
    assert movie.run(1, "measure", "judge", force=True).done == ["measure", "judge"]
    forced = movie.run(1, "align", force=True)
    assert forced.started == ["take", "halve", "align"]
    assert forced.done == ["align"]


def test_makers_of_transient_products_run_only_for_a_script_that_will_run(
    movie: OneProcessor,
) -> None:
    """A parameter of the picker costs no stack; one of the drift correction does."""
    pick = movie.run(1, *MOVIE_WORKFLOW, parameters={"pick": {"diameter": 130.0}})
    assert pick.started == ["pick", "judge"]
    align = movie.run(1, *MOVIE_WORKFLOW, parameters={"align": {"patches": 3}})
    assert align.started == ["take", "halve", *REST]
    assert align.done == REST


def test_a_transient_product_of_a_finished_script_is_made_again_when_needed(
    movie: OneProcessor,
) -> None:
    """``polish`` came later and needs the corrected stack: its maker's results stay as they are."""
    before = movie.project.images.record(1).runs["align"]
    told = movie.run(1, "polish")
    assert told.started == ["take", "halve", "align", "polish"]
    assert told.done == ["polish"]
    assert told.of("script_made") == ["take", "halve", "align"]
    assert movie.project.images.record(1).runs["align"] == before
    assert stale(movie.project) == []
    assert movie.run(1, "polish").started == []


def test_a_batch_goes_on_with_what_does_not_depend_on_a_failure(new_project: MakeProject) -> None:
    """The spectrum failed: picks are there, statistics do without it, and it is told why."""
    project = new_project(1)
    simple_scripts.failing.add("measure")
    told = OneProcessor(project).run(1, *MICROGRAPH_WORKFLOW, "tell")
    assert told.done == ["pick", "judge"]
    assert "told to fail" in told.failures["measure"]
    assert told.failures["tell"] == "not run, for measure has failed"
    assert project.images.rows()[0]["quality"] == "red"


def test_what_depends_on_a_failed_maker_does_not_run(new_project: MakeProject) -> None:
    """Not even with the product of an earlier run, which does not hold any more."""
    project = new_project(1, root="movie")
    processor = OneProcessor(project)
    processor.run(1, *MOVIE_WORKFLOW)
    simple_scripts.failing.add("align")
    told = processor.run(1, *MOVIE_WORKFLOW, parameters={"align": {"patches": 3}})
    assert told.done == []
    assert set(told.failures) == {"align", "measure", "pick", "judge"}


def test_a_failed_transient_maker_fails_its_readers(new_project: MakeProject) -> None:
    """It leaves no record, but its failure is told."""
    simple_scripts.failing.add("halve")
    told = OneProcessor(new_project(1, root="movie")).run(1, *MOVIE_WORKFLOW)
    assert told.done == ["take"]
    assert "told to fail" in told.failures["halve"]
    assert told.failures["align"] == "not run, for halve has failed"


def test_scripts_that_failed_in_an_earlier_attempt_are_not_tried_again(
    new_project: MakeProject,
) -> None:
    """The processor died after ``measure`` had failed: the rest is done, it is not."""
    processor = OneProcessor(new_project(1))
    told = processor.run(1, *MICROGRAPH_WORKFLOW, failures={"measure": "took too long"})
    assert told.started == ["pick", "judge"]


def test_a_value_that_failed_to_come_is_unknown_and_not_the_earlier_one(
    new_project: MakeProject,
) -> None:
    """After a failure the statistics are made without the old defocus."""
    processor = OneProcessor(new_project(1))
    processor.run(1, *MICROGRAPH_WORKFLOW)
    assert processor.project.images.rows()[0]["quality"] == "green"
    simple_scripts.failing.add("measure")
    processor.run(1, *MICROGRAPH_WORKFLOW, force=True)
    assert processor.project.images.rows()[0]["quality"] == "red"


def test_an_image_that_cannot_have_the_workflow_says_why(new_project: MakeProject) -> None:
    """Nothing is run, and the reason names the script that would help."""
    told = OneProcessor(new_project(1, root="movie")).run(1, "pick")
    assert told.failures == {"workflow": "pick needs micrograph: add align"}


def test_a_missing_fact_names_the_option(new_project: MakeProject) -> None:
    """Only the script that needs it fails."""
    project = new_project(1)
    folder = project.images.folder(1)
    path = folder / "image.toml"
    lines = [line for line in path.read_text().splitlines() if "pixel_size" not in line]
    path.write_text("\n".join(lines))
    told = OneProcessor(project).run(1, *MICROGRAPH_WORKFLOW)
    assert "image set pixel_size=" in told.failures["measure"]
    assert "--pixel-size" in told.failures["measure"]
    assert told.done == ["pick", "judge"]


def test_a_script_that_needs_a_gpu_is_told_where_there_is_none(new_project: MakeProject) -> None:
    """It fails with what to set, and what does not depend on it goes on."""
    known = simple_scripts.simple_scripts()
    scripts = {**known, "measure": replace(known["measure"], gpus=1)}
    told = OneProcessor(new_project(1, scripts=scripts)).run(1, *MICROGRAPH_WORKFLOW)
    assert "needs 1 GPUs" in told.failures["measure"]
    assert "[processors]" in told.failures["measure"]
    assert told.done == ["pick", "judge"]


def test_a_missing_value_names_the_script_that_would_help(new_project: MakeProject) -> None:
    """``tell`` reads the defocus, and nothing has calculated it."""
    told = OneProcessor(new_project(1)).run(1, "tell")
    reason = "no script has calculated defocus_u: add measure or measure_otherwise"
    assert told.failures == {"tell": f"image_1: {reason}"}


def test_no_script_overwrites_the_recording(new_project: MakeProject) -> None:
    """It was copied into the image's folder under a name that a script uses for a product."""
    project = new_project(1)
    folder = project.images.folder(1)
    (folder / "recording.mrc").rename(folder / "particles.txt")
    path = folder / "image.toml"
    path.write_text(path.read_text().replace('"recording.mrc"', '"particles.txt"'))
    told = OneProcessor(project).run(1, *MICROGRAPH_WORKFLOW)
    assert "would overwrite the recording" in told.failures["pick"]
    assert (folder / "particles.txt").read_text() == "recording 1"
    assert told.done == ["measure", "judge"]


def test_a_recording_that_is_gone_fails_its_batch_with_the_path(new_project: MakeProject) -> None:
    """And says what to do."""
    project = new_project(1)
    recording = project.images.folder(1) / "recording.mrc"
    recording.unlink()
    told = OneProcessor(project).run(1, *MICROGRAPH_WORKFLOW)
    assert str(recording) in told.failures["workflow"]
    assert "bring it back" in told.failures["workflow"]


def test_parameters_come_from_all_layers(new_project: MakeProject) -> None:
    """Project, group, image and batch, the last the strongest; the record tells what was used."""
    project = new_project(1, settings="[parameters.align]\npatches = 2\nunweighted = true\n",
                          root="movie")  # fmt: skip
    folder = project.images.folder(1)
    processor = OneProcessor(project)

    def used(batch: int | None = None) -> object:
        given = {} if batch is None else {"align": {"patches": batch}}
        assert processor.run(1, "align", parameters=given).failures == {}
        return read_record(folder).runs["align"].parameters["patches"]

    assert used() == 2
    (folder.parent / "group.toml").write_text("[parameters.align]\npatches = 3\n")
    assert used() == 3
    image = folder / "image.toml"
    image.write_text(image.read_text() + "\n[parameters.align]\npatches = 4\n")
    assert used() == 4
    assert used(6) == 6
    assert read_record(folder).runs["align"].given == {"align": {"patches": 6}}
    assert (folder / "micrograph_unweighted.txt").exists()


def test_an_optional_output_that_is_not_made_any_more_goes_away(new_project: MakeProject) -> None:
    """Else an old file would pass for a result of the new run."""
    project = new_project(1, root="movie")
    processor = OneProcessor(project)
    processor.run(1, "align", parameters={"align": {"unweighted": True}})
    file = project.images.folder(1) / "micrograph_unweighted.txt"
    assert file.exists()
    processor.run(1, "align")
    assert not file.exists()
    assert set(project.images.record(1).runs["align"].products) == {"micrograph"}


def test_a_second_maker_of_a_product_takes_its_place(new_project: MakeProject) -> None:
    """Its values hold, the first one's files are gone, and switching back runs the first again."""
    project = new_project(1)
    processor = OneProcessor(project)
    processor.run(1, *MICROGRAPH_WORKFLOW)
    processor.run(1, "measure_otherwise", "judge")
    folder = project.images.folder(1)
    assert project.images.rows()[0]["defocus_u"] == 500.0
    assert not (folder / "power_spectrum.txt").exists()
    assert (folder / "thumbnails/micrograph.txt").read_text().count("measure_otherwise") == 1
    assert stale(project) == []
    assert processor.run(1, *MICROGRAPH_WORKFLOW).done == ["measure", "judge"]
    assert project.images.rows()[0]["defocus_u"] == 1000.0
    assert not (folder / "power_spectrum_other.txt").exists()


def test_a_transformer_of_a_kept_product_stands_between_maker_and_readers(
    new_project: MakeProject,
) -> None:
    """Its parameter changes what readers see; the maker's product stays for the next time."""
    project = new_project(1)
    processor = OneProcessor(project)
    processor.run(1, *MICROGRAPH_WORKFLOW, "select")
    picture = project.images.folder(1) / "thumbnails" / "micrograph.txt"
    assert "select(pick(recording 1))" in picture.read_text()
    assert stale(project) == []
    again = processor.run(1, *MICROGRAPH_WORKFLOW, "select", parameters={"select": {"share": 0.1}})
    assert again.done == ["select", "judge"]
    assert "select(pick(recording 1))" in picture.read_text()
    assert processor.run(1, "judge").done == []


def test_every_run_leaves_its_record(movie: OneProcessor) -> None:
    """Version, fingerprint, parameters, tools, host, processor, batch, times, memory, products."""
    run = movie.project.images.record(1).runs["align"]
    assert run.version == "1"
    assert len(run.fingerprint) == 32
    assert run.parameters == {"patches": 5, "unweighted": False}
    assert "cryobatch" in run.tools
    assert (run.processor, run.batch, run.products) == (
        "local-1", 1, {"micrograph": "micrograph.txt"},
    )  # fmt: skip
    assert run.inputs["stack"] == ("take", "halve")
    assert run.seconds >= 0
    assert run.memory_bytes > 1_000_000


@pytest.mark.parametrize(
    "destroy",
    [
        lambda folder: (folder / "image.toml").write_text("[image"),
        lambda folder: (folder / "image.toml").unlink(),
        lambda folder: (folder.parent / "group.toml").write_text("[nonsense]\n"),
    ],
)
def test_a_broken_file_fails_the_batch_and_is_named(
    new_project: MakeProject, destroy: Callable[[Path], object]
) -> None:
    """Nothing is guessed, nothing is overwritten."""
    project = new_project(1)
    processor = OneProcessor(project)
    destroy(project.images.folder(1))
    order = processor.order(1, *MICROGRAPH_WORKFLOW)
    told = processor.work(order)
    assert ".toml" in told.failures["workflow"]


def test_the_memory_of_a_run_is_its_own() -> None:
    """A small run after a large one is told as small."""
    with mmap(-1, 200_000_000) as held:  # given back when closed, whatever the heap keeps
        for page in range(0, len(held), PAGESIZE):
            held[page] = 1
        watch = Stopwatch()
        large = watch.memory_peak()
    assert large > 200_000_000
    assert Stopwatch().memory_peak() < large
