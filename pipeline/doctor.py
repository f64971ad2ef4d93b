"""Stage doctor: is this machine ready, and what is it?"""

import importlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from data.cards import card_names, load_card
from data.errors import BlastlineError
from features.backbones import BACKBONES
from features.conversion import import_openvino
from features.weights import PRETRAINED, resolve_weights
from pipeline.console import say

PACKAGES = {
    "numpy": "numpy", "scikit-learn": "sklearn", "h5py": "h5py", "opencv-python-headless": "cv2",
    "scikit-image": "skimage", "pandas": "pandas", "matplotlib": "matplotlib", "optuna": "optuna",
    "skops": "skops",
}  # fmt: skip


def run_doctor(work: Path) -> int:
    """Print one line a check; the number of checks that failed."""
    checks: dict[str, Callable[[], str]] = {
        "python": _python,
        "packages": _packages,
        "tensorflow": _tensorflow,
        "openvino": _openvino,
        "memory": _memory,
        "work folder": lambda: _work(work),
        "cards": lambda: ", ".join(load_card(name).name for name in card_names()),
        "weights": _weights,
    }
    failed = 0
    for name, check in checks.items():
        try:
            say(f"ok    {name}: {check()}")
        except (BlastlineError, OSError, ImportError, PackageNotFoundError) as error:
            failed += 1
            say(f"FAIL  {name}: {error}")
    return failed


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _packages() -> str:
    for module in PACKAGES.values():
        importlib.import_module(module)
    return ", ".join(f"{name} {version(name)}" for name in PACKAGES)


def _tensorflow() -> str:
    # In a process of its own: it costs 660 MB, and a broken build may crash the process.
    code = (
        "import tensorflow as tf, keras;"
        "print(tf.__version__, 'keras', keras.__version__, 'GPUs', "
        "len(tf.config.list_physical_devices('GPU')))"
    )
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=quiet
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it crashed"]
        raise BlastlineError(f"does not import ({last[0]}); install it again: make install")
    return done.stdout.strip().splitlines()[-1]


def _openvino() -> str:
    openvino = import_openvino()
    core = openvino.Core()
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    number = openvino.__version__.partition("-")[0]
    processor = core.get_property("CPU", "FULL_DEVICE_NAME")
    return f"{number}, {processor}, {'with' if 'BF16' in able else 'without'} bf16"


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{total / 2**30:.0f} GiB, {os.cpu_count()} cores"


def _work(work: Path) -> str:
    work.mkdir(parents=True, exist_ok=True)
    if not os.access(work, os.W_OK):
        raise BlastlineError(f"{work} cannot be written to; choose another with --work")
    return f"{work.resolve()}, {shutil.disk_usage(work).free / 2**30:.0f} GiB free"


def _weights() -> str:
    networks = [row for row in BACKBONES.values() if row.shipped]
    for row in networks:  # refuses what is gone or damaged
        resolve_weights(row, PRETRAINED, alpha=1.0, layer="", seed=0)
    shipped = ", ".join(f"{row.name} (shipped)" for row in networks)
    folder = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    cached = sorted(path.name for path in folder.glob("*notop.h5")) if folder.is_dir() else []
    others = ", ".join(cached) or f"no ImageNet weights cached in {folder} (Keras downloads them)"
    return f"{shipped}, {others}"
