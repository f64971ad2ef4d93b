"""Made-up figures on the split and on strange cells."""

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import NoveltyOf, NoveltyPart, PremiumPart


def _near(value: float, width: float = 0.03) -> Estimate:
    return Estimate(value=value, low=value - width, high=value + width)


def premium(unit: str, groups: int, odd: str) -> PremiumPart:
    """Two points more under a random split; not measured where the unit is the image."""
    if unit == "image":
        return PremiumPart(
            unit=unit, classifier="", n=0, n_groups=0, folds=0, grouped={}, random={}, premium={},
            note="no groups are known, so every split is a random one" + odd,
        )  # fmt: skip
    names = ("accuracy", "f1_macro", "auroc")
    return PremiumPart(
        unit=unit,
        classifier="Support vector machine" + odd,
        n=576,
        n_groups=groups,
        folds=5,
        grouped={name: _near(0.92) for name in names},
        random={name: _near(0.94) for name in names},
        premium={name: _near(0.02, 0.01) for name in names},
        note="",
    )


def novelty(names: list[str], odd: str) -> NoveltyPart:
    """Test cells, unlabelled cells and blurred ones."""
    return NoveltyPart(
        neighbours=5,
        components=64,
        references=570,
        accepted=0.95,
        limit_low=0.41,
        limit_high=0.44,
        sets=[
            NoveltyOf(name="cells under test", n=576, flagged=_near(0.06), auroc=None),
            NoveltyOf(name="blur" + odd, n=240, flagged=_near(0.7), auroc=_near(0.91)),
        ],
        by_class={name: _near(0.06) for name in names},
        error_familiar=_near(0.05, 0.02),
        error_flagged=_near(0.2, 0.1),
        auroc_errors=_near(0.7),
        note="",
    )
