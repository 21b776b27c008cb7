"""The file's section about clouds: what is sent there, and which models there are asked."""

from pydantic import Field

from gateway.config.inference import InferenceSection
from gateway.config.scalars import Name
from gateway.config.schema import Section
from gateway.config.sinks import SinkEntry


class CloudSection(Section):
    """What has to do with clouds."""

    sync: dict[Name, SinkEntry] = Field(default_factory=dict)
    """Clouds by name that are told what happens here."""
    inference: dict[Name, InferenceSection] = Field(default_factory=dict)
    """Models in clouds by name, for ``cloud`` rungs of ``verdicts``."""
