"""A word for each kind of problem, which docs/troubleshooting.md explains under that anchor.

A problem is a line for people; what it is about changes with names and reasons. Programs, pages and
the docs need what stays.
"""

import re
from typing import Final

PAGE: Final = "docs/troubleshooting.md"

IDS: Final = (
    ("broker-deaf", r"broker \S+: connected, but our own"),
    ("broker-refused", r"broker \S+ refused "),
    ("broker-away", r"broker \S+: "),
    ("store-full", r"store: full"),
    ("store-read-only", r"store: read_only"),
    ("store-damaged", r"store: (busy|corrupt)"),
    ("store-erasing", r"store: erasing"),
    ("store", r"store: "),
    ("no-onnxruntime", r"worker: down: died: no onnxruntime"),
    ("worker-down", r"worker: down"),
    ("calibration-failed", r"assets\..*: model "),
    ("model-refused", r"model \S+: "),
    ("channel-starved", r"asset \S+: model \S+: channel "),
    ("source-silent", r"source \S+: silent"),
    ("bridge-offline", r"source \S+: its bridge is offline"),
    ("source-over-limit", r"source \S+: over its limit"),
    ("unusual-traffic", r"source \S+: unusual traffic"),
    ("audit-unsigned", r"audit: no key"),
    ("audit-broken", r"audit: "),
    ("cloud-breaker-open", r"cloud \S+: breaker open"),
    ("cloud-quarantined", r"cloud \S+: quarantined"),
    ("cloud-budget-spent", r"cloud \S+: its "),
    ("slot-free", r"fleet: nobody holds"),
    ("fleet-deaf", r"fleet: what the others say"),
    ("gateway-stopped", r"gateway: stopped"),
    ("alert-undelivered", r"alerts/"),
    ("device-quarantined", r"device \S+|\d+ more devices are quarantined"),
    ("updates-refused", r"updates: "),
    ("safe-mode", r"configuration: safe mode"),
    ("configuration-left-out", r"configuration: the received one"),
    ("configuration", r"configuration: "),
    ("sync-process-down", r"sync: "),
    ("sync-away", r"sync \S+: "),
    ("page-down", r"page: "),
    ("metrics-down", r"metrics: "),
    ("clock-unsynchronised", r"clock: "),
)
"""The id of each kind, and how its lines begin; the first that fits holds."""

OTHER: Final = "problems-in-health"
"""What has no word of its own: the chapter."""

_PATTERNS: Final = tuple((id_, re.compile(start)) for id_, start in IDS)


def id_of(problem: str) -> str:
    """The word for a line of ``problems``."""
    return next((id_ for id_, start in _PATTERNS if start.match(problem)), OTHER)


def link_of(problem: str) -> str:
    """Where it is explained."""
    return f"{PAGE}#{id_of(problem)}"
