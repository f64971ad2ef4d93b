"""Where the real images and weights lie, for the tests that need them."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
WEIGHTS = SHARED / "weights"
PBC = SHARED / "data/pbc-acevedo-2020-subset/PBC_dataset_normal_DIB"
CNMC = SHARED / "data/c-nmc-2019-names-and-samples"
CNMC_SAMPLES = CNMC / "samples"
ARIA_NAMES = SHARED / "data/aria-2021-names.csv"
BCCD = SHARED / "data/bccd"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="needs the real images and weights in ../shared"
)


def pbc_cells(count: int) -> list[Path]:
    """``count`` real cell images, the same number of each class as far as it goes."""
    classes = [sorted(folder.glob("*.jpg")) for folder in sorted(PBC.iterdir())]
    return [classes[i % len(classes)][i // len(classes)] for i in range(count)]
