"""The section on kinds of images."""

from classifiers.evaluation.stress_parts import SubgroupsPart
from reports.subgroups import subgroups, trust
from tests.reports.examples import EXAMPLES, build


def test_only_what_fares_worse_reaches_the_summary() -> None:
    result = build(EXAMPLES["five"])
    assert "source second (140 cells: 0.810 where 0.930 is expected)" in trust(result)[0]
    assert "first" not in trust(result)[0]
    even = [each.model_copy(update={"worse": False}) for each in result.subgroups.subsets]
    calm = result.model_copy(update={"subgroups": SubgroupsPart(subsets=even, note="")})
    assert trust(calm) == []
    assert "On none of 4 subsets" in str(subgroups(calm)["lead"])
