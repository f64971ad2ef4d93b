"""Made-up figures on disturbed images."""

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import Perturbed, RobustnessPart

STEEP = {
    "stain": 0.02, "blur": 0.09, "jpeg": 0.03, "resize": 0.05, "rotation": 0.004, "noise": 0.015
}  # fmt: skip


def robustness(odd: str) -> RobustnessPart:
    """Six disturbances at three strengths, each worse than the last."""
    return RobustnessPart(
        n=240,
        n_groups=24,
        accuracy=Estimate(value=0.93, low=0.9, high=0.96),
        f1_macro=Estimate(value=0.92, low=0.89, high=0.95),
        perturbed=[
            Perturbed(
                kind=kind + odd,
                strength=strength,
                setting=f"{strength} of them{odd}",
                accuracy=Estimate(value=0.93 - loss, low=0.9 - loss, high=0.96 - loss),
                f1_macro=Estimate(value=0.92 - loss, low=0.89 - loss, high=0.95 - loss),
                f1_macro_change=Estimate(value=-loss, low=-loss - 0.02, high=-loss + 0.02),
                loss=loss > 0.03,
                changed=loss * 1.5,
                thumbnail=f"thumbnails/{kind}{odd}.jpg",
            )
            for kind, steep in STEEP.items()
            for strength in (1, 2, 3)
            for loss in [steep * strength]
        ],
        note=odd,
        example=f"L1/P01_003{odd}",
        thumbnail=f"thumbnails/plain{odd}.jpg",
    )
