"""``make bench``: measure and write BENCHMARKS.md; ``make bench ONLY="memory resume"`` some of it.

Shared machines are noisy, so sides take turns and medians of the ratios within one run count.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from data.files import write_text
from tests.bench.audit import pairs
from tests.bench.dense import dense_networks
from tests.bench.evaluation import evaluation
from tests.bench.extraction import against_naive, two_in_one_pass
from tests.bench.fields import fields
from tests.bench.growth import growth
from tests.bench.labels import labels
from tests.bench.measure import ROUNDS, machine
from tests.bench.page import page
from tests.bench.precision import gate
from tests.bench.size import memory, resume
from tests.bench.smearnet import smearnet
from tests.bench.studies import studies

TARGET = Path(__file__).resolve().parents[2] / "BENCHMARKS.md"
SECTIONS: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "extraction": ("Extraction", against_naive),
    "two": ("Two backbones in one pass", two_in_one_pass),
    "memory": ("Memory", memory),
    "resume": ("Resuming a finished extraction", resume),
    "gate": ("bf16 beside float32", gate),
    "smearnet": ("smearnet beside ImageNet networks", smearnet),
    "studies": ("Tuning", studies),
    "dense": ("Dense network", dense_networks),
    "evaluation": ("Evaluation with intervals", evaluation),
    "page": ("Report", page),
    "pairs": ("Near duplicates and shared ground", pairs),
    "fields": ("Smear fields", fields),
    "labels": ("Planted label errors", labels),
    "growth": ("Growth with the number of cells", growth),
}
HEAD = f"""# Benchmarks

Measured by `make bench`. Sides take turns; figures are medians of {ROUNDS} rounds, ratios medians
of the ratios within a round. Only ratios within one section count: the machines differ.
"""


def earlier() -> dict[str, str]:
    """The sections of the file as it is, by title."""
    text = TARGET.read_text(encoding="utf-8") if TARGET.is_file() else ""
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}


def main(names: list[str]) -> None:
    """Measure the sections named, or all, and write the file anew."""
    unknown = set(names) - set(SECTIONS)
    if unknown:
        sys.exit(f"bench: unknown section {sorted(unknown)[0]}; expected {', '.join(SECTIONS)}")
    bodies = earlier()
    for name in names or SECTIONS:
        title, measure = SECTIONS[name]
        print(f"bench: {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            lines = measure(Path(folder))
        bodies[title] = "\n".join([*lines, "", f"On {machine()}."])
        known = [(title, bodies[title]) for title, _ in SECTIONS.values() if title in bodies]
        parts = [f"## {title}\n\n{body}\n" for title, body in known]
        write_text(TARGET, "\n".join([HEAD, *parts]))


if __name__ == "__main__":
    main(sys.argv[1:])
