"""A figure with its interval, and what all parts of a result have in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a result: unknown fields are refused, nothing changes after it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(Part):
    """A figure with its 95 % interval; None where it is not defined (one class, no cells)."""

    value: float | None
    low: float | None
    high: float | None
