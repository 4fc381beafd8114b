"""What every room's tests share."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# Small machines run several test processes: one must not take all cores.
os.environ.setdefault("NUMBA_NUM_THREADS", "2")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What most laboratories have.
os.environ.setdefault("CRYOBATCH_FFT", "scipy")

# An example may be the first that compiles a kernel, or wait for a machine with much to do.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where examples overwrite each other's files: beside the tests' folders.

    Above them, a gain reference would be found by any test that imports a movie.
    """
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return the place of real sample data; the test skips where there is none."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"real sample data {name!r} is not beside the project")
        return path

    return find


@pytest.fixture(scope="session")
def needs_program() -> Callable[[str, str], str]:
    """Return the path of a program from a Debian package.

    Where it is missing the test skips and says so; where everything must be there (``CI=true``)
    it fails.
    """

    def find(program: str, package: str) -> str:
        path = shutil.which(program)
        if path is not None:
            return path
        text = f"{program} is not there: install the Debian package {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)

    return find
