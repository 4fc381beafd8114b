"""Group files: what holds for a group's images."""

from pathlib import Path

import pytest

from cryobatch.errors import SettingsError
from cryobatch.formats import group_file
from cryobatch.formats.group_file import GroupRecord


def test_a_group_survives(tmp_path: Path) -> None:
    """Comment, facts and parameters come back; a group without a file has nothing set."""
    path = tmp_path / "group.toml"
    assert group_file.read(path) == GroupRecord()
    record = GroupRecord(
        'a "comment"\nin two lines', {"voltage": 200.0}, {"fit_ctf": {"box": 512, "slow": True}}
    )
    path.write_text(group_file.dumps(record))
    assert group_file.read(path) == record


@pytest.mark.parametrize(
    ("text", "said"),
    [("[acquisition]\nvolt = 1", "voltage"), ("[grup]", "group"), ("[group]\ncomment = 1", "text")],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    """An unknown key or a wrong type is an error that names the file."""
    with pytest.raises(SettingsError, match=said) as raised:
        group_file.loads(text, "group.toml")
    assert str(raised.value).startswith("group.toml: ")
