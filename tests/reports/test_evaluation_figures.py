"""The figures of calibration and of coverage: whatever was found, inside their frames."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import Bin, CoveragePoint, RiskWish
from reports.coverage_figure import coverage
from reports.reliability_figure import reliability
from tests.reports.examples import EXAMPLES, build
from tests.reports.pages import Page

SHARES = st.floats(0, 1)


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    low, value, high = sorted(draw(st.lists(SHARES, min_size=3, max_size=3)))
    if draw(st.booleans()):
        return Estimate(value=value, low=low, high=high)
    return Estimate(value=draw(st.none() | st.just(value)), low=None, high=None)


def inside(drawn: str) -> bool:
    """Whether all marks and lines of a figure lie within its frame."""
    page = Page(drawn)
    width, height = (float(each) for each in page.tags("svg")[0]["viewbox"].split()[2:])
    points = re.findall(r'<use[^>]* x="([-\d.]+)" y="([-\d.]+)"', drawn)
    points += re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", re.sub(r"<defs>.*?</defs>", "", drawn))
    assert points
    return all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)


BINS = st.lists(
    st.builds(Bin, count=st.integers(1, 9999), confidence=SHARES, accuracy=estimates()),
    max_size=6,
)


@settings(deadline=None, max_examples=25)
@given(after=BINS, before=BINS)
def test_any_calibration_is_drawn_inside_its_frame(after: list[Bin], before: list[Bin]) -> None:
    assert inside(reliability(after, before, "A & B"))


CURVE = st.lists(
    st.builds(CoveragePoint, coverage=SHARES, error=SHARES, confidence=SHARES), max_size=5
)
WISHES = st.lists(
    st.builds(
        RiskWish,
        wish=SHARES,
        coverage=estimates(),
        error=estimates(),
        found=SHARES,
        verdict=st.sampled_from(["met", "not met", "not reachable"]),
        confidence=st.none(),
    ),
    max_size=3,
)


@settings(deadline=None, max_examples=25)
@given(curve=CURVE, wishes=WISHES)
def test_any_coverage_is_drawn_inside_its_frame(
    curve: list[CoveragePoint], wishes: list[RiskWish]
) -> None:
    assert inside(coverage(curve, wishes, "A & B"))


def test_the_surest_cell_being_wrong_sets_no_scale() -> None:
    curve = [
        CoveragePoint(coverage=share, error=error, confidence=0.9)
        for share, error in ((0.01, 1.0), (0.5, 0.02), (1.0, 0.03))
    ]
    drawn = coverage(curve, [], "x")
    assert inside(drawn) and "100\u00a0%" in drawn  # of the coverage; the error ends below
    assert Page(drawn).text("svg").count("100") == 1


def test_a_calibrated_mark_lies_on_the_diagonal_and_a_kept_wish_is_full() -> None:
    drawn = reliability(
        [Bin(count=5, confidence=0.87, accuracy=Estimate(value=0.87, low=None, high=None))], [], "x"
    )
    ((x, y),) = re.findall(r'<use[^>]* x="([-\d.]+)" y="([-\d.]+)"', drawn)
    assert (float(x) - 56) / (446 - 56) == pytest.approx((394 - float(y)) / (394 - 14), abs=1e-4)
    wishes = build(EXAMPLES["five"]).evaluation.coverage.wishes
    full = [coverage([], [each], "x").count("fill: var(--stain)") for each in wishes]
    assert full[2] > full[1] and 'class="plot"' in coverage([], [wishes[0]], "x")
