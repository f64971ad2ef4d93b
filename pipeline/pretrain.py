"""Train SmearNet on cells of the user: sources, teachers, training and what comes of it."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BlastlineError
from features.backbones import find_backbone
from features.engines import GPU_DEVICES
from features.keras_import import accelerators, keras_backend
from features.smearnet.batches import Batches
from features.smearnet.cells import Cells, open_cells
from features.smearnet.objectives import teacher_targets
from features.smearnet.settings import Settings
from features.smearnet.student import Student, write_weights
from features.smearnet.training import Progress, train
from features.smearnet.validation import (
    STRENGTHS,
    Validation,
    hold_out,
    make_validation,
    unknown_classes,
)
from pipeline.config import RunConfig
from pipeline.console import progress, say
from pipeline.pretrain_result import (
    CHECKPOINT,
    RESULT,
    WEIGHTS,
    identity_of,
    input_size,
    is_finished,
    write_result,
)
from pipeline.recipes import Plan, make_plan
from pipeline.teachers import teacher_embeddings

TEACHER = "densenet169"  # where weights are given and no teacher is named
SETTLING = 100  # batches to measure statistics anew, for averaged weights
TOLD = 0.02  # share of a step in the losses that are shown while training


@dataclass(frozen=True)
class Sources:
    """What to train on.

    Attributes:
        images: zip file or folder of CLASS/NAME.jpg. fields: folder of smear fields with boxes.
        weights: of the teachers; empty for none. teachers: backbones, with commas.
        alpha: width of mobilenet_v2 as a teacher.
        leave_out: classes not to train on; they stay in the validation.
        validation: keep some cells of each class out of training, to validate on.
        work: folder for all that is generated.
    """

    images: Path
    fields: Path | None = None
    weights: str = ""
    teachers: str = ""
    alpha: float = 1.0
    leave_out: tuple[str, ...] = ()
    validation: bool = True
    work: str = "runs"


def run_pretrain(sources: Sources, settings: Settings, out: Path, fresh: bool = False) -> bool:
    """Train, or go on with a training, and write OUT/smearnet.weights.h5 and what tells of it.

    Args:
        fresh: forget an earlier training in ``out``; decoded cells and teachers are kept.

    Returns:
        Whether it is finished; False where Ctrl-C stopped it, with all that was learned kept.

    Raises:
        BlastlineError: sources, teachers or settings do not fit, or ``out`` holds another training.
    """
    plans = _teacher_plans(sources, settings)
    out.mkdir(parents=True, exist_ok=True)
    with progress("decoding", "image") as update:
        cells = open_cells(sources.images, sources.fields, out, update)
    if cells.unreadable:
        say(f"pretrain: {len(cells.unreadable)} images left out, such as {cells.unreadable[0]}")
    rows, held = _parts(cells, sources, settings)
    identity = identity_of(
        settings, cells, [plan.recipe.name for plan in plans], sources.leave_out,
        sources.validation,
    )  # fmt: skip
    if fresh:
        for name in (RESULT, WEIGHTS, CHECKPOINT):
            (out / name).unlink(missing_ok=True)
    if is_finished(out, identity):
        say(f"pretrain: finished before, see {out / RESULT}; train anew with --fresh")
        return True
    targets = {}
    for plan in plans:
        given = teacher_embeddings(plan, cells, out)
        seen = rows[rows < len(given)]
        targets[plan.recipe.name] = teacher_targets(given, seen, settings.dims)
    batches = Batches(cells, rows, targets, settings)
    _tell(cells, rows, held, batches, plans, settings)
    student = Student(
        settings, len(batches.classes), {name: each.shape[1] for name, each in targets.items()}
    )
    validation = make_validation(cells, held, settings.seed) if sources.validation else None
    with _patient_stop() as stopped:
        done = _train(student, batches, settings, out, identity, validation, stopped)
    if done.step < settings.steps:
        say(f"pretrain: {done.step:,} of {settings.steps:,} steps are kept in {out / CHECKPOINT}")
        return False
    if settings.ema:
        student.settle(
            images for images, _ in batches.drawn(settings.steps, settings.steps + SETTLING)
        )
    write_weights(student.network, out / WEIGHTS)
    write_result(out, identity, done, validation, cells, rows)
    return True


def _teacher_plans(sources: Sources, settings: Settings) -> list[Plan]:
    if sources.teachers and not sources.weights:
        raise BlastlineError(
            f"pretrain: teacher '{sources.teachers}' without weights; give them with --weights "
            "(WEIGHTS=), a folder, one file or 'imagenet'"
        )
    if not sources.weights or not settings.losses.distil:
        return []
    names = sources.teachers or TEACHER
    for name in names.split(","):
        if not find_backbone(name.partition("@")[0]).is_network:
            raise BlastlineError(
                f"pretrain: teacher '{name}': no network; expected one, such as {TEACHER}"
            )
    config = RunConfig(
        backbone=names, weights=sources.weights, alpha=sources.alpha, work=sources.work, steps=()
    )
    return [make_plan(config, config.card(), name, layer) for name, layer in config.backbones]


def _parts(cells: Cells, sources: Sources, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on, and rows to validate on."""
    unknown_classes(cells, sources.leave_out)
    held = hold_out(cells, settings.seed) if sources.validation else np.zeros(0, int)
    kept = ~np.isin(cells.labels, sources.leave_out)
    kept[held] = False
    rows = np.flatnonzero(kept)
    classes = set(cells.labels[rows]) - {""}
    if settings.losses.labels and len(classes) < 2:
        raise BlastlineError(
            f"pretrain: {len(classes)} classes to learn among {len(rows)} cells; expected 2 or "
            "more: give images as CLASS/NAME, or leave labels out (--labels 0)"
        )
    if not len(rows):
        raise BlastlineError("pretrain: no cell is left to train on; leave fewer classes out")
    return rows, held


