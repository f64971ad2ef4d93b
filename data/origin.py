"""Where a data set comes from: what a card may say and no image can show."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Said = Annotated[str, StringConstraints(strip_whitespace=True)]


class Origin(BaseModel):
    """What a data set's owner says of it, in plain words; empty is 'not stated'."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    centre: Said = Field(default="", description="hospital or laboratory that the cells come from")
    dates: Said = Field(default="", description="when the samples or images were taken")
    stain: Said = Field(default="", description="how the smears were stained")
    microscope: Said = Field(default="", description="microscope, camera and magnification")
    labelled_by: Said = Field(
        default="", description="who labelled the cells, how, and how far readers agreed"
    )
    purpose: Said = Field(default="", description="what classifiers of this set are meant for")


ORIGIN = {name: str(each.description) for name, each in Origin.model_fields.items()}
