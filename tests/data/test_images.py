"""Images read back: only as they were scanned."""

from pathlib import Path

import pytest

from data.decode import UnreadableImageError
from data.files import sha256_file
from data.images import read_image
from tests.pipeline.commands import paint


def test_only_the_image_that_was_scanned_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cell.png"
    paint(path, (200, 60, 60), 1)
    digest = sha256_file(path)
    assert read_image(tmp_path, "cell.png", digest).shape == (32, 32, 3)
    paint(path, (200, 60, 60), 2)
    with pytest.raises(UnreadableImageError, match="changed since it was scanned"):
        read_image(tmp_path, "cell.png", digest)
    with pytest.raises(OSError, match="No such file"):
        read_image(tmp_path, "gone.png", digest)
