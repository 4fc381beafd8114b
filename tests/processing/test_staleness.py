"""Staleness: what depends on something that changed is stale, nothing else, and a run clears it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.model import Script
from cryobatch.processing.catalog import Catalog
from cryobatch.project import Project, Selection
from cryobatch.project.correction import lock_values, restore_facts, unlock_values
from tests import simple_scripts
from tests.one_processor import OneProcessor
from tests.processing.conftest import MakeProject
from tests.projects import MICROGRAPH_WORKFLOW, MOVIE_WORKFLOW, open_project
from tests.simple_scripts import simple_scripts as all_scripts

ALL = Selection(everything=True)


def stale(project: Project) -> object:
    """Return what is stale of the first image, found out anew."""
    project.images.refresh(ALL)
    return project.images.rows()[0]["stale"]


@pytest.fixture
def movie(new_project: MakeProject) -> OneProcessor:
    """Return a processor for a project with one movie, its whole workflow done."""
    processor = OneProcessor(new_project(1, root="movie"))
    processor.run(1, *MOVIE_WORKFLOW, "polish", "tell")
    assert stale(processor.project) == []
    return processor


@pytest.fixture
def micrograph(new_project: MakeProject) -> OneProcessor:
    """Return a processor for a project with one micrograph, its workflow and ``tell`` done."""
    processor = OneProcessor(new_project(1))
    processor.run(1, *MICROGRAPH_WORKFLOW, "tell")
    assert stale(processor.project) == []
    return processor


def change_script(project: Project, name: str, **changes: object) -> None:
    """Put another version of a script into the project's catalog."""
    scripts: dict[str, Script] = all_scripts()
    scripts[name] = replace(scripts[name], **changes)  # type: ignore[arg-type]  # passed on
    project.catalog = Catalog(scripts)


def test_a_corrected_pixel_size_makes_stale_what_used_it(micrograph: OneProcessor) -> None:
    """The picker does not read it; the statistics depend on what does. One batch clears it."""
    project = micrograph.project
    assert project.correct_facts(ALL, {"pixel_size": 1.6}) == [1]
    assert stale(project) == ["judge", "measure", "tell"]
    told = micrograph.run(1, *MICROGRAPH_WORKFLOW, "tell")
    assert told.started == ["measure", "judge"]
    assert told.skipped == ["pick", "tell"]
    assert stale(project) == []


def test_a_fact_that_is_put_back_is_stale_no_longer(micrograph: OneProcessor) -> None:
    """The results are again what they would be."""
    project = micrograph.project
    project.correct_facts(ALL, {"pixel_size": 1.6})
    project.images.update(ALL, restore_facts(("pixel_size",)))
    assert stale(project) == []


def test_a_fact_that_nobody_read_changes_nothing(micrograph: OneProcessor) -> None:
    """Neither does one that was unknown and stays unread."""
    micrograph.project.correct_facts(ALL, {"cs": 0.01, "dose_per_frame": 1.2})
    assert stale(micrograph.project) == []


def test_an_optional_fact_that_becomes_known_counts(new_project: MakeProject) -> None:
    """``measure`` would have used the voltage."""
    project = new_project(1)
    path = project.images.folder(1) / "image.toml"
    text = path.read_text()
    path.write_text("\n".join(line for line in text.splitlines() if "voltage" not in line))
    OneProcessor(project).run(1, *MICROGRAPH_WORKFLOW)
    assert stale(project) == []
    path.write_text(path.read_text() + "\n[person.facts]\nvoltage = 200\n")
    assert stale(project) == ["judge", "measure"]


def test_a_groups_fact_counts_for_its_images(micrograph: OneProcessor) -> None:
    """It holds before the imported one."""
    project = micrograph.project
    (project.place.images / "square" / "group.toml").write_text("[acquisition]\npixel_size = 2.0\n")
    assert stale(project) == ["judge", "measure", "tell"]
    micrograph.run(1, *MICROGRAPH_WORKFLOW, "tell")
    assert stale(project) == []


