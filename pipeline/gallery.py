"""Command gallery: sheets of cells before and after every step and augmentation, to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.cards import Card
from data.decode import MAX_BYTES, UnreadableImageError, decode
from data.errors import BlastlineError
from data.files import atomic_path, read_regular
from data.listing import SUFFIXES, PassedOver, list_files
from data.synthetic_cell import CELL_CLASSES, Stain, render_cell
from features.augment import AUGMENTATIONS, parse_augmentation
from features.preprocess import AUDIT, STEPS, parse_steps, resize
from features.views import make_views
from pipeline.audit import masks, read_audit
from pipeline.config import RunConfig
from pipeline.console import say, warn
from pipeline.recipes import plan_steps

CELLS = 8  # across a sheet
TILE, GAP, CAPTION = 160, 4, 22  # pixels
INPUT = 224  # side that views are made at, that of most networks
VIEWS = 16  # of each cell on the contact sheet, where the configuration says 1


@dataclass(frozen=True)
class Row:
    """One row of a sheet: a caption over pictures (h, w, 3) uint8 RGB of any size."""

    caption: str
    pictures: Sequence[np.ndarray]


def run_gallery(config: RunConfig, out: Path | None = None) -> None:
    """Write steps.png, augmentations.png and views.png.

    Args:
        out: folder to write to; the work folder's ``gallery`` if None.

    Raises:
        BlastlineError: no readable image, or an unknown step or augmentation.
    """
    card = config.card()
    audit = read_audit(config)
    if audit is None and AUDIT in (config.steps or card.preprocess):
        raise BlastlineError(
            f"preprocessing step '{AUDIT}': run {config.run_folder} was not audited; run "
            "'blastline audit' with the same --run first"
        )
    steps = plan_steps(config, card, masks(audit) if audit else ())
    varied = config.augment or tuple(
        text for entry in AUGMENTATIONS.values() for text in entry.examples
    )
    parse_augmentation(varied)
    cells = _cells(config, card)
    folder = out or Path(config.work) / "gallery"
    sheets = {
        "steps.png": _steps_sheet(cells, steps),
        "augmentations.png": _augmentations_sheet(cells, config.augment),
        "views.png": _views_sheet(cells, steps, varied, config.views),
    }
    for name, rows in sheets.items():
        _write(rows, folder / name)
    say(f"gallery: {', '.join(sheets)} in {folder}: look at them before a recipe is used")


def _cells(config: RunConfig, card: Card) -> list[np.ndarray]:
    """Some pictures of the chosen set, of each of its folders in turn; else drawn ones."""
    if not config.images:
        if card.name != "synthetic":
            warn(f"gallery: no image folder of {card.name} given (IMAGES): synthetic cells instead")
        return [_drawn(number, config.seed) for number in range(CELLS)]
    root = Path(config.images)
    if not root.is_dir():
        raise BlastlineError(f"image folder {root}: no such folder; give the folder of your images")
    folders: dict[str, list[str]] = {}
    for path, _ in list_files(root, PassedOver()):
        if Path(path).suffix.lower() in SUFFIXES:
            folders.setdefault(str(Path(path).parent), []).append(path)
    rng = np.random.default_rng(config.seed)
    drawn = [rng.permutation(sorted(paths)).tolist() for paths in folders.values()]
    in_turn = [path for paths in zip_longest(*drawn) for path in paths if path is not None]
    cells: list[np.ndarray] = []
    for path in in_turn:
        try:
            cells.append(decode(read_regular(root / path, MAX_BYTES)))
        except (OSError, UnreadableImageError) as error:
            warn(f"gallery: {path}: {getattr(error, 'strerror', None) or error}; left out")
        if len(cells) == CELLS:
            break
    if not cells:
        raise BlastlineError(
            f"image folder {root}: no readable image; expected files of "
            f"{', '.join(sorted(SUFFIXES))}: check IMAGES"
        )
    return cells


def _drawn(number: int, seed: int) -> np.ndarray:
    stain = Stain.draw(np.random.default_rng([seed, number, 1]))
    label = CELL_CLASSES[number % len(CELL_CLASSES)]
    return render_cell(label, stain, np.random.default_rng([seed, number, 2]))


def _steps_sheet(cells: list[np.ndarray], steps: tuple[str, ...]) -> list[Row]:
    rows = [Row("as they are", cells)]
    if steps:
        # The numbers of a reference would fill the line.
        short = [text if len(text) < 40 else text.partition(":")[0] for text in steps]
        rows.append(Row(f"the recipe: {' ; '.join(short)}", _after(cells, steps)))
    for entry in STEPS.values():
        rows += [Row(text, _after(cells, (text,))) for text in entry.examples]
    return rows


def _after(cells: list[np.ndarray], steps: tuple[str, ...]) -> list[np.ndarray]:
    for step in parse_steps(steps):
        cells = [step(cell) for cell in cells]
    return cells


def _augmentations_sheet(cells: list[np.ndarray], asked: tuple[str, ...]) -> list[Row]:
    texts = [text for entry in AUGMENTATIONS.values() for text in entry.examples]
    texts = [*asked, *(text for text in texts if text not in asked)]
    return [
        Row(f"{text}: a cell and its views", _views(cells[number % len(cells)], (text,), CELLS))
        for number, text in enumerate(texts)
    ]


def _views_sheet(
    cells: list[np.ndarray], steps: tuple[str, ...], varied: tuple[str, ...], count: int
) -> list[Row]:
    rows = []
    for number, cell in enumerate(_after(cells[:4], steps), 1):
        views = _views(cell, varied, count if count > 1 else VIEWS)
        for start in range(0, len(views), CELLS):
            caption = f"cell {number}: {' ; '.join(varied)}" if start == 0 else ""
            rows.append(Row(caption, views[start : start + CELLS]))
    return rows


def _views(cell: np.ndarray, texts: tuple[str, ...], count: int) -> list[np.ndarray]:
    """Views of a cell as extraction makes them; its pixels stand for the digest of its file."""
    aspect = cell.shape[1] / cell.shape[0]
    digest = f"{int(cell.sum()):x}"
    return list(make_views(resize(cell, INPUT), count, digest, parse_augmentation(texts), aspect))


def _write(rows: Sequence[Row], path: Path) -> None:
    width = GAP + CELLS * (TILE + GAP)
    heights = [(CAPTION if row.caption else 0) + TILE + GAP for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        if row.caption:
            pen.text((GAP, top), row.caption, fill="black", font=font)
        for column, picture in enumerate(row.pictures):
            tile = Image.fromarray(picture)
            scale = TILE / max(tile.size)
            size = [max(1, round(side * scale)) for side in tile.size]
            tile = tile.resize((size[0], size[1]), Image.Resampling.BICUBIC)
            sheet.paste(tile, (GAP + column * (TILE + GAP), top + height - TILE - GAP))
        top += height
    with atomic_path(path) as temporary:
        sheet.save(temporary, "PNG")
