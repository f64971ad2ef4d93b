"""The checklist says what this very run reports, and what it lacks."""

from pathlib import Path

import pytest

from classifiers.result import UNLABELLED, FlowStep, RunResult
from data.guess import NOT_KNOWN
from reports.build import render_page
from reports.checklist import Item, checked
from reports.pictures import without_missing
from reports.sections import SECTIONS
from tests.reports.examples import EXAMPLES, build
from tests.reports.pages import Page

IDS = {section.id for section in SECTIONS}


def items(result: RunResult) -> dict[str, Item]:
    """Items by the first word of their title."""
    return {item.title.split()[0].rstrip(":"): item for item in checked(result)}


def lacks(item: Item, said: str) -> bool:
    return any(said in each for each in (*item.missing, item.absent))


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_are_sixteen_items_and_each_leads_to_sections_or_says_why_not(name: str) -> None:
    result = build(EXAMPLES[name])
    found = list(checked(without_missing(result, Path("no such folder"))))
    assert len(found) == 16
    assert all(set(item.sections) <= IDS for item in found)
    page = Page(render_page(result, Path("no such folder")))
    shown = page.text("checklist")
    for number, item in enumerate(found, start=1):
        assert f"{number}. {item.title} " in shown
    for state in ("reported", "in part", "not reported"):
        marks = {"reported": "●", "in part": "◐", "not reported": "○"}
        assert shown.count(marks[state]) == sum(item.state == state for item in found)


def test_a_run_without_patients_lacks_what_needs_them() -> None:
    with_, without = (items(build(EXAMPLES[name])) for name in ("five", "no_patients"))
    for title, said in (
        ("Data", "patients"),
        ("Split", "patients are not known"),
        ("Results", "patient level"),
        ("Subgroups", "no patients are known"),
    ):
        assert lacks(without[title], said), title
        assert not lacks(with_[title], said), title
    assert with_["Split"].state == "reported"
    assert without["Leakage"].state == "not reported"
    assert without["Self-training"].state == "not reported" != with_["Self-training"].state


def test_what_was_not_measured_is_not_reported_with_its_reason() -> None:
    result = build(EXAMPLES["five"])
    robustness = result.robustness.model_copy(update={"perturbed": [], "note": "images are gone."})
    changed = result.model_copy(
        update={
            "robustness": robustness,
            "premium": result.premium.model_copy(update={"premium": {}, "note": "one group"}),
            "subgroups": result.subgroups.model_copy(update={"subsets": [], "note": "too few"}),
            "embedding_map": None,
            "audit": None,
            "commit": "",
        }
    )
    found = items(changed)
    assert found["Robustness"].absent == "images are gone"
    assert found["Leakage"].absent == "one group"
    assert found["Subgroups"].state == "in part" and lacks(found["Subgroups"], "too few")
    assert lacks(found["Failures"], "map")
    assert lacks(found["Flow"], "not audited") and lacks(found["Split"], "not audited")
    assert lacks(found["Recipe"], "checkout")
    page = Page(render_page(changed, Path("no such folder")))
    assert "Images are gone." in page.text("checklist")
    assert "not from a checkout" in page.text("reproduce")


def test_a_leaking_split_and_a_changed_source_are_no_proof() -> None:
    result = build(EXAMPLES["five"])
    leaking = result.split.model_copy(update={"shared_files": 1})
    changed = result.model_copy(update={"split": leaking, "commit": "0123abc-dirty"})
    found = items(changed)
    assert lacks(found["Split"], "leaks") and lacks(found["Recipe"], "changed after")
    assert items(result)["Recipe"].state == "reported"


def test_baselines_that_were_not_run_are_named() -> None:
    result = build(EXAMPLES["five"])
    found = items(result)["Baselines"]
    assert lacks(found, "random weights") and lacks(found, "border")
    assert not lacks(found, "mean colour")
    control = {**result.classifiers, "random_weights": result.classifiers["majority"]}
    with_control = result.model_copy(update={"classifiers": control})
    assert not lacks(items(with_control)["Baselines"], "random weights")
    drawn = {"a": {"backbone": "morphology", "weights": "none"}}
    morphology = result.model_copy(update={"recipes": drawn})
    assert not lacks(items(morphology)["Baselines"], "random weights")
    own = {key: each for key, each in result.classifiers.items() if each.role != "baseline"}
    none = result.model_copy(update={"classifiers": own, "audit": None})
    assert items(none)["Baselines"].state == "not reported"


