"""What an audit found, made up: with findings, or with none."""

import numpy as np

from classifiers.audit_part import (
    AuditPart,
    BurnedInPart,
    FramePart,
    ShortcutPart,
    TiePart,
    TrivialPart,
)
from classifiers.estimate import Estimate

LABEL = "a label in the lower right corner follows the class: it is in 98 % of L1 and in no other"
QUALITY = "JPEG quality follows the class: 75 occurs for L1 only"
COLOUR = "mean colour follows the class, the cells may be the reason"


def audit(images: int, groups: int, odd: str = "", *, found: bool = True) -> AuditPart:
    """Findings of every kind, or a clean set."""
    tie = TiePart(
        kind="near",
        first=f"L1/one{odd}.png",
        second="L2/two.png",
        labels=("L1", "L2" + odd),
        evidence="the same picture, recompressed: correlation 0.998" + odd,
    )
    rng = np.random.default_rng(0)
    cells = np.zeros((32, 32), bool)
    cells[10:22, 10:22] = True
    return AuditPart(
        fingerprint="03ab" * 16,
        manifest="9f2c" * 16,
        images=images,
        unreadable={},
        ties={"exact": 2, "near": 1, "ground": 7} if found else {},
        conflicting=int(found),
        listed=[tie] if found else [],
        groups=groups,
        across={"patients": 0, "groups": 0, "exact": 0, "near": 0, "ground": 0},
        shortcuts=[
            ShortcutPart(
                name=name, title=title, strength=strength if found else 0.0, p=0.001,
                found=found and strength > 0.1, technical=technical, text=text + odd,
            )
            for name, title, strength, technical, text in (
                ("quality", "JPEG quality", 0.61, True, QUALITY),
                ("colour", "mean colour", 0.32, False, COLOUR),
                ("size", "image size", 0.0, True, "image size does not follow the class"),
            )
        ],
        burned_in=[
            BurnedInPart(
                text=LABEL + odd, step="mask:0.6,0.85,1,1" + odd, found=True, box=(0.6, 0.85, 1, 1)
            )
        ]
        if found
        else [],
        trivial=[
            TrivialPart(
                name="mean_colour",
                title="Mean colour of the image" + odd,
                accuracy=Estimate(value=0.52, low=0.5, high=0.54),
                f1_macro=Estimate(value=0.41, low=0.39, high=0.43),
                above_chance=True,
            )
        ],
        frame=FramePart(
            skill=(0.2 + 0.2 * rng.random((32, 32)) * cells).tolist(),
            picture=rng.integers(0, 256, (32, 32, 3)).tolist(),
            cells=cells.tolist(),
            chance=0.2,
            level=0.25,
            text="No place outside the cells tells the class." + odd,
        ),
        seconds=12.5,
    )  # fmt: skip
