"""The recipe: everything that changes an embedding, as readable JSON and as a digest."""

import hashlib
import json
from dataclasses import asdict, dataclass

from data.errors import BlastlineError

FORMAT = 1  # raised when the meaning of a field changes; older stores are then refused


@dataclass(frozen=True)
class Recipe:
    """Everything that changes an embedding. Labels, patients and splits do not.

    Attributes:
        backbone: row of the backbone table.
        weights: random, imagenet (by Keras), shipped (with Blastline), file or none.
        weights_digest: SHA-256 of the weights file, or what stands for it.
        steps: preprocessing steps, in order, as texts.
        size: side of the square network input in pixels; 0 keeps the image's own size.
        layer: inner layer that is pooled; empty for the last.
        alpha: width multiplier, 1.0 except for mobilenet_v2.
        pooling: average over positions, or tokens: every position by itself.
        views: copies of each image, the image itself first.
        augment: what the further views vary in, as texts; empty for flips and quarter turns.
        engine: openvino, keras-<backend of Keras>, or opencv for descriptors.
        precision: that layers compute in, float32 or bf16; stored is float32 always.
    """

    backbone: str
    weights: str
    weights_digest: str
    steps: tuple[str, ...] = ()
    size: int = 0
    layer: str = ""
    alpha: float = 1.0
    pooling: str = "average"
    resize: str = "area, bilinear to enlarge"
    views: int = 1
    augment: tuple[str, ...] = ()
    dtype: str = "float32"
    engine: str = "openvino"
    precision: str = "float32"
    format: int = FORMAT

    def to_json(self) -> str:
        """Canonical JSON: the same recipe always gives the same text."""
        fields = asdict(self)
        if not self.augment:  # came later: the digests of stores made before must not change
            del fields["augment"]
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON, 64 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def name(self) -> str:
        """Short name that is unique in practice: backbone and the digest's first eight digits."""
        return f"{self.backbone}-{self.digest[:8]}"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Recipe":
        """Read a recipe back.

        Raises:
            BlastlineError: not a recipe, or one of an unknown format number; ``where`` names it.
        """
        try:
            fields = json.loads(text)
            if fields.get("format") != FORMAT:
                raise BlastlineError(
                    f"{where}: recipe format {fields.get('format')}, expected {FORMAT}; "
                    "it was made by another version of Blastline: extract again"
                )
            lists = {"steps": fields["steps"], "augment": fields.get("augment", ())}
            return cls(**fields | {key: tuple(value) for key, value in lists.items()})
        except (json.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
            raise BlastlineError(f"{where}: no readable recipe ({error})") from None

    def difference(self, other: "Recipe") -> str:
        """The fields in which two recipes differ, as a phrase."""
        ours, theirs = asdict(self), asdict(other)
        return ", ".join(
            f"{key} {theirs[key]!r} instead of {ours[key]!r}"
            for key in ours
            if ours[key] != theirs[key]
        )