def test_what_the_card_states_is_reported_and_what_it_leaves_out_is_named() -> None:
    stated, silent = (items(build(EXAMPLES[name])) for name in ("five", "no_patients"))
    for title, said in (
        ("Intended", "not stated"),
        ("Data", "not stated: centre, dates, stain and microscope"),
        ("Reference", "who labelled"),
    ):
        assert stated[title].state == "reported", title
        assert silent[title].state == "in part" and lacks(silent[title], said), title
    result = build(EXAMPLES["five"])
    origin = result.dataset.origin.model_copy(update={"stain": ""})
    data = result.dataset.model_copy(update={"origin": origin, "licence": ""})
    missing = items(result.model_copy(update={"dataset": data}))["Data"].missing
    assert missing == ("licence: none given on the card", "not stated: stain")
    guessed = data.model_copy(update={"citation": NOT_KNOWN, "licence": NOT_KNOWN})
    missing = items(result.model_copy(update={"dataset": guessed}))["Data"].missing
    assert [each.split(":")[0] for each in missing] == ["citation", "licence", "not stated"]


def test_tuning_is_reported_only_with_the_space_of_every_classifier() -> None:
    result = build(EXAMPLES["five"])
    assert items(result)["Tuning"].state == "reported"

    def item(**fields: object) -> Item:
        tuning = result.tuning.model_copy(update=fields)
        return items(result.model_copy(update={"tuning": tuning}))["Tuning"]

    without = {name: each for name, each in result.tuning.spaces.items() if name != "svm"}
    assert item(spaces=without).missing == ("search space of svm: not recorded",)
    assert lacks(item(spaces={}), "logistic, svm and dense")
    assert item(studies=[]).state == "not reported"
    assert lacks(item(selected_per_fold=[]), "nesting")


def test_nothing_that_is_gone_is_called_reported() -> None:
    result = build(EXAMPLES["five"])
    recipe = next(iter(result.recipes.values()))
    selected = result.classifiers["selected"]
    test = selected.test.model_copy(update={"confusion": [], "per_class": {}})
    assert result.self_training
    rounds = result.self_training.model_copy(update={"rounds": []})
    empty = result.dataset.images_per_class | {result.dataset.classes[0]: 0}
    found = {
        item.title.split()[0].rstrip(":"): item
        for item in checked(
            result.model_copy(
                update={
                    "flow": [],
                    "recipes": {"a": {**recipe, "weights_digest": ""}},
                    "versions": {},
                    "machine": "",
                    "dataset": result.dataset.model_copy(update={"images_per_class": empty}),
                    "classifiers": {
                        **result.classifiers,
                        "selected": selected.model_copy(update={"test": test}),
                    },
                    "self_training": rounds,
                }
            )
        )
    }
    assert found["Flow"].state == "not reported"
    for title, said in (
        ("Data", "images: none of Normal"),
        ("Recipe", "digest of the weights of mobilenet_v2"),
        ("Recipe", "versions: not recorded"),
        ("Recipe", "machine: not recorded"),
        ("Results", "figures of the classes"),
        ("Confusion", "the confusion matrix"),
        ("Self-training", "its rounds"),
    ):
        assert lacks(found[title], said), title
        assert not lacks(items(result)[title], said), title


def test_a_run_without_errors_lacks_none() -> None:
    result = build(EXAMPLES["five"])
    galleries = result.galleries.model_copy(update={"errors": 0, "confident_errors": []})
    faultless = items(result.model_copy(update={"galleries": galleries}))["Failures"]
    assert not lacks(faultless, "confident errors")
    galleries = galleries.model_copy(update={"errors": 3})
    assert lacks(items(result.model_copy(update={"galleries": galleries}))["Failures"],
                 "confident errors: the run kept none")  # fmt: skip


def test_why_there_was_no_self_training_is_said_as_far_as_it_is_known() -> None:
    result = build(EXAMPLES["no_patients"])
    said = items(result)["Self-training"].absent
    assert said == "it was not asked for (--rounds 0)"
    flow = [*result.flow, FlowStep(name=UNLABELLED, count=0)]
    said = items(result.model_copy(update={"flow": flow}))["Self-training"].absent
    assert said == "there were no unlabelled cells to learn from"
    flow = [*result.flow, FlowStep(name=UNLABELLED, count=7)]
    drawn = result.galleries.model_copy(update={"drawn": True})
    large = result.model_copy(update={"flow": flow, "galleries": drawn})
    assert items(large)["Self-training"].absent.endswith("did not fit into memory")
