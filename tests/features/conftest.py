"""Keras for the tests that ask for it, and no other."""

from collections.abc import Iterator
from typing import Any

import pytest


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
