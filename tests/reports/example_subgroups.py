"""Made-up figures on subsets of the test cells."""

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import SubgroupsPart, Subset


def subgroups(odd: str) -> SubgroupsPart:
    """Two sources, one of them worse, and three thirds of sharpness."""
    named = [("source", "first" + odd, 0.0), ("source", "second" + odd, -0.12)]
    named += [("sharpness", third, 0.0) for third in ("lowest third", "highest third")]
    return SubgroupsPart(
        subsets=[
            Subset(
                property=title,
                name=name,
                n=140,
                n_groups=12,
                accuracy=Estimate(value=0.93 + gap, low=0.9 + gap, high=0.96 + gap),
                expected=0.93,
                gap=Estimate(value=gap, low=gap - 0.03, high=gap + 0.03),
                worse=gap < 0,
            )
            for title, name, gap in named
        ],
        note="",
    )
