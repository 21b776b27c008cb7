"""The file's section about clouds: what is sent there, and which models there are asked."""

from pydantic import Field

from gateway.config.inference import InferenceSection
from gateway.config.scalars import Name
from gateway.config.schema import Section


class CloudSection(Section):
    """What has to do with clouds."""

    inference: dict[Name, InferenceSection] = Field(default_factory=dict)
    """Models in clouds by name, for ``cloud`` rungs of ``verdicts``."""
