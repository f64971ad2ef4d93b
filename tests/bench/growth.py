"""How fit time and memory grow with the number of rows, for every classifier."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from optuna.trial import FixedTrial
from threadpoolctl import threadpool_limits

from classifiers.preparation import Preparation, make_pipeline
from classifiers.registry import CLASSIFIERS
from classifiers.streaming import StoredRows, fit_streamed
from features.recipe import Recipe
from features.store import EmbeddingStore
from features.store_file import write_store_file
from tests.bench.measure import table

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "reports/growth.svg"
SIZES = (1_000, 4_000, 16_000, 64_000, 1_000_000)
STREAMED = 1_000_000  # rows from which on a classifier that can be fitted from disk is
WIDTH, CLASSES, PART = 256, 4, 8192
LIMIT, SLOW = 300, 60  # seconds: a fit is ended; the next size is not tried
RECIPE = Recipe(backbone="made up", weights="none", weights_digest="none")
PREPARATION = Preparation(root=True)


@dataclass(frozen=True)
class Cell:
    """One fit: seconds and MB above the start, or why there are none."""

    seconds: float = 0.0
    memory: float = 0.0
    missing: str = ""

    def __str__(self) -> str:
        if self.missing:
            return "-"
        seconds = f"{self.seconds:.0f}" if self.seconds >= 10 else f"{self.seconds:.2g}"
        return f"{seconds} s, {self.memory:,.0f} MB"


def growth(
    folder: Path, sizes: tuple[int, ...] = SIZES, picture: Path = PICTURE, streamed: int = STREAMED
) -> list[str]:
    """Seconds and peak memory of a fit with first-guess parameters; also drawn."""
    write_rows(folder, max(sizes), streamed)
    found: dict[str, list[Cell]] = {name: [] for name in CLASSIFIERS}
    for name, cells in found.items():
        for rows in sizes:
            cells.append(measured(folder, name, rows, rows >= streamed, cells))
            print(f"{name}, {rows:,} rows: {cells[-1]} {cells[-1].missing}", flush=True)
    draw(found, sizes, picture)
    lines = [f"| {name} | {' | '.join(map(str, cells))} |" for name, cells in found.items()]
    reasons = [
        f"- {name} at {rows:,} rows: {cell.missing}"
        for name, cells in found.items()
        for rows, cell in zip(sizes, cells, strict=True)
        if cell.missing
    ]
    disk = ", ".join(name for name, spec in CLASSIFIERS.items() if spec.stream)
    return [
        f"One fit, preparation included, of rows of {WIDTH} float32 features in {CLASSES} classes,",
        "with the parameters that tuning tries first, each in a process of its own, BLAS on one",
        "thread. Memory is the peak above what the process held before, rows and libraries",
        f"included; from {streamed:,} rows on, {disk or 'none'} read the rows from a store on disk",
        "instead, and all that they keep counts.",
        "",
        *table(" | ".join(["classifier", *(f"{rows:,} rows" for rows in sizes)]), lines),
        "",
        *reasons,
        *([""] if reasons else []),
        f"![Fit time and memory over rows, log-log](reports/{picture.name})",
    ]


def write_rows(folder: Path, rows: int, streamed: int) -> None:
    """Made-up rows as plain float32, their classes, and a store of the same."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, rows)
    centres = rng.normal(0, 0.15, (CLASSES, WIDTH)).astype(np.float32)
    mixed = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)
    mixed *= np.linspace(0.2, 2.0, WIDTH, dtype=np.float32)[:, None]
    np.save(folder / "y.npy", y)
    with (folder / "X.f32").open("wb") as stream:
        for start in range(0, rows, PART):
            codes = y[start : start + PART]
            X = rng.normal(size=(len(codes), WIDTH)).astype(np.float32) + centres[codes]
            stream.write((X @ mixed).data)
    if rows >= streamed:
        chunks = (some(folder, min(PART, rows - i), i) for i in range(0, rows, PART))
        keys = np.array([key(row) for row in range(rows)], dtype="S64")
        write_store_file(folder / "X.h5", RECIPE, keys, chunks, (WIDTH,), {})


def key(row: int) -> str:
    return f"{row:064x}"


def some(folder: Path, rows: int, first: int = 0) -> np.ndarray:
    X = np.fromfile(folder / "X.f32", np.float32, rows * WIDTH, offset=4 * WIDTH * first)
    return X.reshape(rows, WIDTH)


def measured(folder: Path, name: str, rows: int, from_disk: bool, before: list[Cell]) -> Cell:
    """The fit in a process of its own, if the sizes before promise that it ends in time."""
    if before and (before[-1].missing or before[-1].seconds > SLOW):
        why = "not tried, like the size before"
        return Cell(missing=why if before[-1].missing else f"not tried: over {SLOW} s before")
    from_disk = from_disk and CLASSIFIERS[name].stream is not None
    command = [sys.executable, "-m", __name__, str(folder), name, str(rows), str(int(from_disk))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=LIMIT + 60)
    except subprocess.TimeoutExpired:
        return Cell(missing=f"not done after {LIMIT} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        return Cell(missing=f"failed with {done.returncode}: {last}")
    cell = Cell(**json.loads(done.stdout.splitlines()[-1]))
    return cell if cell.seconds <= LIMIT else Cell(missing=f"took more than {LIMIT} s")


def fit(folder: Path, name: str, rows: int, from_disk: bool) -> Cell:
    """Fit in this process, after a small fit that loads the libraries."""
    spec = CLASSIFIERS[name]
    params = spec.suggest(FixedTrial(spec.first), WIDTH)
    y, groups = np.load(folder / "y.npy")[:rows], np.arange(rows) // 10
    X = some(folder, 200 if from_disk else rows)
    make_pipeline(spec, PREPARATION, params, 0).fit(X[:200], y[:200], groups[:200])
    threadpool_limits(1)  # as in a run; several threads of BLAS crawl where cores are shared
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = memory("VmRSS")
    started = time.perf_counter()
    if from_disk:
        store = EmbeddingStore(folder / "X.h5", RECIPE)
        stored = StoredRows([store], [key(row) for row in range(rows)])
        fit_streamed(spec, PREPARATION, params, stored, np.arange(rows), y, 0)
    else:
        make_pipeline(spec, PREPARATION, params, 0).fit(X, y, groups)
    return Cell(time.perf_counter() - started, max(0.0, memory("VmHWM") - before))


def memory(name: str) -> float:
    """A figure of this process in MB."""
    found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def draw(found: dict[str, list[Cell]], sizes: tuple[int, ...], picture: Path) -> None:
    """Seconds and memory over rows, one line a classifier."""
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "blastline"}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        FigureCanvasSVG(figure)
        sides = zip(figure.subplots(1, 2), ("seconds", "memory"), ("s", "MB"), strict=True)
        for axes, value, unit in sides:
            for name, cells in found.items():
                there = [(n, getattr(c, value)) for n, c in zip(sizes, cells, strict=True)
                         if not c.missing]  # fmt: skip
                axes.plot(*np.array(there).reshape(-1, 2).T, marker="o", markersize=3, label=name)
            axes.set(xscale="log", yscale="log", xlabel="rows", ylabel=f"{value}, {unit}"
                     if value == "memory" else value)  # fmt: skip
            axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        figure.savefig(picture, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    where, which, many, disk = sys.argv[1:]
    print(json.dumps(vars(fit(Path(where), which, int(many), disk == "1"))))
