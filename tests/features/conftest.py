"""Keras and converted networks for the tests that ask for them, and no others."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from features import conversion
from tests.features.stores import NAME, finished


@pytest.fixture(scope="module")
def keras() -> Any:
    from features.keras_import import import_keras

    return import_keras()


@pytest.fixture(autouse=True)
def fresh_session(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget the networks of the last test, which would fill the memory."""
    yield
    if "keras" in request.fixturenames:
        request.getfixturevalue("keras").backend.clear_session()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where converted networks lie, for all files and all processes of the tests."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "networks"


@pytest.fixture(scope="module")
def networks(cache: Path, keras: Any) -> Iterator[Path]:
    """The cache, filled by this process: starting another for each network takes 4 s more.

    What the process apart does beyond that is tested in test_conversion.py.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "_convert_apart", conversion._convert)
        yield cache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A finished store of thirty embeddings and a failure."""
    return finished(tmp_path / NAME, range(30))
