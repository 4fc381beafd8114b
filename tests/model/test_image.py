"""Images: what a person says comes first, and of each result there is one truth."""

from dataclasses import replace

import pytest

from cryobatch.model import Absent, Fact, ImageIdentity, ImageRecord, Person, RunRecord
from cryobatch.model.index import index_entry

IDENTITY = ImageIdentity(
    id=1, name="a", group="g", root_product="movie", root_file="a.mrc", source="/a.mrc",
    source_id="s", rows=4, columns=4, frames=8, imported_at="2026-01-01T00:00:00Z",
)  # fmt: skip
RUN = RunRecord(
    version="1", fingerprint="f", parameters={}, tools={}, host="h", processor="local-1", batch=1,
    started_at="2026-01-01T00:00:00Z", seconds=1.0, memory_bytes=1, products={},
)  # fmt: skip


def test_a_persons_fact_comes_before_the_imported_one() -> None:
    """And an unknown one is None."""
    record = ImageRecord(IDENTITY, {"cs": Fact(2.7, "xml"), "voltage": Fact(300.0, "xml")})
    corrected = replace(record, person=Person(facts={"cs": 0.01}))
    assert record.fact("cs") == 2.7
    assert corrected.fact("cs") == 0.01
    assert corrected.fact("voltage") == 300.0
    assert corrected.fact("pixel_size") is None


def test_a_locked_value_is_shown_instead_of_the_calculated_one() -> None:
    """Whatever a script calculates later."""
    record = ImageRecord(IDENTITY, person=Person(locks={"defocus_u": 9.0}))
    after = record.with_run("fit", RUN, {"defocus_u": 1.0, "score": 2.0})
    assert after.all_values() == {"defocus_u": 9.0, "score": 2.0}


def test_a_new_run_replaces_the_old_one_of_its_script() -> None:
    """With all of its values."""
    before = ImageRecord(IDENTITY).with_run("fit", RUN, {"old": 1.0})
    after = before.with_run("fit", replace(RUN, batch=2), {"new": 2.0})
    assert after.all_values() == {"new": 2.0}
    assert after.runs["fit"].batch == 2


@pytest.mark.parametrize(
    ("products", "values"),
    [({"spectrum": "other.mrc"}, {}), ({"other": "spectrum.mrc"}, {}), ({}, {"defocus_u": 2.0})],
)
def test_a_run_replaces_that_of_another_maker(
    products: dict[str, str], values: dict[str, float]
) -> None:
    """Of a product, a file or a value: the last maker's result holds, and nobody's else."""
    first = replace(RUN, products={"spectrum": "spectrum.mrc"})
    before = ImageRecord(IDENTITY).with_run("fit", first, {"defocus_u": 1.0, "score": 5.0})
    before = before.with_run("pick", RUN, {"count": 3})
    after = before.with_run("ctffind", replace(RUN, products=products), values)
    assert list(after.runs) == ["pick", "ctffind"]
    assert after.all_values() == {"count": 3, **values}
    again = after.with_run("fit", first, {"defocus_u": 1.0, "score": 5.0})
    assert again.all_values()["defocus_u"] == 1.0
    assert "ctffind" not in again.runs


def test_what_transforms_a_product_does_not_replace_its_maker() -> None:
    """Both belong to it, each with a file of its own."""
    maker = replace(RUN, products={"particles": "particles.star"})
    transformer = replace(
        RUN, products={"particles": "chosen.star"}, inputs={"particles": ("pick",)}
    )
    record = ImageRecord(IDENTITY).with_run("pick", maker, {}).with_run("select", transformer, {})
    assert list(record.runs) == ["pick", "select"]
    assert record.files() == {"particles.star", "chosen.star"}


def test_the_persons_flag_comes_before_the_calculated_quality() -> None:
    """And without either there is none."""
    record = ImageRecord(IDENTITY)
    judged = record.with_run("statistics", RUN, {"quality": "red"})
    assert record.flag() is None
    assert judged.flag() == "red"
    assert replace(judged, person=Person(flag="green")).flag() == "green"


def test_the_library_repeats_values_and_why_some_are_absent() -> None:
    """An absent one has no number there."""
    record = ImageRecord(IDENTITY).with_run("fit", RUN, {"a": 1.5, "b": Absent("no rings")})
    entry = index_entry(record, ["fit"])
    assert entry.values == {"a": 1.5, "b": None}
    assert entry.absences == {"b": "no rings"}
    assert entry.stale == ("fit",)


def test_the_library_knows_which_picture_an_image_has() -> None:
    """That of the last run that made one; a run that makes none leaves it as it was."""
    record = ImageRecord(IDENTITY).with_run("fit", RUN, {})
    assert index_entry(record, []).pictured_at is None
    drawn = replace(RUN, started_at="2026-01-02T00:00:00Z", products={"micrograph": "m.mrc"})
    later = replace(RUN, started_at="2026-01-03T00:00:00Z")
    both = record.with_run("drift", drawn, {}).with_run("fit", later, {})
    assert index_entry(both, []).pictured_at == "2026-01-02T00:00:00Z"
