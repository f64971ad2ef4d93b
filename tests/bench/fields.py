"""How well nuclei are outlined and white cells of smear fields are found, on real pictures."""

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from data.annotations import read_marks
from data.audit.fingerprint import fingerprint, pack
from data.audit.pairs import find_pairs
from data.decode import decode
from features.fields import find_cells
from features.segment import segment
from tests.bench.measure import table
from tests.shared import BCCD, SHARED

ZHENG = SHARED / "data/segmentation-wbc-zheng-2018"
HALVES = {"odd (chosen on)": 1, "even (reported)": 0}
Box = Sequence[int]


def fields(folder: Path) -> list[str]:
    """Dice of nuclei on wbc_zheng2018, recall and precision of white cells on BCCD.

    Needs the real pictures in ../shared; ``folder`` is not used.
    """
    if not (ZHENG.is_dir() and BCCD.is_dir()):
        return ["Not measured: needs the real pictures in `../shared`."]
    smears = sorted((BCCD / "BCCD/JPEGImages").glob("*.jpg"))
    chosen_on, reported = (_half(smears, half) for half in HALVES)
    apart = sorted(set(reported) - _tied_to(chosen_on, smears))
    return [
        "Parameters were chosen on the odd-numbered pictures. A white cell is found if its box and",
        "the drawn one overlap by half (IoU 0.5), each found cell counting once; BCCD lacks boxes",
        "of some white cells at the edge, which count as false here. Of its even-numbered fields,",
        f"{len(reported) - len(apart)} of {len(reported)} share ground with an odd-numbered one, "
        "as the audit finds, and are left out.",
        "",
        *table("wbc_zheng2018 | pictures | nucleus Dice, mean | lowest tenth | cell Dice, mean",
               [_dice(name, half) for name in ("Dataset 1", "Dataset 2") for half in HALVES]),
        "",
        *table("BCCD | fields | white cells | found | recall | false | precision | fields/s",
               [_found(half, each) for half, each in zip(HALVES, (chosen_on, apart), strict=True)]),
    ]  # fmt: skip


def _half(paths: Sequence[Path], half: str) -> list[Path]:
    return [path for path in paths if int(path.stem[-1]) % 2 == HALVES[half]]


def _dice_of(found: np.ndarray, drawn: np.ndarray) -> float:
    return 2.0 * float((found & drawn).sum()) / max(1, int(found.sum() + drawn.sum()))


def _dice(name: str, half: str) -> str:
    paths = _half(sorted((ZHENG / name).glob("*.bmp")), half)
    nuclei, cells = [], []
    for path in paths:
        drawn = cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_GRAYSCALE)
        assert drawn is not None
        found = segment(decode(path.read_bytes()))
        nuclei.append(_dice_of(found.nucleus, drawn > 191))  # some masks hold levels in between
        cells.append(_dice_of(found.cell, drawn > 63))
    return (
        f"| {name}, {half} | {len(paths)} | **{np.mean(nuclei):.3f}** | "
        f"{np.percentile(nuclei, 10):.3f} | {np.mean(cells):.3f} |"
    )


def _tied_to(some: Sequence[Path], paths: Sequence[Path]) -> set[Path]:
    """``some`` and the pictures that share ground with them, be it over others."""
    prints = pack([fingerprint(decode(path.read_bytes())) for path in paths])
    found = find_pairs(prints, lambda number: decode(paths[number].read_bytes()))
    pairs = [{paths[pair.first], paths[pair.second]} for pair in found]
    tied, before = set(some), 0
    while len(tied) > before:
        before = len(tied)
        tied.update(*(pair for pair in pairs if pair & tied))
    return tied


def _found(half: str, paths: Sequence[Path]) -> str:
    there = told = hits = 0
    seconds = 0.0
    for path in paths:
        marks = read_marks(BCCD / f"BCCD/Annotations/{path.stem}.xml")
        truth = [each.box for each in marks.boxes if each.label == "WBC"]
        field = decode(path.read_bytes())
        started = time.perf_counter()
        found = [cell.box for cell in find_cells(field)]
        seconds += time.perf_counter() - started
        there, told, hits = there + len(truth), told + len(found), hits + count_hits(found, truth)
    return (
        f"| {half} | {len(paths)} | {there} | {hits} | **{hits / there:.3f}** | {told - hits} | "
        f"**{hits / told:.3f}** | {len(paths) / seconds:.1f} |"
    )


def count_hits(found: Sequence[Box], truth: Sequence[Box]) -> int:
    """True boxes that a found one overlaps by half, each found one used once."""
    left, hits = list(found), 0
    for box in truth:
        best = max(left, key=lambda each: overlap(each, box), default=None)
        if best is not None and overlap(best, box) >= 0.5:
            left.remove(best)
            hits += 1
    return hits


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, w) * max(0, h)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
