"""The events about security, all of which are records of the audit chain and alerts, too."""

from typing import Final

OF_DEVICES: Final = (
    "security_device_quarantined",
    "security_device_released",
    "security_device_replaced",
)
OF_SOURCES: Final = (
    "security_source_limited",
    "security_traffic_anomaly",
    "security_device_forgotten",
)
OF_FILES: Final = (
    *("configuration_loaded", "configuration_rejected", "safe_mode_entered", "safe_mode_left"),
)
"""About the user's file, and which one is in force."""
