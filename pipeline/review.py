"""Command review: doubtful cells and likely label errors -> one offline page to decide on them."""

from collections import Counter
from pathlib import Path

from classifiers.result import RunResult
from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.console import progress, say, warn
from pipeline.inputs import FitInputs, load_inputs
from pipeline.review_choice import Choice, choose_cells
from pipeline.review_pictures import Picture, Pictures
from reports.review import Neighbour, Review, ReviewCell, write_review

NAME = "review.html"
_WHAT = {"label error": "likely label errors", "doubtful": "doubtful", "unlabelled": "unlabelled"}


def run_review(
    config: RunConfig, cells: int = 200, out: Path | None = None, reviewer: str = ""
) -> Path:
    """Choose the cells that a reader's look is worth most for; write the page and return its path.

    Cells that were decided on before (``relabel``) are not asked for again. Images that cannot be
    read are told, and the page says so in their place.

    Args:
        cells: how many are asked for at most.
        out: the page; the run folder's ``review.html`` if None.
        reviewer: name that the page begins with; empty: it asks.

    Raises:
        BlastlineError: the run is not fitted, its predictions are of other classes or images, no
            image can be read, or the page cannot be written.
    """
    if cells < 1:
        raise BlastlineError(f"review: --cells is {cells}; expected 1 or more")
    target = out or config.run_folder / NAME
    if target.is_dir():
        raise BlastlineError(f"review: --out {target} is a folder; give the HTML file to write")
    if out and not out.parent.is_dir():
        raise BlastlineError(f"review: --out {out}: there is no folder {out.parent}; make it first")
    result = RunResult.read(config.run_folder / "run.json")
    inputs = load_inputs(config)
    choice = choose_cells(config, inputs, cells)
    shown = _read_pictures(inputs, choice)
    neighbours = list(dict.fromkeys(row for near in choice.neighbours for row in near))
    review = Review(
        run=config.run_name,
        title=result.dataset.title,
        classes=list(inputs.cells.classes),
        reviewer=reviewer,
        cells=_cells(inputs, choice, neighbours, shown),
        neighbours=[_neighbour(inputs, row, shown[row]) for row in neighbours],
    )
    write_review(review, target)
    _tell(choice, target)
    return target


def _read_pictures(inputs: FitInputs, choice: Choice) -> dict[int, Picture]:
    """Row -> its picture, of all cells that the page shows."""
    root, frame = Path(inputs.scan.images), inputs.manifest.frame
    pictures = Pictures(root, inputs.recipes[0].steps)
    rows = {int(row) for row in choice.rows} | {row for near in choice.neighbours for row in near}
    # Crops of one field follow one another, so that each field is read once.
    order = sorted(rows, key=lambda row: (pictures.field_of(frame.path[row]), row))
    shown = {}
    with progress("reading images", "image") as update:
        for done, row in enumerate(order, 1):
            shown[row] = pictures.read(frame.path[row], frame.sha256[row])
            update(done, len(order))
    if pictures.failed:
        path, reason = next(iter(pictures.failed.items()))
        failed, of = f"{len(pictures.failed):,}", f"{len(order):,} images of {root}"
        if len(pictures.failed) == len(order):
            raise BlastlineError(
                f"review: none of {of} can be read, such as '{path}': {reason}; put the folder "
                "back, or extract again with its new place (IMAGES=folder with make, --images)"
            )
        warn(
            f"review: {failed} of {of} cannot be shown, such as '{path}': {reason}; the page says "
            "'no image' there"
        )
    return shown


def _cells(
    inputs: FitInputs, choice: Choice, neighbours: list[int], shown: dict[int, Picture]
) -> list[ReviewCell]:
    frame, classes = inputs.manifest.frame, inputs.cells.classes
    place = {row: number for number, row in enumerate(neighbours)}
    cells = []
    for row, reason, near in zip(
        choice.rows.tolist(), choice.reasons, choice.neighbours, strict=True
    ):
        said, picture = frame.iloc[row], shown[row]
        known = (said.image_id, said.path, said.patient)
        cells.append(
            ReviewCell(
                image_id=said.image_id,
                path=said.path,
                sha256=said.sha256,
                label=said.label,
                patient=said.patient,
                group="" if said.group in known else said.group,
                reason=reason,
                suggested=classes[choice.suggested[row]] if reason == "label error" else "",
                probabilities=[round(float(each), 4) for each in choice.proba[row]],
                picture=picture.uri,
                width=picture.width,
                context=picture.context,
                context_title=picture.context_title,
                neighbours=[place[each] for each in near],
            )
        )
    return cells


def _neighbour(inputs: FitInputs, row: int, picture: Picture) -> Neighbour:
    said = inputs.manifest.frame.iloc[row]
    return Neighbour(said.path, said.label, said.patient, picture.small)


def _tell(choice: Choice, target: Path) -> None:
    counts = Counter(choice.reasons)
    parts = ", ".join(f"{counts[each]:,} {name}" for each, name in _WHAT.items() if counts[each])
    say(f"review: {len(choice.rows):,} cells to look at{f' ({parts})' if parts else ''}")
    if choice.reviewed:
        say(f"      left out: {choice.reviewed:,} cells that were decided on before")
    if choice.unpredicted:
        say(f"      left out: {choice.unpredicted:,} cells that the run predicted nothing of")
    size = target.stat().st_size / 1e6
    say(f"      page: {target} ({size:.1f} MB); open it in a browser, no network is needed")
