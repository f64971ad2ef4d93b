"""Which decisions a history lacks, and which do not fit the manifest: one line each."""

import pandas as pd
import pytest

from data.decisions import Decision
from data.errors import BlastlineError
from data.relabel import apply, lengthen, new_decisions
from tests.data.decided import FIRST, NOTHING, SECOND, base, manifest, said

EARLY, LATE = "2026-11-21T21:00:00Z", "2026-11-21T23:00:00Z"  # before and after FIRST


def check(history: pd.DataFrame, *decisions: Decision) -> list[Decision]:
    now = apply(manifest(*base()), history)
    return new_decisions(dict(enumerate(decisions, 2)), now, history, "d.csv")


def refusal(history: pd.DataFrame, *decisions: Decision) -> str:
    with pytest.raises(BlastlineError) as caught:
        check(history, *decisions)
    return str(caught.value)


def test_what_was_applied_is_not_new_whatever_came_after() -> None:
    first = said(0, "b", label="a")
    history = lengthen(NOTHING, [first], FIRST)
    history = lengthen(history, [said(0, "c", label="b", reviewer="Bo")], SECOND)
    other = said(1, "b", label="b")
    assert check(history, first, other) == [other]


def test_images_that_the_run_does_not_have() -> None:
    strange = said(77, "b", label="a", image_id="i11x")
    told = refusal(NOTHING, said(0, "b", label="a"), strange, said(78, "b", label="a"))
    assert "d.csv, row 3: image 'i11x' is not in the manifest" in told
    assert "did you mean 'i11'?" in told
    assert "like 1 more" in told
    renamed = said(0, "b", label="a", image_id="old")
    assert "(its picture is 'i0' there)" in refusal(NOTHING, renamed)


def test_images_that_are_others_in_this_run() -> None:
    replaced = said(0, "b", label="a", sha256="e" * 64)
    assert "row 2: image 'i0' has SHA-256 eeeeeeeeeeee..." in refusal(NOTHING, replaced)
    moved = Decision(*("else.png" if each == "i0.png" else each for each in said(0, "b").cells))
    assert "has path 'else.png', in this run 'i0.png'" in refusal(NOTHING, moved)


def test_a_label_that_changed_since_it_was_shown() -> None:
    history = lengthen(NOTHING, [said(0, "b", label="a", reviewer="Bo")], FIRST)
    told = refusal(history, said(0, "c", label="a", time=LATE))
    assert "shown with label 'a', which is 'b' by now, decided by 'Bo'" in told
    agreeing = said(0, "b", label="a", time=EARLY)
    overruling = said(0, "c", label="b", time=LATE)
    for each in (agreeing, overruling):
        assert check(history, each) == [each]


def test_a_verdict_that_was_passed_in_between_on_the_same_label() -> None:
    for verdict, told in (("", "made excluded in between"), ("a", "made 'a' in between")):
        history = lengthen(NOTHING, [said(0, verdict, label="a", reviewer="Bo")], FIRST)
        other = "a" if not verdict else "b"
        assert told in refusal(history, said(0, other, label="a", time=EARLY))
        later = said(0, other, label="a", time=LATE)
        assert check(history, later) == [later]


def test_a_reviewer_may_correct_what_the_same_name_decided() -> None:
    mine = said(0, "b", label="a", time=EARLY)
    history = lengthen(NOTHING, [mine], FIRST)
    corrected = said(0, "c", label="a", time="2026-11-21T21:30:00Z")
    assert check(history, corrected) == [corrected]
    assert "by now" in refusal(history, said(0, "c", label="a", time="2026-11-21T20:00:00Z"))
