"""A folder of images to scan."""

from pathlib import Path

import pytest

from tests.data.folders import put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "cells"
    put(folder, *(f"{label}/{i}.png" for label in ("blast", "normal") for i in range(6)))
    return folder
