"""Databases that the store's tests work on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.store import library
from cryobatch.store.database import Database
from tests.store.store_images import MakeImages, identity


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Return an empty database in a file."""
    with Database.create(tmp_path / "library.db") as made:
        yield made


@pytest.fixture
def images(database: Database) -> MakeImages:
    """Return a function that registers so many images and returns their ids."""

    def make(count: int) -> list[int]:
        with database.transaction() as t:
            ids = list(library.reserve_image_ids(t, count))
            library.register(t, [identity(one) for one in ids])
        return ids

    return make
