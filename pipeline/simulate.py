"""Stage simulate-labels: hide labels, and see what self-training, feedback and review win back."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import optuna
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from classifiers.estimate import Estimate
from classifiers.protocol import Protocol
from classifiers.registry import find_classifiers
from classifiers.simulation import TITLES, Arm, Simulation, Simulator
from data.errors import BlastlineError
from data.files import write_text
from pipeline.config import RunConfig
from pipeline.console import progress, say
from pipeline.fit import protocol_of
from pipeline.inputs import FitInputs, load_inputs
from pipeline.reuse import fingerprint
from reports.simulation_figure import simulation_figure

FEW = 5  # draws; with fewer a t interval is hardly one
FEEDBACK = 3  # rounds, where the run asks for none
GAINS: tuple[Arm, ...] = ("self_training", "feedback", "review", "random")


def run_simulation(config: RunConfig, shares: Sequence[float], draws: int) -> Path:
    """Simulate every draw and share that is not known yet; tell and draw what came out.

    Finished draws are kept: the same command goes on where Ctrl-C stopped it.

    Args:
        shares: of the labels that are kept, above 0 and below 1. draws: seeds 0 to draws - 1.

    Raises:
        BlastlineError: a share out of range, embeddings that are not in memory, or too few groups.
    """
    for share in shares:
        if not 0 < share < 1:
            raise BlastlineError(
                f"simulate-labels: a share of {100 * share:g} % of the labels; expected some "
                "between 0 and 100, such as --shares 5,10,20,50"
            )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    shares = sorted(set(shares))
    inputs = load_inputs(config)
    if inputs.cells.on_disk:
        raise BlastlineError(
            "simulate-labels: these embeddings are too large for memory, where self-training "
            "works; simulate on a smaller backbone or fewer views"
        )
    path = config.run_folder / "simulation.json"
    known = _earlier(path, _depends_on(config))
    tasks = [(seed, share) for seed in range(draws) for share in (*shares, 1.0)]
    left = [task for task in tasks if not _has(known, *task)]
    with progress("simulating", "draw") as update, threadpool_limits(1):
        known = _simulate(config, inputs, known, left, path, update)
    known = known.of_draws(draws)
    shown = _tell(known, shares, draws)
    text = simulation_figure(known, shown)
    picture = config.run_folder / "simulation.svg"
    write_text(picture, text)
    say(f"      all outcomes: {path}; picture: {picture}")
    return path


def _simulate(
    config: RunConfig, inputs: FitInputs, known: Simulation, left: Sequence[tuple[int, float]],
    path: Path, update: Callable[..., None],
) -> Simulation:  # fmt: skip
    """The simulation with what is left of it done, and written after each draw."""
    specs, _ = find_classifiers(config.classifiers)
    threads = min(os.cpu_count() or 1, max(1, len(left)))
    simulator = Simulator(inputs.cells, specs, _protocol(config, threads), config.seed)
    pool = ThreadPoolExecutor(threads)
    try:
        jobs = {pool.submit(simulator.run, seed, share): (seed, share) for seed, share in left}
        for number, job in enumerate(as_completed(jobs), start=1):
            seed, share = jobs[job]
            known = known.model_copy(update={"outcomes": [*known.outcomes, *job.result()]})
            write_text(path, known.model_dump_json(indent=1) + "\n")
            update(number, len(left), f"draw {seed + 1}, {100 * share:g} % of the labels")
    finally:
        pool.shutdown(cancel_futures=True)
    return known


def _protocol(config: RunConfig, threads: int) -> Protocol:
    """That of one of so many draws at once."""
    protocol = replace(protocol_of(config, threads, jobs=1), threads=1)
    rounds = protocol.feedback.rounds or FEEDBACK
    return replace(protocol, feedback=replace(protocol.feedback, rounds=rounds))


def _depends_on(config: RunConfig) -> str:
    return hashlib.sha256(json.dumps([fingerprint(config), FEEDBACK]).encode()).hexdigest()


def _earlier(path: Path, depends_on: str) -> Simulation:
    """What an earlier try left, if it was of the same data and settings."""
    try:
        found = Simulation.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        found = None
    if found is None or found.depends_on != depends_on:
        return Simulation(depends_on=depends_on, outcomes=[])
    return found


def _has(known: Simulation, seed: int, share: float) -> bool:
    return any((each.seed, each.share) == (seed, share) for each in known.outcomes)


def _tell(known: Simulation, shares: Sequence[float], draws: int) -> list[float]:
    """Say what came out; the shares that differ in the labels they kept."""
    say(
        f"simulate-labels: macro F1 on cells that no arm saw, means of {draws} draws; gains over "
        "the labelled cells alone in points, with 95 % intervals over the draws"
    )
    if draws < FEW:
        say(f"      fewer than {FEW} draws: the intervals say little (--draws)")
    width = max(len(TITLES[arm]) for arm in TITLES)
    shown: list[float] = []
    for share in shares:
        if shown and known.labels(share) == known.labels(shown[-1]):
            say(f"      {100 * share:g} % of the labels: the same as above, see there")
            continue
        shown.append(share)
        plain = list(known.values("labelled", share).values())
        every = list(known.values("all", share).values())
        truly = known.share_kept(share)
        aside = "" if abs(truly - share) < share / 10 else f", asked for: {100 * share:g} %"
        say(
            f"      {100 * truly:.0f} % of the labels ({known.labels(share):,.0f}{aside}): "
            f"{sum(plain) / len(plain):.3f}; all labels: {sum(every) / len(every):.3f}"
        )
        if aside:
            say("        (whole groups, and at least three of each class, keep their labels)")
        for arm in GAINS:
            if known.values(arm, share):
                gain = _points(known.gain(arm, share))
                say(f"        {TITLES[arm]:{width}}  {gain}{_aside(known, arm, share)}")
        if known.values("review", share):
            say(
                f"        {'review queue against random':{width}}  "
                f"{_points(known.gain('review', share, 'random'))}"
            )
    return shown


def _aside(known: Simulation, arm: Arm, share: float) -> str:
    these = [each for each in known.outcomes if each.arm == arm and each.share == share]
    if these[0].round is None:
        return ""
    back = sum(each.round == 0 for each in these)
    text = f"; rolled back in {back} of {len(these)}"
    right = [each.precision_last for each in these if each.precision_last is not None]
    if right:
        text += f"; {100 * sum(right) / len(right):.1f} % of the last round's pseudo-labels right"
    return text


def _points(gain: Estimate) -> str:
    if gain.value is None:
        return "not defined"
    text = f"{100 * gain.value:+.1f}"
    if gain.low is None or gain.high is None:
        return text
    return f"{text} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
