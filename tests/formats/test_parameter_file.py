"""Parameter files: whatever an image's record holds survives, whatever is wrong is named."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.errors import SettingsError
from cryobatch.formats import parameter_file
from cryobatch.model import Absent, Fact, ImageIdentity, ImageRecord, Person, RunRecord
from cryobatch.model.facts import FACTS

TEXTS = st.text(st.characters(codec="utf-8"), max_size=15)
NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
NAMES = TEXTS
FACT_VALUES = {
    "float": st.floats(20, 50),
    "int": st.integers(1, 2),
    "bool": st.booleans(),
    "str": TEXTS,
    "file": TEXTS,
}


def tables(of: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Return small mappings from names to something."""
    return st.dictionaries(NAMES, of, max_size=3)


@st.composite
def fact_values(draw: st.DrawFn) -> dict[str, object]:
    """Draw some acquisition facts with values that they allow."""
    names = draw(st.sets(st.sampled_from(sorted(set(FACTS) - {"amplitude_contrast", "cs"}))))
    return {name: draw(FACT_VALUES[FACTS[name].kind]) for name in sorted(names)}


IDENTITIES = st.builds(
    ImageIdentity,
    id=st.integers(1, 2**40),
    rows=st.integers(1, 10**5),
    columns=st.integers(1, 10**5),
    frames=st.integers(1, 10**5),
    recorded_at=st.none() | TEXTS,
    **dict.fromkeys(
        ("name", "group", "root_product", "root_file", "source", "source_id", "imported_at"), TEXTS
    ),
)
RUNS = st.builds(
    RunRecord,
    parameters=tables(st.one_of(st.booleans(), NUMBERS, TEXTS)),
    tools=tables(TEXTS),
    products=tables(TEXTS),
    inputs=tables(st.lists(TEXTS, max_size=3).map(tuple)),
    batch=st.integers(0, 2**40),
    seconds=st.floats(0, 1e9),
    memory_bytes=st.integers(0, 2**50),
    **dict.fromkeys(("version", "fingerprint", "host", "processor", "started_at"), TEXTS),
)
RECORDS = st.builds(
    ImageRecord,
    image=IDENTITIES,
    acquisition=fact_values().flatmap(
        lambda facts: st.fixed_dictionaries(
            {name: st.builds(Fact, st.just(value), TEXTS) for name, value in facts.items()}
        )
    ),
    person=st.builds(
        Person,
        flag=st.none() | st.sampled_from(["green", "amber", "red"]),
        comment=TEXTS,
        trashed=st.booleans(),
        locks=tables(st.one_of(NUMBERS, TEXTS)),
        facts=fact_values(),
    ),
    parameters=tables(tables(st.one_of(st.booleans(), NUMBERS, TEXTS))),
    values=tables(tables(st.one_of(NUMBERS, TEXTS, st.builds(Absent, TEXTS)))),
    runs=tables(RUNS),
)

RECORD = ImageRecord(
    ImageIdentity(
        id=7,
        name="a",
        group="g",
        root_product="movie",
        root_file="/data/a.tiff",
        source="/data/a.tiff",
        source_id="s",
        rows=4,
        columns=5,
        frames=6,
        imported_at="2026-01-01T00:00:00Z",
    ),
    {"pixel_size": Fact(1.5, "option --pixel-size")},
    values={"fit_ctf": {"defocus_u": 12345.6, "phase_shift": Absent("not searched")}},
)


@given(record=RECORDS)
@settings(max_examples=80)
def test_every_record_survives(record: ImageRecord) -> None:
    """Texts with quotes and line ends, whole numbers and floats, reasons: all come back."""
    assert parameter_file.loads(parameter_file.dumps(record), "image.toml") == record


def test_the_text_is_what_the_design_promises() -> None:
    """A person finds facts with their source, and absent values with their reason, in one line."""
    text = parameter_file.dumps(RECORD)
    assert 'pixel_size = {value = 1.5, source = "option --pixel-size"}' in text
    assert '[values.fit_ctf]\ndefocus_u = 12345.6\nphase_shift = {absent = "not searched"}' in text
    assert "[person]" not in text


def test_a_parameter_that_is_not_set_has_no_line() -> None:
    """TOML has no word for None: such a parameter is left out."""
    record = replace(RECORD, parameters={"fit_ctf": {"a": None, "b": 2}})
    found = parameter_file.loads(parameter_file.dumps(record), "image.toml")
    assert found.parameters == {"fit_ctf": {"b": 2}}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[imagee]", "'imagee'; known: image,"),
        ("[image]\nrow = 3", "'row'; known: rows,"),
        ('[image]\nid = "x"', "image.id should be a whole number"),
        ("[image]\nid = 3\nname = 3", "image.name should be a text"),
        ("[acquisition]\npixelsize = {value = 1, source = 'x'}", "known: pixel_size,"),
        ("[acquisition]\npixel_size = {value = -1, source = 'x'}", "pixel_size = -1"),
        ("[acquisition]\npixel_size = 1", "acquisition.pixel_size should be a table"),
        ("[person]\nflag = 'blue'", "green, amber, red"),
        ("[person]\ntrashed = 1", "true or false"),
        ("[person.locks]\nx = true", "person.locks.x should be a number or a text"),
        ("[values.a]\nx = {absent = 1}", "values.a.x.absent should be a text"),
        ("[runs.a]\nversion = '1'", "runs.a.fingerprint should be a text"),
        ("[image", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(wrong: str, said: str) -> None:
    """The error names the file, the table and the key, with the nearest valid one first."""
    lines = parameter_file.dumps(RECORD)
    text = wrong if wrong.startswith("[image") else f"{_without(lines, wrong)}\n{wrong}\n"
    with pytest.raises(SettingsError) as raised:
        parameter_file.loads(text, "images/g/a/image.toml")
    assert said in str(raised.value)
    assert str(raised.value).startswith("images/g/a/image.toml: ")


def _without(text: str, added: str) -> str:
    """Return the tables of a file but for the one that is added."""
    heading = added.splitlines()[0]
    return "\n".join(part for part in text.split("\n\n") if not part.startswith(heading))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, and one that is no text, each say so."""
    path = tmp_path / "image.toml"
    with pytest.raises(SettingsError, match=r"image\.toml: cannot be read"):
        parameter_file.read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        parameter_file.read(path)
    path.write_text(parameter_file.dumps(RECORD))
    assert parameter_file.read(path) == RECORD
