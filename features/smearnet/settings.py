"""What a training of SmearNet can be told."""

import math
from dataclasses import dataclass, field

from data.errors import BlastlineError


@dataclass(frozen=True)
class Losses:
    """How much each objective counts; 0 leaves it out.

    Attributes:
        labels: cross entropy on the fine classes.
        distil: nearness to what the teachers' embeddings say.
        contrast: two views of a cell are told from those of all others (SimCLR).
    """

    labels: float = 1.0
    distil: float = 5.0
    contrast: float = 0.3


@dataclass(frozen=True)
class Settings:
    """A training; with the same cells and teachers it gives the same weights.

    Attributes:
        steps: batches in all.
        size: side of the pictures that the network sees, in pixels.
        batch: pictures a step; two views of a cell count twice.
        rate: highest learning rate; it rises over ``warm_up`` steps and falls as a half cosine.
        decay: weight decay of kernels.
        clip: greatest global norm of a gradient.
        strength: of the augmentation.
        fields_share: share of cells that come from smear fields, where there are any.
        temperature: of the contrast.
        dims: components that a teacher's embeddings are reduced to.
        ema: decay of the averaged weights; 0 keeps the last ones.
        precision: float32 or bf16.

    Raises:
        BlastlineError: a value that no training can have.
    """

    steps: int = 11_000
    seed: int = 0
    size: int = 112
    batch: int = 64
    losses: Losses = field(default_factory=Losses)
    rate: float = 2e-3
    decay: float = 0.05
    clip: float = 5.0
    strength: float = 1.0
    fields_share: float = 0.12
    temperature: float = 0.2
    dims: int = 256
    ema: float = 0.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        losses = self.losses
        weights = (losses.labels, losses.distil, losses.contrast)
        checks = {
            "steps": (self.steps, self.steps >= 1, "1 or more"),
            "size": (self.size, 32 <= self.size <= 512, "32 to 512 pixels"),
            "batch": (self.batch, 4 <= self.batch <= 4096 and self.batch % 2 == 0,
                      "an even number from 4 to 4096"),
            "seed": (self.seed, 0 <= self.seed < 2**32, "0 to 4294967295"),
            "labels, distil, contrast": (
                weights, all(0 <= each < math.inf for each in weights) and any(weights),
                "0 or more, and one of them above 0"),
            "strength": (self.strength, 0 < self.strength <= 2, "above 0, up to 2"),
            "fields-share": (self.fields_share, 0 <= self.fields_share < 1, "0 to below 1"),
            "rate": (self.rate, 0 < self.rate <= 1, "above 0, up to 1"),
            "ema": (self.ema, 0 <= self.ema < 1, "0 to below 1, such as 0.998"),
        }  # fmt: skip
        for name, (found, holds, expected) in checks.items():
            if not holds:
                raise BlastlineError(f"pretrain: {name} is {found}; expected {expected}")

    @property
    def warm_up(self) -> int:
        """Steps over which the learning rate rises."""
        return min(100, max(1, self.steps // 10))

    @property
    def views(self) -> int:
        """Pictures made of each cell of a batch."""
        return 2 if self.losses.contrast else 1

    def rate_at(self, step: int) -> float:
        """The learning rate of step 0, 1, ... (Loshchilov and Hutter 2017, arXiv:1608.03983)."""
        falling = 0.5 * (1 + math.cos(math.pi * step / self.steps)) + 1e-3
        return self.rate * min(1.0, (step + 1) / self.warm_up) * falling
