"""The model card: complete, and no name from a user becomes markup."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from classifiers.result import RunResult
from data.errors import BlastlineError
from reports.model_card import as_text, model_card, write_model_card
from tests.reports.examples import EXAMPLES, build

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NASTY = st.text(st.sampled_from("\\`*_{}[]<>()#|~&$!-+=:.\n\r\t \x07\u202e'\"aA1血"), max_size=30)


def shape(text: str) -> list[tuple[str, str]]:
    """The elements of a Markdown text, without what they say."""
    return [
        (token.type, token.tag)
        for block in READER.parse(text)
        for token in (block.children or [block])
        if token.type not in ("text", "text_special", "softbreak")
    ]


def said(text: str) -> str:
    """What a reader of the Markdown text sees."""
    return " ".join(
        "".join(token.content for token in block.children or []) or block.content
        for block in READER.parse(text)
    )


def named(result: RunResult, name: str) -> RunResult:
    """The result with one name from a user at many places."""
    first = result.dataset.classes[0]
    test = result.classifiers["selected"].test
    per_class = {name if key == first else key: each for key, each in test.per_class.items()}
    selected = result.classifiers["selected"].model_copy(
        update={"test": test.model_copy(update={"per_class": per_class})}
    )
    worst = [row.model_copy(update={"name": name}) for row in result.evaluation.patients.worst]
    patients = result.evaluation.patients.model_copy(update={"worst": worst})
    return result.model_copy(
        update={
            "machine": name,
            "dataset": result.dataset.model_copy(
                update={"title": name, "licence": name, "caveats": [name]}
            ),
            "classifiers": {**result.classifiers, "selected": selected},
            "evaluation": result.evaluation.model_copy(update={"patients": patients}),
        }
    )


@given(NASTY)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    text = f"- {as_text('x' + name + 'x')}\n\n| {as_text('x' + name + 'x')} | b |\n|---|---|\n"
    shown = "".join(c for c in " ".join(f"x{name}x".split()) if c.isprintable())
    assert shape(text) == shape("- x\n\n| x | b |\n|---|---|\n")
    assert said(text).count(shown) == 2


RESULT = build(EXAMPLES["five"])
PLAIN = shape(model_card(named(RESULT, "plain")))


@settings(deadline=None, max_examples=30)
@given(NASTY.map(lambda name: f"x{name}x"))
def test_no_name_changes_the_shape_of_the_card(name: str) -> None:
    assert shape(model_card(named(RESULT, name))) == PLAIN


@pytest.mark.parametrize("run", ["demo", "a b; rm -rf ~", "```\n# x", "it's"])
def test_the_command_stays_one_block_and_is_quoted(run: str) -> None:
    text = model_card(RESULT.model_copy(update={"run": run}))
    blocks = [each.content for each in READER.parse(text) if each.type == "fence"]
    assert len(blocks) == 1 and blocks[0].count("\n") == 1
    if run == "a b; rm -rf ~":
        assert "predict 'runs/a b; rm -rf ~/bundle' IMAGES" in blocks[0]


@pytest.mark.parametrize("name", ["five", "two", "no_patients", "hostile"])
def test_the_card_holds_figures_intervals_limits_and_where_it_came_from(name: str) -> None:
    result = build(EXAMPLES[name])
    text = model_card(result)
    test = result.classifiers["selected"].test
    low, high = test.f1_macro.low, test.f1_macro.high
    assert f"| Macro F1 | {test.f1_macro.value:.3f} ({low:.3f}–{high:.3f}) |" in text
    for heading in ("Intended use", "Data", "Test", "Baselines", "Subgroups", "Robustness",
                    "Cells unlike those it was trained on", "Limits", "How to use it"):  # fmt: skip
        assert f"## {heading}\n" in text
    assert "not for diagnosis" in text and "commit 0123abc" in text and "MIT" in text
    assert "None" not in text and "nan" not in text
    assert ("the set names none" in text) == (result.dataset.patients is None)


def test_the_card_is_written_beside_the_report(tmp_path: Path) -> None:
    RESULT.write(tmp_path / "run.json")
    path = write_model_card(tmp_path)
    assert path == tmp_path / "model-card.md"
    assert path.read_text(encoding="utf-8") == model_card(RESULT)
    path.unlink()
    path.mkdir()
    with pytest.raises(BlastlineError, match=r"model-card\.md: cannot be written"):
        write_model_card(tmp_path)
