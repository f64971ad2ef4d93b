"""Where the tuning studies of a run lie."""

from pathlib import Path

from pipeline.config import RunConfig


def studies_path(config: RunConfig) -> Path:
    """The journal with all studies of the data set."""
    return Path(config.work) / "studies" / f"{Path(config.dataset).stem}.log"


def storage_of(config: RunConfig) -> str | Path:
    """The database that the configuration names, else the journal in the work folder."""
    return config.storage or studies_path(config)


def artifacts_folder(config: RunConfig) -> Path:
    """Where the pictures of the studies lie."""
    return Path(config.work) / "studies" / "artifacts"