@pytest.mark.parametrize("level", ["site", "project", "group", "image"])
def test_a_parameter_counts_at_every_level(
    movie: OneProcessor, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drift correction and all that came of it; the unpacked stack is as it was."""
    project = movie.project
    text = "\n[parameters.align]\npatches = 3\n"
    image = project.images.folder(1)
    place = {
        "site": tmp_path / "site.toml",
        "project": project.place.settings,
        "group": image.parent / "group.toml",
        "image": image / "image.toml",
    }[level]
    place.write_text((place.read_text() if place.exists() else "") + text)
    if level == "site":
        monkeypatch.setenv("CRYOBATCH_SITE", str(place))
    project.close()
    reopened = open_project(project.place.folder)
    assert stale(reopened) == ["align", "judge", "measure", "pick", "polish", "tell"]
    again = OneProcessor(reopened).run(1, *MOVIE_WORKFLOW, "polish", "tell")
    assert again.done == ["align", "measure", "pick", "judge", "polish"]
    assert again.failures == {}
    assert stale(reopened) == []
    reopened.close()


def test_a_batchs_own_parameter_is_no_reason_to_be_stale(micrograph: OneProcessor) -> None:
    """It was meant so; a batch without it goes back to what the other levels say."""
    micrograph.run(1, "pick", "judge", parameters={"pick": {"diameter": 90.0}})
    assert stale(micrograph.project) == []
    assert micrograph.run(1, "pick").started == ["pick"]


def test_a_parameter_that_a_script_cannot_take_makes_it_stale(micrograph: OneProcessor) -> None:
    """It could not run as it is now."""
    path = micrograph.project.images.folder(1) / "image.toml"
    path.write_text(path.read_text() + "\n[parameters.pick]\ndiametre = 90\n")
    assert stale(micrograph.project) == ["judge", "pick"]


def test_a_transformer_of_the_stack_counts(movie: OneProcessor) -> None:
    """It leaves no record, and its parameter changes all that came of the stack."""
    path = movie.project.images.folder(1) / "image.toml"
    path.write_text(path.read_text() + "\n[parameters.halve]\nfactor = 4.0\n")
    assert stale(movie.project) == ["align", "judge", "measure", "pick", "polish", "tell"]
    movie.run(1, *MOVIE_WORKFLOW, "polish", "tell")
    assert stale(movie.project) == []


def test_a_file_counts_by_its_content(new_project: MakeProject, tmp_path: Path) -> None:
    """A gain reference that is exchanged under its name is another one; a copy is the same."""
    project = new_project(1, root="movie")
    gain = tmp_path / "gain.mrc"
    gain.write_bytes(b"gain one")
    project.correct_facts(ALL, {"gain": gain})
    processor = OneProcessor(project)
    processor.run(1, "take", "align")
    gain.unlink()
    gain.write_bytes(b"gain one")
    assert stale(project) == []
    gain.write_bytes(b"gain two")
    assert stale(project) == ["align", "take"]
    assert processor.run(1, "take", "align").done == ["take", "align"]
    assert stale(project) == []
    gain.unlink()
    assert stale(project) == ["align", "take"]


def test_a_file_of_a_parameter_is_relative_to_the_project(
    new_project: MakeProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Wherever the daemon was started; and its content counts."""
    project = new_project(1, settings='[parameters.measure]\nreference = "reference.txt"\n')
    reference = project.place.folder / "reference.txt"
    reference.write_text("one")
    monkeypatch.chdir(tmp_path)
    processor = OneProcessor(project)
    assert processor.run(1, "measure").failures == {}
    reference.write_text("two")
    assert stale(project) == ["measure"]
    reference.unlink()
    assert str(reference) in processor.run(1, "measure").failures["measure"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("measure", ["judge", "measure", "tell"]),
        ("pick", ["judge", "pick"]),
        ("judge", ["judge"]),
    ],
)
def test_a_scripts_new_version_counts(
    micrograph: OneProcessor, script: str, expected: list[str]
) -> None:
    """For it and for what came of it."""
    change_script(micrograph.project, script, version="2")
    assert stale(micrograph.project) == expected
    micrograph.run(1, *MICROGRAPH_WORKFLOW, "tell")
    assert stale(micrograph.project) == []


def test_results_of_a_script_that_is_gone_stay(micrograph: OneProcessor) -> None:
    """Nothing could renew them: they are not stale for ever, nor is what used them."""
    scripts = all_scripts()
    del scripts["pick"]
    micrograph.project.catalog = Catalog(scripts)
    assert stale(micrograph.project) == []


def test_an_inputs_new_run_counts(micrograph: OneProcessor) -> None:
    """``pick`` alone ran anew: the statistics, which read its picks, are behind."""
    micrograph.run(1, "pick", parameters={"pick": {"diameter": 50.0}})
    assert stale(micrograph.project) == ["judge"]
    assert micrograph.run(1, "judge").done == ["judge"]
    assert stale(micrograph.project) == []


