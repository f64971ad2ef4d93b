import hashlib
import shutil
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import features.extract
from data.decode import decode
from data.errors import BlastlineError
from features.engine import DescriptorEngine, NetworkEngine
from features.extract import BLOCK, Extraction, Job, Outcome, Progress, extract
from features.recipe import Recipe
from features.store import EmbeddingStore, part_files
from tests.data.images import MEAN_COLOUR, encode, expected_means, noise, write_images

Images = list[tuple[str, str]]
MASKED = replace(MEAN_COLOUR, steps=("mask:0,0,0.5,0.5",))


class CountingEngine(DescriptorEngine):
    """The trivial baseline, which remembers how many images it worked on."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.prepared = self.embedded = 0

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        self.prepared += 1
        return super().prepare(image, sha256)

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        self.embedded += len(prepared)
        return super().embed(prepared)


class ViewsEngine(NetworkEngine):
    """In place of a network: the corner pixel of each view; streams overtake one another."""

    network_batch, images_a_call, streams = 8, 8, 3
    description = "corners"

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._first = threading.Event()

    def _run(self, images: np.ndarray) -> np.ndarray:
        if not self._first.is_set():  # the first batch ends last of the first three
            self._first.set()
            threading.Event().wait(0.05)
        return images[:, 0, 0].astype(np.float32)


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


def at_image(number: int, act: Callable[[], object]) -> Progress:
    def progress(done: int, total: int) -> None:
        if done == number:
            act()

    return progress


def stop() -> None:
    raise KeyboardInterrupt


def failed(done: Extraction) -> dict[str, str]:
    return {path: each.detail for path, each in done.outcomes.items() if each.failed}


# Every image once, found again by its content


def test_every_image_gets_its_own_embedding(bench: Bench) -> None:
    images = write_images(bench.root, 70)
    calls: list[tuple[int, int]] = []
    done = bench.run(images, lambda done, total: calls.append((done, total)))
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))
    name = MEAN_COLOUR.name
    assert (done.computed, done.reused) == ({name: 70}, {name: 0})
    assert done.outcomes == {path: Outcome("embedded") for _, path in images}
    assert done.engines == {name: bench.engine.description}
    assert calls == [(number, 70) for number in range(1, 71)]


def test_extracting_again_does_nothing_and_adding_ten_computes_ten(bench: Bench) -> None:
    images = write_images(bench.root, 30)
    bench.run(images)
    before = bench.path.read_bytes()
    again = bench.run(images)
    assert (bench.engine.prepared, bench.engine.embedded) == (0, 0)
    assert (again.reused, again.engines) == ({MEAN_COLOUR.name: 30}, {})  # not even built
    assert bench.path.read_bytes() == before
    images += write_images(bench.root, 10, start=30)
    more = bench.run(images)
    assert (bench.engine.prepared, bench.engine.embedded) == (10, 10)
    assert (more.computed, more.reused) == ({MEAN_COLOUR.name: 10}, {MEAN_COLOUR.name: 30})
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))


def test_images_moved_renamed_or_relabelled_are_not_computed_again(bench: Bench) -> None:
    images = write_images(bench.root, 20)
    bench.run(images)
    moved = [(sha256, f"other label/{number}.tif") for number, (sha256, _) in enumerate(images)]
    (bench.root / "other label").mkdir()
    for (_, old), (_, new) in zip(images, moved, strict=True):
        shutil.move(bench.root / old, bench.root / new)
    bench.run(moved)
    assert bench.engine.prepared == 0


def test_identical_files_are_computed_once_and_told_as_copies(bench: Bench) -> None:
    images = write_images(bench.root, 5)
    content = (bench.root / images[0][1]).read_bytes()
    copies = [write(bench.root, f"copy{number}.png", content) for number in range(4)]
    done = bench.run([*images, *copies])
    assert bench.engine.prepared == 5
    assert [done.outcomes[path] for _, path in copies] == [Outcome("duplicate", images[0][1])] * 4
    assert done.outcomes[images[0][1]] == Outcome("embedded")
    again = bench.run([*copies, *images])  # in another order another one is the first
    assert again.outcomes[images[0][1]] == Outcome("duplicate", "copy0.png")
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
        assert set(failed(done)) == {path for _, path in corrupt}
        assert done.outcomes["cut.jpg"] == done.outcomes["copy of cut.jpg"]
        assert done.outcomes["cut.jpg"].name == "unreadable"
        assert done.outcomes["page.jpg"].name == "not an image"
        assert all(failed(done).values())
        for _, path in corrupt:
            (bench.root / path).unlink(missing_ok=True)
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))


def test_images_that_are_all_corrupt_leave_their_reasons(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features.extract, "BLOCK", 4)
    images = [write(bench.root, f"{number}.png", b"no image" * number) for number in range(1, 12)]
    written: list[int] = []
    bench.run(images, at_image(10, lambda: written.append(len(part_files(bench.path)))))
    assert written == [2]  # as they come, not at the end alone: a crash costs a block of them too
    assert len(failed(bench.run(images))) == 11


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
    assert set(failed(done)) == {images[1][1], images[2][1], "copy.png"}
    assert "changed since it was scanned" in failed(done)[images[1][1]]
    assert "No such file" in failed(done)[images[2][1]]
    write(bench.root, images[1][1], old)
    assert bench.run(images).computed == {MEAN_COLOUR.name: 1}


def test_an_embedding_that_is_not_finite_ends_the_extraction(bench: Bench) -> None:
    images = write_images(bench.root, 20)
    job = bench.job()
    whole = bench.engine.embed
    bench.engine.embed = lambda prepared: whole(prepared) * np.inf  # type: ignore[method-assign]
    with pytest.raises(BlastlineError, match="20 of 20 embeddings are not finite"):
        extract(bench.root, images, [job])
    assert len(EmbeddingStore(bench.path, MEAN_COLOUR)) == 0


def test_an_engine_that_fails_leaves_what_was_embedded_before(bench: Bench) -> None:
    images = write_images(bench.root, 100)
    job = bench.job()
    whole = bench.engine.embed

    def embed(prepared: Sequence[np.ndarray]) -> np.ndarray:
        if bench.engine.embedded >= 3 * bench.engine.batch:
            raise MemoryError
        return whole(prepared)

    bench.engine.embed = embed  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        extract(bench.root, images, [job])
    kept = len(EmbeddingStore(bench.path, MEAN_COLOUR))
    assert kept == 3 * bench.engine.batch
    assert bench.run(images).computed == {MEAN_COLOUR.name: 100 - kept}


# Several stores, views, interruption


def test_each_store_gets_what_it_lacks_from_one_reading(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_images(bench.root, 20)
    bench.run(images[:12])
    other = Bench(tmp_path, MASKED)
    other.path = tmp_path / "other.h5"
    decoded: list[bytes] = []

    def counting(content: bytes) -> np.ndarray:
        decoded.append(content)
        return decode(content)

    monkeypatch.setattr(features.extract, "decode", counting)
    done = extract(bench.root, images, [bench.job(), other.job()])
    assert done.computed == {MEAN_COLOUR.name: 8, MASKED.name: 20}
    assert (bench.engine.prepared, other.engine.prepared, len(decoded)) == (8, 20, 20)
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))
    assert not np.array_equal(bench.embeddings(images), other.embeddings(images))


@pytest.mark.parametrize("views", [1, 4])
def test_streams_that_overtake_one_another_keep_images_and_views_together(
    bench: Bench, views: int
) -> None:
    bench.recipe = Recipe("vgg16", "random", "none", size=8, views=views)
    images = write_images(bench.root, 61)
    store = EmbeddingStore(bench.path, bench.recipe)
    extract(bench.root, images, [Job(store, lambda: ViewsEngine(bench.recipe))])
    found = bench.embeddings(images)
    assert found.shape == ((61, 3) if views == 1 else (61, views, 3))
    pixels = np.stack([noise(number, 8, 8)[0, 0] for number in range(61)])  # as write_images
    assert np.array_equal(found if views == 1 else found[:, 0], pixels)


@pytest.mark.parametrize("at", [1, 15, 100, BLOCK, BLOCK + 1, 299])
def test_ctrl_c_keeps_all_that_was_embedded(bench: Bench, at: int) -> None:
    images = write_images(bench.root, 300)
    with pytest.raises(KeyboardInterrupt):
        bench.run(images, at_image(at, stop))
    assert len(EmbeddingStore(bench.path, MEAN_COLOUR)) == at
    bench.run(images)
    assert bench.engine.embedded == 300 - at
    assert np.array_equal(bench.embeddings(images), expected_means(bench.root, images))


def test_images_are_only_read_and_warnings_are_as_before(bench: Bench) -> None:
    images = [write(bench.root, f"{n}.png", encode(noise(n, 200, 200), "PNG")) for n in range(150)]

    def state() -> list[object]:
        files = [(each.stat().st_mtime_ns, each.read_bytes()) for each in bench.root.iterdir()]
        return [*warnings.filters, *files]

    before = state()
    bench.run(images)
    assert state() == before
