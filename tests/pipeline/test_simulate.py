"""simulate-labels: goes on where it stopped, tells each arm, draws a picture."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from classifiers.simulation import Simulation, Simulator
from tests.pipeline.commands import STOPPED, Guarded, Run, refused

OPTIONS = ("--shares", "40", "--draws", 2, "--trials", 1, "--rounds", 2)


def simulated(run: Run) -> Simulation:
    return Simulation.model_validate_json((run.folder / "simulation.json").read_text())


def test_every_arm_of_every_draw_is_told_and_drawn(run: Run, guarded: Guarded) -> None:
    done = guarded("simulate-labels", "--work", run.work, "--run", run.name, *OPTIONS).well()
    found = simulated(run)
    assert {(each.seed, each.share) for each in found.outcomes} == {
        (seed, share) for seed in (0, 1) for share in (0.4, 1.0)
    }
    arms = {each.arm for each in found.outcomes}
    # Of six patients three keep their labels: as many labels again would be all there are.
    assert arms == {"labelled", "self_training", "feedback", "all"}
    for said in ("self-trained", "confidence feedback", "asked for: 40 %", "fewer than 5 draws"):
        assert said in done.out
    assert "review" not in done.out
    gain = found.gain("self_training", 0.4)
    assert f"{100 * gain.value:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})" in done.out
    picture = ElementTree.parse(run.folder / "simulation.svg").getroot()
    assert picture.tag.endswith("svg")


def test_ctrl_c_keeps_finished_draws(
    run: Run, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, calls = Simulator.run, []

    def stopped_at_the_third(self: Simulator, seed: int, share: float) -> list:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append((seed, share))
        return plain(self, seed, share)

    monkeypatch.setattr("pipeline.simulate.os.cpu_count", lambda: 1)
    monkeypatch.setattr(Simulator, "run", stopped_at_the_third)
    command = ("simulate-labels", "--work", run.work, "--run", run.name, *OPTIONS)
    assert guarded(*command).code == STOPPED
    before = simulated(run).outcomes
    assert {(each.seed, each.share) for each in before} == set(calls)

    made: list[tuple[int, float]] = []

    def noted(self: Simulator, seed: int, share: float) -> list:
        made.append((seed, share))
        return plain(self, seed, share)

    monkeypatch.setattr(Simulator, "run", noted)
    guarded(*command).well()
    assert len(made) == 2
    assert not set(made) & set(calls)
    assert simulated(run).outcomes[: len(before)] == before


def test_shares_that_come_to_the_same_are_told_once(run: Run, guarded: Guarded) -> None:
    options = ("--shares", "20,10,20", "--draws", 1, "--trials", 1, "--rounds", 1)
    done = guarded("simulate-labels", "--work", run.work, "--run", run.name, *options).well()
    assert done.out.count("self-trained") == 1
    assert done.out.count("the same as above") == 1
    assert len([each for each in simulated(run).outcomes if each.arm == "labelled"]) == 2


def test_fewer_draws_than_before_tell_of_these_alone(run: Run, guarded: Guarded) -> None:
    command = ("simulate-labels", "--work", run.work, "--run", run.name, *OPTIONS)
    guarded(*command).well()
    done = guarded(*command, "--draws", 1).well()
    first = simulated(run).of_draws(1)
    assert {each.seed for each in first.outcomes} == {0}
    (plain,) = first.values("labelled", 0.4).values()
    assert f"{plain:.3f}; all labels" in done.out


def test_other_settings_start_anew(run: Run, guarded: Guarded) -> None:
    path = run.folder / "simulation.json"
    stale = {"format": 1, "depends_on": "something else", "outcomes": []}
    path.write_text(json.dumps(stale))
    command = ("simulate-labels", "--work", run.work, "--run", run.name, *OPTIONS)
    guarded(*command).well()
    first = simulated(run).depends_on
    assert first != "something else"
    guarded(*command, "--threshold", 0.7).well()
    assert simulated(run).depends_on != first


@pytest.mark.parametrize("shares", ["5,x", "0", "100", "", "-3"])
def test_a_bad_share_is_refused(run: Run, guarded: Guarded, shares: str) -> None:
    done = guarded(
        "simulate-labels", "--work", run.work, "--run", run.name, f"--shares={shares}"
    )  # fmt: skip
    refused(done, "--shares")


def test_without_a_run_it_says_what_to_do(tmp_path: Path, guarded: Guarded) -> None:
    refused(guarded("simulate-labels", "--work", tmp_path), "blastline extract")
