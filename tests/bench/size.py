"""Peak memory and resume: what does not grow with the number of images."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.measure import ROUNDS, drawn_cells, table

PEAK = """
import re, sys
from pathlib import Path
from pipeline.cli import main
try:
    main()
finally:  # not getrusage: its peak includes that of the process which started this one
    print("PEAK", re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1],
          file=sys.stderr)
"""


def copies(folder: Path, count: int) -> Path:
    """``count`` images of different content in two classes: some drawn cells as JPEG, each copy
    with its own number behind the image's end."""
    from PIL import Image

    images = folder / f"images-{count}"
    drawn = drawn_cells(folder / f"drawn-{count}", 64)
    contents = []
    for path in drawn[:64]:
        Image.open(path).convert("RGB").save(folder / "cell.jpg", quality=90)
        contents.append((folder / "cell.jpg").read_bytes())
    for name in ("A", "B"):
        (images / name).mkdir(parents=True)
    for number in range(count):
        content = contents[number % len(contents)] + number.to_bytes(8, "big")
        (images / "AB"[number % 2] / f"{number:06d}.jpg").write_bytes(content)
    return images


def command(stage: str, images: Path, work: Path, *more: str) -> tuple[float, float]:
    """Seconds and peak MB of a whole ``blastline STAGE`` on a folder of two classes."""
    words = [sys.executable, "-c", PEAK, stage, "--dataset", "folders", "--images"]
    started = time.perf_counter()
    done = subprocess.run(
        [*words, str(images), "--work", str(work), *more],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    return seconds, int(done.stderr.rpartition("PEAK")[2]) / 1024


def extracted(images: Path, work: Path, *more: str) -> tuple[float, float]:
    """Seconds and peak MB of an extraction; the audit, which has figures of its own, is off."""
    return command("extract", images, work, "--no-audit", *more)


def memory(folder: Path) -> list[str]:
    """Peak memory of an extraction of 1,000 and of 50,000 images."""
    rows = []
    few, many = copies(folder, 1_000), copies(folder, 50_000)
    for backbone, alpha, images in (
        ("mobilenet_v2", "0.35", few),
        ("mobilenet_v2", "0.35", many),
        ("resnet50", "1.0", few),
        ("inception_v3", "1.0", few),
    ):
        work = folder / "work" / f"{backbone}-{images.name}"
        more = ("--backbone", backbone, "--alpha", alpha, "--weights", "random")
        seconds, peak = extracted(images, work, *more)
        count = sum(1 for _ in images.rglob("*.jpg"))
        name = f"{backbone} {alpha}" if backbone == "mobilenet_v2" else backbone
        rows.append(f"| {name} | {count:,} | {seconds:.0f} | **{peak:.0f}** |")
        print(rows[-1], flush=True)
    return [
        "Peak resident memory of a whole `blastline extract`, OpenVINO, float32. Converting the",
        "network (once) takes place in a process of its own, which is not in these figures.",
        "",
        *table("backbone | images | seconds | peak, MB", rows),
    ]


def resume(folder: Path) -> list[str]:
    """A finished store of 10,000 images, asked for again."""
    images, work = copies(folder, 10_000), folder / "work"
    more = ("--backbone", "mobilenet_v2", "--alpha", "0.35", "--weights", "random")
    first, _ = extracted(images, work, *more)
    again = statistics.median(extracted(images, work, *more)[0] for _ in range(ROUNDS))
    hashed = statistics.median(extracted(images, work, *more, "--rehash")[0] for _ in range(ROUNDS))
    row = f"| {first:.1f} | **{again:.2f}** | {hashed:.2f} |"
    head = "first time, s | again, s | again with --rehash, s"
    return [
        "Wall time of the whole command, start of Python included, on 10,000 images.",
        "",
        *table(head, [row]),
    ]
