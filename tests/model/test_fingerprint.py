"""Fingerprints: equal for equal causes, different when any one of them changes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cryobatch.model.fingerprint import (
    fingerprint_product,
    fingerprint_recording,
    fingerprint_run,
)
from tests.model.scripts import make

FIT = make("fit")
CAUSES = ({"low": 30.0}, {"pixel_size": 1.5}, {"micrograph": "abc"})


def test_every_cause_counts() -> None:
    """Script, version, parameters, what is read, and inputs."""
    low, pixel, micrograph = CAUSES
    found = [
        fingerprint_run(FIT, *CAUSES),
        fingerprint_run(replace(FIT, version="2"), *CAUSES),
        fingerprint_run(make("other"), *CAUSES),
        fingerprint_run(FIT, {"low": 31.0}, pixel, micrograph),
        fingerprint_run(FIT, {}, pixel, micrograph),
        fingerprint_run(FIT, low, {"pixel_size": 1.6}, micrograph),
        fingerprint_run(FIT, low, {"pixel_size": None}, micrograph),
        fingerprint_run(FIT, low, pixel, {"micrograph": "abd"}),
        fingerprint_run(FIT, low, pixel, {"micrograph_unweighted": "abc"}),
        fingerprint_run(FIT, low, pixel, {}),
        fingerprint_run(FIT, {**low, "flag": True}, pixel, micrograph),
        fingerprint_run(FIT, {**low, "flag": 1}, pixel, micrograph),
    ]
    assert len(set(found)) == len(found)


@given(st.permutations([("a", 1), ("b", "two"), ("c", None)]))
def test_the_order_of_causes_does_not_count(pairs: list[tuple[str, object]]) -> None:
    """Nor does whether a person wrote 15000 for 15000.0."""
    assert fingerprint_run(FIT, dict(pairs), {}, {}) == fingerprint_run(
        FIT, {"a": 1.0, "b": "two", "c": None}, {}, {}
    )


def test_a_product_depends_on_all_that_made_it_in_its_order() -> None:
    """Maker and transformers; and a recording on size, time and inode."""
    found = {
        fingerprint_product("stack", ("a",)),
        fingerprint_product("stack", ("a", "b")),
        fingerprint_product("stack", ("b", "a")),
        fingerprint_product("frames", ("a",)),
        fingerprint_recording(1, 2, 3),
        fingerprint_recording(2, 2, 3),
        fingerprint_recording(1, 3, 3),
        fingerprint_recording(1, 2, 4),
    }
    assert len(found) == 8
