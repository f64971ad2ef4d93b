import hashlib
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.engines import DescriptorEngine
from features.extract import BLOCK, Extraction, Job, Progress, extract
from features.recipe import Recipe
from features.store import EmbeddingStore
from tests.features.images import MEAN_COLOUR, encode, expected_means, noise, write_images

Images = list[tuple[str, str]]


class CountingEngine(DescriptorEngine):
    """The trivial baseline, which remembers how many images it worked on."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.prepared = self.embedded = 0

    def prepare(self, image: np.ndarray) -> np.ndarray:
        self.prepared += 1
        return super().prepare(image)

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        self.embedded += len(prepared)
        return super().embed(prepared)


class Bench:
    """An image folder and a store; ``run`` extracts as a new process would."""

    def __init__(self, folder: Path, recipe: Recipe = MEAN_COLOUR) -> None:
        self.root, self.path, self.recipe = folder / "images", folder / "store.h5", recipe
        self.engine = CountingEngine(recipe)

    def job(self) -> Job:
        self.engine = CountingEngine(self.recipe)
        return Job(EmbeddingStore(self.path, self.recipe), lambda: self.engine)

    def run(self, images: Images, progress: Progress | None = None) -> Extraction:
        return extract(self.root, images, [self.job()], progress)

    def embeddings(self, images: Images) -> np.ndarray:
        store = EmbeddingStore(self.path, self.recipe)
        return store.embeddings([sha256 for sha256, _ in images])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def write(root: Path, path: str, content: bytes) -> tuple[str, str]:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    return hashlib.sha256(content).hexdigest(), path


def interrupt_at(number: int) -> Progress:
    def progress(done: int, total: int) -> None:
        if done == number:
            raise KeyboardInterrupt

    return progress


def test_every_image_gets_its_own_embedding(bench: Bench) -> None:
    images = write_images(bench.root, 70)
    calls: list[tuple[int, int]] = []
    done = bench.run(images, lambda done, total: calls.append((done, total)))
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))
    name = MEAN_COLOUR.name
    assert (done.computed, done.reused, done.failed) == ({name: 70}, {name: 0}, {})
    assert calls == [(number, 70) for number in range(1, 71)]


def test_extracting_again_does_nothing_and_adding_ten_computes_ten(bench: Bench) -> None:
    images = write_images(bench.root, 30)
    bench.run(images)
    before = bench.path.read_bytes()
    again = bench.run(images)
    assert (bench.engine.prepared, bench.engine.embedded) == (0, 0)
    assert again.reused == {MEAN_COLOUR.name: 30}
    assert bench.path.read_bytes() == before
    images += write_images(bench.root, 10, start=30)
    more = bench.run(images)
    assert (bench.engine.prepared, bench.engine.embedded) == (10, 10)
    assert more.computed == {MEAN_COLOUR.name: 10}
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))


def test_no_engine_is_built_where_nothing_is_missing(bench: Bench) -> None:
    images = write_images(bench.root, 3)
    bench.run(images)

    def build() -> CountingEngine:
        raise AssertionError("built for nothing")

    extract(bench.root, images, [Job(EmbeddingStore(bench.path, MEAN_COLOUR), build)])


def test_images_moved_renamed_or_relabelled_are_not_computed_again(bench: Bench) -> None:
    images = write_images(bench.root, 20)
    bench.run(images)
    moved = [(sha256, f"other label/{number}.tif") for number, (sha256, _) in enumerate(images)]
    (bench.root / "other label").mkdir()
    for (_, old), (_, new) in zip(images, moved, strict=True):
        shutil.move(bench.root / old, bench.root / new)
    bench.run(moved)
    assert bench.engine.prepared == 0


def test_identical_files_are_computed_once(bench: Bench) -> None:
    images = write_images(bench.root, 5)
    content = (bench.root / images[0][1]).read_bytes()
    images += [write(bench.root, f"copy{number}.png", content) for number in range(4)]
    bench.run(images)
    assert bench.engine.prepared == 5
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))


def test_a_corrupt_image_is_recorded_with_its_reason_and_the_rest_goes_on(bench: Bench) -> None:
    images = write_images(bench.root, 40)
    cut = encode(noise(), "JPEG")[:-200]
    corrupt = [
        write(bench.root, "cut.jpg", cut),
        write(bench.root, "copy of cut.jpg", cut),
        write(bench.root, "page.jpg", b"<html>404</html>"),
        write(bench.root, "empty.png", b""),
    ]
    mixed = [*images[:20], *corrupt, *images[20:]]
    for computed in (40, 0):  # the reasons are told again without reading the files again
        done = bench.run(mixed)
        assert done.computed == {MEAN_COLOUR.name: computed}
        assert set(done.failed) == {path for _, path in corrupt}
        assert "truncated" in done.failed["cut.jpg"]
        assert done.failed["empty.png"] == "empty file"
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))


def test_images_that_are_all_corrupt_leave_their_reasons(bench: Bench) -> None:
    images = [write(bench.root, f"{number}.png", b"no image" * number) for number in range(1, 4)]
    assert len(bench.run(images).failed) == 3
    assert len(bench.run(images).failed) == 3


def test_a_file_that_changed_or_went_since_the_scan_is_reported_but_not_recorded(
    bench: Bench,
) -> None:
    images = write_images(bench.root, 6)
    old = (bench.root / images[1][1]).read_bytes()
    write(bench.root, images[1][1], encode(noise(77), "PNG"))
    (bench.root / images[2][1]).unlink()
    images.append((images[2][0], "copy.png"))  # listed with the same content, and gone too
    done = bench.run(images)
    assert done.computed == {MEAN_COLOUR.name: 4}
    assert set(done.failed) == {images[1][1], images[2][1], "copy.png"}
    assert "changed since it was scanned" in done.failed[images[1][1]]
    assert "No such file" in done.failed[images[2][1]]
    write(bench.root, images[1][1], old)
    assert bench.run(images).computed == {MEAN_COLOUR.name: 1}


def test_each_store_gets_what_it_lacks_from_one_reading(bench: Bench, tmp_path: Path) -> None:
    masked = replace(MEAN_COLOUR, steps=("mask:0,0,0.5,0.5",))
    images = write_images(bench.root, 20)
    bench.run(images[:12])
    other = Bench(tmp_path, masked)
    other.path = tmp_path / "other.h5"
    done = extract(bench.root, images, [bench.job(), other.job()])
    assert done.computed == {MEAN_COLOUR.name: 8, masked.name: 20}
    assert (bench.engine.prepared, other.engine.prepared) == (8, 20)
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))
    assert not np.array_equal(bench.embeddings(images), other.embeddings(images))


@pytest.mark.parametrize("at", [1, 15, 100, BLOCK, BLOCK + 1, 299])
def test_ctrl_c_keeps_all_that_was_embedded(bench: Bench, at: int) -> None:
    images = write_images(bench.root, 300)
    with pytest.raises(KeyboardInterrupt):
        bench.run(images, interrupt_at(at))
    assert len(EmbeddingStore(bench.path, MEAN_COLOUR)) == at
    bench.run(images)
    assert bench.engine.embedded == 300 - at
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))


CHILD = """
import os, signal, sys
from pathlib import Path
from features.engines import DescriptorEngine
from features.extract import Job, extract
from features.store import EmbeddingStore
from tests.features.images import MEAN_COLOUR

