"""Near duplicates and shared ground: what of the planted is found, how fast, in what memory."""

import json
import resource
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from data.audit.fingerprint import fingerprint, pack
from data.audit.pairs import find_pairs
from data.decode import decode
from tests.bench.measure import table
from tests.bench.size import command
from tests.data.audit.planted import found_in, near_copies, smear, two_crops
from tests.shared import BCCD, PBC, SHARED

REST = SHARED / "data/pbc-2020-rest-128px/images.zip"
COUNT = 15_000
SIDE = 360
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def pairs(folder: Path) -> list[str]:
    """Recall by kind on planted pairs, then time and memory on COUNT images."""
    images = _many(folder)
    first, again = (command("audit", images, folder / "work") for _ in range(2))
    whole = f"| {COUNT:,} | **{first[0]:.0f}** | {first[1]:.0f} | {again[0]:.1f} |"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.audit", str(images)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    row = (
        f"| {said['images']:,} | {said['prints']:.0f} | **{said['pairs']:.0f}** "
        f"| {said['found']} | {said['peak']:.0f} |"
    )
    head = "images | decoding and fingerprints, s | pairs, s | pairs found | peak, MB"
    return [
        "Planted among real cells (or drawn ones, where the real are absent); see",
        "`tests/data/audit/planted.py` for how.",
        "",
        *table("planted | pairs | found", _recall()),
        "",
        f"Cells of {SIDE} pixels as JPEG, one thread, everything in one process.",
        "",
        *table(head, [row]),
        "",
        "The whole `blastline audit` of the same images, with hashing, shortcuts and trivial",
        "classifiers, on all cores, two classes given at random:",
        "",
        *table("images | first time, s | peak, MB | again, s", [whole]),
    ]


def _recall() -> list[str]:
    rng = np.random.default_rng(0)
    cells = _cells(700)
    images, truth = list(cells), {}
    for name, number, copy in near_copies(cells[:550], rng):
        truth[number, len(images)] = name
        images.append(copy)
    for number, field in enumerate(_fields()):
        share = SHARES[number % len(SHARES)]
        crops = two_crops(field, 224, share, rng)
        truth[len(images), len(images) + 1] = f"{share:.0%} of the ground"
        images += [crops.first, crops.second]
    found = found_in(images)
    hits = defaultdict(list)
    for key, name in truth.items():
        hits[name].append(key in found)
    rows = [f"| {name} | {len(each)} | {np.mean(each):.1%} |" for name, each in hits.items()]
    false = len(found.keys() - truth.keys())
    return [
        *rows,
        f"| not planted (real cells share ground too), {len(images):,} images | | {false} |",
    ]


def _cells(count: int) -> list[np.ndarray]:
    paths = sorted(PBC.rglob("*.jpg")) if PBC.is_dir() else []
    if not paths:
        return [smear(np.random.default_rng(each), 240, 240) for each in range(count)]
    return [decode(path.read_bytes()) for path in paths[:: max(1, len(paths) // count)][:count]]


def _fields() -> list[np.ndarray]:
    """Smear fields that share no ground; of the real ones every tenth does with a neighbour."""
    fields = [decode(path.read_bytes()) for path in sorted(BCCD.rglob("*.jpg"))]
    if not fields:
        return [smear(np.random.default_rng((1, each))) for each in range(120)]
    tied = {each for pair in found_in(fields) for each in pair}
    return [field for number, field in enumerate(fields) if number not in tied]


def _many(folder: Path) -> Path:
    """COUNT different cells of SIDE pixels: the rest of the PBC set, else crops of smears."""
    images = folder / "many"
    for name in "AB":
        (images / name).mkdir(parents=True)
    for number, image in zip(range(COUNT), _different(), strict=False):
        image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(images / "AB"[number % 2] / f"{number:06d}.jpg"), image[..., ::-1])
    return images


def _different() -> Iterator[np.ndarray]:
    if REST.is_file():
        with zipfile.ZipFile(REST) as archive:
            for name in archive.namelist():
                if name.endswith(".jpg"):
                    yield decode(archive.read(name))
    for each in range(COUNT):
        yield smear(np.random.default_rng((2, each)), 128, 128)


def measure(images: Path) -> dict[str, float]:
    """Seconds and peak MB of finding the pairs in a folder."""
    cv2.setNumThreads(1)
    paths = sorted(images.glob("*/*.jpg"))
    started = time.perf_counter()
    prints = pack([fingerprint(decode(path.read_bytes())) for path in paths])
    printed = time.perf_counter()
    found = find_pairs(prints, lambda number: decode(paths[number].read_bytes()))
    return {
        "images": len(paths),
        "prints": printed - started,
        "pairs": time.perf_counter() - printed,
        "found": len(found),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    json.dump(measure(Path(sys.argv[1])), sys.stdout)
