"""Whether a finished fit is still true of what lies around it; imports nothing that is slow."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from classifiers.result import RunResult
from data.decisions import HISTORY_FILE, RELABELLED_FILE
from data.errors import BlastlineError
from data.files import write_text
from pipeline.config import RunConfig
from pipeline.pictures import absent

NAME = "fit.json"
# What only says where and how quickly, not what comes out.
APART = {"images", "weights", "work", "run", "storage", "workers"}
PASSING = {"seconds", "unchanged", "images"}  # of scan.json: how it went, not what was found
WRITTEN = ("run.json", "predictions.csv", "bundle/bundle.json", "bundle/estimator.skops")
PACKAGES = ("blastline", "scikit-learn", "numpy", "optuna")


def fingerprint(config: RunConfig) -> str | None:
    """SHA-256 of all that a fit depends on; None where an earlier stage left nothing."""
    folder = config.run_folder
    try:
        scan = json.loads((folder / "scan.json").read_text(encoding="utf-8"))
        extract = json.loads((folder / "extract.json").read_text(encoding="utf-8"))
        recipes = [*extract["recipes"], extract["baseline_recipe"]]
        facts = {
            "settings": config.model_dump(mode="json", exclude=APART),
            "scan": {key: value for key, value in scan.items() if key not in PASSING},
            "manifest": hashlib.sha256(manifest_file(folder).read_bytes()).hexdigest(),
            "recipes": recipes,
            "control": extract.get("control_recipe"),
            "sample": extract.get("sample"),
            "failed": extract["failed"],
            "decisions": _decisions(folder),
            "audit": _audit(folder),
            "result": RunResult.model_fields["format"].default,
            "stores": [_stamp(config, each["backbone"]) for each in recipes],
            "versions": {name: version(name) for name in PACKAGES},
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def manifest_file(folder: Path) -> Path:
    """The manifest that a fit reads: with the decisions of reviewers, where there are any."""
    relabelled = folder / RELABELLED_FILE
    return relabelled if relabelled.is_file() else folder / "manifest.csv"


def _decisions(folder: Path) -> str:
    """What reviewers said; the result tells of confirmations too, which change no label."""
    path = folder / HISTORY_FILE
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _audit(folder: Path) -> str:
    """What the findings of the audit rest on; the report prints them."""
    path = folder / "audit.json"
    if not path.is_file():
        return ""
    return str(json.loads(path.read_text(encoding="utf-8"))["fingerprint"])


def _stamp(config: RunConfig, backbone: str) -> list[tuple[str, int, int]]:
    """Size and time of the stores of a backbone: a repaired one may hold other numbers."""
    folder = Path(config.work) / "embeddings" / Path(config.dataset).stem
    name = f"{backbone}-*.h5"
    files = sorted([*folder.glob(name), *folder.glob(f"disturbed/{name}")])
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def write_fingerprint(config: RunConfig, result: RunResult) -> None:
    """Leave beside a result what it depends on, and which of its pictures could not be made."""
    left = {
        "depends_on": fingerprint(config),
        "images": _images_are_there(config.run_folder),
        "absent": sorted(absent(result, config.run_folder)),
    }
    write_text(config.run_folder / NAME, json.dumps(left) + "\n")


def unchanged(config: RunConfig) -> bool:
    """Whether the fit in the run folder is whole and would come out the same.

    Pictures that are gone since then, or were never made because the images were not there, are
    worth another fit where it can make them.
    """
    folder = config.run_folder
    if not all((folder / name).is_file() for name in WRITTEN):
        return False
    try:
        left = json.loads((folder / NAME).read_text(encoding="utf-8"))
        depends_on, images, known = left["depends_on"], left["images"], set(left["absent"])
        lost = absent(RunResult.read(folder / "run.json"), folder) - known
    except (OSError, ValueError, KeyError, TypeError, BlastlineError):
        return False
    if (lost or not images) and _images_are_there(folder):
        return False
    return depends_on is not None and depends_on == fingerprint(config)


def _images_are_there(folder: Path) -> bool:
    """Whether the folder of images that a run was scanned from still holds anything."""
    try:
        images = json.loads((folder / "scan.json").read_text(encoding="utf-8"))["images"]
        return any(Path(images).iterdir())
    except (OSError, ValueError, KeyError, TypeError):
        return False
