"""Proof: whether a reading shows that a command was carried out.

An independent metric that moved is stronger than any echo: a relay that reports OFF may be welded
shut, but a pump that draws no power has stopped.
"""

from math import isclose

from gateway.core.assets import Proof
from gateway.core.messages import Reason
from gateway.core.readings import Reading


def proves(proof: Proof, reading: Reading) -> str:
    """What the reading proves, in words; empty when it proves nothing."""
    metric, value, reason = reading
    if metric.name != proof.metric or reason is not Reason.OK:
        return ""
    unit = f" {metric.unit}" if metric.unit else ""
    if proof.equals is not None:
        same = (
            isclose(value, proof.equals, rel_tol=1e-6)
            if type(value) is float and isinstance(proof.equals, float)
            else value == proof.equals
        )
        return f"{metric.name} is {value}{unit}" if same else ""
    if isinstance(value, str):
        return ""
    if proof.below is not None and not value < proof.below:
        return ""
    if proof.above is not None and not value > proof.above:
        return ""
    limits = [
        text
        for text, limit in (
            (f"< {proof.below}{unit}", proof.below),
            (f"> {proof.above}{unit}", proof.above),
        )
        if limit is not None
    ]
    return f"{metric.name} {value:g}{unit} {' and '.join(limits)}" if limits else ""
