"""Which of the pictures that a result names still lie in its run folder."""

from collections.abc import Iterator
from pathlib import Path

from classifiers.cell_parts import Cell, ExplainedCell, Galleries
from classifiers.result import RunResult
from reports import words


def missing(run_folder: Path) -> str:
    """One line that says how many pictures of a run are gone, and the mend; empty where none is.

    Raises:
        BlastlineError: no readable result there.
    """
    every = sorted(set(named(RunResult.read(run_folder / "run.json"))))
    lost = [each for each in every if not (run_folder / each).is_file()]
    if not lost:
        return ""
    return (
        f"{words.count(len(lost))} of {words.plural(len(every), 'picture')} are not in "
        f"{run_folder} (the first: {lost[0]}), so the report goes without; fit again, with the "
        "images in place, to have them"
    )


def without_missing(result: RunResult, run_folder: Path) -> RunResult:
    """The result as far as its pictures are there, so that no section speaks of one that is not.

    Thumbnails stay named: the page shows an empty place for each.
    """
    changes: dict[str, object] = {"galleries": _galleries(result.galleries, run_folder)}
    part = result.embedding_map
    if part and part.sprite and not (run_folder / part.sprite).is_file():
        none = {"sprite": "", "picture": [-1] * len(part.picture)}
        changes["embedding_map"] = part.model_copy(update=none)
    return result.model_copy(update=changes)


def _galleries(part: Galleries, folder: Path) -> Galleries:
    explained = [*part.confident_errors, *part.least_confident]
    lost = sum(bool(each.heatmap) and not (folder / each.heatmap).is_file() for each in explained)
    said = f"{words.plural(lost, 'map')} can no longer be found in the run folder: fit again"
    return part.model_copy(
        update={
            "confident_errors": [_explained(each, folder) for each in part.confident_errors],
            "least_confident": [_explained(each, folder) for each in part.least_confident],
            "note": "; ".join(filter(None, (part.note.rstrip("."), said if lost else ""))),
        }
    )


def _explained(cell: ExplainedCell, folder: Path) -> ExplainedCell:
    changes = {}
    if cell.picture and not (folder / cell.picture).is_file():
        changes["picture"] = ""
    if cell.heatmap and not (folder / cell.heatmap).is_file():
        changes["heatmap"] = ""
    return cell.model_copy(update=changes) if changes else cell


def named(result: RunResult) -> Iterator[str]:
    """All pictures that a result names, by their path inside the run folder."""
    part = result.galleries
    cells: list[Cell] = [*part.samples, *part.confident_errors, *part.least_confident]
    for cell in [*cells, *result.label_errors.listed]:
        yield cell.thumbnail
        if isinstance(cell, ExplainedCell):
            yield from filter(None, (cell.picture, cell.heatmap))
            yield from (near.thumbnail for near in cell.neighbours)
    stressed = result.robustness
    yield from filter(None, (stressed.thumbnail, *(each.thumbnail for each in stressed.perturbed)))
    if result.embedding_map and result.embedding_map.sprite:
        yield result.embedding_map.sprite
