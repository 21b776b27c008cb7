"""People: may Home Assistant's switches hold for as long as its section says?"""

from collections.abc import Iterator
from typing import Final

from gateway.config.findings import Findings
from gateway.config.people import terms_of
from gateway.config.problems import Problem
from gateway.core import durations
from gateway.core.interventions import Kind

SWITCHES: Final = (Kind.HOLD, Kind.MODE, Kind.MAINTENANCE)


def problems(found: Findings) -> Iterator[Problem]:
    """A time that the gateway would refuse whenever somebody presses the switch."""
    home = found.root.homeassistant
    if home is None:
        return
    for kind in SWITCHES:
        most_ms = terms_of(found.root.people)[kind].most_ms
        if home.hold > most_ms:
            message = f"Home Assistant asks for more than people.{kind.value}.most"
            hint = f"at most {durations.render(most_ms)}"
            yield found.at(("homeassistant", "hold"), message, hint, key=True)