def _tell(
    cells: Cells, rows: np.ndarray, held: np.ndarray, batches: Batches, plans: Sequence[Plan],
    settings: Settings,
) -> None:  # fmt: skip
    taught = ", ".join(plan.recipe.backbone for plan in plans) or "none"
    say(
        f"pretrain: {len(rows):,} cells of {len(batches.classes)} fine classes"
        f" ({int(cells.from_fields[rows].sum()):,} from smear fields), {len(held):,} kept for "
        f"validation; teachers: {taught}; {settings.steps:,} steps of {settings.batch} pictures, "
        f"{settings.precision}, keras on {keras_backend()}"
    )


def _train(
    student: Student, batches: Batches, settings: Settings, out: Path, identity: dict[str, Any],
    validation: Validation | None, stopped: Callable[[], bool],
) -> Progress:  # fmt: skip
    quick = validation.quick() if validation else None
    size = input_size()

    def validate() -> float:
        assert quick is not None
        return quick.score(student.embed(quick.images, size), STRENGTHS[:1])["macro"]

    with progress("pretraining", "image") as update:
        smooth: dict[str, float] = {}
        first: list[int] = []

        def told(done: Progress, losses: dict[str, float]) -> None:
            first.append(done.step - 1) if not first else None
            for name, value in losses.items():
                smooth[name] = smooth.get(name, value) + TOLD * (value - smooth.get(name, value))
            shown = [f"{short(name)} {value:.3f}" for name, value in smooth.items()]
            last = [p["validation"] for p in done.curve if "validation" in p][-1:]
            shown += [f"validation {last[0]:.3f}"] if last else []
            # Of this try alone, so that rate and time left are right after going on.
            update(
                (done.step - first[0]) * settings.batch,
                (settings.steps - first[0]) * settings.batch,
                ", ".join(shown),
            )

        return train(
            student, batches, settings, out / CHECKPOINT, identity,
            validate if quick else None, stopped, told,
        )  # fmt: skip


def short(name: str) -> str:
    """The name of a loss as it is shown: a teacher's is that of its recipe, digest included."""
    return name.rpartition("-")[0] or name


def choose_precision(said: str) -> str:
    """``auto`` is bf16 where processor or GPU computes in it, else float32.

    Raises:
        BlastlineError: it is neither of the three.
    """
    if said in ("float32", "bf16"):
        return said
    if said != "auto":
        raise BlastlineError(f"precision '{said}': expected auto, float32 or bf16")
    if any(path.exists() for path in GPU_DEVICES) and accelerators():
        return "bf16"
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return "float32"
    return "bf16" if {"avx512_bf16", "amx_bf16"} & set(flags) else "float32"


@contextmanager
def _patient_stop() -> Iterator[Callable[[], bool]]:
    """While it lasts, the first Ctrl-C only says that one should stop; the second one does."""
    asked: list[int] = []
    usual = signal.getsignal(signal.SIGINT)

    def note(number: int, _: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, usual)
