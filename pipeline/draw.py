"""Command draw: synthetic smear fields, to try out crops."""

from pathlib import Path

from data.synthetic_fields import generate_fields
from pipeline.console import progress, say


def run_draw(out: Path, *, fields: int, cells: int, touching: int, seed: int) -> None:
    """Draw synthetic fields and say where they lie.

    Raises:
        BlastlineError: as ``generate_fields``.
    """
    with progress("drawing fields", "field") as update:
        count = generate_fields(
            out, seed=seed, fields=fields, cells=cells, touching=touching, progress=update
        )
    say(f"draw: {count:,} fields in {out / 'fields'}; the truth: {out / 'truth.csv'}, masks beside")