root, path, at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
images = [tuple(line.split()) for line in sys.stdin]

def progress(done, total):
    if done == at:
        os.kill(os.getpid(), signal.SIGKILL)

job = Job(EmbeddingStore(path, MEAN_COLOUR), lambda: DescriptorEngine(MEAN_COLOUR))
extract(root, images, [job], progress)
"""


@pytest.mark.parametrize("at", [1, 255, 256, 257, 400, 512, 600])
def test_a_killed_process_costs_at_most_one_block(bench: Bench, at: int) -> None:
    images = write_images(bench.root, 600)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(bench.root), str(bench.path), str(at)],
        input="\n".join(" ".join(each) for each in images),
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    survived = len(EmbeddingStore(bench.path, MEAN_COLOUR))
    assert at - BLOCK < survived <= at
    bench.run(images)
    assert bench.engine.embedded == 600 - survived
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))
    left = {each.name for each in bench.path.parent.iterdir()}
    assert left == {"images", "store.h5", "store.h5.lock"}


def test_warnings_are_as_before_after_an_extraction(bench: Bench) -> None:
    images = [write(bench.root, f"{n}.png", encode(noise(n, 200, 200), "PNG")) for n in range(150)]
    before = list(warnings.filters)
    bench.run(images)
    assert warnings.filters == before


def test_images_are_only_read(bench: Bench) -> None:
    images = write_images(bench.root, 20)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in bench.root.iterdir()}
    bench.run(images)
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in bench.root.iterdir()}
    assert after == before