def test_a_value_that_was_read_counts(micrograph: OneProcessor) -> None:
    """``tell`` reads the defocus and no product: another defocus, another result."""
    simple_scripts.defocus[0] = 3000.0
    micrograph.run(1, "measure", force=True)
    assert stale(micrograph.project) == ["judge", "tell"]
    assert micrograph.run(1, "tell").done == ["tell"]
    assert micrograph.project.images.rows()[0]["half_defocus"] == 1500.0


def test_a_locked_value_makes_its_readers_stale_and_no_script_overwrites_it(
    micrograph: OneProcessor,
) -> None:
    """Whole numbers and floats are the same word of a person."""
    project = micrograph.project
    project.images.update(ALL, lock_values({"defocus_u": 2000}))
    assert stale(project) == ["judge", "tell"]
    micrograph.run(1, *MICROGRAPH_WORKFLOW, "tell", force=True)
    row = project.images.rows()[0]
    assert (row["defocus_u"], row["half_defocus"], row["stale"]) == (2000, 1000.0, [])
    project.images.update(ALL, lock_values({"defocus_u": 2000.0}))
    assert stale(project) == []
    project.images.update(ALL, unlock_values(("defocus_u",)))
    assert stale(project) == ["judge", "tell"]
    assert project.images.rows()[0]["defocus_u"] == 1000.0


def test_a_locked_value_holds_where_its_script_failed(micrograph: OneProcessor) -> None:
    """What reads it can run."""
    micrograph.project.images.update(ALL, lock_values({"defocus_u": 2000.0}))
    simple_scripts.failing.add("measure")
    told = micrograph.run(1, "measure", "tell", force=True)
    assert told.done == ["tell"]
    assert set(told.failures) == {"measure"}


def test_a_product_that_is_gone_makes_its_maker_stale(micrograph: OneProcessor) -> None:
    """And nothing else: what was made of it still holds. The next batch makes it again."""
    project = micrograph.project
    (project.images.folder(1) / "power_spectrum.txt").unlink()
    assert stale(project) == ["measure"]
    told = micrograph.run(1, *MICROGRAPH_WORKFLOW, "tell")
    assert told.done == ["measure"]
    assert stale(project) == []


def test_an_optional_input_that_appears_makes_its_readers_stale(new_project: MakeProject) -> None:
    """The statistics were made before there were picks."""
    processor = OneProcessor(new_project(1))
    processor.run(1, "measure", "judge")
    assert stale(processor.project) == []
    processor.run(1, "pick")
    assert stale(processor.project) == ["judge"]
    assert processor.run(1, "judge").done == ["judge"]
    assert stale(processor.project) == []


def test_a_better_alternative_that_appears_makes_its_readers_stale(
    new_project: MakeProject,
) -> None:
    """``measure`` prefers the unweighted micrograph; it used the weighted one."""
    processor = OneProcessor(new_project(1, root="movie"))
    processor.run(1, *MOVIE_WORKFLOW)
    settings = processor.project.place.settings
    settings.write_text(settings.read_text() + "\n[parameters.align]\nunweighted = true\n")
    processor.project.close()
    project = open_project(processor.project.place.folder)
    OneProcessor(project).run(1, "align")
    assert stale(project) == ["judge", "measure", "pick"]
    OneProcessor(project).run(1, *MOVIE_WORKFLOW)
    assert stale(project) == []
    assert project.images.record(1).runs["measure"].inputs == {"micrograph_unweighted": ("align",)}
    project.close()


def test_another_recording_makes_everything_stale(micrograph: OneProcessor) -> None:
    """It is known by size, time and inode."""
    recording = micrograph.project.images.folder(1) / "recording.mrc"
    status = recording.stat()
    os.utime(recording, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert stale(micrograph.project) == ["judge", "measure", "pick", "tell"]
    recording.unlink()
    assert stale(micrograph.project) == ["judge", "measure", "pick", "tell"]


def test_a_maker_without_a_record_of_its_own_counts(new_project: MakeProject) -> None:
    """A laboratory's ``grab`` that gives the stack alone leaves none, and is not always stale."""
    project = new_project(1, root="movie")
    processor = OneProcessor(project)
    workflow = ("grab", "halve", "align", "polish")
    assert processor.run(1, *workflow).done == ["align", "polish"]
    assert stale(project) == []
    assert processor.run(1, *workflow).started == []
    path = project.images.folder(1) / "image.toml"
    path.write_text(path.read_text() + "\n[parameters.grab]\nfirst = 1\n")
    assert stale(project) == ["align", "polish"]
    assert processor.run(1, *workflow).started == ["grab", "halve", "align", "polish"]
    assert stale(project) == []
    assert processor.run(1, *workflow, parameters={"grab": {"first": 2}}).done
    assert stale(project) == []
