"""Looks and ties: looked at once, kept by content, whatever happens to the files that keep them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from data.audit import looks as looks_module
from data.audit import ties as ties_module
from data.audit.looks import Looks, look
from data.audit.ties import Tie, find_ties
from data.synthetic import generate
from data.synthetic_cell import Stain, render_cell
from tests.data.images import encode


def write(root: Path, **contents: bytes) -> dict[str, str]:
    """Write files; path -> SHA-256."""
    root.mkdir(exist_ok=True)
    for name, content in contents.items():
        (root / name).write_bytes(content)
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def cell(rng: np.random.Generator) -> np.ndarray:
    return render_cell("L2", Stain.draw(rng), rng, 120)


def cells(count: int) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    return {f"cell{i}": encode(cell(rng), "PNG") for i in range(count)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "images"


def ties(root: Path, hashes: dict[str, str], folder: Path) -> tuple[list[Tie], dict[str, str]]:
    return find_ties(root, hashes, Looks(folder), folder)


def test_identical_and_recompressed_images_are_tied_and_a_text_file_is_told(
    root: Path, tmp_path: Path
) -> None:
    images = cells(6)
    rng = np.random.default_rng(9)
    one = cell(rng)
    again = encode(one, "JPEG", quality=70)
    hashes = write(root, **images, copy=images["cell2"], one=encode(one, "PNG"), again=again)
    hashes |= write(root, text=b"no image")
    found, failed = ties(root, hashes, tmp_path / "work")
    assert {(tie.kind, frozenset((tie.first, tie.second))) for tie in found} == {
        ("exact", frozenset(("cell2", "copy"))),
        ("near", frozenset(("one", "again"))),
    }
    assert list(failed) == ["text"]
    assert "image" in failed["text"]


def test_an_unchanged_set_is_neither_looked_at_nor_compared_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = cells(4)
    hashes = write(root, **images, text=b"no image", again=images["cell0"])
    first = ties(root, hashes, tmp_path / "work")
    seen = []
    inner = looks_module._look
    monkeypatch.setattr(
        looks_module, "_look", lambda root, path, key: seen.append(path) or inner(root, path, key)
    )
    monkeypatch.setattr(ties_module, "find_pairs", None)
    assert ties(root, hashes, tmp_path / "work") == first
    assert seen == ["text"]  # it may have been mended
    del hashes["text"]
    renamed = {f"moved/{path}": sha256 for path, sha256 in hashes.items()}
    found, failed = ties(root, renamed, tmp_path / "work")
    assert [(tie.first, tie.second) for tie in found] == [("moved/cell0", "moved/again")]
    assert failed == {}


def test_a_file_that_was_gone_for_a_while_is_looked_at_and_tied_later(
    root: Path, tmp_path: Path
) -> None:
    one = cell(np.random.default_rng(9))
    hashes = write(root, **cells(4), one=encode(one, "PNG"), again=encode(one, "JPEG", quality=70))
    (root / "again").rename(tmp_path / "away")
    found, failed = ties(root, hashes, tmp_path / "work")
    assert (found, list(failed)) == ([], ["again"])
    (tmp_path / "away").rename(root / "again")
    found, failed = ties(root, hashes, tmp_path / "work")
    assert [{tie.first, tie.second} for tie in found] == [{"one", "again"}]
    assert failed == {}


def test_a_file_that_changed_since_it_was_hashed_leaves_no_look(root: Path, tmp_path: Path) -> None:
    images = cells(4)
    hashes = write(root, **images)
    (root / "cell1").write_bytes(images["cell0"])
    found, failed = ties(root, hashes, tmp_path / "work")
    assert found == []
    assert "changed" in failed["cell1"]
    assert hashes["cell1"] not in Looks(tmp_path / "work")


def test_looks_of_another_format_are_removed(root: Path, tmp_path: Path) -> None:
    hashes = write(root, **cells(4))
    ties(root, hashes, tmp_path / "work")
    (part,) = (tmp_path / "work").glob("*.npy")
    part.rename(part.with_name(f"0{part.name}"))
    assert not any(sha256 in Looks(tmp_path / "work") for sha256 in hashes.values())
    assert not list((tmp_path / "work").glob("*.npy"))


def test_cells_of_different_patients_with_red_cells_about_them_share_nothing(
    tmp_path: Path,
) -> None:
    root = tmp_path / "drawn"
    generate(root)
    hashes = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.png")
    }
    assert ties(root, hashes, tmp_path / "work") == ([], {})


def test_only_new_images_are_looked_at(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = write(root, **cells(4))
    ties(root, hashes, tmp_path / "work")
    seen = []
    inner = looks_module._look
    monkeypatch.setattr(
        looks_module, "_look", lambda root, path, key: seen.append(path) or inner(root, path, key)
    )
    hashes |= write(root, new=encode(cell(np.random.default_rng(5)), "PNG"))
    ties(root, hashes, tmp_path / "work")
    assert seen == ["new"]


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"some text"])
def test_damaged_files_are_made_again(root: Path, tmp_path: Path, damage: bytes) -> None:
    images = cells(4)
    hashes = write(root, **images, again=images["cell0"])
    work = tmp_path / "work"
    first = ties(root, hashes, work)
    for path in work.iterdir():
        path.write_bytes(damage)
    assert ties(root, hashes, work) == first


def test_a_part_that_was_cut_short_costs_that_part_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks_module, "PART", 2)
    hashes = write(root, **cells(6))
    images = [(sha256, path) for path, sha256 in hashes.items()]
    work = tmp_path / "work"
    assert look(root, images, Looks(work)) == {}
    parts = sorted(work.glob("*.npy"))
    assert len(parts) == 3
    parts[0].write_bytes(parts[0].read_bytes()[:-100])
    looks = Looks(work)
    assert sum(sha256 in looks for sha256, _ in images) == 4
    look(root, images, looks)
    assert all(sha256 in Looks(work) for sha256, _ in images)


def test_a_stop_keeps_what_was_seen(root: Path, tmp_path: Path) -> None:
    hashes = write(root, **cells(9))
    images = [(sha256, path) for path, sha256 in hashes.items()]

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(root, images, Looks(tmp_path / "work"), stop)
    looks = Looks(tmp_path / "work")
    assert sum(sha256 in looks for sha256, _ in images) == 5


def test_looks_come_in_the_order_asked_for(root: Path, tmp_path: Path) -> None:
    hashes = write(root, **cells(5))
    looks = Looks(tmp_path / "work")
    look(root, [(sha256, path) for path, sha256 in hashes.items()], looks)
    keys = list(hashes.values())
    forwards, backwards = looks.take(keys, "properties"), looks.take(keys[::-1], "properties")
    assert (forwards == backwards[::-1]).all()
    sizes = {hashes[path.name]: path.stat().st_size for path in root.iterdir()}
    assert forwards["bytes"].tolist() == [sizes[key] for key in keys]
