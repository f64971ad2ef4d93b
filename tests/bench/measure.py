"""What all benchmarks share: rates, turns, the machine, and images to work on."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from data.files import sha256_file
from data.synthetic import generate

ROUNDS = 5


def rate(work: Callable[[], object], count: int) -> float:
    """Things done a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def in_turns(*sides: Callable[[], float]) -> list[list[float]]:
    """Measurements of each side, taken in turns after a warm-up: noise meets all alike."""
    for side in sides:
        side()
    rounds = [[side() for side in sides] for _ in range(ROUNDS)]
    return [list(values) for values in zip(*rounds, strict=True)]


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Median of the ratios of measurements taken together."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def machine() -> str:
    """Processor, what it computes bfloat16 with, Python and the date."""
    model, flags = platform.processor() or platform.machine(), set()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
            elif key.strip() == "flags":
                flags = set(value.split())
    able = "AMX" if "amx_bf16" in flags else "AVX-512" if "avx512_bf16" in flags else "no"
    return (
        f"{model}, {os.cpu_count()} cores, {able} bfloat16, {platform.system()}, Python "
        f"{platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    )


def drawn_cells(folder: Path, count: int) -> list[Path]:
    """At least ``count`` synthetic cell images (PNG), all in one folder."""
    generate(folder / "drawn", patients=8, cells=-(-count // 8), unlabelled=0)
    flat = folder / "cells"
    flat.mkdir()
    for path in (folder / "drawn").rglob("*.png"):
        path.rename(flat / path.name)
    return sorted(flat.glob("*.png"))


def listed(images: list[Path]) -> list[tuple[str, str]]:
    """(sha256, name) of images of one folder, as extraction wants them."""
    return [(sha256_file(path), path.name) for path in images]


def table(head: str, rows: list[str]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {head} |", "|" + "---|" * (head.count("|") + 1), *rows]
